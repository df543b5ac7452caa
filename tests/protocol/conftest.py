from pathlib import Path

import pytest

SMALL = """
[protocol]
name = "small"
question = "Is the linear feature represented more strongly than the other?"

[[expect]]
claim = "The easy share is larger."
analysis = "audit"
where = { region = "hidden2" }
measure = "share"
contrast = { easy = 1.0, other = -1.0 }
direction = "greater"

[task.two]
kind = "vectors"
n_inputs = 16
features = [{ name = "easy", rule = "linear" }, { name = "other", rule = "and" }]

[network.mlp]
kind = "mlp"
hidden = [24, 12]

[training.quick]
learning_rate = 0.5
batch_size = 64
max_steps = 600
steps_after_solving = 40
check_every = 20

[recording.nets]
task = "two"
network = "mlp"
training = "quick"
n_networks = 3
n_training = 2048
n_validation = 256
n_per_cell = 12
layers = ["hidden1", "hidden2"]

[brain.seen]
kind = "simulated"
recording = "nets"
n_neuroids = 10
n_repetitions = 3
n_subjects = 3
snr = 1.0

[[analysis]]
name = "accuracy"
kind = "accuracy"
recordings = ["nets"]

[[analysis]]
name = "audit"
kind = "audit"
recordings = ["nets"]
n_permutations = 20

[[analysis]]
name = "contrast"
kind = "share_contrast"
audit = "audit"
region = "hidden2"
by = "feature"

[[analysis]]
name = "model"
kind = "mixed_model"
audit = "audit"
formula = "share ~ region + (1|subject)"

[[analysis]]
name = "brain"
kind = "audit"
brain = "seen"
n_permutations = 0

[[analysis]]
name = "comparison"
kind = "compare"
models = ["nets"]
brain = "seen"
n_bootstrap = 50
"""


@pytest.fixture
def write(tmp_path):
    """Write the small protocol with some text replaced; every replacement must apply."""

    def write_protocol(*replacements: tuple[str, str]) -> Path:
        text = SMALL
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "small.toml"
        path.write_text(text)
        return path

    return write_protocol

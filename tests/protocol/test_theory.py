"""The kinds of analysis that hold networks against the two-point theory."""

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol import read_protocol, run_protocol

POINTS = """
[protocol]
name = "points"
question = "Do two points follow the theory?"

[[expect]]
claim = "In the middle layer the theory predicts better than with h' doubled."
analysis = "fits"
table = "dynamics"
where = { dy = 0.7 }
measure = "log_ratio"
by = "dynamics"
contrast = { hidden_twice = 1.0 }
direction = "greater"

[[expect]]
claim = "Distances are predicted."
analysis = "ends"
where = { prediction = "end_state" }
measure = "r"
interval = ["r_low", "r_high"]
direction = "greater"
smallest_effect = 0.5

[sweep]
"task.points.dy" = [0.4, 0.7]

[task.points]
kind = "two_points"

[task.reference]
kind = "two_points"

[network.mlp]
kind = "mlp"
hidden = [32, 32, 32]
activation = "linear"

[training.whole]
learning_rate = 0.1
loss = "mse"
batch_size = "all"
max_steps = 200
steps_after_solving = 200
checkpoints = [0, 10, 20, 30, 40, 60, 80, 100]

[recording.nets]
task = "points"
network = "mlp"
training = "whole"
n_networks = 2
layers = ["hidden1", "hidden2", "hidden3"]

[recording.reference]
task = "reference"
network = "mlp"
training = "whole"
first_seed = 100
layers = ["hidden1", "hidden2", "hidden3"]

[[analysis]]
name = "fits"
kind = "pair_fit"
recordings = ["nets"]
n_folds = 2

[[analysis]]
name = "ends"
kind = "pair_structure"
recordings = ["nets"]
reference = "reference"
over = ["dy"]
"""

FEATURES = """
[protocol]
name = "features"
question = "Do pairs that differ in one feature end equally far apart?"

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
checkpoints = [0, 100]

[recording.nets]
task = "two"
network = "mlp"
training = "quick"
n_networks = 3
n_training = 2048
n_validation = 256
n_per_cell = 8
counterfactuals = true
layers = ["hidden1", "hidden2"]

[[analysis]]
name = "bridge"
kind = "feature_pairs"
recordings = ["nets"]
reference = "easy"
"""


def run(text, tmp_path):
    file = tmp_path / "protocol.toml"
    file.write_text(text)
    return run_protocol(file, tmp_path / "out", cache=tmp_path / "cache", progress=False)


def test_points_are_fitted_in_the_middle_and_predicted_over_the_sweep(tmp_path):
    done = run(POINTS, tmp_path)
    fits = done.outcomes["fits"].tables
    assert len(fits["table"]) == 2 * 2 * 3
    assert fits["table"].loc[fits["table"]["middle"], "region"].unique().tolist() == ["hidden2"]
    controls = fits["dynamics"][fits["dynamics"]["dynamics"] != "two_points"]
    assert controls["region"].unique().tolist() == ["hidden2"]
    assert len(controls) == 2 * 2 * 4
    ends = done.outcomes["ends"].tables
    assert len(ends["pairs"]) == 2 * 2
    assert ends["table"]["n_units"].unique().tolist() == [2]
    assert done.expectations["n"].tolist() == [2, 1]
    for name in ("fits-controls", "fits-trajectories", "fits-layers", "ends-ends"):
        assert (done.folder / "figures" / f"{name}.png").stat().st_size > 5000


def test_pairs_of_a_feature_are_compared_with_those_of_the_reference(tmp_path):
    done = run(FEATURES, tmp_path)
    table = done.outcomes["bridge"].tables["table"]
    assert table["region"].unique().tolist() == ["hidden2"]
    # Flipping an easy feature changes one unit; AND of two may take both.
    wide = table.pivot(index="subject", columns="feature", values="dx2")
    assert (wide["easy"] == 1).all()
    assert wide["other"].between(1, 2).all()
    easy = table[table["feature"] == "easy"]
    np.testing.assert_allclose(easy["log_h_predicted"], easy["log_h_end"], atol=0.5)
    written = pd.read_csv(done.folder / "tables" / "bridge.csv")
    assert "log_h_restarted" in written


def test_columns_of_theory_are_checked_before_the_run(tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text(POINTS.replace('measure = "log_ratio"', 'measure = "log_ration"'))
    with pytest.raises(ProtocolError, match="log_ratio"):
        read_protocol(file)
    file.write_text(POINTS.replace('kind = "two_points"', 'kind = "two_points"\ndx = 0.0', 1))
    with pytest.raises(ProtocolError, match="dx must be above 0"):
        read_protocol(file)

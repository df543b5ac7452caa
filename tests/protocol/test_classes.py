"""Scores between classes of networks and classifiers downstream, in a protocol."""

from reprcompare.protocol import run_protocol

ANALYSES = """
[recording.untrained]
task = "two"
network = "mlp"
n_networks = 2
n_per_cell = 12
layers = ["hidden2"]

[[analysis]]
name = "alike"
kind = "class_scores"
recordings = ["nets", "untrained"]
region = "hidden2"

[[analysis]]
name = "classifiers"
kind = "downstream"
recordings = ["nets"]
region = "hidden2"
n_training = [4, 8]
n_draws = 5

# What the expectation is about.
[[analysis]]
name = "audit"
kind = "audit"
recordings = ["nets"]
n_permutations = 0
"""


def test_classes_and_classifiers_end_in_one_figure_over_the_sweep(write, tmp_path):
    path = write(("n_networks = 3", "n_networks = 2"))
    text = path.read_text()
    sweep = '[sweep]\n"task.two.coding" = ["0/1", "-1/1"]\n'
    path.write_text(text[: text.index("[brain.seen]")] + sweep + ANALYSES)
    done = run_protocol(path, tmp_path / "out", cache=tmp_path / "cache", progress=False)
    networks = done.outcomes["alike"].tables["networks"]
    # Two classes of two networks, each with both classes, in two codings.
    assert len(networks) == 16
    figures = {path.name for path in (done.folder / "figures").glob("*.png")}
    assert {
        "alike-classes.png",
        "classifiers-learning.png",
        "classifiers-conflict.png",
    } <= figures
    page = done.report.read_text()
    assert "coding -1/1" in page
    assert "Disattenuated" in page

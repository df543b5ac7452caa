"""What protocols say about training, and what of it ends in recordings."""

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol import read_protocol, run_protocol
from reprcompare.protocol.page import counted_by_cell
from reprcompare.recording import open_recording

LEARNING = (
    "check_every = 20",
    "check_every = 20\ncheckpoints = [0, 40, 5000]\nmax_steps = 5000\n"
    '[[training.quick.stages]]\nfeatures = ["other"]\nsteps = 60\n'
    '[[training.quick.stages]]\nfeatures = ["easy", "other"]\nfractions = { other = 0.5 }',
)


@pytest.fixture
def done(write, tmp_path):
    protocol = write(
        ("max_steps = 600\n", ""), LEARNING,
        ("n_networks = 3", "n_networks = 2"),
        ('[[analysis]]\nname = "contrast"', '[[unused]]\nname = "contrast"'),
    )  # fmt: skip
    text = protocol.read_text()
    # Contrast, model, brain and comparison are no question of training.
    protocol.write_text(text[: text.index("[[unused]]")])
    return run_protocol(protocol, tmp_path / "out", cache=tmp_path / "cache", progress=False)


def test_checkpoints_lie_along_the_training_steps_of_one_recording(done):
    with open_recording(done.folder / "recordings" / "nets.0.nc") as recording:
        steps = recording.training_step.values.tolist()
        end = int(recording.training_steps.values[0, 0])
        assert steps == [0, 40, end]
        assert np.ptp(recording.activity.values, axis=0).max() > 0
        assert recording.response_feature.values.tolist() == ["easy", "other"]
    accuracy = done.outcomes["accuracy"].tables["table"]
    own = accuracy[accuracy.subject == "nets-0"].pivot(
        index="training_step", columns="feature", values="accuracy"
    )
    # In the first stage only the other feature was trained.
    assert own.loc[40, "easy"] < 0.8
    assert (own.loc[end] > 0.95).all()
    assert "training_step" in done.outcomes["audit"].tables["table"]
    networks = pd.read_csv(done.folder / "tables" / "networks.csv")
    assert networks.counted.all()
    cells = pd.read_csv(done.folder / "tables" / "cells.csv")
    assert cells[["n_networks", "n_dropped"]].to_numpy().tolist() == [[2, 0]]


def test_features_take_the_position_in_which_a_network_answers_them(write, tmp_path):
    protocol = write(
        ('kind = "mlp"\nhidden = [24, 12]',
         'kind = "transformer"\norder = ["other", "easy"]\nwidth = 8\ndepth = 1\nheads = 2'),
        ("learning_rate = 0.5", 'optimiser = "adam"\nlearning_rate = 0.01'),
        ("max_steps = 600", "max_steps = 20"), ("steps_after_solving = 40\n", ""),
        ('layers = ["hidden1", "hidden2"]',
         'layers = ["block1:0", "before_answer:0"]\ncriterion = 0.0'),
        ("n_networks = 3", "n_networks = 1"),
        ('where = { region = "hidden2" }', 'where = { region = "before_answer:0" }'),
        ("contrast = { easy = 1.0, other = -1.0 }", 'by = "position"\ncontrast = { "0.0" = 1.0 }'),
        ('[[analysis]]\nname = "contrast"', '[[unused]]\nname = "contrast"'),
    )  # fmt: skip
    text = protocol.read_text()
    protocol.write_text(text[: text.index("[[unused]]")])
    done = run_protocol(protocol, tmp_path / "out", cache=tmp_path / "cache", progress=False)
    audit = done.outcomes["audit"].tables["table"]
    assert set(audit.region) == {"block1:0", "before_answer:0"}
    assert audit.groupby("feature").position.unique().to_dict() == {"other": [0], "easy": [1]}
    with open_recording(done.folder / "recordings" / "nets.0.nc") as recording:
        # Sixteen inputs and the start token, before any answer.
        assert (recording.region == "block1:0").sum() == 17 * 8


def test_a_stage_that_misspells_a_key_is_refused(write):
    wrong = ("check_every = 20", 'check_every = 20\nstages = [{ feature = ["easy"] }]')
    with pytest.raises(ProtocolError, match="no key 'feature'.*'features'"):
        read_protocol(write(wrong))


def test_networks_that_were_dropped_are_counted_in_every_cell():
    judged = pd.DataFrame(
        {
            "recording": ["a", "a", "a", "b"],
            "hidden": [[8], [8], [4], [8]],
            "subject": list("wxyz"),
            "lowest_accuracy": [0.9, 0.99, 0.5, 1.0],
            "criterion": 0.95,
            "counted": [False, True, False, True],
            "cell": ["[8]", "[8]", "[4]", "[8]"],
            "file": list("wxyz"),
        }
    )
    counts = counted_by_cell(judged)
    assert counts.to_dict("list") == {
        "recording": ["a", "a", "b"],
        "hidden": [[8], [4], [8]],
        "criterion": [0.95, 0.95, 0.95],
        "n_networks": [2, 1, 1],
        "n_dropped": [1, 1, 0],
    }
    empty = counted_by_cell(judged[:0])
    assert list(empty) == ["recording", "hidden", "criterion", "n_networks", "n_dropped"]

"""Corrected scores in a protocol."""

import pytest

from reprcompare.errors import InvalidInputError
from reprcompare.protocol import run_protocol
from reprcompare.protocol.bench import stimulus_labels

CORRECTED = """
[[analysis]]
name = "corrected"
kind = "corrected"
models = ["nets"]
brain = "seen"
correct = ["contrasts", "role", "disattenuated"]
n_bootstrap = 10
"""


def test_corrected_scores_stand_beside_plain_ones_in_tables_and_the_report(write, tmp_path):
    path = write(("n_networks = 3", "n_networks = 2"), ("n_subjects = 3", "n_subjects = 2"))
    text = path.read_text()
    path.write_text(text[: text.index('[[analysis]]\nname = "contrast"')] + CORRECTED)
    done = run_protocol(path, tmp_path / "out", cache=tmp_path / "cache", progress=False)
    tables = done.outcomes["corrected"].tables
    table = tables["table"].set_index(["model_region", "brain_region", "correction"])
    both = table.loc[("hidden2", "hidden2", "contrasts")]
    assert both["plain"] < both["corrected"]
    assert both["corrected"] == pytest.approx(1, abs=0.15)
    assert table.loc[("hidden2", "hidden2", "role"), "reason"].startswith("not identifiable")
    assert {"easy", "other"} <= set(tables["contributions"]["feature"])
    assert "corrected scores beside plain ones" in done.report.read_text()


def test_labels_of_public_stimuli_and_their_image_statistics(data_dir):
    labels = stimulus_labels("kriegeskorte2008", ["animacy"], statistics=True)
    assert labels.shape == (92, 7)
    assert labels.notna().all().all()
    with pytest.raises(InvalidInputError, match="animacy"):
        stimulus_labels("kriegeskorte2008", ["animcy"])

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains.assembling import Naming, assemble, canonical
from reprcompare.errors import InvalidInputError, InvalidRecordingError, UnknownNameError
from reprcompare.recording import label_table

ROWS = pd.DataFrame({"image_id": [1, 2, 1, 2], "category": ["dog", "car", "dog", "car"]})
UNITS = pd.DataFrame({"animal": ["m", "m", "n"], "area": ["V4", "IT", "IT"], "unit": [7, 7, 7]})
ACTIVITY = np.arange(12.0).reshape(4, 3)


def test_names_of_other_formats_are_recognised():
    recording = assemble(ACTIVITY, ROWS, UNITS, source="x")
    assert recording.stimulus_id.values.tolist() == ["1", "2", "1", "2"]
    assert recording.repetition.values.tolist() == [0, 0, 1, 1]
    assert recording.subject.values.tolist() == ["m", "m", "n"]
    assert recording.region.values.tolist() == ["V4", "IT", "IT"]
    assert recording.neuroid_id.values.tolist() == ["m.V4.7", "m.IT.7", "n.IT.7"]
    assert recording.category.values.tolist() == ["dog", "car", "dog", "car"]


def test_the_caller_decides_over_names_that_a_source_has():
    rows = ROWS.assign(stimulus_id="wrong", picture=["p", "q", "p", "q"])
    naming = Naming(stimulus="picture", region="unit", subject="chabo", labels=["category"])
    recording = assemble(ACTIVITY, rows, UNITS, source="x", naming=naming)
    assert recording.stimulus_id.values.tolist() == ["p", "q", "p", "q"]
    assert recording.region.values.tolist() == ["7", "7", "7"]
    assert set(recording.subject.values) == {"chabo"}
    assert label_table(recording)["category"].astype(str).to_dict() == {"p": "dog", "q": "car"}


def test_runs_and_sessions_tell_presentations_apart_and_become_text():
    rows = ROWS.assign(run=[1.0, 1.0, 2.0, 2.0])
    recording = assemble(ACTIVITY, rows, UNITS, source="x")
    assert recording.run.values.tolist() == ["1", "1", "2", "2"]
    assert "repetition" not in recording.coords


def test_missing_values_in_other_columns_do_no_harm():
    rows = ROWS.assign(reaction=[0.1, np.nan, 0.3, 0.4], note=["a", None, "b", "c"], **{"a/b": 1})
    recording = assemble(ACTIVITY, rows, UNITS, source="x")
    assert recording.note.values.tolist() == ["a", "", "b", "c"]
    assert np.isnan(recording.reaction.values[1])
    assert recording["a_b"].values.tolist() == [1] * 4


def test_presentations_without_stimuli_are_refused_with_what_was_found():
    with pytest.raises(InvalidInputError, match=r"it.mat: nothing tells .* found category"):
        assemble(ACTIVITY, ROWS[["category"]], UNITS, source="it.mat")
    with pytest.raises(InvalidInputError, match="1 presentations have no stimulus"):
        assemble(ACTIVITY, ROWS.assign(image_id=["a", None, "a", "b"]), UNITS, source="it.mat")


def test_contradictions_are_said():
    with pytest.raises(InvalidInputError, match=r"shape \(4, 3\) comes with labels of 3 present"):
        assemble(ACTIVITY, ROWS[:3], UNITS, source="x")
    with pytest.raises(InvalidInputError, match="labels of 2 neuroids"):
        assemble(ACTIVITY, ROWS, UNITS[:2], source="x")
    with pytest.raises(InvalidRecordingError, match="must name one presentation"):
        assemble(ACTIVITY, ROWS.assign(repetition=0), UNITS, source="x")
    differing = ROWS.assign(category=["dog", "car", "cat", "car"])
    with pytest.raises(InvalidInputError, match="differ between presentations of 1"):
        assemble(ACTIVITY, differing, UNITS, source="x", naming=Naming(labels=["category"]))


def test_a_column_that_does_not_exist_gets_the_nearest():
    for naming in (Naming(stimulus="imageid"), Naming(labels=["categories"])):
        with pytest.raises(UnknownNameError, match="did you mean"):
            assemble(ACTIVITY, ROWS, UNITS, source="x", naming=naming)


def test_the_first_of_several_candidates_is_taken():
    table = pd.DataFrame({"condition": ["c"], "Stimulus": ["s"]})
    assert canonical(table, {})["stimulus_id"].tolist() == ["s"]
    assert "condition" in canonical(table, {})


def test_names_that_mean_something_else_are_kept_under_another():
    rows = ROWS.assign(x=[1.0, 2, 3, 4], quality="good", label=[1, 2, 3, 4], correct=True)
    units = UNITS.assign(quality=["a", "b", "c"], x=[7.0, 8, 9])
    recording = assemble(ACTIVITY, rows, units, source="x")
    assert recording.presentation_x.values.tolist() == [1, 2, 3, 4]
    assert recording.x.values.tolist() == [7, 8, 9]
    assert recording.quality.values.tolist() == ["good"] * 4
    assert recording.neuroid_quality.values.tolist() == ["a", "b", "c"]
    assert recording.presentation_label.values.tolist() == [1, 2, 3, 4]
    assert recording.correct.values.tolist() == [1] * 4

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import InvalidInputError, LabelMismatchError
from reprcompare.recording import encode_labels, label_table, stimulus_set


def test_scales_are_inferred_and_can_be_set():
    table = pd.DataFrame(
        {
            "binary": [0, 1, 1],
            "nominal": ["b", "a", "c"],
            "ordinal": pd.Categorical(["lo", "hi", "lo"], ["lo", "hi"], ordered=True),
            "size": [0.1, 0.2, 0.3],
            "sum": [0, 1, 2],
        },
        index=["x", "y", "z"],
    )
    coded = encode_labels(table, ["x", "y", "z"], {"sum": "nominal"})
    assert coded.scale.values.tolist() == ["binary", "nominal", "ordinal", "continuous", "nominal"]
    assert coded.levels.values.tolist() == ["", "a|b|c", "lo|hi", "", ""]
    assert coded.label.values[0].tolist() == [0, 1, 0, 0.1, 0]


def test_a_table_comes_back_as_it_was(recording):
    table = label_table(recording)
    assert table["kind"].tolist() == ["dog", "car", "cup", "dog", "car", "cup"]
    assert table["animate"].tolist() == [0, 1, 0, 1, 0, 1]
    assert table.index.tolist() == [f"s{i}" for i in range(6)]


def test_missing_values_stay_missing():
    table = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]}, index=["s", "t"])
    coded = encode_labels(table, ["s", "t"])
    assert np.isnan(coded.label.values[1]).all()


def test_a_stimulus_without_labels_is_named():
    with pytest.raises(LabelMismatchError, match="1 of 2 stimuli .* t"):
        encode_labels(pd.DataFrame({"a": [1]}, index=["s"]), ["s", "t"])
    with pytest.raises(InvalidInputError, match="repeats stimuli: s"):
        encode_labels(pd.DataFrame({"a": [1, 2]}, index=["s", "s"]), ["s"])


def test_contradictory_labels_of_one_stimulus_are_refused(recording):
    twice = recording.isel(presentation=[0, 0]).copy(deep=True)
    twice["label"][1, 0] = 7
    with pytest.raises(InvalidInputError, match="different labels: s0"):
        label_table(twice)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "a"], "unique; repeated: a"),
        (["a"], "1 stimulus_ids were given for 2"),
        (["a", ""], "empty strings"),
        (["a", None], "missing values"),
    ],
)
def test_bad_stimulus_ids_get_a_sentence(ids, message):
    with pytest.raises(InvalidInputError, match=message):
        stimulus_set(np.zeros((2, 3)), stimulus_ids=ids)


def test_a_stimulus_set_carries_ids_and_labels():
    labels = pd.DataFrame({"big": [1, 0]}, index=["b", "a"])
    stimuli = stimulus_set(np.eye(2), stimulus_ids=["a", "b"], labels=labels, identifier="two")
    assert stimuli.label.values.ravel().tolist() == [0, 1]
    assert stimuli.attrs["identifier"] == "two"

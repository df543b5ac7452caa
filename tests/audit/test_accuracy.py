import numpy as np
import pandas as pd
import pytest

from reprcompare.audit import accuracy
from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import build_recording


def answered(**coordinates):
    """Four stimuli; the first response is right on all of b, the second on three of a."""
    labels = pd.DataFrame({"a": [0, 1, 0, 1], "b": [0, 0, 1, 1]}, index=list("wxyz"))
    recording = build_recording(
        np.ones((4, 2)), stimulus_id=list("wxyz"), region="r", subject="s", labels=labels
    )
    logits = np.array([[-1.0, -2.0], [-1.0, 2.0], [1.0, -2.0], [1.0, -4.0]])
    return recording.assign(
        output=(("presentation", "by_subject", "response"), logits[:, None, :])
    ).assign_coords(by_subject=["s"], **coordinates)


@pytest.mark.parametrize(
    "coordinates",
    [{"response_feature": ("response", ["b", "a"])}, {"position": ("feature", [1, 0])}],
)
def test_responses_are_scored_against_the_feature_that_they_report(coordinates):
    found = accuracy(answered(**coordinates)).set_index("feature")
    assert found.accuracy.to_dict() == {"a": 0.75, "b": 1.0}
    assert found.margin.to_dict() == {"a": 0.5, "b": 1.0}


def test_of_several_levels_the_largest_logit_is_the_answer():
    labels = pd.DataFrame(
        {"kind": pd.Categorical(["a", "b", "c", "c"]), "on": [0, 1, 0, 1], "unasked": [0, 1, 1, 0]},
        index=list("wxyz"),
    )
    recording = build_recording(
        np.ones((4, 2)), stimulus_id=list("wxyz"), region="r", subject="s", labels=labels
    )
    logits = np.array([[1, 2, 0, 0], [-5, 0, 3, 0], [1, 0, 1, 2], [5, 0, 4, 1.0]])
    answers = recording.assign(
        output=(("presentation", "by_subject", "response"), logits[:, None, :])
    ).assign_coords(by_subject=["s"], response_feature=("response", ["on", "kind", "kind", "kind"]))
    found = accuracy(answers).set_index("feature")
    assert found.accuracy.to_dict() == {"kind": 0.75, "on": 0.25}
    assert found.margin["kind"] == (2 + 3 + 1 - 3) / 4


def test_of_a_continuous_feature_the_variance_explained_counts():
    labels = pd.DataFrame({"target": [0.0, 1.0, 2.0, 3.0], "same": [0.6] * 4}, index=list("wxyz"))
    recording = build_recording(
        np.ones((4, 2)), stimulus_id=list("wxyz"), region="r", subject="s", labels=labels,
        scales=dict.fromkeys(labels, "continuous"),
    )  # fmt: skip
    answers = np.array([[0.5, 0.6], [1.0, 0.6], [2.0, 0.601], [2.5, 0.6]])
    answered = recording.assign(
        output=(("presentation", "by_subject", "response"), answers[:, None, :])
    ).assign_coords(by_subject=["s"], response_feature=("response", ["target", "same"]))
    found = accuracy(answered).set_index("feature")
    assert found.accuracy["target"] == 1 - 0.5 / 5
    assert found.accuracy["same"] == 1.0
    assert found.margin.isna().all()


def test_missing_answers_do_not_count():
    recording = answered(response_feature=("response", ["b", "a"]))
    recording["output"][3, 0, 1] = np.nan
    found = accuracy(recording).set_index("feature")
    assert found.accuracy["a"] == 1
    assert found.n_presentations["a"] == 3


def test_what_cannot_be_scored_says_why():
    with pytest.raises(NotIdentifiableError, match="no stored answers"):
        accuracy(answered().drop_vars("output"))
    with pytest.raises(NotIdentifiableError, match="which response reports which feature"):
        accuracy(answered())

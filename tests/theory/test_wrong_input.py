"""What a user gives by mistake: a sentence, and no fit of what was not asked for."""

import numpy as np
import pandas as pd
import pytest

from reprcompare import theory
from reprcompare.errors import (
    InvalidInputError,
    InvalidRecordingError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
)
from reprcompare.recording import build_recording, stimulus_set
from reprcompare.tasks import PointTask

NUMBERS = {"rate_h": 1, "rate_y": 1, "dx2": 1, "dy2": 1}

PAIR = pd.DataFrame({"first": ["A"], "second": ["B"], "dx2": [1.0]})


def learned():
    """A recording of two stimuli over training, right in every respect."""
    steps = np.arange(0, 1000, 50)
    progress = 1 - np.exp(-steps / 200)
    pattern = np.random.default_rng(0).normal(size=(len(steps), 2, 3))
    recording = build_recording(
        pattern,
        stimulus_id=["A", "B"],
        region="middle",
        subject="net-0",
        training_steps=steps,
        labels=pd.DataFrame({"target": [0.5, 1.2]}, index=["A", "B"]),
        scales={"target": "continuous"},
        kind="network",
    )
    output = np.stack([0.5 * progress, 1.2 * progress], axis=1)[:, :, None, None]
    recording["output"] = (("training_step", "presentation", "by_subject", "response"), output)
    return recording.assign_coords(by_subject=["net-0"], response_feature=("response", ["target"]))


def fit(**changes):
    return theory.fit_pairs(learned(), **({"pairs": PAIR} | changes))


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"pairs": [("A", "B")]}, InvalidInputError, "pairs must be a table .* got a list"),
        ({"pairs": None}, InvalidInputError, "pairs must be a table .* got a NoneType"),
        (
            {"pairs": PAIR.assign(dx2="far")},
            InvalidInputError,
            "dx2 of the pairs must be numbers",
        ),
        ({"pairs": PAIR.assign(dx2=np.nan)}, InvalidInputError, "dx2 .* must be numbers"),
        ({"n_folds": "five"}, InvalidInputError, "n_folds must be a whole number"),
        ({"n_folds": 2.5}, InvalidInputError, "n_folds must be a whole number"),
        ({"dynamics": "two_points"}, InvalidInputError, "dynamics must be a list"),
        ({"regions": "middle"}, InvalidInputError, "regions must be a list"),
        ({"regions": []}, InvalidInputError, "regions must be a list"),
        ({"controls": "some"}, UnknownNameError, "no controls 'some'"),
        ({"targets": np.ones((2, 1))}, InvalidInputError, "targets must be a DataFrame"),
        ({"targets": pd.Series([1.0, 2.0], index=["A", "B"])}, InvalidInputError, "got a Series"),
        ({"targets": pd.DataFrame({"t": ["x", "y"]}, index=["A", "B"])}, InvalidInputError, "A, B"),
        (
            {"targets": pd.DataFrame({"t": [1, 2, 3]}, index=["A", "B", "B"])},
            InvalidInputError,
            "B",
        ),
        ({"targets": pd.DataFrame({"t": [1.0]}, index=["A"])}, LabelMismatchError, "stimuli B"),
    ],
)
def test_wrong_arguments_of_a_fit_get_a_sentence(changes, kind, message):
    with pytest.raises(kind, match=message):
        fit(**changes)


def test_recordings_that_cannot_be_fitted_get_a_sentence():
    recording = learned()
    with pytest.raises(InvalidRecordingError, match="is a str"):
        theory.fit_pairs("network.nc", PAIR)
    with pytest.raises(InvalidInputError, match="checkpoints do not rise"):
        theory.fit_pairs(recording.isel(training_step=slice(None, None, -1)), PAIR)
    still = recording.isel(training_step=[0] * 12).assign_coords(training_step=range(12))
    with pytest.raises(NotIdentifiableError, match="neither activity nor outputs .* change"):
        theory.fit_pairs(still, PAIR)


def test_pairs_that_are_none_get_a_sentence():
    corners = stimulus_set(np.array([[0, 0], [0, 1]]), stimulus_ids=["00", "01"])
    assert len(theory.pairs_of(corners, [])) == 0
    for wrong, message in (
        ("x", "got a str"),
        (np.ones((3, 2)), "got a ndarray"),
        (learned(), "got a recording"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            theory.pairs_of(wrong)
    for pairs in (["00", "01"], [("00", "01", "01")]):
        with pytest.raises(InvalidInputError, match="a pair must be two stimulus ids"):
            theory.pairs_of(corners, pairs)
    xor = PointTask(((0, 0), (0, 1), (1, 0), (1, 1)), ((0,), (1,), (1,), (0,))).evaluation_set()
    with pytest.raises(UnknownNameError, match="did you mean 'nearest'"):
        theory.feature_pairs(xor, "nearst")
    with pytest.raises(InvalidInputError, match="the column 'feature'"):
        theory.compare_features(learned(), PAIR, "target")


@pytest.mark.parametrize(
    ("start", "times", "change", "message"),
    [
        ((1, np.nan, 0), [0, 1], {}, "must be finite"),
        ((1, 0.1, 0), [0, np.nan], {}, "must be finite"),
        ((1, 0.1, 0), [0, 1], {"rate_h": np.inf}, "must be finite"),
        ((1, 0.1), [0, 1], {}, "must be three numbers"),
        ((1, 0.1, 0), "soon", {}, "times a list of numbers"),
        ((1, 0.1, 0), [0, 1], {"rate_y": "fast"}, "are numbers"),
    ],
)
def test_what_cannot_be_solved_gets_a_sentence(start, times, change, message):
    with pytest.raises(InvalidInputError, match=message):
        theory.solve(start, times, **(NUMBERS | change))


def test_ends_that_cannot_be_predicted_or_correlated_get_a_sentence():
    ends = theory.ends_of(learned(), PAIR)
    with pytest.raises(InvalidInputError, match="ratio, rate_h / rate_y, must be a number above 0"):
        theory.predict_ends(ends, -1.0)
    with pytest.raises(InvalidInputError, match="no column dy2"):
        theory.predict_ends(PAIR, 1.0)
    with pytest.raises(InvalidInputError, match="ends have no column"):
        theory.structure(ends)
    many = theory.predict_ends(pd.concat([ends] * 4, ignore_index=True), 0.5)
    with pytest.raises(InvalidInputError, match="level must lie between 0 and 1"):
        theory.structure(many, level=95)
    many.loc[0, "h_end"] = np.nan
    with pytest.raises(InvalidInputError, match="1 of 4 pairs have missing distances"):
        theory.structure(many)

"""Choices are joined to presentations by label."""

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import add_choices
from reprcompare.errors import InvalidInputError, LabelMismatchError
from reprcompare.recording import build_recording


@pytest.fixture
def it():
    return build_recording(
        np.zeros((4, 2)),
        stimulus_id=["dog", "car", "dog", "car"],
        presentation={"repetition": [0, 0, 1, 1]},
        region="IT",
        subject=["m1", "m2"],
    )


def test_trials_are_joined_by_stimulus_repetition_and_subject(it):
    choices = pd.DataFrame(
        {
            "subject": ["m2", "m1", "m1"],
            "stimulus_id": ["car", "dog", "dog"],
            "repetition": [1, 1, 0],
            "animal": [0, 1, 0],
        }
    )
    joined = add_choices(it, choices, {"animal": "animacy"})
    expected = [[0, np.nan], [np.nan, np.nan], [1, np.nan], [np.nan, 0]]
    np.testing.assert_equal(joined["output"].values[..., 0], expected)
    assert joined["response_feature"].values.tolist() == ["animacy"]


def test_pooled_choices_belong_to_every_presentation_of_a_stimulus(it):
    choices = pd.DataFrame({"stimulus_id": ["dog", "dog"], "animal": [1, 0]})
    joined = add_choices(
        it.isel(neuroid=[0]).assign(activity=it["activity"][:, :1]), choices, {"animal": "animacy"}
    )
    np.testing.assert_equal(joined["output"].values[:, 0, 0], [0.5, np.nan, 0.5, np.nan])


def test_what_does_not_fit_is_named(it):
    with pytest.raises(InvalidInputError, match="subject"):
        add_choices(it, pd.DataFrame({"stimulus_id": ["dog"], "animal": [1]}), {"animal": "a"})
    other = pd.DataFrame({"stimulus_id": ["cat"], "subject": ["m1"], "animal": [1]})
    with pytest.raises(LabelMismatchError, match="cat"):
        add_choices(it, other, {"animal": "animacy"})

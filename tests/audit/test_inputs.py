import numpy as np
import pytest

from reprcompare.audit import input_decodability
from reprcompare.errors import InvalidInputError
from reprcompare.tasks import Feature, TrifeatureTask, VectorTask


def test_what_is_linear_in_the_input_is_read_and_interactions_are_not():
    rules = {"easy": "linear", "some": "and", "none": "xor"}
    task = VectorTask(tuple(Feature(name, rule) for name, rule in rules.items()))
    found = input_decodability(task.evaluation_set(n_per_cell=32))
    exact = task.properties.linear_r2
    # AND is a threshold of a sum: a line tells its levels apart though it explains two thirds.
    assert exact.tolist() == pytest.approx([1, 2 / 3, 0], abs=1e-4)
    assert found["easy"] == 1
    assert found["some"] > 0.95
    assert found["none"] < 0.6


def test_an_attribute_is_read_from_pixels_and_a_relation_of_two_objects_is_not():
    """Mean pixels tell a colour; the same of two is no linear function of them."""
    task = TrifeatureTask(
        asked=("colour", "same_colour"),
        size=32,
        n_objects=2,
        shapes=("square", "circle"),
        textures=("solid", "dots"),
        colours=("red", "green", "blue"),
    )
    found = input_decodability(task.evaluation_set(n_per_cell=40))
    assert found["colour"] > 0.85
    # 240 stimuli: three standard errors of a guess.
    assert found["same_colour"] == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(240))


def test_stimuli_without_labels_are_refused():
    stimuli = VectorTask((Feature("a", "linear"),)).evaluation_set(n_per_cell=4)
    with pytest.raises(InvalidInputError, match="'label' is not in this data set"):
        input_decodability(stimuli.drop_vars("label"))
    assert np.isfinite(input_decodability(stimuli)).all()

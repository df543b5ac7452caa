import numpy as np
import pytest

from reprcompare.errors import InvalidInputError
from reprcompare.tasks import PointTask, digits, two_points


def test_two_points_are_those_of_the_paper():
    task = two_points(dx=1.0, dy=0.5**0.5)
    x, y = task.examples(1000, "train", 0)
    assert x.tolist() == [[-1.0], [0.0]]
    np.testing.assert_allclose(y, [[0.6], [0.6 + 0.5**0.5]], rtol=1e-6)
    assert task.levels == (1,)
    assert task.n_outputs == 1


def test_every_partition_shows_the_same_points():
    task = PointTask(((0, 0), (0, 1), (1, 0), (1, 1)), ((0,), (1,), (1,), (0,)))
    parts = [task.examples(n, part, n)[0] for n, part in ((4, "train"), (99, "validation"))]
    np.testing.assert_array_equal(*parts)
    np.testing.assert_array_equal(task.evaluation_set()["stimulus"], parts[0])


def test_targets_are_continuous_labels_even_if_there_are_two_values():
    stimuli = PointTask(((0,), (1,), (2,)), ((0, 5), (1, 5), (0, 6)), ("a", "b", "c"))
    made = stimuli.evaluation_set(7)
    assert made["stimulus_id"].values.tolist() == ["a", "b", "c"]
    assert made["feature"].values.tolist() == ["target1", "target2"]
    assert made["scale"].values.tolist() == ["continuous", "continuous"]
    assert made["label"].values.tolist() == [[0, 5], [1, 5], [0, 6]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: two_points(dx=0.0), "dx must be above 0"),
        (lambda: two_points(dy=-1.0), "cannot be -1"),
        (lambda: PointTask(((0,),), ((0,),)), "at least two points"),
        (lambda: PointTask(((0,), (1, 2)), ((0,), (1,))), "same number of values"),
        (lambda: PointTask(((0,), (1,)), ((0,), (1,), (2,))), "2 inputs and 3 targets"),
        (lambda: PointTask(((0,), (1,)), ((0,), (1,)), ("a", "a")), "2 different ones"),
        (lambda: PointTask(((0,), (1,)), ((0,), (1,)), (), ("x", "y")), "1 different names"),
    ],
)
def test_points_that_make_no_task_are_refused(make, words):
    with pytest.raises(InvalidInputError, match=words):
        make()


def test_digits_are_images_of_ten_classes():
    task = digits(40, seed=1)
    x, y = task.examples(0, "train", 0)
    assert x.shape == (40, 64)
    assert x.min() == 0
    assert x.max() == 1
    assert (y.sum(axis=0) == 4).all()
    names = task.evaluation_set()["stimulus_id"].values
    assert [int(name[5]) for name in names] == y.argmax(axis=1).tolist()
    assert digits(40, seed=2).names != task.names
    with pytest.raises(InvalidInputError, match="between 10"):
        digits(5)

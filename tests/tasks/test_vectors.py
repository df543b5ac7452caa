import numpy as np
import pytest

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.recording import label_table
from reprcompare.tasks import Feature, VectorTask

EASY_HARD = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))


def test_the_evaluation_set_is_balanced_and_fully_crossed():
    stimuli = EASY_HARD.evaluation_set(n_per_cell=16, seed=1)
    cells, counts = np.unique(stimuli.label.values, axis=0, return_counts=True)
    assert len(cells) == 4
    assert set(counts) == {16}
    assert len(set(stimuli.stimulus_id.values)) == 64
    assert stimuli.complexity.values.tolist() == [1, 2]


def test_stimuli_mean_the_same_in_both_codings():
    other = VectorTask(EASY_HARD.features, coding="-1/1")
    zero, minus = EASY_HARD.evaluation_set(8), other.evaluation_set(8)
    assert zero.stimulus_id.values.tolist() == minus.stimulus_id.values.tolist()
    np.testing.assert_array_equal(2 * zero.stimulus.values - 1, minus.stimulus.values)


def test_partitions_are_disjoint_whatever_the_seed():
    small = VectorTask(EASY_HARD.features, n_inputs=16)
    drawn = [
        {row.tobytes() for row in small.draw(5000, name, seed)}
        for seed, name in enumerate(("train", "validation", "test"))
    ]
    assert not drawn[0] & drawn[1]
    assert not drawn[0] & drawn[2]
    assert not drawn[1] & drawn[2]


def test_features_are_independent_and_balanced_in_training():
    labels = EASY_HARD.labels(EASY_HARD.draw(40_000, "train", 3))
    assert np.abs(labels.mean(axis=0) - 0.5).max() < 0.01
    assert abs(np.corrcoef(labels.T)[0, 1]) < 0.02


def test_the_partition_carries_no_information_about_a_feature():
    for partition in ("train", "validation", "test"):
        labels = EASY_HARD.labels(EASY_HARD.draw(40_000, partition, 5))
        assert np.abs(labels.mean(axis=0) - 0.5).max() < 0.01


def drawn(*features, n=40_000, partition="train", **settings):
    task = VectorTask(features, **settings)
    return task, *task.examples(n, partition, seed=7)


def test_a_base_rate_holds_in_training_only():
    easy = Feature("easy", "linear", base_rate=0.2)
    for partition, rate in [("train", 0.2), ("validation", 0.5), ("test", 0.5)]:
        _, x, y = drawn(easy, Feature("and", "and", 3), partition=partition)
        assert abs(y[:, 0].mean() - rate) < 0.01
        np.testing.assert_array_equal(x[:, 0], y[:, 0])  # the label is what the input says
        assert abs(y[:, 1].mean() - (0.125 if partition == "train" else 0.5)) < 0.01


def test_given_its_level_all_inputs_of_a_feature_are_equally_likely():
    _, x, y = drawn(Feature("any", "or", 3, base_rate=0.5))
    patterns, counts = np.unique(x[y[:, 0] == 1, :3], axis=0, return_counts=True)
    assert len(patterns) == 7
    assert np.abs(counts / counts.sum() - 1 / 7).max() < 0.01


def test_a_fraction_of_targets_is_missing_and_nothing_else_changes():
    features = Feature("easy", "linear"), Feature("hard", "xor", labelled=0.3)
    _, x, y = drawn(*features)
    assert abs(np.isfinite(y[:, 1]).mean() - 0.3) < 0.01
    assert np.isfinite(y[:, 0]).all()
    given = np.isfinite(y[:, 1])
    np.testing.assert_array_equal(y[given, 1], x[given, 1] != x[given, 2])
    assert abs(np.nanmean(y[:, 1]) - 0.5) < 0.01
    assert np.isfinite(drawn(*features, partition="validation")[2]).all()


def test_uninformative_examples_are_blank_with_a_random_target():
    features = Feature("easy", "linear"), Feature("hard", "xor", informative=0.4)
    _, x, y = drawn(*features)
    blank = x[:, 1] == 0.5
    np.testing.assert_array_equal(blank, x[:, 2] == 0.5)
    assert abs(blank.mean() - 0.6) < 0.01
    np.testing.assert_array_equal(y[~blank, 1], x[~blank, 1] != x[~blank, 2])
    assert abs(y[blank, 1].mean() - 0.5) < 0.01
    assert set(np.unique(x[:, 0])) == {0, 1}
    assert set(np.unique(drawn(*features, partition="validation")[1])) == {0, 1}
    assert set(np.unique(drawn(*features, coding="-1/1")[1])) == {-1, 0, 1}


@pytest.mark.parametrize("r", [1.0, 0.6, -0.8])
def test_features_are_correlated_as_asked_in_training_and_crossed_in_evaluation(r):
    leader, follower = Feature("a", "linear"), Feature("b", "xor", follows="a", correlation=r)
    task, _, y = drawn(leader, follower)
    assert abs(np.corrcoef(y.T)[0, 1] - r) < 0.015
    assert np.abs(y.mean(axis=0) - 0.5).max() < 0.01
    labels = task.evaluation_set(16).label.values
    assert np.corrcoef(labels.T)[0, 1] == 0


def test_categorical_features_are_correlated_too():
    with pytest.raises(InvalidInputError, match="'follows' and a 'correlation'"):
        Feature("b", "sum_mod", values=3, follows="a")
    _, _, y = drawn(
        Feature("a", "linear", values=3),
        Feature("b", "sum_mod", values=3, follows="a", correlation=0.5),
    )
    assert abs((y[:, 0] == y[:, 1]).mean() - (0.5 + 0.5 / 3)) < 0.01


def test_distractors_are_labelled_and_never_asked_for():
    task, x, y = drawn(
        Feature("seen", "linear", output=False),
        Feature("asked", "xor"),
        Feature("kind", "sum_mod", values=3),
    )
    assert task.feature_names == ["asked", "kind"]
    assert task.levels == (2, 3)
    assert task.n_outputs == 4
    assert task.response_features == ["asked", "kind", "kind", "kind"]
    assert y.shape == (40_000, 2)
    np.testing.assert_array_equal(y[:, 0], x[:, 1] != x[:, 2])
    stimuli = task.evaluation_set(4)
    assert stimuli.feature.values.tolist() == ["seen", "asked", "kind"]
    assert stimuli.sizes["presentation"] == 4 * 2 * 2 * 3
    np.testing.assert_array_equal(stimuli.position.values, [np.nan, 0, 1])


def test_units_of_several_values_are_one_hot():
    task, x, y = drawn(Feature("sum", "sum_mod", 2, values=4), Feature("same", "same", values=3))
    assert task.input_shape == (32,)
    first, second = x[:, :4], x[:, 4:8]
    assert (first.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(y[:, 0], (first.argmax(1) + second.argmax(1)) % 4)
    left, right = x[:, 8:11].argmax(1), x[:, 11:14].argmax(1)
    np.testing.assert_array_equal(y[:, 1], left == right)
    assert abs(y[:, 1].mean() - 1 / 3) < 0.01
    assert np.bincount(y[:, 0].astype(int)).min() > 9_500
    levels = label_table(task.evaluation_set(4))["sum"]
    assert levels.cat.categories.tolist() == ["0", "1", "2", "3"]


def test_examples_are_repeatable_and_stay_in_their_partition():
    task = VectorTask(EASY_HARD.features, n_inputs=16)
    x, y = task.examples(500, "train", [3, 1])
    again, same = task.examples(500, "train", [3, 1])
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, same)
    train = {row.tobytes() for row in x}
    assert not train & {row.tobytes() for row in task.examples(500, "test", [3, 1])[0]}


def test_properties_say_what_was_set():
    task = VectorTask(
        (
            Feature("a", "and", 3, labelled=0.5),
            Feature("b", "parity", 3, informative=0.7),
            Feature("c", "linear", base_rate=0.3),
            Feature("d", "linear", base_rate=0.3, follows="c", correlation=0.9, output=False),
        )
    )
    found = task.properties
    assert found.base_rate.tolist() == [0.125, 0.5, 0.3, 0.3]
    assert found.labelled.tolist() == [0.5, 1, 1, 1]
    assert found.informative.tolist() == [1, 0.7, 1, 1]
    assert found.correlation.tolist() == [0, 0, 0, 0.9]
    assert found.complexity.tolist() == [1, 3, 1, 1]
    assert found.linear_r2[1:].tolist() == [0, 1, 1]


def test_impossible_tasks_get_a_sentence():
    with pytest.raises(UnknownNameError, match="did you mean 'parity'"):
        Feature("f", "partiy")
    with pytest.raises(InvalidInputError, match="odd number"):
        Feature("f", "majority", 4)
    with pytest.raises(InvalidInputError, match="'xor' takes 2 input units, got 3"):
        Feature("f", "xor", 3)
    with pytest.raises(InvalidInputError, match="need 40 input units, the task has 32"):
        VectorTask((Feature("f", "parity", 40),))
    with pytest.raises(InvalidInputError, match="different names"):
        VectorTask((Feature("f", "linear"), Feature("f", "xor")))
    with pytest.raises(InvalidInputError, match="go with the rules linear, sum_mod, same"):
        Feature("f", "parity", 3, values=4)
    with pytest.raises(InvalidInputError, match="threshold must be from 1 to 4, got 5"):
        Feature("f", "threshold", 4, threshold=5)
    with pytest.raises(InvalidInputError, match="distractor has no targets"):
        Feature("f", "linear", output=False, labelled=0.5)
    with pytest.raises(InvalidInputError, match="not equally frequent"):
        VectorTask((Feature("f", "linear"), Feature("g", "and", follows="f", correlation=0.5)))
    with pytest.raises(UnknownNameError, match="did you mean 'easy'"):
        VectorTask((Feature("easy", "linear"), Feature("g", "xor", follows="esy", correlation=1)))
    with pytest.raises(UnknownNameError, match="no partition 'traning'"):
        EASY_HARD.examples(5, "traning", 0)
    with pytest.raises(InvalidInputError, match="asked for"):
        VectorTask((Feature("f", "linear", output=False),))
    with pytest.raises(InvalidInputError, match="could not find 4000 different stimuli"):
        VectorTask(EASY_HARD.features, n_inputs=16).evaluation_set(4000)
    with pytest.raises(UnknownNameError, match="no coding '0/2'"):
        VectorTask((Feature("f", "linear"),), coding="0/2")


@pytest.mark.parametrize("coding", ["0/1", "-1/1"])
@pytest.mark.parametrize("rule", ["linear", "xor", "parity", "majority", "and"])
def test_a_counterfactual_differs_in_one_feature_and_in_its_units_only(rule, coding):
    features = (Feature("first", "xor"), Feature("changed", rule), Feature("last", "linear"))
    task = VectorTask(features, coding=coding)
    stimuli = task.evaluation_set(n_per_cell=4)
    other = task.counterfactuals(stimuli, "changed", seed=3)
    differs = other.label.values != stimuli.label.values
    assert differs[:, 1].all()
    assert not differs[:, [0, 2]].any()
    moved = other.stimulus.values != stimuli.stimulus.values
    size = features[1].size
    assert moved[:, 2 : 2 + size].any(axis=1).all()
    assert not np.delete(moved, range(2, 2 + size), axis=1).any()
    assert other.counterfactual_of.values.tolist() == stimuli.stimulus_id.values.tolist()
    assert len(set(other.stimulus_id.values)) == len(stimuli.stimulus_id)
    again = task.counterfactuals(stimuli, "changed", seed=3)
    np.testing.assert_array_equal(other.stimulus.values, again.stimulus.values)


def test_counterfactuals_of_what_the_task_does_not_have_are_refused():
    stimuli = EASY_HARD.evaluation_set(2)
    with pytest.raises(UnknownNameError, match="did you mean 'hard'"):
        EASY_HARD.counterfactuals(stimuli, "herd")
    other = VectorTask(EASY_HARD.features, coding="-1/1")
    with pytest.raises(InvalidInputError, match="values -1 or 1; got"):
        other.counterfactuals(stimuli, "hard")

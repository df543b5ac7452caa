import itertools

import numpy as np
import pytest

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.tasks import RULES, Feature, VectorTask

EASY_HARD = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))


def truth_table(rule, k):
    bits = np.array(list(itertools.product([0, 1], repeat=k)), dtype=np.int8)
    return Feature("f", rule, k).compute(bits).tolist()


def test_rules_have_their_truth_tables():
    assert truth_table("linear", 1) == [0, 1]
    assert truth_table("xor", 2) == [0, 1, 1, 0]
    assert truth_table("and", 2) == [0, 0, 0, 1]
    assert truth_table("or", 2) == [0, 1, 1, 1]
    assert truth_table("parity", 3) == [0, 1, 1, 0, 1, 0, 0, 1]
    assert truth_table("majority", 3) == [0, 0, 0, 1, 0, 1, 1, 1]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_order_of_a_rule_is_its_lowest_nonzero_walsh_coefficient(rule, k):
    """Below the order, no set of units is correlated with the feature; at it, some set is."""
    try:
        feature = Feature("f", rule, k)
    except InvalidInputError:
        return
    bits = np.array(list(itertools.product([0, 1], repeat=k)), dtype=np.int8)
    signs, values = 1 - 2 * bits.astype(int), 1 - 2 * feature.compute(bits).astype(int)
    first = min(
        order
        for order in range(1, k + 1)
        for units in itertools.combinations(range(k), order)
        if (signs[:, units].prod(axis=1) * values).sum() != 0
    )
    assert feature.complexity == first


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

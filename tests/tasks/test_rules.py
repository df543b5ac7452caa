import itertools

import numpy as np
import pytest

from reprcompare.errors import InvalidInputError
from reprcompare.tasks import RULES, Feature


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


def test_rules_of_several_values_have_their_truth_tables():
    units = np.array(list(itertools.product(range(3), repeat=2)), dtype=np.int8)
    assert Feature("f", "sum_mod", values=3).of_units(units).tolist() == [0, 1, 2, 1, 2, 0, 2, 0, 1]
    assert Feature("f", "same", values=3).of_units(units).tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert Feature("f", "linear", values=3).of_units(units[:, :1]).tolist() == units[:, 0].tolist()
    assert truth_table("threshold", 3) == [0, 0, 0, 1, 0, 1, 1, 1]
    counts = Feature("f", "threshold", 3, threshold=3).of_units(np.ones((1, 3), dtype=np.int8))
    assert counts.tolist() == [1]


@pytest.mark.parametrize(
    ("rule", "k", "values"), [("sum_mod", 2, 3), ("sum_mod", 3, 3), ("same", 2, 4)]
)
def test_below_its_order_no_set_of_units_tells_anything(rule, k, values):
    feature = Feature("f", rule, k, values=values)
    table = np.array(list(itertools.product(range(values), repeat=k)), dtype=np.int8)
    levels = feature.of_units(table)
    for units in itertools.combinations(range(k), feature.complexity - 1):
        given = {tuple(row): [] for row in table[:, units]}
        for row, level in zip(table[:, units], levels, strict=True):
            given[tuple(row)].append(level)
        frequencies = {tuple(np.bincount(found, minlength=values)) for found in given.values()}
        assert len(frequencies) == 1


@pytest.mark.parametrize(
    ("rule", "k", "values", "linear_r2", "mean_order"),
    [
        ("linear", 1, 2, 1, 1),
        ("linear", 1, 5, 1, 1),
        ("xor", 2, 2, 0, 2),
        ("parity", 4, 2, 0, 4),
        ("sum_mod", 2, 3, 0, 2),
        ("and", 2, 2, 2 / 3, 4 / 3),  # Walsh coefficients of the sign: 1/2 each
        ("majority", 3, 2, 3 / 4, 3 / 2),  # 1/2, 1/2, 1/2 and 1/2 on all three
        ("same", 2, 3, 0, 2),
    ],
)
def test_measured_complexity_has_its_closed_form(rule, k, values, linear_r2, mean_order):
    measured = Feature("f", rule, k, values=values).measured
    assert measured.linear_r2 == pytest.approx(linear_r2, abs=1e-4)
    assert measured.mean_order == pytest.approx(mean_order, abs=1e-4)


def test_linear_r2_is_what_a_regression_on_the_inputs_reaches():
    feature = Feature("f", "threshold", 5, threshold=4)
    bits = np.array(list(itertools.product([0, 1], repeat=5)), dtype=np.int8)
    design = np.column_stack([np.ones(32), bits])
    values = feature.of_units(bits).astype(float)
    fitted = design @ np.linalg.lstsq(design, values, rcond=None)[0]
    r2 = np.var(fitted) / np.var(values)
    assert feature.measured.linear_r2 == pytest.approx(r2, abs=1e-4)


def test_truth_tables_that_are_too_large_are_not_written_out():
    large = Feature("f", "parity", 20)
    assert np.isnan(large.measured.linear_r2)
    with pytest.raises(InvalidInputError, match="fewer input units, or a base_rate"):
        assert large.probabilities is None
    assert Feature("f", "parity", 20, base_rate=0.5).last_probability == 0.5

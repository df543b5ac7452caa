import numpy as np
import pytest
from scipy import stats

from reprcompare.statistics import group_contrast


def test_the_difference_of_two_groups_has_welchs_interval():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 9), rng.normal(0, 3, 14)
    found = group_contrast({"a": a, "b": b}, {"a": 1, "b": -1}, level=0.9)
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    assert found == pytest.approx((a.mean() - b.mean(), interval.low, interval.high))


def test_weights_apply_to_means():
    groups = {"a": [1.0, 3.0], "b": [5.0, 5.0], "c": [0.0, 0.0]}
    assert group_contrast(groups, {"a": 0.5, "b": 2.0})[0] == 11
    assert group_contrast(groups, {"b": 1.0, "c": -1.0}) == (5, 5, 5)


def test_too_few_units_give_no_interval():
    assert group_contrast({"a": [1.0], "b": [0.0, 1.0]}, {"a": 1, "b": 1})[1:] == (-np.inf, np.inf)
    assert np.isnan(group_contrast({"a": [], "b": [1.0]}, {"a": 1, "b": -1})).all()

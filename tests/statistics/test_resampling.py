"""Permutation, bootstrap, equivalence and power against closed forms and enumeration."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import ttost_paired

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.statistics import (
    bootstrap,
    equivalence_test,
    mixed_model,
    permutation_test,
    power_by_simulation,
)


def small(seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"x": [0, 0, 0, 1, 1, 1], "y": rng.normal(size=6)})


def test_permutation_approaches_the_enumeration_of_all_orders():
    table = small()
    means = [
        abs(np.mean(np.array(order)[3:]) - np.mean(np.array(order)[:3]))
        for order in permutations(table.y)
    ]
    exact = np.mean(np.array(means) >= means[0] - 1e-12)
    found = permutation_test(table, "y", "x", n_permutations=4999).iloc[0]
    assert found.p == pytest.approx(exact, abs=0.03)
    assert found.estimate == pytest.approx(table.y[3:].mean() - table.y[:3].mean())


def test_shuffling_within_subjects_ignores_differences_between_them():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"subject": np.repeat(range(10), 4), "x": np.tile([0, 0, 1, 1], 10)})
    table["y"] = 0.8 * table.x + 50 * table.subject + 0.5 * rng.normal(size=40)
    assert permutation_test(table, "y", "x", within="subject", n_permutations=499).p[0] < 0.01
    assert permutation_test(table, "y", "x", n_permutations=499).p[0] > 0.5


def test_an_exposure_of_whole_subjects_cannot_be_shuffled_within_them():
    table = pd.DataFrame({"subject": [0, 0, 1, 1], "x": [0, 0, 1, 1], "y": [1.0, 2, 3, 4]})
    with pytest.raises(NotIdentifiableError, match="one row per unit"):
        permutation_test(table, "y", "x", within="subject")
    with pytest.raises(UnknownNameError, match="no column 'z'"):
        permutation_test(table, "z", "x")
    with pytest.raises(InvalidInputError, match="two values"):
        permutation_test(table.assign(x=list("abcd")), "y", "x")


def test_bootstrap_of_a_mean_over_one_factor_has_its_standard_error():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"subject": np.arange(60), "y": rng.normal(size=60)})
    found = bootstrap(table, lambda t: t.y.mean(), ["subject"], n_bootstrap=800).iloc[0]
    assert found.se == pytest.approx(table.y.std() / np.sqrt(60), rel=0.12)
    assert found.ci_low < found.estimate < found.ci_high


def test_bootstrap_over_two_crossed_factors_adds_their_uncertainty():
    rng = np.random.default_rng(3)
    subject, feature = np.indices((25, 20)).reshape(2, -1)
    y = rng.normal(size=25)[subject] + rng.normal(size=20)[feature]
    table = pd.DataFrame({"subject": subject, "feature": feature, "y": y})
    se = {
        over: bootstrap(table, lambda t: t.y.mean(), list(over), n_bootstrap=400).se[0]
        for over in [("subject",), ("feature",), ("subject", "feature")]
    }
    both = np.hypot(se["subject",], se["feature",])
    assert se["subject", "feature"] == pytest.approx(both, rel=0.15)


def test_bootstrap_needs_several_levels_and_a_finite_statistic():
    table = pd.DataFrame({"subject": [1, 1], "y": [1.0, 2.0]})
    with pytest.raises(NotIdentifiableError, match="one level"):
        bootstrap(table, lambda t: t.y.mean(), ["subject"])
    with pytest.raises(NotIdentifiableError, match="finite in 0 of"):
        bootstrap(table.assign(subject=[1, 2]), lambda t: np.nan, ["subject"], n_bootstrap=20)
    with pytest.raises(InvalidInputError, match="at least one factor"):
        bootstrap(table, lambda t: t.y.mean(), [])


def test_equivalence_equals_the_paired_test_of_statsmodels():
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(2, 30))
    change = first - second
    expected = ttost_paired(first, second, -0.5, 0.6)[0]
    se = change.std(ddof=1) / np.sqrt(30)
    found = equivalence_test(change.mean(), se, 29, bounds=(-0.5, 0.6))
    assert found.p == pytest.approx(expected)


@given(st.floats(-2, 2), st.floats(0.01, 2), st.floats(2, 100))
def test_equivalence_holds_exactly_when_the_interval_lies_within_the_bounds(estimate, se, df):
    found = equivalence_test(estimate, se, df, bounds=(-1, 1))
    inside = found.ci_low > -1 and found.ci_high < 1
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == inside
    different = abs(estimate) > stats.t.isf(0.025, df) * se
    if abs(abs(estimate) / se - stats.t.isf(0.025, df)) > 1e-9:
        assert (found.decision in ("different", "both")) == different


def test_wrong_bounds_are_a_sentence():
    with pytest.raises(InvalidInputError, match="lower first"):
        equivalence_test(0.1, 0.1, bounds=(0.5, -0.5))
    with pytest.raises(InvalidInputError, match="positive standard error"):
        equivalence_test(0.1, 0.0, bounds=(-0.5, 0.5))


def test_simulated_power_equals_the_closed_form_of_a_t_test_on_subject_means():
    rng = np.random.default_rng(5)
    pilot = pd.DataFrame({"subject": np.repeat(np.arange(10), 3)})
    pilot["x"] = pilot.subject % 2
    pilot["y"] = np.repeat(rng.normal(size=10), 3) + 0.5 * rng.normal(size=30)
    fit = mixed_model("y ~ x + (1|subject)", pilot)
    between, within = fit.random.variance
    sd = np.sqrt(between + within / 3)
    sizes = {"subject": [10, 30]}
    found = power_by_simulation(fit, "x", sizes, effect=1.2 * sd, n_simulations=150)
    expected = [TTestIndPower().power(1.2, n / 2, 0.05) for n in (10, 30)]
    assert found.n_rows.tolist() == [30, 90]
    assert found.power.tolist() == pytest.approx(expected, abs=0.1)
    assert (found.ci_low < found.power).all()
    assert (found.power < found.ci_high + 1e-12).all()


def test_more_features_help_a_feature_effect_and_more_networks_hardly():
    rng = np.random.default_rng(6)
    subject, feature = np.indices((6, 8)).reshape(2, -1)
    pilot = pd.DataFrame({"subject": subject, "feature": feature, "hard": (feature >= 4) * 1.0})
    pilot["y"] = rng.normal(size=8)[feature] + 0.3 * rng.normal(size=48)
    fit = mixed_model("y ~ hard + (1|subject) + (1|feature)", pilot)
    sizes = {"subject": [6, 18], "feature": [8, 24]}
    found = power_by_simulation(fit, "hard", sizes, effect=1.5, n_simulations=40)
    power = found.set_index(["subject", "feature"]).power
    assert power[6, 24] - power[6, 8] > 0.2
    assert abs(power[18, 8] - power[6, 8]) < 0.2


def test_power_names_what_it_does_not_know():
    fit = mixed_model("y ~ x", small())
    with pytest.raises(UnknownNameError, match="no term 'z'"):
        power_by_simulation(fit, "z", {"x": [2]})
    with pytest.raises(UnknownNameError, match="no column 'subject'"):
        power_by_simulation(fit, "x", {"subject": [2]})
    with pytest.raises(InvalidInputError, match="at least 2 levels"):
        power_by_simulation(fit, "x", {"x": [1]})

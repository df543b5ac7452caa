"""The test of a model against the lower noise ceiling."""

import numpy as np
import pytest

from reprcompare.comparison.inference import (
    Interval,
    _at_ceiling,
    _p_below,
    ceiling_test,
    score_held_out,
    score_models,
)
from reprcompare.geometry import COMPARATORS, ceiling_terms, score_rdms

STIMULI = 12
PAIRS = STIMULI * (STIMULI - 1) // 2


def subjects(rng, n, noise=0.5):
    truth = rng.random(PAIRS)
    return truth, truth + noise * (rng.random((n, PAIRS)) - 0.5)


def test_a_model_exactly_at_the_ceiling_is_rejected_at_the_nominal_rate():
    """Subjects that differ in three directions, where theory has the model; see benchmarks."""
    rng = np.random.default_rng(0)
    comparator, n, p, size = COMPARATORS["cosine"], 12, 3, 0.02
    axes = np.linalg.qr(rng.normal(size=(PAIRS, p + 1)))[0].T
    model = axes[0] + size * np.full(p, np.sqrt(1 / (n - 1))) @ axes[1:]
    found = []
    for _ in range(400):
        brains = axes[0] + size * rng.normal(size=(n, p)) @ axes[1:]
        one = score_models([model[None]], brains, comparator)[0]
        bound = ceiling_terms(brains, comparator)
        found.append(ceiling_test(one, brains, comparator, bound, STIMULI, "subjects"))
    # 0.01 to 0.02 with the standard error at the estimate, 0.10 without the skewness.
    assert 0.025 <= np.mean(np.array(found) <= 0.05) <= 0.075


@pytest.mark.parametrize("name", ["cosine", "rho-a", "tau-a", "whitened_correlation", "spearman"])
def test_a_model_is_moved_until_it_scores_as_the_ceiling_does(name):
    rng = np.random.default_rng(1)
    truth, brains = subjects(rng, 5)
    comparator = COMPARATORS[name]
    level = ceiling_terms(brains, comparator).mean
    one = score_models([truth[None] + rng.random((2, PAIRS))], brains, comparator)[0]
    assert one.score < level
    moved = _at_ceiling(one, brains, comparator, level)
    assert moved.score == pytest.approx(level, abs=1e-3)
    assert score_rdms(moved.rdms, brains, comparator).mean() == pytest.approx(moved.score)


def test_predictions_for_held_out_subjects_are_moved_each_for_its_own_subject():
    rng = np.random.default_rng(2)
    truth, brains = subjects(rng, 5)
    comparator = COMPARATORS["correlation"]
    bound = ceiling_terms(brains, comparator)
    one = score_held_out(truth + rng.random((5, PAIRS)), brains, comparator)
    moved = _at_ceiling(one, brains, comparator, bound.mean)
    assert moved.rdms.shape == (5, PAIRS)
    own = [np.corrcoef(a, b)[0, 1] for a, b in zip(moved.rdms, brains, strict=True)]
    assert np.mean(own) == pytest.approx(bound.mean, abs=1e-3)
    assert ceiling_test(one, brains, comparator, bound, STIMULI, "both") < 0.5


def test_the_truth_is_not_below_the_ceiling_and_a_poor_model_is():
    rng = np.random.default_rng(3)
    truth, brains = subjects(rng, 8)
    for name in ("cosine", "rho-a"):
        comparator = COMPARATORS[name]
        bound = ceiling_terms(brains, comparator)
        good, poor = score_models([truth[None], rng.random((1, PAIRS))], brains, comparator)
        assert ceiling_test(good, brains, comparator, bound, STIMULI, "both") > 0.5
        assert ceiling_test(poor, brains, comparator, bound, STIMULI, "both") < 0.01


def test_three_subjects_are_too_few():
    _, brains = subjects(np.random.default_rng(4), 3)
    comparator = COMPARATORS["correlation"]
    one = score_models([brains[:1]], brains, comparator)[0]
    bound = ceiling_terms(brains, comparator)
    assert np.isnan(ceiling_test(one, brains, comparator, bound, STIMULI, "both"))


def test_without_skewness_p_is_that_of_student():
    below = Interval(value=-0.2, se=0.1, low=-0.4, high=0.0, df=9)
    assert _p_below(below, band=1e5) == pytest.approx(below.p("less"), rel=1e-3)
    assert _p_below(below, band=0.3) > below.p("less")

"""The variance over subjects and stimuli against its definition and simulated truth."""

from itertools import combinations, product

import numpy as np
import pytest

from reprcompare.geometry import COMPARATORS, score_variance, unrelated_test
from reprcompare.geometry.variance import FLOOR, _over_both, _over_stimuli

N, SUBJECTS = 7, 3
PAIRS = list(combinations(range(N), 2))


@pytest.fixture
def terms():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(SUBJECTS, len(PAIRS))) + rng.normal(size=(SUBJECTS, 1))
    return t - t.mean()


def test_over_stimuli_it_is_the_mean_product_of_pairs_without_a_common_stimulus(terms):
    one = terms[0] - terms[0].mean()
    products = [
        a * b
        for (p, a), (q, b) in product(zip(PAIRS, one, strict=True), repeat=2)
        if not set(p) & set(q)
    ]
    assert _over_stimuli(one, N) == pytest.approx(-np.mean(products))


def test_over_both_it_is_the_mean_product_of_terms_that_share_nothing(terms):
    cells = [(s, p, terms[s, k]) for s in range(SUBJECTS) for k, p in enumerate(PAIRS)]
    products = [
        a * b for (s, p, a), (t, q, b) in product(cells, repeat=2) if s != t and not set(p) & set(q)
    ]
    assert _over_both(terms, N) == pytest.approx(-np.mean(products))


def test_over_subjects_it_is_that_of_a_mean(terms):
    found = score_variance(terms, N, "subjects")
    assert found.total == pytest.approx(terms.mean(axis=1).var(ddof=1) / SUBJECTS)
    assert found.df == SUBJECTS - 1


@pytest.mark.parametrize(("stimulus", "pair", "subject"), [(1, 0.5, 0.2), (0, 1, 0), (0.3, 1, 1)])
def test_it_is_right_on_average_for_stimuli_pairs_and_subjects(stimulus, pair, subject):
    """For pairs alone a jackknife would be at 2, a bootstrap at 3 times the truth."""
    rng = np.random.default_rng(1)
    n, n_subjects, rows, columns = 16, 8, *np.triu_indices(16, 1)
    means, estimates = [], []
    for _ in range(600):
        a = stimulus * rng.normal(size=n)
        shared = a[rows] + a[columns] + pair * rng.normal(size=len(rows))
        own = subject * rng.normal(size=(n_subjects, 1)) + 0.3 * rng.normal(
            size=(n_subjects, len(rows))
        )
        means.append((shared + own).mean())
        centred = shared + own - (shared + own).mean()
        estimates.append(_over_both(centred, n))
    assert np.mean(estimates) == pytest.approx(np.var(means), rel=0.15)


def test_it_never_falls_below_its_parts_or_the_floor(terms):
    alike = np.repeat(terms[:1], SUBJECTS, axis=0)
    found = score_variance(alike, N)
    assert found.subjects == pytest.approx(0)
    assert found.total >= FLOOR * alike[0].var() / len(PAIRS)


def test_permuting_labels_has_its_level():
    """Also where subjects share signal, so that a t test over subjects rejects far too often."""
    rng = np.random.default_rng(2)
    comparator = COMPARATORS["correlation"]
    n, rejected = 9, []
    for _ in range(500):
        shared = rng.random(n * (n - 1) // 2)
        brains = shared + 0.2 * rng.random((5, len(shared)))
        features = rng.normal(size=(n, 4))
        model = 1 - np.corrcoef(features)[np.triu_indices(n, 1)]
        rejected.append(unrelated_test(model, brains, comparator, 19, rng).p <= 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.03)


def test_a_related_model_is_found_by_every_comparator():
    rng = np.random.default_rng(3)
    truth = rng.random(15 * 14 // 2)
    brains = truth + 0.3 * rng.random((4, len(truth)))
    for name in ("cosine", "correlation", "rho-a", "whitened_correlation", "tau-a", "bures"):
        assert unrelated_test(truth, brains, COMPARATORS[name], 99).p == 0.01


def test_the_value_for_unrelated_rdms_is_the_mean_over_permutations():
    rng = np.random.default_rng(4)
    model, brain = rng.random((2, 5 * 4 // 2))
    from itertools import permutations

    from reprcompare.geometry import permute_stimuli, score_rdms

    comparator = COMPARATORS["whitened_cosine"]
    everything = [
        score_rdms(permute_stimuli(model, np.array(order))[None], brain[None], comparator)[0, 0]
        for order in permutations(range(5))
    ]
    found = unrelated_test(model, brain[None], comparator, 1)
    assert found.mean == pytest.approx(np.mean(everything))

"""The variance over subjects and stimuli against its definition and simulated truth."""

from itertools import combinations, product

import numpy as np
import pytest

from reprcompare.geometry import (
    COMPARATORS,
    ceiling_terms,
    noise_ceiling,
    pair_variance,
    score_variance,
    unrelated_test,
)
from reprcompare.geometry.variance import FLOOR, _over_both, _over_dyads

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
    assert _over_dyads(one, N)[0] == pytest.approx(-np.mean(products))


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


def blocks(terms, n_subjects):
    """Terms of pairs of subjects (n_dyads, n_pairs), as `pair_variance` takes them."""
    ends = np.cumsum(np.arange(n_subjects - 1, 0, -1))
    return np.split(terms, ends[:-1])


def test_over_pairs_of_subjects_it_is_the_mean_product_of_terms_that_share_nothing():
    rng = np.random.default_rng(5)
    n_subjects, n = 5, 5
    dyads, pairs = (list(combinations(range(k), 2)) for k in (n_subjects, n))
    own, stimulus = 3 * rng.normal(size=n_subjects), 3 * rng.normal(size=n)
    terms = rng.normal(size=(len(dyads), len(pairs)))
    terms += np.array([own[i] + own[j] for i, j in dyads])[:, None]
    terms += np.array([stimulus[i] + stimulus[j] for i, j in pairs])
    terms -= terms.mean()
    apart = [
        terms[a, b] * terms[c, d]
        for (a, p), (c, q) in product(enumerate(dyads), repeat=2)
        if not set(p) & set(q)
        for (b, r), (d, t) in product(enumerate(pairs), repeat=2)
        if not set(r) & set(t)
    ]
    found = pair_variance(blocks(terms, n_subjects), n_subjects, n)
    means = terms.mean(axis=1)
    by_hand = [
        means[a] * means[c]
        for (a, p), (c, q) in product(enumerate(dyads), repeat=2)
        if not set(p) & set(q)
    ]
    assert found.subjects == pytest.approx(-np.mean(by_hand))
    over_stimuli = _over_dyads(terms.mean(axis=0), n)[0]
    shared = found.subjects + over_stimuli + np.mean(apart)
    expected = found.subjects + over_stimuli * n / (n - 1) - max(shared, 0)
    assert found.total == pytest.approx(max(expected, found.subjects, found.stimuli))


@pytest.mark.parametrize(("own", "pair"), [(1, 0), (0, 1), (0.4, 1)])
def test_what_belongs_to_a_pair_of_subjects_is_counted_once(own, pair):
    """For single pairs of subjects a jackknife of the subjects would be at twice the truth."""
    rng = np.random.default_rng(6)
    n = 8
    rows, columns = np.triu_indices(n, 1)
    means, estimates = [], []
    for _ in range(2000):
        a = own * rng.normal(size=n)
        terms = a[rows] + a[columns] + pair * rng.normal(size=len(rows))
        means.append(terms.mean())
        estimates.append(_over_dyads(terms - terms.mean(), n)[0])
    assert np.mean(estimates) == pytest.approx(np.var(means), rel=0.12)


def test_the_ceiling_without_a_subject_is_that_of_the_others():
    rng = np.random.default_rng(8)
    brains = rng.random((5, 45)) + rng.random(45)
    for name in ("correlation", "rho-a", "tau-a"):
        without = ceiling_terms(brains, COMPARATORS[name]).without
        expected = [
            noise_ceiling(np.delete(brains, t, axis=0), COMPARATORS[name], 0).lower
            for t in range(5)
        ]
        np.testing.assert_allclose(without, expected)


def test_what_terms_leave_out_is_added_by_the_jackknife_of_the_estimate():
    rng = np.random.default_rng(9)
    n_subjects, n = 6, 5
    terms = rng.normal(size=(15, 10))
    of_pairs = blocks(terms, n_subjects)
    dyads = list(combinations(range(n_subjects), 2))
    linear = np.array(
        [np.mean([terms[k].mean() for k, d in enumerate(dyads) if t not in d]) for t in range(6)]
    )
    plain, same, more = (
        pair_variance(of_pairs, n_subjects, n, "subjects", without)
        for without in (None, linear, linear + 0.1 * np.arange(6))
    )
    assert same.total == pytest.approx(plain.total)
    extra = 5 * ((linear + 0.1 * np.arange(6)).var() - linear.var())
    assert more.total == pytest.approx(plain.total + extra)


@pytest.mark.parametrize("name", ["cosine", "correlation", "rho-a"])
def test_the_variance_of_the_ceiling_is_that_over_new_subjects(name):
    """With the same stimuli, against the variance of the ceiling over simulated groups."""
    rng = np.random.default_rng(7)
    n_subjects, n = 8, 12
    shared = rng.normal(size=(n, 6))
    comparator, ceilings, estimates = COMPARATORS[name], [], []
    for _ in range(250):
        gains = np.exp(0.4 * rng.normal(size=n_subjects))
        brains = np.stack(
            [
                1
                - np.corrcoef(np.hstack([g * shared, rng.normal(size=(n, 6))]))[
                    np.triu_indices(n, 1)
                ]
                for g in gains
            ]
        )
        terms = ceiling_terms(brains, comparator)
        ceilings.append(noise_ceiling(brains, comparator, 0).lower)
        of_pairs = map(terms.of_pairs, range(n_subjects - 1))
        found = pair_variance(of_pairs, n_subjects, n, "subjects", terms.without)
        estimates.append(found.total)
    assert np.mean(estimates) == pytest.approx(np.var(ceilings), rel=0.3)


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

"""Scores, their resamples and ceilings against rsatoolbox and brute force."""

import warnings

import numpy as np
import pytest
from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
from rsatoolbox.rdm import RDMs
from rsatoolbox.rdm import compare as reference

from reprcompare.errors import UnknownNameError
from reprcompare.geometry import (
    COMPARATORS,
    ceiling_terms,
    find_comparator,
    influences,
    noise_ceiling,
    resampled_products,
    score_rdms,
    standardise,
)

PRODUCTS = [name for name, one in COMPARATORS.items() if one.family != "matrix"]
INNER = [name for name, one in COMPARATORS.items() if one.family in ("linear", "rank")]
N = 14


@pytest.fixture
def rdms():
    """Three models, one of them with two levels only, and four subjects."""
    rng = np.random.default_rng(0)
    n_pairs = N * (N - 1) // 2
    models = rng.random((3, n_pairs))
    models[0] = models[0] > 0.5
    return models, rng.random((4, n_pairs)) + 0.3 * models[1]


@pytest.mark.parametrize("name", PRODUCTS)
def test_scores_of_bootstrap_samples_equal_rsatoolbox_on_the_same_samples(name, rdms):
    models, brains = rdms
    rng = np.random.default_rng(1)
    drawn = [np.bincount(rng.integers(0, N, N), minlength=N) for _ in range(6)]
    counts = np.array([np.ones(N, dtype=int), *drawn])
    comparator = COMPARATORS[name]
    ours = resampled_products(models, brains, counts, comparator).scores()
    for sample, count in zip(ours, counts, strict=True):
        copies = np.repeat(np.arange(N), count)
        expected = reference(
            RDMs(models).subsample_pattern("index", copies),
            RDMs(brains).subsample_pattern("index", copies),
            comparator.rsatoolbox,
        )
        np.testing.assert_allclose(sample, expected, atol=1e-10)


@pytest.mark.parametrize("name", INNER)
def test_standardised_rdms_score_by_their_inner_product(name, rdms):
    models, brains = rdms
    comparator = COMPARATORS[name]
    x, y = standardise(models, comparator), standardise(brains, comparator)
    expected = reference(RDMs(models), RDMs(brains), comparator.rsatoolbox)
    np.testing.assert_allclose(np.einsum("mij,sij->ms", x, y), expected, atol=1e-10)


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_ceiling_equals_rsatoolbox(name, rdms):
    _, brains = rdms
    comparator = COMPARATORS[name]
    ours = noise_ceiling(brains, comparator, n_permutations=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = boot_noise_ceiling(RDMs(brains), comparator.rsatoolbox)
    np.testing.assert_allclose([ours.lower, ours.upper], expected, atol=1e-10)
    np.testing.assert_allclose(ceiling_terms(brains, comparator).mean, ours.lower, atol=1e-10)


def test_the_upper_ceiling_of_pure_noise_comes_with_its_null():
    rng = np.random.default_rng(3)
    noise = rng.random((5, 40 * 39 // 2))
    ceiling = noise_ceiling(noise, COMPARATORS["correlation"])
    assert abs(ceiling.lower) < 0.1
    assert ceiling.upper == pytest.approx(0.45, abs=0.02)
    assert ceiling.upper_null == pytest.approx(ceiling.upper, abs=0.02)


@pytest.mark.parametrize("name", [n for n in PRODUCTS if not COMPARATORS[n].whitened])
def test_an_influence_is_the_derivative_by_the_weight_of_a_pair(name):
    """Doubling the weight of one of many pairs moves the score by influence / number of pairs."""
    rng = np.random.default_rng(4)
    n_pairs = 60 * 59 // 2
    x = np.round(rng.random(n_pairs), 1)
    y = np.round(rng.random(n_pairs), 1) + 0.4 * x
    score, influence = next(influences(x[None], y[None], COMPARATORS[name]))
    for pair in range(0, n_pairs, 400):
        twice = np.append(np.arange(n_pairs), [pair] * 10)
        moved = reference(x[twice], y[twice], COMPARATORS[name].rsatoolbox)[0, 0] - score[0]
        expected = 10 * influence[0, pair] / n_pairs
        # Copies are tied with each other, which costs tau-a and rho-a a little more.
        assert moved == pytest.approx(expected, rel=0.03, abs=6e-5)


@pytest.mark.parametrize("name", PRODUCTS)
def test_influences_predict_what_leaving_out_a_stimulus_does(name, rdms):
    models, brains = rdms
    comparator = COMPARATORS[name]
    without = resampled_products(models[1:2], brains, 1 - np.eye(N), comparator).scores()[:, 0]
    score, influence = next(influences(models[1:2], brains, comparator))
    rows, columns = np.triu_indices(N, 1)
    predicted = np.array(
        [-influence[:, (rows == i) | (columns == i)].sum(axis=1) for i in range(N)]
    )
    moved = (without - score).ravel()
    assert np.corrcoef(moved, predicted.ravel())[0, 1] > 0.98


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMPARATORS)
def test_every_comparator_is_highest_for_identical_rdms_and_stays_in_its_range(name):
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3, 10, 12))
    rdms = np.stack([((a[:, None] - a[None]) ** 2).sum(-1)[np.triu_indices(10, 1)] for a in x])
    comparator = COMPARATORS[name]
    scores = score_rdms(rdms, rdms, comparator)
    off = scores[~np.eye(3, dtype=bool)]
    assert np.diag(scores) == pytest.approx(comparator.high, abs=1e-3)
    assert (off < comparator.high - 0.01).all()
    assert (scores >= comparator.low - 1e-12).all()


def test_every_method_of_rsatoolbox_is_a_comparator():
    methods = {
        *("cosine", "spearman", "corr", "kendall", "tau-b", "tau-a", "rho-a", "corr_cov"),
        *("cosine_cov", "neg_riem_dist", "bures", "bures_metric"),
    }
    for method in methods:
        assert method in (find_comparator(method).rsatoolbox, "kendall")


@pytest.mark.parametrize(("subjects", "upper"), [(2, 0.70), (5, 0.45), (20, 0.22)])
def test_the_upper_ceiling_of_noise_is_what_its_null_says(subjects, upper):
    noise = np.random.default_rng(3).random((subjects, 40 * 39 // 2))
    ceiling = noise_ceiling(noise, COMPARATORS["correlation"], 30)
    assert ceiling.upper == pytest.approx(upper, abs=0.03)
    assert ceiling.upper_null == pytest.approx(ceiling.upper, abs=0.02)
    assert ceiling.lower_null == 0


def test_the_lower_ceiling_of_noise_by_a_comparator_that_does_not_centre_comes_with_its_null():
    noise = np.random.default_rng(3).random((5, 40 * 39 // 2))
    ceiling = noise_ceiling(noise, COMPARATORS["cosine"], 30)
    assert ceiling.lower > 0.8
    assert ceiling.lower_null == pytest.approx(ceiling.lower, abs=0.01)


def test_names_of_rsatoolbox_are_known_and_others_are_answered_with_the_nearest():
    assert find_comparator("corr") is COMPARATORS["correlation"]
    with pytest.raises(UnknownNameError, match="did you mean 'spearman'"):
        find_comparator("spearmann")


@pytest.mark.filterwarnings("ignore")
def test_comparators_of_matrices_score_as_rsatoolbox_and_have_influences():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(3, 9, 12))
    rdms = np.stack([((a[:, None] - a[None]) ** 2).sum(-1)[np.triu_indices(9, 1)] for a in x])
    for name in ("bures", "bures_distance", "riemann"):
        comparator = COMPARATORS[name]
        expected = comparator.sign * reference(
            RDMs(rdms[:1]), RDMs(rdms[1:]), comparator.rsatoolbox
        )
        score, influence = next(influences(rdms[:1], rdms[1:], comparator))
        np.testing.assert_allclose(score[None], expected)
        np.testing.assert_allclose(influence.mean(axis=1), 0, atol=1e-10)


@pytest.mark.parametrize("name", ["spearman", "whitened_correlation"])
def test_influences_by_leaving_out_agree_with_the_derivative(name, rdms):
    from reprcompare.geometry.influence import _jackknife

    models, brains = rdms
    comparator = COMPARATORS[name]
    _, derivative = next(influences(models[1:2], brains, comparator))
    _, left_out = _jackknife(models[1], brains, comparator)
    rows, columns = np.triu_indices(N, 1)
    for one, other in zip(derivative, left_out, strict=True):
        sums = [np.bincount(rows, z, N) + np.bincount(columns, z, N) for z in (one, other)]
        assert np.polyfit(*sums, 1)[0] == pytest.approx(1, abs=0.25)

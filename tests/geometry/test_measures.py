"""Measures of patterns: closed forms, brute force, invariances, noise."""

from itertools import permutations

import numpy as np
import pytest
from scipy.linalg import inv, sqrtm
from scipy.spatial import procrustes as scipy_procrustes

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry import (
    MEASURES_OF_PATTERNS,
    cka,
    compare_patterns,
    linear_predictivity,
    procrustes,
    pwcca,
    svcca,
)
from reprcompare.geometry.measures import unbiased_hsic
from reprcompare.recording import build_recording


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_unbiased_hsic_equals_the_mean_over_all_different_stimuli(rng):
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 4))
    k, g = x @ x.T, y @ y.T
    quads = list(permutations(range(6), 4))
    expected = np.mean([k[i, j] * (g[i, j] + g[q, r] - 2 * g[i, q]) for i, j, q, r in quads])
    assert unbiased_hsic(k, g) == pytest.approx(expected)


def test_cka_of_noise_is_zero_in_any_dimension(rng):
    values = [cka(rng.normal(size=(30, 500)), rng.normal(size=(30, 700))) for _ in range(60)]
    assert abs(np.mean(values)) < 0.01


def test_the_shape_distance_equals_scipy(rng):
    x, y = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    _, _, disparity = scipy_procrustes(x, y)
    assert np.cos(procrustes(x, y)) ** 2 == pytest.approx(1 - disparity)
    wide = np.hstack([y, np.zeros((12, 40))])
    assert procrustes(x, wide) == pytest.approx(procrustes(x, y))


def test_svcca_with_all_components_is_the_textbook_canonical_correlation(rng):
    x = rng.normal(size=(60, 3))
    y = x @ rng.normal(size=(3, 4)) + rng.normal(size=(60, 4))
    x0, y0 = x - x.mean(axis=0), y - y.mean(axis=0)
    whitened = inv(sqrtm(x0.T @ x0)) @ x0.T @ y0 @ inv(sqrtm(y0.T @ y0))
    expected = np.linalg.svd(whitened, compute_uv=False)
    assert svcca(x, y, variance=1.0) == pytest.approx(expected.mean())
    assert expected.min() <= pwcca(x, y, variance=1.0) <= expected.max()


def test_canonical_correlations_that_are_trivially_one_are_refused(rng):
    with pytest.raises(NotIdentifiableError, match="would all be 1"):
        svcca(rng.normal(size=(10, 50)), rng.normal(size=(10, 50)), variance=1.0)


def test_linear_predictivity_of_noise_is_not_positive_and_of_a_map_is_one(rng):
    x = rng.normal(size=(80, 10))
    assert linear_predictivity(x, rng.normal(size=(80, 30))) < 0.02
    assert linear_predictivity(x, x @ rng.normal(size=(10, 30)) + 5) > 0.999
    half = x @ rng.normal(size=(10, 200))
    noisy = half + rng.normal(size=half.shape) * half.std(axis=0)
    assert linear_predictivity(x, noisy) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("name", ["cka", "procrustes"])
def test_rotation_and_scaling_change_nothing(name, rng):
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 6))
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    compute = MEASURES_OF_PATTERNS[name].compute
    assert compute(3 * x @ rotation + 1, y) == pytest.approx(compute(x, y))


@pytest.mark.parametrize("name", MEASURES_OF_PATTERNS)
def test_identical_patterns_have_the_value_that_is_promised(name, rng):
    x = rng.normal(size=(40, 6))
    measure = MEASURES_OF_PATTERNS[name]
    assert measure.compute(x, x) == pytest.approx(measure.identical, abs=1e-5)


def test_recordings_are_joined_by_stimulus(rng):
    ids = [f"s{k}" for k in range(20)]
    x = rng.normal(size=(20, 4))
    one = build_recording(x, stimulus_id=ids, region="a", subject="n")
    turned = build_recording(x[::-1], stimulus_id=ids[::-1], region="b", subject="n")
    table = compare_patterns(one, turned, ("cka",))
    assert table.value[0] == pytest.approx(1)
    assert table.n_stimuli[0] == 20
    with pytest.raises(InvalidInputError, match="did you mean 'cka'"):
        compare_patterns(one, turned, ("ckaa",))

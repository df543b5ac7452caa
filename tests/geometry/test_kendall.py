"""Kendall's concordance against its definition, element by element and in resamples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from reprcompare.geometry import COMPARATORS, resampled_kendall, resampled_products
from reprcompare.geometry.kendall import concordance
from reprcompare.geometry.resampled_kendall import resampled_concordance


def signs(x):
    return np.sign(x[..., :, None] - x[..., None, :])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from([2, 5, 10_000]))
def test_concordance_equals_its_definition_with_and_without_ties(seed, n, levels):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, levels, (2, n))
    np.testing.assert_array_equal(concordance(x, y), (signs(x) * signs(y)).sum(axis=1))


@pytest.mark.parametrize("width", [4, 16, 128])
@pytest.mark.parametrize("n", [5, 40, 150])
def test_resampled_concordance_equals_its_definition(width, n, monkeypatch):
    monkeypatch.setattr(resampled_kendall, "X_WIDTH", width)
    monkeypatch.setattr(resampled_kendall, "Y_WIDTH", width + 3)
    monkeypatch.setattr(resampled_kendall, "ROWS", 5)
    monkeypatch.setattr(resampled_kendall, "DRAWS_AT_ONCE", 5)
    rng = np.random.default_rng(n)
    xs = np.stack([rng.random(n), rng.integers(0, 2, n), rng.integers(0, 12, n)])
    ys = np.stack([rng.random(n), rng.integers(0, 3, n)])
    weights = rng.integers(0, 4, (7, n))
    expected = np.einsum(
        "bp,bq,mpq,spq->bms", weights, weights, signs(xs), signs(ys), optimize=True
    )
    np.testing.assert_array_equal(resampled_concordance(xs, ys, weights), expected)
    used = rng.random((7, 2)) < 0.6
    some = resampled_concordance(xs, ys, weights, used)
    np.testing.assert_array_equal(some, np.where(used[:, None], expected, 0))


@pytest.mark.parametrize(("name", "variant"), [("tau-b", "b")])
def test_many_resamples_equal_scipy_on_repeated_elements(name, variant):
    n = 12
    rng = np.random.default_rng(0)
    models, brains = np.round(rng.random((2, 2, n * (n - 1) // 2)), 1)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=20)
    ours = resampled_products(models, brains, counts, COMPARATORS[name]).scores()
    rows, columns = np.triu_indices(n, 1)
    for sample, m in zip(ours, counts, strict=True):
        w = m[rows] * m[columns]
        expected = [
            [
                kendalltau(np.repeat(x, w), np.repeat(y, w), variant=variant).statistic
                for y in brains
            ]
            for x in models
        ]
        np.testing.assert_allclose(sample, expected, atol=1e-12)

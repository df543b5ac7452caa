import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from reprcompare.audit import basis_of, gram_of_rdm, share_of_activity, share_of_gram


def crossed(n_features=2, n_per_cell=64):
    rows = list(itertools.product([0, 1], repeat=n_features)) * n_per_cell
    return pd.DataFrame(rows, columns=[f"f{i}" for i in range(n_features)])


def brute_force(patterns, column):
    """One regression per neuroid, written out, pooled by variance, adjusted for chance."""
    design = np.column_stack([np.ones(len(column)), pd.get_dummies(column).to_numpy(float)[:, 1:]])
    residual = total = 0.0
    for y in patterns.T:
        beta = np.linalg.lstsq(design, y, rcond=None)[0]
        residual += ((y - design @ beta) ** 2).sum()
        total += ((y - y.mean()) ** 2).sum()
    n, k = design.shape
    return 1 - (residual / (n - k)) / (total / (n - 1))


@pytest.mark.parametrize("weights", [(1.0, 0.5, 0.2), (0.3, 2.0, 1.0), (1.0, 1.0, 0.0)])
def test_constructed_activity_has_the_closed_form_share(weights):
    """x = a f0 u + b f1 v + noise: shares are a^2/4, b^2/4 and the noise's variance, normed."""
    table, rng = crossed(n_per_cell=512), np.random.default_rng(1)
    a, b, noise = weights
    u, v = rng.standard_normal((2, 50))
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    patterns = (
        a * table.f0.to_numpy()[:, None] * u
        + b * table.f1.to_numpy()[:, None] * v
        + noise / np.sqrt(50) * rng.standard_normal((len(table), 50))
    )
    total = a**2 / 4 + b**2 / 4 + noise**2
    for name, weight in (("f0", a), ("f1", b)):
        share = share_of_activity(patterns, basis_of(table[[name]]))
        assert share.estimate == pytest.approx(weight**2 / 4 / total, abs=0.01)


def test_a_feature_of_many_levels_equals_one_regression_per_neuroid():
    rng = np.random.default_rng(2)
    column = pd.Series(rng.choice(list("abcd"), 60))
    patterns = rng.standard_normal((60, 9)) * np.arange(1, 10) + (column == "b").to_numpy()[:, None]
    share = share_of_activity(patterns, basis_of(column.to_frame("x")))
    assert share.estimate == pytest.approx(brute_force(patterns, column), abs=1e-12)


def test_an_unrelated_feature_has_share_zero_on_average():
    rng = np.random.default_rng(3)
    shares = [
        share_of_activity(
            rng.standard_normal((20, 5)),
            basis_of(pd.DataFrame({"x": rng.permutation(list("abcde") * 4)})),
        ).estimate
        for _ in range(2000)
    ]
    assert abs(np.mean(shares)) < 4 * np.std(shares) / np.sqrt(2000)
    assert min(shares) < 0


def test_leaving_out_by_formula_equals_leaving_out():
    rng = np.random.default_rng(4)
    column = pd.Series(rng.choice(list("abc"), 25))
    patterns = rng.standard_normal((25, 4)) + (column == "a").to_numpy()[:, None]
    without = np.array(
        [brute_force(np.delete(patterns, i, axis=0), column.drop(i)) for i in range(25)]
    )
    error = np.sqrt(24 / 25 * ((without - without.mean()) ** 2).sum())
    share = share_of_activity(patterns, basis_of(column.to_frame("x")))
    assert share.high - share.estimate == pytest.approx(2.0639 * error, rel=1e-4)


def test_intervals_cover_the_population_share():
    """Random stimuli: x = f u + noise, population share 1/4 / (1/4 + 1/4) = 0.5."""
    rng, covered = np.random.default_rng(5), 0
    for _ in range(400):
        f = rng.integers(0, 2, 100)
        patterns = np.outer(f, np.ones(8)) + 0.5 * rng.standard_normal((100, 8))
        share = share_of_activity(patterns, basis_of(pd.DataFrame({"f": f})))
        covered += share.low <= 0.5 <= share.high
    assert 0.92 <= covered / 400 <= 0.98


def test_reliable_share_is_free_of_noise():
    """Two features of equal strength; trial noise ten times the signal; ten repetitions."""
    table, rng = crossed(n_per_cell=100), np.random.default_rng(6)
    u, v = np.linalg.qr(rng.standard_normal((200, 2)))[0].T
    signal = table.f0.to_numpy()[:, None] * u + np.sqrt(3) * table.f1.to_numpy()[:, None] * v
    trials = signal + np.sqrt(10 / 200) * rng.standard_normal((10, *signal.shape))
    reliable = share_of_activity(trials, basis_of(table[["f1"]])).estimate
    averaged = share_of_activity(trials.mean(axis=0), basis_of(table[["f1"]])).estimate
    assert reliable == pytest.approx(0.75, abs=0.02)
    assert averaged < 0.45


def test_rdms_and_activity_have_one_share():
    rng = np.random.default_rng(7)
    table = crossed(n_per_cell=8)
    patterns = rng.standard_normal((32, 6)) + table.f0.to_numpy()[:, None]
    basis = basis_of(table[["f0"]])
    rdm = squareform(pdist(patterns, "sqeuclidean"))
    from_rdm, direct = share_of_gram(gram_of_rdm(rdm), basis), share_of_activity(patterns, basis)
    assert from_rdm.estimate == pytest.approx(direct.estimate, abs=1e-12)
    assert from_rdm.low == pytest.approx(direct.low, abs=1e-10)
    centred = np.eye(32) - 1 / 32
    y, gram = centred @ table.f0.to_numpy(), centred @ (-0.5 * rdm) @ centred
    raw = (y @ gram @ y) / (y @ y * np.trace(gram))
    assert from_rdm.estimate == pytest.approx(1 - (1 - raw) * 31 / 30, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 100))
def test_share_does_not_change_with_rotation_scale_or_order(seed, scale):
    rng = np.random.default_rng(seed)
    column = pd.DataFrame({"x": rng.permutation(list("aabbcc") * 3)})
    patterns = rng.standard_normal((18, 5))
    rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    order = rng.permutation(18)
    one = share_of_activity(patterns, basis_of(column)).estimate
    other = share_of_activity(
        scale * (patterns @ rotation)[order] + 3, basis_of(column.iloc[order])
    ).estimate
    assert other == pytest.approx(one, abs=1e-9)


def test_main_effect_shares_of_independent_features_add_up():
    table, rng = crossed(3, 16), np.random.default_rng(8)
    patterns = table.to_numpy() @ rng.standard_normal((3, 7))
    single = sum(share_of_activity(patterns, basis_of(table[[n]])).estimate for n in table)
    # Each is adjusted for its own chance level, so the sum differs from 1 by about 3 / n.
    assert single == pytest.approx(1, abs=0.02)
    assert share_of_activity(patterns, basis_of(table)).estimate == pytest.approx(1)


def test_too_few_stimuli_give_nan_not_a_number():
    share = share_of_activity(np.eye(3), basis_of(pd.DataFrame({"x": ["a", "b", "c"]})))
    assert np.isnan(share.estimate)

"""How far labels account for a region: fractions that are known, and noise that counts for none."""

import numpy as np
import pandas as pd
import pytest

from reprcompare.audit import ACCOUNTED, IN_FORM, accounted

N = 256


def crossed(n_features, n=N):
    bits = (np.arange(n)[:, None] >> np.arange(n_features)) & 1
    return pd.DataFrame(bits, columns=list("abcdefghij")[:n_features])


def mixed(rng, *parts):
    """Signals of given variances along directions of their own."""
    axes = np.linalg.qr(rng.normal(size=(20, len(parts))))[0].T
    return sum(np.outer(values, axis) for values, axis in zip(parts, axes, strict=True))


def test_fractions_are_those_that_were_built_in():
    rng, labels = np.random.default_rng(0), crossed(4)
    a, b, c, _ = (2.0 * labels.to_numpy() - 1).T
    unlisted = rng.normal(size=N)
    unlisted *= np.sqrt(N) / np.linalg.norm(unlisted)
    found = accounted(mixed(rng, 2 * a, a * b, b * c, unlisted)[None], labels)
    # Variances 4, 1, 1 and 1.
    assert found.main == pytest.approx(4 / 7, abs=0.02)
    assert found.combinations == pytest.approx(2 / 7, abs=0.03)
    assert found.of_rest == pytest.approx(2 / 3, abs=0.05)
    assert found.in_form == pytest.approx(2 / 3, abs=0.03)


def test_trial_noise_is_no_part_of_what_is_left():
    rng, labels = np.random.default_rng(1), crossed(3)
    a, b, _ = (2.0 * labels.to_numpy() - 1).T
    clean = mixed(rng, a, a * b)
    noisy = clean + rng.normal(scale=0.5, size=(6, *clean.shape))
    found = accounted(noisy, labels)
    assert found.main == pytest.approx(0.5, abs=0.05)
    assert found.of_rest == pytest.approx(1, abs=0.15)


def test_noise_is_not_accounted_for():
    labels = crossed(4)
    draws = [
        accounted(np.random.default_rng(seed).normal(size=(1, N, 20)), labels) for seed in range(20)
    ]
    assert max(found.of_rest for found in draws) < ACCOUNTED


def test_distractors_among_the_labels_cost_little():
    rng, labels = np.random.default_rng(2), crossed(3)
    a, b, _ = (2.0 * labels.to_numpy() - 1).T
    more = labels.assign(**{f"d{k}": rng.integers(0, 2, N) for k in range(6)})
    patterns = mixed(rng, a, a * b)[None]
    assert accounted(patterns, more).of_rest > 0.5


def test_a_list_without_an_input_and_one_in_another_form_are_told_from_a_complete_one():
    rng, labels = np.random.default_rng(3), crossed(3)
    a, b, c = (2.0 * labels.to_numpy() - 1).T
    patterns = mixed(rng, a, b, 2 * c, a * b)[None]
    complete = accounted(patterns, labels)
    assert complete.of_rest > 0.9
    assert complete.in_form > IN_FORM
    assert accounted(patterns, labels[["a"]]).of_rest < ACCOUNTED
    other = labels.assign(b=labels["b"] ^ labels["a"], c=labels["c"] ^ labels["a"])
    assert accounted(patterns, other).in_form < IN_FORM


def test_combinations_of_numbers_cannot_be_seen():
    rng = np.random.default_rng(4)
    labels = crossed(1).assign(size=rng.normal(size=N))
    found = accounted(rng.normal(size=(1, N, 5)), labels)
    assert np.isnan(found.combinations)
    assert not found.of_rest < ACCOUNTED


def test_silent_regions_have_no_fractions():
    assert np.isnan(accounted(np.ones((1, N, 5)), crossed(2)).main)

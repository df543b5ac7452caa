"""Exemplar variation and trial noise, kept apart."""

import numpy as np
import pytest
from rsatoolbox.data.noise import cov_from_residuals

from reprcompare.errors import NotIdentifiableError
from reprcompare.geometry import noise_covariances, shrunk_covariance, whitened_gram

NONE = np.empty((400, 0))


def test_shrinkage_is_that_of_ledoit_and_wolf():
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(60, 12)) @ rng.normal(size=(12, 12))
    residuals -= residuals.mean(axis=0)
    expected = cov_from_residuals(residuals, dof=55, method="shrinkage_eye")
    np.testing.assert_allclose(shrunk_covariance(residuals, 55), expected)


def test_trial_noise_does_not_enter_the_exemplar_covariance():
    rng = np.random.default_rng(1)
    exemplars = rng.normal(size=(400, 3)) * [1, 2, 3]
    trials = exemplars + 2 * rng.normal(size=(6, 400, 3)) * [1, 0.1, 0.1]
    found = noise_covariances(trials, NONE)
    np.testing.assert_allclose(np.diag(found.exemplar), [1, 4, 9], rtol=0.35)
    np.testing.assert_allclose(np.diag(found.trial), [4, 0.04, 0.04], rtol=0.3, atol=0.1)


def test_what_features_explain_is_no_noise():
    rng = np.random.default_rng(2)
    feature = np.linalg.qr(rng.normal(size=(400, 1)) - 0.0)[0]
    feature -= feature.mean()
    feature /= np.linalg.norm(feature)
    patterns = (100 * feature + rng.normal(size=(400, 1)))[None]
    assert noise_covariances(patterns, feature).exemplar[0, 0] == pytest.approx(1, rel=0.2)


def test_whitening_undoes_an_invertible_transformation():
    rng = np.random.default_rng(3)
    patterns = rng.normal(size=(1, 400, 5))
    mixed = patterns @ (np.diag([1, 2, 3, 4, 5.0]) @ np.linalg.qr(rng.normal(size=(5, 5)))[0])
    first, second = whitened_gram(patterns, NONE), whitened_gram(mixed, NONE)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.99


def test_more_neuroids_than_stimuli_are_projected_without_loss():
    rng = np.random.default_rng(4)
    small = rng.normal(size=(1, 400, 5))
    large = small @ np.linalg.qr(rng.normal(size=(450, 5)))[0].T
    np.testing.assert_allclose(
        whitened_gram(small, NONE), whitened_gram(large, NONE), rtol=0.05, atol=0.05
    )


def test_silent_regions_are_uninformative():
    with pytest.raises(NotIdentifiableError, match="uninformative"):
        whitened_gram(np.ones((1, 400, 3)), NONE)

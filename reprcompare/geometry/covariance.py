"""Two kinds of noise around what features do to activity, kept apart, and whitening by one of them.

Stimuli with the same features still differ from each other: that is exemplar variation, which a
deterministic network has too. A brain also answers the same stimulus differently from trial to
trial. Whitening a network by the first and a brain by the sum of both would compare them on
different scales.
"""

from dataclasses import dataclass

import numpy as np

from reprcompare.errors import NotIdentifiableError, UninformativeError

FLOOR = 0.01
"""Least variance in any direction, as a fraction of the mean variance of the activity."""


@dataclass(frozen=True)
class Covariances:
    """Covariances of neuroids, each shape (n_neuroids, n_neuroids).

    Attributes
    ----------
    exemplar
        Between stimuli of the same features, trial noise taken off.
    trial
        Between trials of the same stimulus, of a single trial; None without repetitions.
    """

    exemplar: np.ndarray
    trial: np.ndarray | None


def noise_covariances(patterns: np.ndarray, features: np.ndarray) -> Covariances:
    """Tell variation between exemplars from variation between trials.

    Parameters
    ----------
    patterns : array, shape (n_repetitions, n_stimuli, n_neuroids)
    features : array, shape (n_stimuli, rank)
        Orthonormal columns of mean 0 that hold what the features explain.

    Returns
    -------
    Covariances
        Each shrunk towards a multiple of the identity. The exemplar covariance is that of stimulus
        means around the features, less the trial covariance over the number of repetitions; it may
        have negative eigenvalues, which `whitened_gram` lifts.

    Raises
    ------
    NotIdentifiableError
        If the features leave no degrees of freedom.
    """
    n_repetitions, n_stimuli, _ = patterns.shape
    freedom = n_stimuli - 1 - features.shape[1]
    if freedom < 1:
        raise NotIdentifiableError(
            f"not identifiable: {n_stimuli} stimuli leave nothing around the effects of features "
            f"with {features.shape[1]} columns; use more stimuli or fewer features."
        )
    means = patterns.mean(axis=0)
    centred = means - means.mean(axis=0)
    residual = centred - features @ (features.T @ centred)
    between = shrunk_covariance(residual, freedom)
    if n_repetitions == 1:
        return Covariances(between, None)
    within = (patterns - means).reshape(-1, patterns.shape[2])
    trial = shrunk_covariance(within, n_stimuli * (n_repetitions - 1))
    return Covariances(between - trial / n_repetitions, trial)


def shrunk_covariance(residuals: np.ndarray, freedom: int) -> np.ndarray:
    """Estimate a covariance, drawn towards a multiple of the identity.

    Unlike a target that depends on the axes, this one lets results be the same for patterns that
    are rotated or projected on their components.

    Parameters
    ----------
    residuals : array, shape (n, p)
        Of mean 0.
    freedom
        Degrees of freedom that the residuals have left.

    Returns
    -------
    numpy.ndarray, shape (p, p)
        In squared units of the residuals.

    References
    ----------
    Ledoit & Wolf (2004), Journal of Multivariate Analysis 88.
    """
    n, p = residuals.shape
    sample = residuals.T @ residuals / n
    mean = np.trace(sample) / p
    spread = np.square(sample).sum() - p * mean**2
    noise = (np.square(np.square(residuals).sum(axis=1)).mean() - np.square(sample).sum()) / n
    weight = min(noise / spread, 1.0) if spread > 0 else 0.0
    return (weight * mean * np.eye(p) + (1 - weight) * sample) * n / freedom


def whitened_gram(patterns: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Inner products of stimuli after whitening by the variation between exemplars.

    Parameters
    ----------
    patterns : array, shape (n_repetitions, n_stimuli, n_neuroids)
        With more neuroids than stimuli, they are first projected on the components of the stimulus
        means, of which there are fewer.
    features : array, shape (n_stimuli, rank)
        As for `noise_covariances`; no columns for whitening by the total covariance.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, n_stimuli)
        Summed over neuroids, so that squared distances are squared Mahalanobis distances.
    """
    reduced = _reduced(patterns)
    means = reduced.mean(axis=0)
    centred = means - means.mean(axis=0)
    noise = noise_covariances(reduced, features)
    values, vectors = np.linalg.eigh(noise.exemplar)
    floor = FLOOR * np.square(centred).mean()
    if noise.trial is not None:
        # Below the trial noise that is left in the means nothing is known of the variation between
        # exemplars, and dividing by it would blow up noise.
        floor = max(floor, np.trace(noise.trial) / len(noise.trial) / len(reduced))
    white = centred @ vectors / np.sqrt(np.maximum(values, floor))
    return white @ white.T


def _reduced(patterns: np.ndarray) -> np.ndarray:
    """Leave out neuroids that do not vary, and project many neuroids on fewer components."""
    means = patterns.mean(axis=0)
    varies = np.ptp(means, axis=0) > 0
    if not varies.any():
        raise UninformativeError("uninformative: no neuroid varies over stimuli.")
    kept, means = patterns[..., varies], means[:, varies]
    if means.shape[1] < len(means):
        return kept
    values, vectors = np.linalg.eigh((means - means.mean(axis=0)) @ (means - means.mean(axis=0)).T)
    positive = values > 1e-10 * values[-1]
    axes = (means - means.mean(axis=0)).T @ vectors[:, positive] / np.sqrt(values[positive])
    return kept @ axes

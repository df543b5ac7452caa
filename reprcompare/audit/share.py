"""Share: the fraction of a region's variance that a feature explains.

Every neuroid's activity is regressed on the feature (one-hot for levels), and the variance
explained is pooled over neuroids, weighted by their variance (Lampinen, Chan & Hermann 2024, arXiv
2405.05847). Regression on k - 1 columns explains (k - 1) / (n - 1) of unrelated activity by chance;
that is taken off, as in the adjusted coefficient of determination, so that the expectation for an
unrelated feature is 0 and estimates may be negative.

The estimate needs no more than the squared length of every stimulus's residual, so activity,
repeated measurements and RDMs go through one formula.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reprcompare.audit.design import Basis


@dataclass(frozen=True)
class Share:
    """A share with its interval.

    Attributes
    ----------
    estimate
        Fraction of variance; 0 is expected for an unrelated feature.
    low, high
        95 % interval over stimuli (jackknife), NaN where it is not defined.
    """

    estimate: float
    low: float
    high: float


NOTHING = Share(np.nan, np.nan, np.nan)


def row_products(patterns: np.ndarray) -> np.ndarray:
    """Return each stimulus's squared length, free of measurement noise if it was repeated.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids) or (n_repetitions, n_stimuli, n_neuroids)
        With repetitions, only products between different ones count: their noise is independent,
        so that what is left is reliable variance.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli,)
    """
    if patterns.ndim == 2:
        return np.einsum("ij,ij->i", patterns, patterns)
    n = len(patterns)
    total = patterns.sum(axis=0)
    own = np.einsum("rij,rij->i", patterns, patterns)
    return (np.einsum("ij,ij->i", total, total) - own) / (n * (n - 1))


def share_of_activity(patterns: np.ndarray, basis: Basis) -> Share:
    """Estimate a share from activity.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids) or (n_repetitions, n_stimuli, n_neuroids)
        With repetitions the share is one of reliable variance.
    basis
        Of the feature, over the same stimuli.

    Returns
    -------
    Share

    Examples
    --------
    >>> import pandas as pd
    >>> from reprcompare.audit.design import basis_of
    >>> labels = pd.DataFrame({"animate": [0, 0, 1, 1]})
    >>> share_of_activity(labels.to_numpy() * np.ones((4, 3)), basis_of(labels))
    Share(estimate=1.0, low=1.0, high=1.0)
    """
    centre = patterns.mean(axis=-2, keepdims=True)
    centred = patterns - centre
    explained = np.einsum("ik,...ij->...kj", basis.vectors, centred)
    residual = centred - np.einsum("ik,...kj->...ij", basis.vectors, explained)
    return _share(row_products(residual), row_products(centred), basis)


def share_of_gram(gram: np.ndarray, basis: Basis) -> Share:
    """Estimate a share from a matrix of inner products, such as a double-centred RDM.

    Parameters
    ----------
    gram : array, shape (n_stimuli, n_stimuli)
        Inner products of patterns; the estimate is tr(PK) / tr(K), P the projection on the feature,
        corrected for chance.
    basis
        Of the feature, over the same stimuli.

    Returns
    -------
    Share
    """
    # Both sides of the projection are taken off, so the diagonal holds squared residuals.
    centred = double_centred(gram)
    residual = basis.residual(basis.residual(centred).T)
    return _share(np.diag(residual), np.diag(centred), basis)


def double_centred(gram: np.ndarray) -> np.ndarray:
    """Centre a matrix of inner products on both sides."""
    half = gram - gram.mean(axis=0)
    return half - half.mean(axis=1, keepdims=True)


def gram_of_rdm(dissimilarities: np.ndarray) -> np.ndarray:
    """Turn squared distances into inner products of centred patterns (classical scaling).

    Parameters
    ----------
    dissimilarities : array, shape (n_stimuli, n_stimuli)
        Squared Euclidean distances or what is proportional to them, such as 1 - r.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, n_stimuli)
        In units of the dissimilarities.
    """
    return -0.5 * double_centred(dissimilarities)


def _share(residual: np.ndarray, total: np.ndarray, basis: Basis) -> Share:
    """Compute share and jackknife interval from squared lengths of residuals and patterns.

    Leaving out stimulus i takes e_i^2 / (1 - h_i) off the residual sum of squares, h_i its
    leverage; so it is for products of two repetitions, since residuals are linear in the data.
    """
    n = len(total)
    free = n - 1 - basis.rank
    if free < 1 or total.sum() <= 0:
        return NOTHING
    estimate = _adjusted(residual.sum(), total.sum(), n, basis.rank)
    room = 1 - basis.leverage
    if free < 2 or (room < 1e-10).any():
        return Share(float(estimate), np.nan, np.nan)
    without = _adjusted(
        residual.sum() - residual / room,
        total.sum() - total / (1 - 1 / n),
        n - 1,
        basis.rank,
    )
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    reach = stats.t.ppf(0.975, n - 1) * error
    return Share(float(estimate), float(estimate - reach), float(estimate + reach))


def _adjusted(residual: np.ndarray, total: np.ndarray, n: int, rank: int) -> np.ndarray:
    return 1 - (residual / (n - 1 - rank)) / (total / (n - 1))

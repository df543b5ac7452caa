"""Noise from the presentations themselves: their precision, and products under it in one pass."""

from collections.abc import Iterable

import numpy as np
from rsatoolbox.data.noise import prec_from_residuals

from reprcompare.errors import NotIdentifiableError
from reprcompare.geometry.dissimilarity import product


def residual_precision(patterns: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Estimate the noise precision from presentations around the mean of their stimulus.

    Parameters
    ----------
    patterns : array, shape (n_presentations, n_neuroids)
    stimulus : array of int, shape (n_presentations,)
        Codes 0 ... n_stimuli - 1.

    Returns
    -------
    numpy.ndarray, shape (n_neuroids, n_neuroids)
        Of a single presentation, the covariance shrunk towards its diagonal (Schaefer & Strimmer
        2005, as rsatoolbox does it).

    Raises
    ------
    NotIdentifiableError
        If no stimulus was presented twice, or a neuroid is free of noise.
    """
    freedom = _freedom(stimulus)
    residuals = _around_means(patterns, stimulus)
    alive = _noise(patterns, residuals, freedom) > 0
    precision = np.zeros((len(alive), len(alive)))
    precision[np.ix_(alive, alive)] = prec_from_residuals(
        residuals[:, alive], dof=freedom, method="shrinkage_diag"
    )
    return precision


def residual_products(
    pieces: Iterable[np.ndarray], stimulus: np.ndarray, device: str | None = None
) -> tuple[np.ndarray, int]:
    r"""Multiply all presentations under the noise precision of their residuals, in one pass.

    The precision of `residual_precision` has a row for every neuroid; its products with patterns
    need only the presentations. With patterns X divided by the noise of every neuroid, residuals Z
    and shrinkage :math:`\lambda`, the covariance is
    :math:`\lambda I + (1 - \lambda) Z^T Z / f`, and by Woodbury's identity

    .. math:: X P X^T = \frac{1}{\lambda}\left[X X^T
        - X Z^T \left(\frac{\lambda f}{1 - \lambda} I + Z Z^T\right)^{-1} Z X^T\right],

    where Z is a fixed combination of the rows of X; so X X' is all that is accumulated. The
    shrinkage, too, is a function of Z Z' and of one sum over neuroids.

    Parameters
    ----------
    pieces : iterable of arrays, each of shape (n_presentations, n_neuroids_of_the_piece)
        More neuroids than presentations, together.
    stimulus : array of int, shape (n_presentations,)
        Codes 0 ... n_stimuli - 1.
    device
        A torch device for the products; numpy by default.

    Returns
    -------
    products : array, shape (n_presentations, n_presentations)
    n_neuroids : int

    Raises
    ------
    NotIdentifiableError
        As `residual_precision`.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(6, 9))
    >>> stimulus = np.array([0, 0, 1, 1, 2, 2])
    >>> products, _ = residual_products([x[:, :4], x[:, 4:]], stimulus)
    >>> bool(np.allclose(products, x @ residual_precision(x, stimulus) @ x.T))
    True
    """
    n, freedom = len(stimulus), _freedom(stimulus)
    gram, fourth, n_alive, n_neuroids = np.zeros((n, n)), 0.0, 0, 0
    for piece in pieces:
        residuals = _around_means(piece, stimulus)
        variance = _noise(piece, residuals, freedom)
        alive = variance > 0
        scaled = piece[:, alive] / np.sqrt(variance[alive])
        gram += product(scaled, scaled, device)
        fourth += float((residuals[:, alive] ** 4 / variance[alive] ** 2).sum())
        n_alive += int(alive.sum())
        n_neuroids += piece.shape[1]
    one_sided = _around_means(gram, stimulus)
    noise = _around_means(np.ascontiguousarray(one_sided.T), stimulus)
    shrinkage = _shrinkage(noise, fourth, n_alive, freedom)
    if shrinkage == 1:
        return gram, n_neuroids
    if shrinkage == 0:
        raise NotIdentifiableError(
            f"{n} presentations give the noise covariance of {n_alive} neuroids no shrinkage, so "
            "it cannot be inverted; give precision=, or precision=None for prewhitened activity."
        )
    ridge = shrinkage * freedom / (1 - shrinkage)
    explained = one_sided.T @ np.linalg.solve(noise + ridge * np.eye(n), one_sided)
    return (gram - explained) / shrinkage, n_neuroids


def _shrinkage(noise: np.ndarray, fourth: float, n_neuroids: int, freedom: int) -> float:
    """Intensity of Schaefer & Strimmer from products (n, n) of standardised residuals.

    The squared correlations of all pairs of neuroids add up to the squared products of all pairs of
    presentations; the neuroids with themselves are taken off.
    """
    n = len(noise)
    squared_means = (noise**2).sum() / (n - 1) ** 2 - n_neuroids * (freedom / (n - 1)) ** 2
    means_of_squares = ((np.diag(noise) ** 2).sum() - fourth) / (n - 1)
    variance = n / freedom**2 * (means_of_squares - squared_means)
    return float(np.clip(variance / squared_means, 0, 1)) if squared_means > 0 else 1.0


def _freedom(stimulus: np.ndarray) -> int:
    freedom = len(stimulus) - len(np.unique(stimulus))
    if freedom < 1:
        raise NotIdentifiableError(
            "no stimulus was presented twice, so the noise precision cannot be estimated; give "
            "precision=, an array, or precision=None for prewhitened activity."
        )
    return freedom


def _around_means(values: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Take the mean of its stimulus from every row."""
    order = np.argsort(stimulus, kind="stable")
    codes, first, counts = np.unique(stimulus[order], return_index=True, return_counts=True)
    means = np.add.reduceat(values[order], first, axis=0) / counts[:, None]
    return values - means[np.searchsorted(codes, stimulus)]


def _noise(patterns: np.ndarray, residuals: np.ndarray, freedom: int) -> np.ndarray:
    """Noise variance of every neuroid; zero for those that never change."""
    variance = (residuals**2).sum(axis=0) / freedom
    rounding = (8 * np.finfo(float).eps * np.abs(patterns).max(axis=0)) ** 2
    quiet = variance <= rounding
    changing = quiet & (np.ptp(patterns, axis=0) ** 2 > rounding)
    if changing.any():
        raise NotIdentifiableError(
            f"{int(changing.sum())} of {len(variance)} neuroids tell stimuli apart without any "
            "noise between presentations, so the noise precision is infinite; use another metric, "
            "or give precision=."
        )
    return np.where(quiet, 0.0, variance)

"""Dissimilarities between stimuli from inner products, one pass over the neuroids.

Every measure here is a function of three sums over neuroids: the inner products of the patterns,
their squared lengths and their totals. So a recording is read in pieces that fit in memory, and the
time is that of one matrix product.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reprcompare.errors import InvalidInputError, unknown_name

ROWS = 256
"""Rows of the product that exist at a time, beside the condensed result."""


@dataclass
class Sums:
    """What is accumulated over neuroids, for patterns of n stimuli.

    Attributes
    ----------
    products : array, shape (n * (n - 1) / 2,)
        Inner products of all pairs of patterns, in the order of `numpy.triu_indices`.
    squares, totals : arrays, shape (n,)
        Inner product of every pattern with itself, and sum of its values.
    n_neuroids : int
    """

    products: np.ndarray
    squares: np.ndarray
    totals: np.ndarray
    n_neuroids: int = 0


@dataclass(frozen=True)
class Measure:
    """One measure of dissimilarity.

    Attributes
    ----------
    label
        The name that rsatoolbox stores in `dissimilarity_measure`.
    prepare
        Patterns (n, p) to the two factors (n, p) of the inner product.
    pair
        Row by row: (products, squares i, squares j, totals i, totals j, p) to dissimilarities.
    """

    label: str
    prepare: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    pair: Callable[..., np.ndarray]


def count_stimuli(n_pairs: int) -> int:
    """Return how many stimuli have that many pairs.

    Examples
    --------
    >>> count_stimuli(6)
    4
    """
    return round((1 + np.sqrt(1 + 8 * n_pairs)) / 2)


def row_slice(row: int, n: int) -> slice:
    """Return where the pairs (row, row + 1 ...) lie in the condensed form of an n x n matrix.

    Examples
    --------
    >>> row_slice(1, 4)
    slice(3, 5, None)
    """
    start = row * n - row * (row + 1) // 2
    return slice(start, start + n - row - 1)


def _same(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return patterns, patterns


def _rates(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates drawn towards a prior of 1 with weight 0.1, as in rsatoolbox; and their logarithms."""
    rates = shrink_rates(patterns)
    return rates, np.log(rates)


def shrink_rates(patterns: np.ndarray, prior: float = 1.0, weight: float = 0.1) -> np.ndarray:
    """Draw firing rates (n, p) towards a prior mean, so that their logarithm exists.

    Raises
    ------
    InvalidInputError
        If a rate is negative.
    """
    if np.nanmin(patterns, initial=0.0) < 0:
        raise InvalidInputError(
            f"Poisson dissimilarities need rates >= 0, got {np.nanmin(patterns):.4g}; "
            "use raw rates, or another metric."
        )
    return (patterns + prior * weight) / (1 + weight)


def _binary(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not np.isin(patterns, (0, 1)).all():
        raise InvalidInputError(
            "hamming and jaccard need patterns of 0 and 1; threshold the activity first."
        )
    return patterns, patterns


def _squared(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    return (qi + qj - 2 * g) / p


def _euclidean(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    return np.sqrt(np.maximum(_squared(g, qi, qj, ti, tj, p), 0))


def _cosine(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    return 1 - g / np.sqrt(qi * qj)


def _correlation(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    """Expect the root of the variance, times p, in place of squares; see `_spread`."""
    covariance = g - (ti / p) * tj
    covariance /= qi * qj
    return np.subtract(1, covariance, out=covariance)


def _hamming(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    return (ti + tj - 2 * g) / p


def _jaccard(g: np.ndarray, qi: Any, qj: Any, ti: Any, tj: Any, p: int) -> np.ndarray:
    return 1 - g / (ti + tj - g)


MEASURES: dict[str, Measure] = {
    "correlation": Measure("correlation", _same, _correlation),
    "squared_euclidean": Measure("squared euclidean", _same, _squared),
    "euclidean": Measure("euclidean", _same, _euclidean),
    "cosine": Measure("cosine", _same, _cosine),
    "mahalanobis": Measure("squared mahalanobis", _same, _squared),
    "poisson": Measure("poisson", _rates, _squared),
    "hamming": Measure("hamming", _binary, _hamming),
    "jaccard": Measure("jaccard", _binary, _jaccard),
}


def dissimilarities(
    pieces: Iterable[np.ndarray], metric: str = "correlation", device: str | None = None
) -> np.ndarray:
    """Compute the dissimilarities of all pairs of stimuli from pieces of their patterns.

    Parameters
    ----------
    pieces : iterable of arrays, each of shape (n_stimuli, n_neuroids_of_the_piece)
        The same stimuli in the same order; together they hold every neuroid once.
    metric
        One of ``MEASURES``. Euclidean, Mahalanobis, Poisson and Hamming are means over neuroids, as
        in rsatoolbox; "euclidean" is the root of the mean squared difference. "mahalanobis" expects
        patterns that are whitened already.
    device
        A torch device for the products, such as "cuda"; numpy by default.

    Returns
    -------
    numpy.ndarray of float64, shape (n_stimuli * (n_stimuli - 1) / 2,)
        NaN for pairs with a pattern for which the measure is undefined (a constant one, for the
        correlation).

    Raises
    ------
    UnknownNameError, InvalidInputError
        If there is no such measure, or the activity does not suit it.

    Examples
    --------
    >>> dissimilarities([np.array([[0.0, 1], [1, 0], [0, 1]])])
    array([2., 0., 2.])
    """
    if metric not in MEASURES:
        raise InvalidInputError(unknown_name("dissimilarity", metric, MEASURES))
    measure = MEASURES[metric]
    if metric == "correlation":
        pieces = _near_zero_mean(pieces)
    sums = accumulate((measure.prepare(piece) for piece in pieces), device)
    own, totals = sums.squares, sums.totals
    if metric == "correlation":
        own = _spread(sums)
    n = len(own)
    # A pattern of no length gives 0 / 0, which is the NaN that the NaN policy decides about.
    with np.errstate(invalid="ignore", divide="ignore"):
        for row in range(n - 1):
            where, after = row_slice(row, n), slice(row + 1, None)
            sums.products[where] = measure.pair(
                sums.products[where],
                own[row],
                own[after],
                totals[row],
                totals[after],
                sums.n_neuroids,
            )
    return sums.products


def accumulate(pieces: Iterable[tuple[np.ndarray, np.ndarray]], device: str | None = None) -> Sums:
    """Add up inner products over pieces of patterns.

    Parameters
    ----------
    pieces : iterable of (left, right), arrays of shape (n, p_of_the_piece)
        When the two differ the products are symmetrised.
    device
        A torch device, or None for numpy.

    Returns
    -------
    Sums
    """
    sums: Sums | None = None
    for left, right in pieces:
        n = len(left)
        if sums is None:
            sums = Sums(np.zeros(n * (n - 1) // 2), np.zeros(n), np.zeros(n))
        for start in range(0, n, ROWS):
            rows = slice(start, start + ROWS)
            block = product(left[rows], right[start:], device)
            if left is not right:
                block = (block + product(right[rows], left[start:], device)) / 2
            for offset in range(len(block)):
                sums.products[row_slice(start + offset, n)] += block[offset, offset + 1 :]
        sums.squares += np.einsum("ij,ij->i", left, right)
        sums.totals += left.sum(axis=1)
        sums.n_neuroids += left.shape[1]
    if sums is None or sums.n_neuroids == 0:
        raise InvalidInputError("there are no neuroids to compute dissimilarities from.")
    return sums


def product(left: np.ndarray, right: np.ndarray, device: str | None = None) -> np.ndarray:
    """Inner products of two sets of patterns (n, p), (m, p); on a torch device if one is given."""
    if device is None:
        return left @ right.T
    import torch

    a, b = (torch.as_tensor(x, device=device) for x in (left, right))
    return (a @ b.T).cpu().numpy()


def _near_zero_mean(pieces: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """Shift every pattern by its mean in the first piece.

    The correlation does not change, and products of large means no longer swamp the covariance.
    Patterns that are constant within rounding become exactly zero.
    """
    shift = None
    for piece in pieces:
        if shift is None:
            shift = piece.mean(axis=1, keepdims=True)
        moved = piece - shift
        lengths = np.einsum("ij,ij->i", moved, moved)
        rounding = 4 * np.finfo(float).eps * np.abs(shift[:, 0])
        moved[lengths <= piece.shape[1] * rounding**2] = 0.0
        yield moved


def _spread(sums: Sums) -> np.ndarray:
    """Root of the summed squared deviations of every pattern; NaN for one without variance."""
    variance = sums.squares - sums.totals**2 / sums.n_neuroids
    # After shifting, what is left of a constant pattern is rounding.
    variance[variance <= 1e-13 * sums.squares] = np.nan
    return np.sqrt(variance)

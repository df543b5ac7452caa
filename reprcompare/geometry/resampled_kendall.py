r"""Kendall's concordance in many resamples at once, by matrix products.

The weighted sum over all pairs of elements of sign(x_p - x_q) sign(y_p - y_q) would need n^2
operations a resample, a sort n log n that cannot be shared. Instead the elements are put into bins
by their order in x and in y, equal values always together. Then every pair of elements is one of

1. in different bins of x and of y: only the weights of the bins in a two-way table matter;
2. in the same bin of y: the signs of the few elements of a bin are a small fixed matrix;
3. in the same bin of x but not of y: likewise.

All three are products of fixed matrices with the weights of all resamples. Weights are counts and
sums of weights stay below 2^24, so their single precision is exact; products of two such sums are
taken in double precision.
"""

import numpy as np

WIDTH = 128
"""Elements of a bin; for some thousands of elements this balances the three parts."""
DRAWS_AT_ONCE = 500


def resampled_concordance(xs: np.ndarray, ys: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""Sum concordance over all pairs of elements, weighted by how often both occur.

    Parameters
    ----------
    xs, ys : arrays, shapes (n_x, n), (n_y, n)
    weights : array of counts, shape (n_resamples, n)

    Returns
    -------
    numpy.ndarray, shape (n_resamples, n_x, n_y)
        :math:`\sum_{p,q} w_p w_q\,\mathrm{sign}(x_p - x_q)\,\mathrm{sign}(y_p - y_q)`.

    Examples
    --------
    >>> x, y = np.array([[1.0, 2, 3]]), np.array([[1.0, 3, 2]])
    >>> resampled_concordance(x, y, np.array([[1, 1, 1], [2, 0, 1]])).ravel()
    array([2., 4.])
    """
    weights = np.asarray(weights, dtype=np.float32)
    binned = np.stack([_bins(y) for y in ys])
    result = np.zeros((len(weights), len(xs), len(ys)))
    for start in range(0, len(weights), DRAWS_AT_ONCE):
        piece = slice(start, start + DRAWS_AT_ONCE)
        for s, y in enumerate(ys):
            result[piece, :, s] += _same_y_bin(xs, y, binned[s], weights[piece])
        for m, x in enumerate(xs):
            result[piece, m] += _other_y_bin(x, binned, weights[piece])
    return result


def _same_y_bin(xs: np.ndarray, y: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over pairs in the same bin of one y, with all x: (n_resamples, n_x)."""
    total = np.zeros((len(weights), len(xs)))
    for bin_ in _members(bins):
        signs = _signs(y[bin_])
        if signs.any():
            total += _quadratic(weights[:, bin_], signs * _signs(xs[:, bin_]))
    return total


def _other_y_bin(x: np.ndarray, binned: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over pairs in different bins of y, with one x: (n_resamples, n_y)."""
    members = _members(_bins(x))
    n_y, n_bins = len(binned), int(binned.max()) + 1
    table = np.empty((len(members), len(weights), n_y * n_bins), dtype=np.float32)
    total = np.zeros((len(weights), n_y))
    for k, bin_ in enumerate(members):
        w, columns = weights[:, bin_], binned[:, bin_]
        indicator = np.zeros((len(bin_), n_y, n_bins), dtype=np.float32)
        indicator[np.arange(len(bin_)), np.arange(n_y)[:, None], columns] = 1
        table[k] = w @ indicator.reshape(len(bin_), -1)
        signs = _signs(x[bin_])
        if signs.any():
            total += _quadratic(w, signs * _signs(columns))
    return total + _different_bins(table, n_y, n_bins)


def _quadratic(w: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Return w' A w of every row of w (b, c) and every matrix (k, c, c), as (b, k)."""
    k, c, _ = matrices.shape
    moved = w @ matrices.transpose(1, 0, 2).reshape(c, k * c)
    return np.matmul(moved.reshape(len(w), k, c), w[:, :, None])[:, :, 0]


def _different_bins(table: np.ndarray, n_y: int, n_bins: int) -> np.ndarray:
    """Sum over pairs of cells that differ in both ways; `table` is (bins of x, b, bins of y)."""
    n_x, n_draws, _ = table.shape
    over_y = table.reshape(-1, n_bins) @ _signs(np.arange(n_bins))
    over_both = -_signs(np.arange(n_x)) @ over_y.reshape(n_x, -1)
    total = np.zeros(n_draws * n_y)
    for row, other in zip(table.reshape(n_x, -1), over_both, strict=True):
        products = row.astype(np.float64) * other
        total += products.reshape(-1, n_bins).sum(axis=1)
    return total.reshape(n_draws, n_y)


def _bins(values: np.ndarray) -> np.ndarray:
    """Give every value (n,) its bin: runs of about `WIDTH`; equal values stay in one."""
    dense = np.unique(values, return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(dense)
    bins, filled, number = np.empty(len(sizes), dtype=np.intp), 0, 0
    for k, size in enumerate(sizes):
        if filled and filled + size > WIDTH:
            filled, number = 0, number + 1
        bins[k] = number
        filled += size
    return bins[dense]


def _members(bins: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(bins, kind="stable")
    return np.split(order, np.cumsum(np.bincount(bins))[:-1])


def _signs(values: np.ndarray) -> np.ndarray:
    """Signs of differences, (..., n) to (..., n, n)."""
    return np.sign(values[..., :, None] - values[..., None, :]).astype(np.float32)

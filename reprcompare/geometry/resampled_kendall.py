r"""Kendall's concordance in many resamples at once, by matrix products.

The weighted sum over all pairs of elements of sign(x_p - x_q) sign(y_p - y_q) would need n^2
operations a resample, a sort n log n that cannot be shared. Instead the elements are put into bins
by their order in x and in y, equal values always together. Then every pair of elements is one of

1. in different bins of x and of y: only the weights of the bins in a two-way table matter;
2. in the same bin of y: the signs of the few elements of a bin are a small fixed matrix;
3. in the same bin of x but not of y: likewise.

All three are products of fixed matrices with the weights of all resamples. Bins of x are passed in
rising order, with the weights of what lies below them summed by bin of y, so that the first and the
third are one product. Weights are counts, and sums of weights over a bin with an order in it stay
below 2^12, so that single precision is exact; products of sums over more are taken in double
precision. Subjects go to as many threads as the matrix products may use.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from reprcompare.geometry.kendall import dense_ranks

X_WIDTH, Y_WIDTH = 64, 128
"""Elements of a bin; for some thousands of elements this balances the three parts."""
ROWS = 32
"""Of a matrix of signs that is used above its diagonal only, what is multiplied at a time."""
DRAWS_AT_ONCE = 1000


def resampled_concordance(
    xs: np.ndarray, ys: np.ndarray, weights: np.ndarray, used: np.ndarray | None = None
) -> np.ndarray:
    r"""Sum concordance over all pairs of elements, weighted by how often both occur.

    Parameters
    ----------
    xs, ys : arrays, shapes (n_x, n), (n_y, n)
    weights : array of counts, shape (n_resamples, n)
    used : array of bool, shape (n_resamples, n_y), optional
        Which y are needed in a resample; the others are left at zero. All by default.

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
    ranks_x, ranks_y = (np.stack([dense_ranks(row) for row in rows]) for rows in (xs, ys))
    bins_x = [
        [(members, _order_within(row[members])) for members in _members(_bins(row, X_WIDTH))]
        for row in ranks_x
    ]
    bins_y = [_bins(row, Y_WIDTH) for row in ranks_y]
    result = np.zeros((len(weights), len(xs), len(ys)))
    pools = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    threads = max(pools, default=1)  # not every library of products can be asked
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(weights), DRAWS_AT_ONCE):
            piece = slice(start, start + DRAWS_AT_ONCE)
            counts = np.ascontiguousarray(weights[piece].T, dtype=np.float32)

            def of_subject(s: int, piece: slice = piece, counts: np.ndarray = counts) -> None:
                here = (
                    np.arange(counts.shape[1]) if used is None else np.flatnonzero(used[piece, s])
                )
                w = np.take(counts, here, axis=1)
                total = _same_y_bin(ranks_x, ranks_y[s], bins_y[s], w)
                for m, bins in enumerate(bins_x):
                    total[m] += _other_y_bin(bins, bins_y[s], w)
                result[piece][here, :, s] = total.T

            list(pool.map(of_subject, range(len(ys))))
    return result


def _same_y_bin(xs: np.ndarray, y: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over pairs in the same bin of one y, with all x: (n_x, n_resamples)."""
    total = np.zeros((len(xs), weights.shape[1]))
    for members in _members(bins):
        signs = _order_within(y[members])
        if signs is None:
            continue
        w = weights[members]
        both = (signs * _signs(xs[:, members])).astype(np.float32)
        for start in range(0, len(members), ROWS):
            rows, after = slice(start, start + ROWS), slice(start + ROWS, None)
            both[:, rows, after] *= 2
            part = both[:, rows, start:]
            moved = part.reshape(-1, part.shape[2]) @ w[start:]
            moved = moved.reshape(*part.shape[:2], -1)
            moved *= w[rows]
            total += moved.sum(axis=1)
    return total


def _other_y_bin(
    bins_x: list[tuple[np.ndarray, np.ndarray | None]], bins_y: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Sum over pairs in different bins of y, with one x: (n_resamples,).

    `bins_x` has the elements of every bin of x, and the signs of their differences in x.
    """
    n_bins = int(bins_y.max()) + 1
    order = _signs(np.arange(n_bins)).astype(np.float32)
    below = np.zeros((n_bins, weights.shape[1]), dtype=np.float32)
    total = np.zeros(weights.shape[1])
    for members, signs in bins_x:
        w, own = weights[members], bins_y[members]
        indicator = np.arange(n_bins)[:, None] == own
        if signs is None:
            here = indicator.astype(np.float32) @ w
        else:
            moved = np.concatenate([indicator, signs * _signs(own)]).astype(np.float32) @ w
            here, moved = moved[:n_bins], moved[n_bins:]
            moved *= w
            total += moved.sum(axis=0)
        total += 2 * np.einsum("lb,lb->b", here, order @ below, dtype=np.float64)
        below += here
    return total


def _bins(ranks: np.ndarray, width: int) -> np.ndarray:
    """Give every dense rank (n,) its bin: runs of about `width`; equal values stay in one."""
    sizes = np.bincount(ranks)
    bins, filled, number = np.empty(len(sizes), dtype=np.intp), 0, 0
    for k, size in enumerate(sizes):
        if filled and filled + size > width:
            filled, number = 0, number + 1
        bins[k] = number
        filled += size
    return bins[ranks]


def _members(bins: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(bins, kind="stable")
    return np.split(order, np.cumsum(np.bincount(bins))[:-1])


def _order_within(ranks: np.ndarray) -> np.ndarray | None:
    """Signs of the differences between elements of a bin; None where all are equal."""
    return _signs(ranks) if np.ptp(ranks) else None


def _signs(ranks: np.ndarray) -> np.ndarray:
    """Signs of differences, (..., n) to (..., n, n)."""
    a, b = ranks[..., :, None], ranks[..., None, :]
    return (a > b).view(np.int8) - (a < b).view(np.int8)

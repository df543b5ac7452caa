"""Kendall's rank correlation, element by element, in n log(n)^2 operations."""

import numpy as np


def concordance(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Sum for every element the agreement of its order with all others.

    :math:`c_p = \sum_q \mathrm{sign}(x_p - x_q)\,\mathrm{sign}(y_p - y_q)`, so that tau-a is the
    sum of c over n (n - 1).

    Parameters
    ----------
    x, y : arrays, shape (n,)

    Returns
    -------
    numpy.ndarray of int, shape (n,)

    Examples
    --------
    >>> concordance(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]))
    array([2, 0, 0])
    """
    x, y = dense_ranks(x), dense_ranks(y)
    alone = np.zeros_like(x)
    x_below, _ = _below_above(alone, x)
    y_below, y_above = _below_above(alone, y)
    # Among those with equal x, how many are below and above in y; and the other way round.
    tied_x_below, tied_x_above = _below_above(x, y)
    tied_y_below, _ = _below_above(y, x)
    both_below = _both_below(x, y)
    only_x_below = x_below - both_below - tied_y_below
    only_y_below = y_below - both_below - tied_x_below
    both_above = y_above - only_x_below - tied_x_above
    return both_below + both_above - only_x_below - only_y_below


def dense_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks 0, 1, 2 ... of values (n,), without gaps; equal values share one."""
    return np.unique(values, return_inverse=True)[1].reshape(-1)


def _below_above(group: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count for every element the lower and the higher values within its group."""
    order = np.lexsort((values, group))
    g, v = group[order], values[order]
    changes = np.flatnonzero((g[1:] != g[:-1]) | (v[1:] != v[:-1])) + 1
    first = np.concatenate([[0], changes])
    last = np.concatenate([changes, [len(g)]])
    run = np.repeat(np.arange(len(first)), last - first)
    starts = np.searchsorted(g, g, side="left")
    ends = np.searchsorted(g, g, side="right")
    below, above = np.empty_like(order), np.empty_like(order)
    below[order] = first[run] - starts
    above[order] = ends - last[run]
    return below, above


def _both_below(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Count for every element the others that are lower in x and in y, by merge sort."""
    # Equal x stand in falling order of y, so that none counts for another.
    order = np.lexsort((-y, x))
    n = len(x)
    width = 1 << max(1, int(np.ceil(np.log2(max(n, 2)))))
    keys = np.full(width, n, dtype=np.int64)
    keys[:n] = y[order]
    place = np.arange(width)
    count = np.zeros(width, dtype=np.int64)
    half = 1
    while half < width:
        blocks = keys.reshape(-1, 2 * half)
        left = np.arange(2 * half) < half
        # A right element stands before an equal left one, which it must not count.
        merged = np.argsort(2 * blocks + left, axis=1, kind="stable")
        is_left = left[merged]
        places = np.take_along_axis(place.reshape(-1, 2 * half), merged, axis=1)
        seen = np.cumsum(is_left, axis=1)
        count[places[~is_left]] += seen[~is_left]
        keys = np.take_along_axis(blocks, merged, axis=1).reshape(-1)
        place = places.reshape(-1)
        half *= 2
    result = np.empty(n, dtype=np.int64)
    result[order] = count[:n]
    return result

"""Scores of held-out predictions: r within folds, R2 of fold-centred values, and their intervals.

Each fold is scored by itself, because folds have other means and other models: correlations over
the concatenated folds are biased downwards, since a held-out fold whose mean lies above the rest
is predicted to lie below it.
"""

from collections.abc import Iterator

import numpy as np

from reprcompare.encoding.folds import Folds


def fold_centred(values: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Subtract the mean of every fold.

    Parameters
    ----------
    values : array, shape (n_rows, n_targets)
    outer : array of int, shape (n_rows,)
        Fold of each row.

    Returns
    -------
    numpy.ndarray, shape (n_rows, n_targets)
    """
    result = np.empty(values.shape, dtype=values.dtype)
    for fold in range(int(outer.max()) + 1):
        rows = outer == fold
        result[rows] = values[rows] - values[rows].mean(axis=0)
    return result


def correlation(responses: np.ndarray, predicted: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Correlate responses and predictions within folds, and average over folds.

    Parameters
    ----------
    responses, predicted : arrays, shape (n_rows, n_targets)
        Fold-centred.
    outer : array of int, shape (n_rows,)

    Returns
    -------
    numpy.ndarray, shape (n_targets,)
        A fold whose predictions do not vary counts as 0; NaN where responses do not vary.
    """
    return _mean_correlation(np.ones((1, len(outer))), responses, predicted, outer)[0]


def r_squared(responses: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return 1 - sum of squared errors / sum of squares, of fold-centred values.

    Without any relation it lies below 0, by the variance of the predictions: an error, unlike a
    correlation, is the larger the more is predicted.

    Parameters
    ----------
    responses, predicted : arrays, shape (n_rows, n_targets)
        Fold-centred.

    Returns
    -------
    numpy.ndarray, shape (n_targets,)
        NaN where responses do not vary.
    """
    total = _lengths(responses)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 1 - _lengths(responses - predicted) / total, np.nan)


def split_r_squared(responses: np.ndarray, by_group: np.ndarray) -> np.ndarray:
    r"""Split R2 over groups of predictors by the product measure, (n_groups, n_targets).

    With predictions :math:`\hat y = \sum_g \hat y_g`, group g has
    :math:`\hat y_g' (2 y - \hat y) / y'y`; the parts sum to R2, and a part may be negative.

    Parameters
    ----------
    responses : array, shape (n_rows, n_targets)
        Fold-centred.
    by_group : array, shape (n_groups, n_rows, n_targets)
        Fold-centred.

    References
    ----------
    Dupre la Tour et al. 2022, NeuroImage 264, 119728, equation 17.
    """
    total = _lengths(responses)
    rest = 2 * responses - by_group.sum(axis=0)
    products = np.einsum("grt,rt->gt", by_group, rest, dtype=float, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, products / total, np.nan)


def draws_of_units(folds: Folds, n_draws: int, seed: int = 0) -> np.ndarray:
    """Draw units with replacement.

    Stimuli are drawn within their fold, so that every draw fills every fold; other units, such as
    runs, are drawn over all folds.

    Parameters
    ----------
    folds
        Whose units are drawn.
    n_draws
        Number of draws.
    seed
        Of the draws.

    Returns
    -------
    numpy.ndarray, shape (n_draws, n_rows)
        How often each row counts.
    """
    random = np.random.default_rng(seed)
    fold = np.zeros(folds.unit.max() + 1, dtype=int)
    fold[folds.unit] = folds.outer
    if folds.name != "stimulus":
        fold[:] = 0
    counts = np.zeros((n_draws, len(fold)))
    for number in range(fold.max() + 1):
        mine = np.flatnonzero(fold == number)
        counts[:, mine] = random.multinomial(
            len(mine), np.full(len(mine), 1 / len(mine)), size=n_draws
        )
    return counts[:, folds.unit]


def bootstrap_r(
    draws: np.ndarray, responses: np.ndarray, predicted: np.ndarray, outer: np.ndarray
) -> np.ndarray:
    """Return r of every draw, (n_draws, n_targets); parameters as for `correlation`.

    A fold in which a draw has no two different responses, as happens with rare events, does not
    count in that draw.
    """
    return _mean_correlation(draws, responses, predicted, outer, drawn=True)


def bootstrap_r2(draws: np.ndarray, responses: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return R2 of every draw, about the means of the original folds.

    Parameters
    ----------
    draws : array, shape (n_draws, n_rows)
        Of `draws_of_units`.
    responses, predicted : arrays, shape (n_rows, n_targets)
        Fold-centred.

    Returns
    -------
    numpy.ndarray, shape (n_draws, n_targets)
    """
    weights = draws.astype(responses.dtype)
    total = weights @ np.square(responses)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, 1 - weights @ np.square(responses - predicted) / total, np.nan)


def _mean_correlation(
    draws: np.ndarray,
    responses: np.ndarray,
    predicted: np.ndarray,
    outer: np.ndarray,
    drawn: bool = False,
) -> np.ndarray:
    summed = np.zeros((len(draws), responses.shape[1]))
    share = np.zeros_like(summed)
    for rows in _folds(outer):
        weights = draws[:, rows].astype(responses.dtype)
        y, p = responses[rows], predicted[rows]
        n = weights.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            my, mp = weights @ y / n, weights @ p / n
            cross = weights @ (y * p) / n - my * mp
            vy = weights @ np.square(y) / n - my**2
            vp = weights @ np.square(p) / n - mp**2
            # Float32 leaves a constant with a variance that is tiny, but not 0.
            floor = 1e-10 if responses.dtype == np.float32 else 1e-24
            ly, lp = np.square(y).mean(axis=0), np.square(p).mean(axis=0)
            r = np.clip(cross / np.sqrt(vy * vp), -1, 1)
            r = np.where((vp <= floor * lp) | (lp <= floor * ly), 0.0, r)
            r = np.where(vy > floor * ly, r, np.nan)
        counts = (n > 0) & (np.isfinite(r) | (not drawn))
        summed += np.where(counts, r, 0.0) * n
        share += np.where(counts, n, 0.0)
    with np.errstate(invalid="ignore"):
        return summed / share


def _folds(outer: np.ndarray) -> Iterator[np.ndarray]:
    for fold in range(int(outer.max()) + 1):
        yield np.flatnonzero(outer == fold)


def _lengths(values: np.ndarray) -> np.ndarray:
    return np.einsum("rt,rt->t", values, values, dtype=float)

"""Means over subjects, with what they say about new ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats


def mean_interval(
    values: NDArray[np.float64] | Sequence[float], level: float = 0.95
) -> tuple[float, float, float]:
    """Return a mean with its confidence interval, by Student's t.

    Parameters
    ----------
    values : array, shape (n_units,)
        One number a unit; no missing values.
    level
        Of the interval.

    Returns
    -------
    mean, low, high : float
        The interval is unbounded for one unit, and all are NaN for none.

    Examples
    --------
    >>> [round(x, 3) for x in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    numbers = np.asarray(values, dtype=float)
    if len(numbers) == 0:
        return np.nan, np.nan, np.nan
    mean = float(numbers.mean())
    if len(numbers) == 1:
        return mean, -np.inf, np.inf
    error = numbers.std(ddof=1) / np.sqrt(len(numbers))
    reach = float(stats.t.ppf((1 + level) / 2, len(numbers) - 1) * error)
    return mean, mean - reach, mean + reach


def median_interval(
    values: NDArray[np.float64] | Sequence[float], level: float = 0.95
) -> tuple[float, float, float]:
    """Return a median with its confidence interval, by the order of the values alone.

    The interval lies between two of the values, chosen by the binomial distribution; its coverage
    is at least `level` whatever the distribution is.

    Parameters
    ----------
    values : array, shape (n_units,)
        One number a unit; no missing values.
    level
        Of the interval.

    Returns
    -------
    median, low, high : float
        The interval is unbounded for fewer than 6 units at 95 %, and all are NaN for none.

    Examples
    --------
    >>> median_interval(range(1, 11))
    (5.5, 2.0, 9.0)
    """
    numbers = np.sort(np.asarray(values, dtype=float))
    n = len(numbers)
    if n == 0:
        return np.nan, np.nan, np.nan
    median = float(np.median(numbers))
    # The number of values below the median of the population is binomial (n, 1/2).
    cut = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    if cut == 0:
        return median, -np.inf, np.inf
    return median, float(numbers[cut - 1]), float(numbers[n - cut])


def subject_means(table: pd.DataFrame, columns: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Average what a subject has several of, such as sessions, so that it counts once.

    Parameters
    ----------
    table
        With the column `subject`, one row a subject, session and level of `by`.
    columns
        What is averaged; missing values are left out.
    by
        What is kept apart, such as region and feature.

    Returns
    -------
    pandas.DataFrame
        One row a subject and level of `by`, in order of first appearance.

    Examples
    --------
    >>> table = pd.DataFrame({"subject": ["a", "a", "b"], "region": "IT", "share": [0.2, 0.4, 0.5]})
    >>> subject_means(table, ["share"], ["region"])["share"].round(3).tolist()
    [0.3, 0.5]
    """
    return table.groupby([*by, "subject"], sort=False, as_index=False)[list(columns)].mean()

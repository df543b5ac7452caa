"""Contrasts between groups of different units, such as networks trained in different settings."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def group_contrast(
    groups: Mapping[str, NDArray[np.float64] | Sequence[float]],
    weights: Mapping[str, float],
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return a weighted sum of the means of groups with its confidence interval.

    Variances may differ between groups (Welch 1947, with Satterthwaite's degrees of freedom).

    Parameters
    ----------
    groups
        One number a unit, by the name of the group; no missing values.
    weights
        Of the means, by the name of the group.
    level
        Of the interval.

    Returns
    -------
    estimate, low, high : float
        The interval is unbounded if a group has one unit; all are NaN if one has none.

    Examples
    --------
    >>> found = group_contrast({"a": [1.0, 2.0, 3.0], "b": [4.0, 6.0, 8.0]}, {"b": 1, "a": -1})
    >>> [round(x, 2) for x in found]
    [4.0, -0.16, 8.16]
    """
    values = [np.asarray(groups[name], dtype=float) for name in weights]
    sizes = np.array([len(group) for group in values])
    if (sizes == 0).any():
        return np.nan, np.nan, np.nan
    factors = np.array(list(weights.values()), dtype=float)
    estimate = float(factors @ [group.mean() for group in values])
    if (sizes == 1).any():
        return estimate, -np.inf, np.inf
    parts = np.square(factors) * [group.var(ddof=1) for group in values] / sizes
    total = parts.sum()
    if total == 0:
        return estimate, estimate, estimate
    df = total**2 / (np.square(parts) / (sizes - 1)).sum()
    reach = float(stats.t.ppf((1 + level) / 2, df) * np.sqrt(total))
    return estimate, estimate - reach, estimate + reach

"""Corrections for many tests, over whatever family the caller names."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from statsmodels.stats.multitest import fdrcorrection

from reprcompare.errors import InvalidInputError, UnknownNameError, listing, unknown_name


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values so that the chance of any false positive stays at the level (Holm 1979).

    Parameters
    ----------
    p : array of any shape
        NaN, a test that was not done, stays NaN and does not count.

    Returns
    -------
    array of the same shape
        Adjusted p values, to be compared with the level itself.

    Raises
    ------
    InvalidInputError
        When a value lies outside 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    values = _checked(p)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values.flat[tested])]
    # Written out, because statsmodels collects garbage at every call, which takes 0.1 s.
    steps = values.flat[order] * np.arange(len(order), 0, -1)
    adjusted.flat[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values so that the expected fraction of false discoveries stays at the level.

    Benjamini & Hochberg 1995, for independent or positively dependent tests.

    Parameters
    ----------
    p : array-like
        As for `holm`.

    Returns
    -------
    array of the same shape
        Adjusted p values, to be compared with the level itself.

    Raises
    ------
    InvalidInputError
        When a value lies outside 0 to 1.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.04, 0.04]
    """
    values = _checked(p)
    adjusted = np.full(values.shape, np.nan)
    tested = np.isfinite(values)
    if tested.any():
        adjusted[tested] = fdrcorrection(values[tested])[1]
    return adjusted


def no_correction(p: ArrayLike) -> NDArray[np.float64]:
    """Return the p values as they are, after checking them."""
    return _checked(p)


CORRECTIONS: Final[dict[str, Callable[[ArrayLike], NDArray[np.float64]]]] = {
    "holm": holm,
    "benjamini_hochberg": benjamini_hochberg,
    "none": no_correction,
}
"""Corrections by name."""


def correct(
    table: pd.DataFrame, p: str = "p", *, method: str = "holm", within: list[str] | None = None
) -> pd.DataFrame:
    """Add a column of adjusted p values to a table of tests.

    Parameters
    ----------
    table : pandas.DataFrame
        One test a row, for example region x feature x comparator.
    p : str
        Column of p values.
    method : {"holm", "benjamini_hochberg", "none"}
    within : list of str, optional
        Columns that separate families; without it the whole table is one family, which is
        the honest choice unless the families answer separate questions.

    Returns
    -------
    pandas.DataFrame
        A copy with the column `<p>_<method>`.

    Raises
    ------
    UnknownNameError
        When the method or a column does not exist.
    """
    if method not in CORRECTIONS:
        raise UnknownNameError(unknown_name("correction", method, CORRECTIONS))
    for name in [p, *(within or [])]:
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    values = table[p].to_numpy(dtype=np.float64)
    adjusted = np.full(len(table), np.nan)
    families = table.groupby(within, dropna=False).indices.values() if within else [slice(None)]
    for rows in families:
        adjusted[rows] = CORRECTIONS[method](values[rows])
    return table.assign(**{f"{p}_{method}": adjusted})


def _checked(p: ArrayLike) -> NDArray[np.float64]:
    """Refuse what cannot be a p value."""
    values = np.asarray(p, dtype=np.float64)
    wrong = values[(values < 0) | (values > 1)]
    if wrong.size:
        raise InvalidInputError(f"p values lie between 0 and 1; got {listing(wrong.tolist())}")
    return values

"""Shares of variance are parts of a whole: within a network they compete.

When one feature's share rises, the others' must fall. Shares of one network are therefore
negatively correlated, the variance of a random intercept per network is estimated as 0, and
tests that treat the rows as independent given the network are too liberal. The tests here
take one number per network, a contrast of its own shares, so that how the shares hang
together inside a network drops out. The network is the unit: what is generalised over is
networks, for these features.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)

SCALES: Final = ("share", "log_ratio")


@dataclass(frozen=True)
class NetworkContrast:
    """A contrast of shares, one number per network, and its test.

    Attributes
    ----------
    points : pandas.DataFrame
        One row per subject: subject, the two sides of the contrast where there are two, and
        `contrast`.
    table : pandas.DataFrame
        One row: term, estimate, se, df, t, p, ci_low, ci_high.
    sentence : str
        What was done and found.
    """

    points: pd.DataFrame
    table: pd.DataFrame
    sentence: str


def per_network_contrast(
    table: pd.DataFrame,
    by: str = "complexity",
    *,
    value: str = "share",
    subject: str = "subject",
    levels: tuple[object, object] | None = None,
    scale: str = "share",
    level: float = 0.95,
) -> NetworkContrast:
    """Test how a share depends on a property of features, with the network as the unit.

    Within every network the shares of the features are reduced to one number, and the
    numbers are tested against 0 by a t test over networks:

    - a property with two values (or `levels`): mean share at the first minus mean share at
      the second; numeric values in ascending order, so easy minus hard for complexity;
    - a numeric property with more values: the slope of share on it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per subject and feature, as in `audit.table`; one region only.
    by : str
        Column of the property.
    value : str
        Column of the outcome.
    subject : str
        Column of the networks.
    levels : pair, optional
        The two values to contrast, first minus second.
    scale : {"share", "log_ratio"}
        Shares as they are, or the logarithms of their ratio (positive shares only), for which
        the remainder that no feature explains cancels out.
    level : float
        Of the confidence interval.

    Returns
    -------
    NetworkContrast

    Raises
    ------
    UnknownNameError
        When a column or a level does not exist.
    NotIdentifiableError
        When fewer than 2 networks have the contrast, or the property does not vary within
        any network, or all contrasts are equal.
    InvalidInputError
        When rows of several regions are mixed, or a log ratio of shares <= 0 is asked for.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "subject": ["a", "a", "b", "b", "c", "c"],
    ...     "complexity": [1, 2] * 3,
    ...     "share": [0.6, 0.1, 0.5, 0.2, 0.7, 0.1],
    ... })
    >>> result = per_network_contrast(table)
    >>> result.points.contrast.round(2).tolist()
    [0.5, 0.3, 0.6]
    >>> result.table[["estimate", "df"]].round(3).to_numpy().tolist()
    [[0.467, 2.0]]
    """
    rows = _rows(table, by, value, subject, scale)
    found = list(pd.unique(rows[by]))
    numeric = pd.api.types.is_numeric_dtype(rows[by])
    if levels is None and len(found) == 2:
        first, second = sorted(found, key=None if numeric else str)
        levels = (first, second)
    if levels is not None:
        points, name = _difference(rows, by, subject, levels)
    elif numeric and len(found) > 2:
        points, name = _slopes(rows, by, subject), f"slope of {value} on {by}"
    else:
        raise NotIdentifiableError(
            f"{by!r} has the values {listing(found)} in the rows with a {value}; "
            + ("choose two of them with levels=" if len(found) > 2 else "a contrast needs two")
        )
    if len(points) < 2:
        raise NotIdentifiableError(
            f"{len(points)} subjects have a {value} on both sides of the contrast of {by!r}; "
            "a test over networks needs at least 2"
        )
    result = _t_test(points["contrast"].to_numpy(), name, level)
    row = result.iloc[0]
    unit = "log ratio of shares" if scale == "log_ratio" else value
    sentence = (
        f"{name} ({unit}): {row.estimate:.3g}, {level:.0%} interval {row.ci_low:.3g} to "
        f"{row.ci_high:.3g}, t({row.df:.0f}) = {row.t:.3g}, p = {row.p:.3g}, over {len(points)} "
        f"subjects as units and for these features"
    )
    return NetworkContrast(points, result, sentence)


def _rows(table: pd.DataFrame, by: str, value: str, subject: str, scale: str) -> pd.DataFrame:
    """Check the table, keep complete rows, and put the outcome on its scale in `_value`."""
    for name in (by, value, subject):
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    if scale not in SCALES:
        raise UnknownNameError(unknown_name("scale", scale, SCALES))
    if "region" in table.columns and table["region"].nunique() > 1:
        raise InvalidInputError(
            f"the table mixes the regions {listing(table['region'].unique())}; choose one, "
            "for example table[table.region == ...]: regions of a network are not independent"
        )
    rows = table[[subject, by, value]].dropna()
    outcome = rows[value].to_numpy(dtype=np.float64)
    if scale == "log_ratio":
        if (outcome <= 0).any():
            raise InvalidInputError(
                f"{int((outcome <= 0).sum())} values of {value!r} are not positive (smallest "
                f"{outcome.min():.3g}), so they have no logarithm; use scale='share'"
            )
        outcome = np.log(outcome)
    return rows.assign(_value=outcome)


def _difference(
    rows: pd.DataFrame, by: str, subject: str, levels: tuple[object, object]
) -> tuple[pd.DataFrame, str]:
    """Mean of one side minus mean of the other, for networks that have both."""
    for wanted in levels:
        if not (rows[by] == wanted).any():
            known = [str(found) for found in pd.unique(rows[by])]
            raise UnknownNameError(unknown_name(f"value of {by}", str(wanted), known))
    first, second = levels
    sides = rows.pivot_table(index=subject, columns=by, values="_value", aggfunc="mean")
    sides = sides[[first, second]].dropna()
    points = pd.DataFrame(
        {
            subject: sides.index,
            f"{by}={first}": sides[first].to_numpy(),
            f"{by}={second}": sides[second].to_numpy(),
            "contrast": (sides[first] - sides[second]).to_numpy(),
        }
    )
    return points, f"{by} {first} minus {second}"


def _slopes(rows: pd.DataFrame, by: str, subject: str) -> pd.DataFrame:
    """Least-squares slope within every network in which the property varies."""
    found = {
        name: float(np.polyfit(part[by].astype(float), part["_value"], 1)[0])
        for name, part in rows.groupby(subject, observed=True)
        if part[by].nunique() > 1
    }
    return pd.DataFrame({subject: list(found), "contrast": list(found.values())})


def _t_test(values: NDArray[np.float64], name: str, level: float) -> pd.DataFrame:
    """One-sample t test against 0 as a one-row table."""
    if np.ptp(values) <= 1e-12 * max(np.abs(values).max(), 1e-300):
        raise NotIdentifiableError(
            f"the contrast is {values[0]:.6g} in all {len(values)} subjects, so it has no "
            "variation to be tested against; are the subjects copies of one network?"
        )
    test = stats.ttest_1samp(values, 0.0)
    low, high = test.confidence_interval(level)
    se = values.std(ddof=1) / np.sqrt(len(values))
    row = (name, values.mean(), se, float(test.df), test.statistic, test.pvalue, low, high)
    columns = ["term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high"]
    return pd.DataFrame([row], columns=columns)

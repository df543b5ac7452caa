"""Answer what was expected: confirmed, contradicted, or undetermined."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reprcompare.errors import ProtocolError, listing, unknown_name
from reprcompare.protocol.schema import Choice, Expectation
from reprcompare.statistics import group_contrast, mean_interval

CONFIRMED, CONTRADICTED, UNDETERMINED = "confirmed", "contradicted", "undetermined"


def answer(
    expectations: Sequence[Expectation], tables: Mapping[str, Mapping[str, pd.DataFrame]]
) -> pd.DataFrame:
    """Hold every expectation against what came out.

    Parameters
    ----------
    expectations
        As they stood in the protocol before the run.
    tables
        The tables of every analysis by its name, then by the table's name.

    Returns
    -------
    pandas.DataFrame
        claim, answer, estimate, low, high (interval at 1 - alpha), expected (in words), n (units),
        exclusions. An expectation about the mean is confirmed when the whole interval lies on the
        expected side of the smallest effect of interest, contradicted when it lies on the other
        side; one about every unit is confirmed or contradicted by the worst unit.

    Raises
    ------
    ProtocolError
        If a table or a column does not exist, or nothing is left to judge by.
    """
    return pd.DataFrame([_answer(item, tables) for item in expectations])


def _answer(
    expectation: Expectation, tables: Mapping[str, Mapping[str, pd.DataFrame]]
) -> dict[str, Any]:
    place = f"the expectation {expectation.claim!r}"
    own = tables[expectation.analysis]
    if expectation.table not in own:
        raise ProtocolError(f"{place}: {unknown_name('table', expectation.table, own)}")
    rows = own[expectation.table]
    where = expectation.where | _chosen(expectation.choose, tables, place)
    rows = _fitting(rows, where, place)
    _require(rows, expectation.measure, place)
    if expectation.contrast is None:
        estimate, low, high, n = _single(rows, expectation, place)
    else:
        estimate, low, high, n = _contrast(rows, expectation, place)
    return {
        "claim": expectation.claim,
        "answer": _judge(expectation, estimate, low, high),
        "estimate": estimate,
        "low": low,
        "high": high,
        "expected": _expected(expectation),
        "n": n,
        "exclusions": expectation.exclusions,
    }


def _chosen(
    choice: Choice | None, tables: Mapping[str, Mapping[str, pd.DataFrame]], place: str
) -> dict[str, Any]:
    """Return what the columns `into` must hold, by the best row of the other analysis."""
    if choice is None:
        return {}
    rows = _fitting(tables[choice.analysis]["table"], choice.where, place)
    _require(rows, choice.measure, place)
    _require(rows, choice.column, place)
    best = rows[choice.column].iloc[int(rows[choice.measure].to_numpy().argmax())]
    return dict.fromkeys(choice.into, best)


def _fitting(rows: pd.DataFrame, where: Mapping[str, Any], place: str) -> pd.DataFrame:
    for column, value in where.items():
        _require(rows, column, place)
        rows = rows[rows[column].astype(str) == str(value)]
    if rows.empty:
        raise ProtocolError(f"{place}: no row fits where = {dict(where)}.")
    return rows


def _require(rows: pd.DataFrame, column: str, place: str) -> None:
    if column not in rows.columns:
        raise ProtocolError(f"{place}: {unknown_name('column', column, rows.columns)}")


def _single(
    rows: pd.DataFrame, expectation: Expectation, place: str
) -> tuple[float, float, float, int]:
    if len(rows) > 1:
        raise ProtocolError(
            f"{place}: {len(rows)} rows fit where = {expectation.where}; name one, or a contrast."
        )
    row = rows.iloc[0]
    estimate = float(row[expectation.measure])
    if expectation.interval is None:
        return estimate, estimate, estimate, 1
    for column in expectation.interval:
        _require(rows, column, place)
    low, high = (float(row[column]) for column in expectation.interval)
    return estimate, low, high, 1


def _contrast(
    rows: pd.DataFrame, expectation: Expectation, place: str
) -> tuple[float, float, float, int]:
    """Return the weighted sum of the measure over levels: within units, or between groups of units.

    Where no unit has two of the levels, as networks of different cells of a sweep, groups of units
    are contrasted.
    """
    _require(rows, expectation.by, place)
    _require(rows, expectation.unit, place)
    contrast = expectation.contrast or {}
    wide = rows.pivot_table(
        index=expectation.unit, columns=expectation.by, values=expectation.measure
    )
    wide.columns = wide.columns.astype(str)
    unknown = [level for level in contrast if level not in wide.columns]
    if unknown:
        raise ProtocolError(
            f"{place}: {expectation.by!r} has no level {listing(unknown)}; it has "
            f"{listing(wide.columns)}."
        )
    used = wide[list(contrast)].dropna(how="all")
    if len(contrast) > 1 and (used.notna().sum(axis=1) == 1).all():
        if expectation.over == "every":
            raise ProtocolError(
                f"{place}: the levels of {expectation.by!r} occur in different "
                f"{expectation.unit}s, whose means are contrasted; over = 'every' has no meaning."
            )
        groups = {level: used[level].dropna().to_numpy(dtype=float) for level in contrast}
        return *group_contrast(groups, contrast, 1 - expectation.alpha), len(used)
    summed = sum((used[level] * weight for level, weight in contrast.items()), start=0.0)
    return _over_units(pd.Series(summed).dropna(), expectation)


def _over_units(units: pd.Series, expectation: Expectation) -> tuple[float, float, float, int]:
    values = units.to_numpy(dtype=float)
    if expectation.over == "every":
        return float(values.mean()), float(values.min()), float(values.max()), len(values)
    return *mean_interval(values, 1 - expectation.alpha), len(values)


def _judge(expectation: Expectation, estimate: float, low: float, high: float) -> str:
    if np.isnan([estimate, low, high]).any():
        return UNDETERMINED
    bound, room = expectation.smallest_effect, expectation.tolerance
    if expectation.direction == "equal":
        if bound - room <= low and high <= bound + room:
            return CONFIRMED
        return CONTRADICTED if high < bound - room or low > bound + room else UNDETERMINED
    beyond = operator.gt if expectation.direction == "greater" else operator.lt
    near, far = (low, high) if expectation.direction == "greater" else (high, low)
    if expectation.over == "every":
        return CONFIRMED if beyond(near, bound) else CONTRADICTED
    if beyond(near, bound):
        return CONFIRMED
    return UNDETERMINED if beyond(far, bound) else CONTRADICTED


def _expected(expectation: Expectation) -> str:
    contrast = " ".join(
        f"{weight:+g} {level}" for level, weight in (expectation.contrast or {}).items()
    )
    what = f"{expectation.measure} ({contrast})" if contrast else expectation.measure
    sign = {"greater": ">", "less": "<", "equal": "="}[expectation.direction]
    room = f" ± {expectation.tolerance:g}" if expectation.direction == "equal" else ""
    who = {
        "every": f" in every {expectation.unit}",
        "mean": f" on average over {expectation.unit}s" if contrast else "",
    }[expectation.over]
    return f"{what} {sign} {expectation.smallest_effect:g}{room}{who}"

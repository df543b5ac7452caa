"""Scores of blocks of neuroids, gathered into tables with intervals over stimuli."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from reprcompare.encoding.folds import Folds
from reprcompare.encoding.scores import (
    bootstrap_r,
    bootstrap_r2,
    correlation,
    fold_centred,
    r_squared,
)

TAIL = (0.025, 0.975)


@dataclass
class Sums:
    """Bootstrap draws of r and R2, summed over the neuroids of a region."""

    r: np.ndarray
    r2: np.ndarray
    number: int = 0


@dataclass
class Tally:
    """Rows for every neuroid, and what means over regions and subjects need.

    Attributes
    ----------
    draws : array, shape (n_draws, n_rows)
        How often each row counts.
    folds
        Of the rows.
    """

    draws: np.ndarray
    folds: Folds
    rows: list[pd.DataFrame] = field(default_factory=list)
    sums: dict[tuple[str, str, str], Sums] = field(default_factory=dict)

    def add(
        self,
        predictor: str,
        owners: pd.DataFrame,
        responses: np.ndarray,
        predicted: np.ndarray,
        columns: Mapping[str, np.ndarray],
    ) -> None:
        """Score a block of neuroids.

        Parameters
        ----------
        predictor
            Name of the candidate.
        owners
            One row a neuroid: neuroid_id, region, subject.
        responses, predicted : arrays, shape (n_rows, n_neuroids)
            Neuroids whose responses are NaN have no score.
        columns
            Further columns of the table.
        """
        outer = self.folds.outer
        y = fold_centred(responses, outer)
        p = fold_centred(predicted.astype(responses.dtype, copy=False), outer)
        frame = owners.reset_index(drop=True)
        frame.insert(0, "predictor", predictor)
        frame["r"] = correlation(y, p, outer)
        r_draws = bootstrap_r(self.draws, y, p, outer)
        r2_draws = bootstrap_r2(self.draws, y, p)
        frame["r_low"], frame["r_high"] = interval(r_draws)
        frame["r2"] = r_squared(y, p)
        for name, values in columns.items():
            frame[name] = values
        self.rows.append(frame)
        valid = frame["r"].notna().to_numpy()
        for subject, region, places in by_region(owners):
            mine = places[valid[places]]
            key = (predictor, subject, region)
            sums = self.sums.setdefault(
                key, Sums(np.zeros(len(self.draws)), np.zeros(len(self.draws)))
            )
            sums.r += r_draws[:, mine].sum(axis=1)
            sums.r2 += r2_draws[:, mine].sum(axis=1)
            sums.number += len(mine)


def by_region(owners: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield subject, region and the places of its neuroids, in order of first appearance."""
    codes, names = pd.MultiIndex.from_frame(owners[["subject", "region"]]).factorize()
    for code, (subject, region) in enumerate(names):
        yield str(subject), str(region), np.flatnonzero(codes == code)


def interval(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % percentiles of draws, (n_draws, ...); NaN where there are none.

    Draws that are NaN, in which nothing varied, do not count.
    """
    if len(draws) == 0:
        return np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
    low, high = np.quantile(draws, TAIL, axis=0)
    gaps = np.isnan(draws)
    some = gaps.any(axis=0) & ~gaps.all(axis=0)
    if some.any():  # nanquantile is slow, and seldom needed
        found = np.nanquantile(draws[..., some] if draws.ndim > 1 else draws, TAIL, axis=0)
        low, high = np.where(some, np.nan, low), np.where(some, np.nan, high)
        low[some], high[some] = found
    return low, high


def table_of(tallies: Sequence[Tally]) -> pd.DataFrame:
    """Return the rows of all neuroids, with scores as fractions of their ceilings."""
    table = pd.concat([frame for tally in tallies for frame in tally.rows], ignore_index=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        for score in ("r", "r2"):
            largest = table["ceiling" if score == "r" else "ceiling_r2"]
            table[f"{score}_of_ceiling"] = (table[score] / largest).where(largest > 0)
    return table


def means_of(table: pd.DataFrame, tallies: Sequence[Tally], by: Sequence[str]) -> pd.DataFrame:
    """Average over neuroids.

    Parameters
    ----------
    table
        Of `table_of`.
    tallies
        What it was made of.
    by
        ["subject", "region"] or ["subject"].

    Returns
    -------
    pandas.DataFrame
        predictor, `by`, n_neuroids, r, r_low, r_high, r2, r2_low, r2_high, ceiling, ceiling_r2,
        r_of_ceiling and r2_of_ceiling (ratios of the means, over neuroids that have a ceiling).
    """
    sums: dict[tuple[str, ...], list[Sums]] = {}
    for tally in tallies:
        for (predictor, subject, region), item in tally.sums.items():
            place = {"subject": subject, "region": region}
            sums.setdefault((predictor, *(place[name] for name in by)), []).append(item)
    rows = []
    for key, part in table.groupby(["predictor", *by], sort=False):
        scored = part[part["r"].notna()]
        row: dict[str, Any] = dict(zip(["predictor", *by], key, strict=True))
        row["n_neuroids"] = len(scored)
        items = sums.get(tuple(map(str, key)), [])
        for score in ("r", "r2"):
            row[score] = scored[score].mean()
            row[f"{score}_low"], row[f"{score}_high"] = _pooled(items, score)
        held = scored[scored["ceiling_r2"].notna()]
        for score, ceiling in (("r", "ceiling"), ("r2", "ceiling_r2")):
            row[ceiling] = held[ceiling].mean()
            row[f"{score}_of_ceiling"] = (
                held[score].mean() / row[ceiling] if len(held) and row[ceiling] > 0 else np.nan
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _pooled(items: Sequence[Sums], score: str) -> tuple[float, float]:
    number = sum(item.number for item in items)
    if not number:
        return np.nan, np.nan
    low, high = interval(sum(getattr(item, score) for item in items) / number)
    return float(low), float(high)

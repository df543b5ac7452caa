"""What a caller chose, and what the neuroids of one set of rows gave."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from reprcompare.encoding.fitting import Search
from reprcompare.encoding.folds import CrossValidation, Folds
from reprcompare.encoding.partition import parts_of, subsets_of
from reprcompare.encoding.responses import RowSet
from reprcompare.encoding.tally import Tally


@dataclass(frozen=True)
class Settings:
    """What a caller chose; as the parameters of `encode`."""

    model: str
    search: Search
    by_alpha: bool
    cv: CrossValidation
    inner_cv: int
    n_blocks: int
    kernel: str
    delays: tuple[int, ...]
    standardise: bool | None
    choose: str
    partition: bool
    ceiling: str
    n_bootstrap: int
    weights: bool
    predictions: bool
    seed: int
    precision: str
    device: str


@dataclass
class Found:
    """What the neuroids of one set of rows gave.

    Attributes
    ----------
    rows, folds, tally
        Rows, folds and scores.
    setting : dict of arrays, shape (n_folds, n_neuroids)
        Chosen settings by candidate, neuroids in the order of `rows.neuroids`.
    predicted : dict of arrays, shape (n_rows, n_neuroids)
        By candidate, where asked for.
    weights : dict of lists of arrays
        By candidate, one array (n_delays x p, n_neuroids) a group, where asked for.
    groups, subsets, choice : lists of DataFrame
        Parts of the tables of these names.
    draws : dict of (subset number, subject, region) to array
        Draws of R2, summed over neuroids, for the partition.
    """

    rows: RowSet
    folds: Folds
    tally: Tally
    setting: dict[str, np.ndarray] = field(default_factory=dict)
    predicted: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, list[np.ndarray]] = field(default_factory=dict)
    groups: list[pd.DataFrame] = field(default_factory=list)
    subsets: list[pd.DataFrame] = field(default_factory=list)
    choice: list[pd.DataFrame] = field(default_factory=list)
    draws: dict[tuple[int, str, str], np.ndarray] = field(default_factory=dict)


def partition_of(found: Sequence[Found], names: Sequence[str]) -> pd.DataFrame:
    """Return the parts of R2 of every region, with intervals over stimuli.

    Parameters
    ----------
    found
        Of all sets of rows.
    names
        Of the groups.

    Returns
    -------
    pandas.DataFrame
        subject, region, part, groups, r2, low, high.
    """
    subsets = [" & ".join(names[g] for g in subset) for subset in subsets_of(len(names))]
    rows = []
    for item in found:
        table = pd.concat(item.subsets)
        means = table.groupby(["subject", "region", "subset"], sort=False)["r2"].mean()
        counts = table[table["subset"] == subsets[0]].groupby(["subject", "region"])["r2"].count()
        for subject, region in counts.index:
            values = np.array([means[subject, region, subset] for subset in subsets])
            draws = np.stack(
                [item.draws[number, subject, region] for number in range(len(subsets))]
            ) / max(counts[subject, region], 1)
            drawn = parts_of(draws, names)
            for (part, groups, value), (_, _, own) in zip(
                parts_of(values, names), drawn, strict=True
            ):
                low, high = np.quantile(own, (0.025, 0.975)) if len(own) else (np.nan, np.nan)
                rows.append((subject, region, part, groups, float(value), low, high))
    return pd.DataFrame(rows, columns=["subject", "region", "part", "groups", "r2", "low", "high"])

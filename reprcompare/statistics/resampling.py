"""Permutation and bootstrap, for designs where a model is not wanted."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)


def permutation_test(
    table: pd.DataFrame,
    value: str,
    by: str,
    *,
    within: str | None = None,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """Test an association by shuffling an exposure, inside blocks where there are some.

    Exact when the exposure was randomised as it is shuffled: `within="subject"` for an
    exposure assigned anew in every network. An exposure that belongs to whole subjects or
    features must first be reduced to one row for each (their means), because rows of one
    unit cannot be exchanged with those of another.

    Parameters
    ----------
    table : pandas.DataFrame
    value, by : str
        Columns of the outcome and of the exposure; `by` numeric or with two values.
    within : str, optional
        Column of the blocks.
    n_permutations : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row: term, estimate (slope of the outcome on the exposure within blocks; for two
        values the second minus the first, sorted), p (two-sided, the observed order counted).

    Raises
    ------
    UnknownNameError
        When a column does not exist.
    NotIdentifiableError
        When the exposure does not vary within any block.

    References
    ----------
    Phipson & Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9.
    """
    columns = [value, by, *([within] if within else [])]
    _check_columns(table, columns)
    rows = table[columns].dropna()
    x = _exposure(rows[by])
    y = rows[value].to_numpy(dtype=np.float64)
    blocks = rows.groupby(within).indices.values() if within else [np.arange(len(rows))]
    y = y.copy()
    for block in blocks:
        y[block] -= y[block].mean()
        x[block] -= x[block].mean()
    spread = float(x @ x)
    if spread <= 1e-12 * max(len(x), 1):
        raise NotIdentifiableError(
            f"{by!r} does not vary within {within or 'the table'}, so it cannot be shuffled; "
            "reduce the table to one row per unit and leave within= out"
        )
    rng = np.random.default_rng(seed)
    observed = float(x @ y)
    beyond, shuffled = 1, x.copy()
    for _ in range(n_permutations):
        for block in blocks:
            shuffled[block] = x[rng.permutation(block)]
        beyond += abs(float(shuffled @ y)) >= abs(observed) * (1 - 1e-12)
    p = beyond / (n_permutations + 1)
    return pd.DataFrame([(by, observed / spread, p)], columns=["term", "estimate", "p"])


def bootstrap(
    table: pd.DataFrame,
    statistic: Callable[[pd.DataFrame], float],
    over: Sequence[str],
    *,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Bootstrap any statistic of a table over one or several crossed factors.

    The levels of every factor are drawn with replacement, and a row is repeated as often as
    the product of its levels' draws (Owen 2007, Annals of Applied Statistics 1: somewhat
    conservative for crossed factors). What is resampled is what is generalised over.

    Parameters
    ----------
    table : pandas.DataFrame
    statistic : callable
        From a table with the same columns to a number.
    over : sequence of str
        Columns of the factors, such as `["subject", "feature"]`.
    n_bootstrap : int
    level : float
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row: estimate, se, ci_low, ci_high (percentiles), n_bootstrap (draws whose
        statistic was finite).

    Raises
    ------
    UnknownNameError
        When a column does not exist.
    NotIdentifiableError
        When a factor has a single level, or most draws have no finite statistic.
    """
    _check_columns(table, over)
    if not over:
        raise InvalidInputError(
            "name at least one factor to resample, for example over=['subject']"
        )
    codes = {name: pd.factorize(table[name])[0] for name in over}
    sizes = {name: int(values.max()) + 1 for name, values in codes.items()}
    for name, size in sizes.items():
        if size < 2:
            raise NotIdentifiableError(f"{name!r} has one level, which cannot be resampled")
    rng = np.random.default_rng(seed)
    draws = np.empty(n_bootstrap)
    for draw in range(n_bootstrap):
        repeats = np.ones(len(table), dtype=np.intp)
        for name in over:
            counts = np.bincount(rng.integers(sizes[name], size=sizes[name]), minlength=sizes[name])
            repeats *= counts[codes[name]]
        rows = np.repeat(np.arange(len(table)), repeats)
        draws[draw] = statistic(table.iloc[rows]) if len(rows) else np.nan
    usable = draws[np.isfinite(draws)]
    if len(usable) < n_bootstrap / 2:
        raise NotIdentifiableError(
            f"the statistic is finite in {len(usable)} of {n_bootstrap} draws only; "
            "there are too few levels to resample"
        )
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(usable, [tail, 100 - tail])
    row = (float(statistic(table)), usable.std(ddof=1), low, high, len(usable))
    return pd.DataFrame([row], columns=["estimate", "se", "ci_low", "ci_high", "n_bootstrap"])


def _check_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse names that the table does not have."""
    for name in columns:
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))


def _exposure(column: "pd.Series[float]") -> NDArray[np.float64]:
    """Numbers as they are, two other values as 0 and 1."""
    if pd.api.types.is_numeric_dtype(column):
        return np.array(column, dtype=np.float64)
    levels = sorted(column.unique(), key=str)
    if len(levels) != 2:
        raise InvalidInputError(
            f"{column.name!r} must be numeric or have two values; it has {len(levels)}"
        )
    return np.array(column == levels[1], dtype=np.float64)

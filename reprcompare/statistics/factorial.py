"""How much each of several crossed factors explains, and what its levels differ by.

For designs in which many settings are combinations of factors, each with a few replicates, and
some combinations may be missing. Settings, not replicates, are what means and differences
generalise over; fractions of variance are intervals over replicates, for these settings.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from reprcompare.errors import NotIdentifiableError, UnknownNameError, unknown_name
from reprcompare.statistics.means import mean_interval, median_interval


def variance_by_factor(
    table: pd.DataFrame,
    value: str,
    factors: Sequence[str],
    *,
    replicate: str = "subject",
    level: float = 0.95,
) -> pd.DataFrame:
    """Split the variance of a value over the factors of a crossed design.

    Sums of squares are of type II: a factor is judged beside all other factors, a pair of them
    beside all factors and all other pairs, so that an unbalanced design mixes no two of one order.

    Parameters
    ----------
    table
        One row per setting and replicate; rows without a value are left out.
    value
        Column of the outcome.
    factors
        Columns whose combinations are the settings.
    replicate
        Column that tells the replicates of a setting apart. Replicates of one name in different
        settings count as one draw, such as networks with one seed: intervals leave out one name
        at a time (jackknife, Student's t).
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        term (factors, pairs as ``"a:b"``, ``"all interactions"``, ``"replicates"``), df, eta2
        (fraction of the total sum of squares), eta2_low, eta2_high, partial_eta2 (of what the other
        terms leave), chance (expected eta2 of a term that does nothing, from
        the variance between replicates).

    Raises
    ------
    UnknownNameError
        If a column does not exist.
    NotIdentifiableError
        If fewer than two settings have a value, or none has two replicates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(
    ...     [(a, b, r) for a in "xyz" for b in "uv" for r in range(5)], columns=["a", "b", "r"]
    ... )
    >>> table["value"] = (table["a"] == "x") + 0.1 * rng.standard_normal(len(table))
    >>> found = variance_by_factor(table, "value", ["a", "b"], replicate="r").set_index("term")
    >>> found["eta2"].round(2).to_dict()
    {'a': 0.98, 'b': 0.0, 'a:b': 0.0, 'all interactions': 0.0, 'replicates': 0.02}
    """
    rows = _complete(table, value, [*factors, replicate])
    sizes = rows.groupby(list(factors), sort=False).size()
    if len(sizes) < 2 or sizes.max() < 2:
        raise NotIdentifiableError(
            f"the variance of {value!r} cannot be split: {len(sizes)} settings have a value, with "
            f"{sizes.max() if len(sizes) else 0} replicates at most; at least two settings are "
            "needed, one of them with two replicates."
        )
    whole = _split(rows, value, factors)
    reach = _reach(rows, value, factors, replicate, level)
    return whole.assign(
        eta2_low=whole["eta2"] - reach,
        eta2_high=whole["eta2"] + reach,
    ).reset_index()[["term", "df", "eta2", "eta2_low", "eta2_high", "partial_eta2", "chance"]]


def _reach(
    rows: pd.DataFrame, value: str, factors: Sequence[str], replicate: str, level: float
) -> NDArray[np.float64] | float:
    """Return half the width of the interval of every eta2, by leaving out one name at a time."""
    names = rows[replicate].unique()
    n = len(names)
    if n == 1:
        return np.inf
    left = [_split(rows[rows[replicate] != name], value, factors)["eta2"] for name in names]
    parts = np.stack([part.to_numpy() for part in left])
    error = np.sqrt((n - 1) / n * ((parts - parts.mean(axis=0)) ** 2).sum(axis=0))
    return error * stats.t.ppf((1 + level) / 2, n - 1)


def _split(rows: pd.DataFrame, value: str, factors: Sequence[str]) -> pd.DataFrame:
    """Return df, eta2, partial_eta2, chance of every term, by its name."""
    cells = rows.groupby(list(factors), sort=False)[value].agg(["mean", "size", "var"])
    weight = cells["size"].to_numpy(dtype=float)
    mean = cells["mean"].to_numpy(dtype=float)
    within = float((cells["var"].fillna(0.0) * (weight - 1)).sum())
    frame = cells.index.to_frame(index=False)
    blocks = {name: _indicators(frame, [name]) for name in factors}
    pairs = {f"{a}:{b}": _indicators(frame, [a, b]) for a, b in itertools.combinations(factors, 2)}

    def fit(names: Sequence[str]) -> tuple[float, int]:
        known = blocks | pairs
        design = np.hstack([np.ones((len(mean), 1)), *(known[name] for name in names)])
        return _residual(design, mean, weight)

    total, _ = fit([])
    total += within
    n, n_cells = float(weight.sum()), len(mean)
    found: dict[str, tuple[float, float]] = {}
    for order in ([*blocks], [*pairs]):
        base = [] if order == [*blocks] else [*blocks]
        full, full_rank = fit([*base, *order])
        for name in order:
            without, rank = fit([*base, *(other for other in order if other != name)])
            found[name] = (without - full, full_rank - rank)
    mains, rank = fit([*blocks])
    if pairs:
        found["all interactions"] = (mains, n_cells - rank)
    found["replicates"] = (within, n - n_cells)
    table = pd.DataFrame(found, index=["squares", "df"]).T.rename_axis("term")
    squares = table["squares"].clip(lower=0.0)
    return pd.DataFrame(
        {
            "df": table["df"].astype(int),
            "eta2": squares / total,
            "partial_eta2": squares / (squares + within),
            "chance": table["df"] * within / max(n - n_cells, 1) / total,
        }
    )


def _indicators(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    codes = frame.groupby(list(names), sort=False).ngroup().to_numpy()
    return np.eye(codes.max() + 1)[codes]


def _residual(
    design: NDArray[np.float64], mean: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, int]:
    """Return the weighted residual sum of squares of a least-squares fit, and its rank."""
    root = np.sqrt(weight)
    left, singular, _ = np.linalg.svd(root[:, None] * design, full_matrices=False)
    left = left[:, singular > 1e-9 * singular[0]]
    outcome = root * mean
    return float(((outcome - left @ (left.T @ outcome)) ** 2).sum()), left.shape[1]


def level_means(
    table: pd.DataFrame, value: str, factors: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Average a value over all settings that share a level of a factor, each setting counting once.

    Parameters
    ----------
    table, value, factors
        As for `variance_by_factor`.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        factor, level, n_settings, n_replicates, mean, low, high (over settings, by Student's t),
        and the quantiles of settings q05, q25, median, q75, q95.
    """
    means = setting_means(table, value, factors)
    found = []
    for factor in factors:
        for name, own in means.groupby(factor, sort=False):
            mean, low, high = mean_interval(own["setting_mean"].to_numpy(), level)
            quantiles = own["setting_mean"].quantile([0.05, 0.25, 0.5, 0.75, 0.95])
            n_replicates = int(own["setting_size"].sum())
            found.append((factor, str(name), len(own), n_replicates, mean, low, high, *quantiles))
    columns = ["factor", "level", "n_settings", "n_replicates", "mean", "low", "high"]
    return pd.DataFrame(found, columns=[*columns, "q05", "q25", "median", "q75", "q95"])


def level_differences(
    table: pd.DataFrame, value: str, factors: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Contrast levels of a factor between settings that are alike in all other factors.

    Parameters
    ----------
    table, value, factors
        As for `variance_by_factor`; levels are compared in their order of appearance.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        factor, level, reference (which appears before `level`), difference (mean over matched
        pairs of settings of `level` minus `reference`), low, high (over pairs, by Student's t),
        n_matched. Pairs of which one setting is missing are left out.

    Examples
    --------
    >>> table = pd.DataFrame({"a": list("xxyy"), "b": list("uvuv"), "value": [1.0, 5.0, 2.0, 6.5]})
    >>> level_differences(table, "value", ["a", "b"])[["level", "reference", "difference"]].values
    array([['y', 'x', 1.25],
           ['v', 'u', 4.25]], dtype=object)
    """
    means = setting_means(table, value, factors)
    found = []
    for factor in factors:
        others = [name for name in factors if name != factor]
        # With one factor, all settings are alike in the others.
        wide = means.assign(_all=0).pivot(
            index=["_all", *others], columns=factor, values="setting_mean"
        )
        levels = list(dict.fromkeys(means[factor]))
        for one, other in itertools.combinations(levels, 2):
            matched = (wide[other] - wide[one]).dropna().to_numpy()
            mean, low, high = mean_interval(matched, level)
            found.append((factor, str(other), str(one), mean, low, high, len(matched)))
    columns = ["factor", "level", "reference", "difference", "low", "high", "n_matched"]
    return pd.DataFrame(found, columns=columns)


def over_settings(
    table: pd.DataFrame, value: str, factors: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Describe how a value is distributed over settings, each counting once.

    Parameters
    ----------
    table, value, factors
        As for `variance_by_factor`.
    level
        Of the interval of the median.

    Returns
    -------
    pandas.DataFrame
        One row: n_settings, n_replicates, median, median_low, median_high (distribution-free), q05,
        q25, q75, q95, lowest, highest, fraction_above_0.
    """
    means = setting_means(table, value, factors)
    values = means["setting_mean"]
    median, low, high = median_interval(values.to_numpy(), level)
    quantiles = values.quantile([0.05, 0.25, 0.75, 0.95])
    row = (
        *(len(values), int(means["setting_size"].sum()), median, low, high, *quantiles),
        *(values.min(), values.max(), float((values > 0).mean())),
    )
    columns = ["n_settings", "n_replicates", "median", "median_low", "median_high"]
    rest = ["q05", "q25", "q75", "q95", "lowest", "highest", "fraction_above_0"]
    return pd.DataFrame([row], columns=[*columns, *rest])


def setting_means(table: pd.DataFrame, value: str, factors: Sequence[str]) -> pd.DataFrame:
    """Average a value over the replicates of every setting.

    Parameters
    ----------
    table, value, factors
        As for `variance_by_factor`.

    Returns
    -------
    pandas.DataFrame
        One row a setting: the factors, `setting_mean`, `setting_size` (number of replicates).

    Raises
    ------
    UnknownNameError
        If the table lacks a column.
    """
    rows = _complete(table, value, factors)
    cells = rows.groupby(list(factors), sort=False)[value]
    return cells.agg(setting_mean="mean", setting_size="size").reset_index()


def _complete(table: pd.DataFrame, value: str, columns: Sequence[str]) -> pd.DataFrame:
    for name in (value, *columns):
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    return table[[*columns, value]].dropna(subset=[value])

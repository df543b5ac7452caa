"""Questions to a fitted model: contrasts, marginal means, pairs, likelihood ratios."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import patsy
from numpy.typing import NDArray
from scipy import stats

from reprcompare.errors import InvalidInputError, UnknownNameError, listing, unknown_name
from reprcompare.statistics.corrections import correct
from reprcompare.statistics.design import used_columns
from reprcompare.statistics.formula import ModelFormula, parse_formula
from reprcompare.statistics.tables import coefficient_table

if TYPE_CHECKING:
    from reprcompare.statistics.mixed import MixedModel

_MOST_VALUES = 6


def contrast(fit: "MixedModel", weights: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Test weighted sums of coefficients.

    Parameters
    ----------
    fit : MixedModel
    weights : mapping of names to mappings of terms to weights
        `{"xor - parity": {"rule[T.xor]": 1, "rule[T.parity]": -1}}`.

    Returns
    -------
    pandas.DataFrame
        contrast, estimate, se, df, t, p, ci_low, ci_high.

    Raises
    ------
    UnknownNameError
        When the model has no such term.
    """
    L = np.zeros((len(weights), len(fit.design.names)))
    for row, parts in enumerate(weights.values()):
        for term, weight in parts.items():
            if term not in fit.design.names:
                raise UnknownNameError(unknown_name("term", term, fit.design.names, fit.formula))
            L[row, fit.design.names.index(term)] = weight
    if not np.any(L, axis=1).all():
        raise InvalidInputError("a contrast needs at least one weight that is not 0")
    return _tests(fit, L).assign(contrast=list(weights)).pipe(_first, ["contrast"])


def marginal_means(
    fit: "MixedModel", factors: str | Sequence[str], at: Mapping[str, Sequence[Any]] | None = None
) -> pd.DataFrame:
    """Predicted means of the levels of some factors, all else held equal.

    The other categorical predictors are averaged over with equal weight, whatever their
    frequency, and the other numeric ones held at their mean (Searle, Speed & Milliken 1980;
    R's emmeans).

    Parameters
    ----------
    fit : MixedModel
    factors : str or sequence of str
        Columns of the fixed part. A numeric one needs `at`, unless it has at most 6 values.
    at : mapping of str to sequences, optional
        Values to use for a column.

    Returns
    -------
    pandas.DataFrame
        One column per factor, estimate, se, df, t, p, ci_low, ci_high.

    Raises
    ------
    UnknownNameError
        When the fixed part has no such column.
    """
    cells, L = _reference_grid(fit, _as_list(factors), dict(at or {}))
    return pd.concat([cells, _tests(fit, L)], axis=1)


def pairwise(
    fit: "MixedModel",
    factor: str,
    *,
    within: str | Sequence[str] = (),
    at: Mapping[str, Sequence[Any]] | None = None,
    correction: str = "holm",
) -> pd.DataFrame:
    """Compare all pairs of levels of a factor by their marginal means.

    Parameters
    ----------
    fit : MixedModel
    factor : str
        Column whose levels are compared.
    within : str or sequence of str
        Columns at each of whose levels the comparison is made; one family of tests each.
    at : mapping of str to sequences, optional
        Values to use for a numeric column.
    correction : {"holm", "benjamini_hochberg", "none"}

    Returns
    -------
    pandas.DataFrame
        The columns `within`, contrast, estimate, se, df, t, p, ci_low, ci_high and the
        corrected p; intervals are not corrected.
    """
    groups = _as_list(within)
    cells, L = _reference_grid(fit, [factor, *groups], dict(at or {}))
    labels, rows = [], []
    for key, places in (
        cells.groupby(groups, sort=False).indices.items()
        if groups
        else [((), np.arange(len(cells)))]
    ):
        for first, second in combinations(places, 2):
            name = f"{cells[factor].iloc[first]} - {cells[factor].iloc[second]}"
            labels.append((*(key if isinstance(key, tuple) else (key,)), name))
            rows.append(L[first] - L[second])
    names = pd.DataFrame(labels, columns=[*groups, "contrast"])
    tests = pd.concat([names, _tests(fit, np.array(rows))], axis=1)
    return correct(tests, "p", method=correction, within=groups or None)


def likelihood_ratio(smaller: "MixedModel", larger: "MixedModel") -> pd.DataFrame:
    """Compare two nested models by the likelihood ratio, after refitting both by ML.

    Restricted likelihoods of models with different fixed parts are of different data, so
    both are refitted by maximum likelihood whatever they were fitted by. Where only a
    variance is tested, its null value lies on the boundary and the chi-squared p is
    conservative (up to twice too large; Self & Liang 1987).

    Parameters
    ----------
    smaller, larger : MixedModel
        Fits of the same rows and outcome; the columns of the first span part of the second's.

    Returns
    -------
    pandas.DataFrame
        One row per model: formula, parameters, log_likelihood, aic, bic, and for the larger
        chi2, df, p.

    Raises
    ------
    InvalidInputError
        When the models are not of the same rows, or not nested.
    """
    if not smaller.design.table.index.equals(larger.design.table.index) or not np.array_equal(
        smaller.design.y, larger.design.y
    ):
        raise InvalidInputError(
            f"{smaller.formula!r} uses {len(smaller.design.y)} rows and {larger.formula!r} "
            f"{len(larger.design.y)}, or another outcome; a likelihood ratio needs the same rows: "
            "leave out rows with missing values before fitting"
        )
    _check_nested(smaller, larger)
    rows = []
    for fit in (smaller, larger):
        ml = fit.refit(fit.design.table, reml=False)
        count = len(ml.design.names) + 1
        count += sum(len(t.names) * (len(t.names) + 1) // 2 for t in ml.design.random)
        deviance = ml.estimates.deviance
        rows.append(
            {
                "formula": fit.formula,
                "parameters": count,
                "log_likelihood": -deviance / 2,
                "aic": deviance + 2 * count,
                "bic": deviance + np.log(len(ml.design.y)) * count,
            }
        )
    table = pd.DataFrame(rows)
    chi2 = max(2 * float(table.log_likelihood.diff().iloc[1]), 0.0)
    df = int(table.parameters.diff().iloc[1])
    return table.assign(chi2=[np.nan, chi2], df=[np.nan, df], p=[np.nan, stats.chi2.sf(chi2, df)])


def _tests(fit: "MixedModel", L: NDArray[np.float64]) -> pd.DataFrame:
    """Test contrasts of shape (m, p) with the degrees of freedom of the fit."""
    estimate, covariance = L @ fit.estimates.beta, L @ fit.estimates.covariance @ L.T
    table = coefficient_table(
        [""] * len(L), estimate, covariance, fit.degrees_of_freedom(L), fit.level
    )
    return table.drop(columns="term")


def _reference_grid(
    fit: "MixedModel", factors: list[str], at: dict[str, Sequence[Any]]
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Cells of the factors, and for each the weights of the coefficients in its mean."""
    columns = _predictors(fit)
    for name in (*factors, *at):
        if name not in columns:
            raise UnknownNameError(unknown_name("predictor", name, columns, fit.formula))
    values = {name: _grid_values(fit.design.table[name], name, factors, at) for name in columns}
    grid = pd.DataFrame(list(product(*values.values())), columns=list(values))
    X = np.asarray(patsy.build_design_matrices([fit.design.fixed_info], grid)[0])
    codes = grid.groupby(factors, sort=False, observed=True).ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    counts = np.bincount(codes)[:, None]
    L = np.zeros((len(first), X.shape[1]))
    np.add.at(L, codes, X)
    return grid[factors].iloc[first].reset_index(drop=True), L / counts


def _grid_values(
    column: "pd.Series[Any]", name: str, factors: list[str], at: dict[str, Sequence[Any]]
) -> list[Any]:
    """Values of one column in the reference grid."""
    if name in at:
        return list(at[name])
    numeric = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
    if not numeric or name in factors:
        found = sorted(column.unique())
        if numeric and len(found) > _MOST_VALUES:
            raise InvalidInputError(
                f"{name!r} has {len(found)} values ({listing(found)}); say at which to take the "
                f"means, for example at={{{name!r}: [{found[0]}, {found[-1]}]}}"
            )
        return found
    return [float(column.mean())]


def _predictors(fit: "MixedModel") -> list[str]:
    """Columns that the fixed part uses."""
    fixed = parse_formula(fit.formula).fixed
    return used_columns(ModelFormula("1", fixed, ()))


def _check_nested(smaller: "MixedModel", larger: "MixedModel") -> None:
    """Check that the larger model has everything that the smaller has, and more."""
    both = np.hstack([larger.design.X, smaller.design.X])
    extra = np.linalg.matrix_rank(both) > larger.design.X.shape[1]
    terms = {(t.group, n) for t in smaller.design.random for n in t.names}
    more = {(t.group, n) for t in larger.design.random for n in t.names}
    size = (smaller.design.X.shape[1], sum(len(t.names) for t in smaller.design.random))
    larger_size = (larger.design.X.shape[1], sum(len(t.names) for t in larger.design.random))
    if extra or not terms <= more or size >= larger_size:
        raise InvalidInputError(
            f"{smaller.formula!r} is not nested in {larger.formula!r}: the second must have all "
            "terms of the first and at least one more"
        )


def _first(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Move columns to the front."""
    return table[[*names, *table.columns.difference(names, sort=False)]]


def _as_list(names: str | Sequence[str]) -> list[str]:
    """One name or several."""
    return [names] if isinstance(names, str) else list(names)

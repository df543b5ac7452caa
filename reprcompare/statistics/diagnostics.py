"""How well a mixed model describes its data: R2, predictions, influence, residuals."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import patsy
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.diagnostic import het_breuschpagan

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.statistics.design import RandomTerm
from reprcompare.statistics.formula import ENVIRONMENT, parse_formula

if TYPE_CHECKING:
    from reprcompare.statistics.mixed import MixedModel


def intraclass_correlation(fit: "MixedModel") -> pd.DataFrame:
    """Fraction of the variance that lies between the levels of each grouping.

    Parameters
    ----------
    fit : MixedModel
        With one random term or more.

    Returns
    -------
    pandas.DataFrame
        group, icc (of the variance that the fixed part leaves), icc_unadjusted (of all
        variance); the last row, `all`, sums the groupings. With random slopes the variance is
        its mean over the rows (Johnson 2014).
    """
    fixed, random, residual = _variances(fit)
    groups: dict[str, float] = {}
    for term, variance in zip(fit.design.random, random, strict=True):
        groups[term.group] = groups.get(term.group, 0.0) + variance
    groups["all"] = float(sum(random))
    table = pd.DataFrame({"group": list(groups), "variance": list(groups.values())})
    table["icc"] = table.variance / (sum(random) + residual)
    table["icc_unadjusted"] = table.variance / (fixed + sum(random) + residual)
    return table.drop(columns="variance")


def r_squared(fit: "MixedModel") -> dict[str, float]:
    """Variance explained by the fixed part (marginal) and by fixed and random parts (conditional).

    Nakagawa & Schielzeth 2013 (Methods in Ecology and Evolution 4), with random slopes as in
    Johnson 2014 (same journal, 5).

    Parameters
    ----------
    fit : MixedModel

    Returns
    -------
    dict of float
        ``marginal`` and ``conditional``, fractions of variance.
    """
    fixed, random, residual = _variances(fit)
    total = fixed + sum(random) + residual
    return {"marginal": fixed / total, "conditional": (fixed + sum(random)) / total}


def predict(
    fit: "MixedModel", table: pd.DataFrame | None = None, *, random: bool = True
) -> NDArray[np.float64]:
    """Predict the outcome.

    Parameters
    ----------
    fit : MixedModel
    table : pandas.DataFrame, optional
        New rows; without it, the rows of the fit.
    random : bool
        Add the predicted random effects. A level that the fit has not seen has effect 0.

    Returns
    -------
    array of shape (n_rows,)

    Raises
    ------
    UnknownNameError
        When the new rows lack a column.
    InvalidInputError
        When a column has a category that the fit has not seen.
    """
    if table is None:
        X, designs = fit.design.X, [term.Z for term in fit.design.random]
        effects = [modes.ravel() for modes in fit.estimates.modes]
        parts = [Z @ u for Z, u in zip(designs, effects, strict=True)] if random else []
        return np.asarray(X @ fit.estimates.beta + sum(parts))
    try:
        X = np.asarray(patsy.build_design_matrices([fit.design.fixed_info], table)[0])
    except (patsy.PatsyError, KeyError, NameError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0]
        raise InvalidInputError(
            f"the new rows do not suit {fit.formula!r}: {reason}; they need the columns of the "
            "fixed part, with categories that the fit has seen"
        ) from None
    if len(X) != len(table):
        X = np.repeat(X, len(table), axis=0)  # a formula with an intercept only
    predicted = X @ fit.estimates.beta
    if random:
        bars = parse_formula(fit.formula).random
        for bar, term, modes in zip(bars, fit.design.random, fit.estimates.modes, strict=True):
            predicted += _random_part(bar.expression, bar.group, term, modes, table)
    return np.asarray(predicted)


def influence(fit: "MixedModel", by: str) -> pd.DataFrame:
    """Refit without each level of a grouping, and see what changes.

    Parameters
    ----------
    fit : MixedModel
    by : str
        Column of the rows of the fit, for example `subject` or `feature`.

    Returns
    -------
    pandas.DataFrame
        One row per level left out: the column, one column per coefficient with its value
        then, `cook` (Cook's distance: squared change relative to the covariance of the full
        fit, per coefficient), status of the refit. Coefficients that cannot be estimated
        without the level are NaN, with the reason in status.

    Raises
    ------
    UnknownNameError
        When the fit has no such column.
    """
    rows = fit.design.table
    if by not in rows.columns:
        raise UnknownNameError(unknown_name("column", by, rows.columns, fit.formula))
    inverse = np.linalg.inv(fit.estimates.covariance)
    found = []
    for level in sorted(rows[by].unique()):
        try:
            left = fit.refit(rows[rows[by] != level])
            same = left.design.names == fit.design.names
            beta = left.estimates.beta if same else np.full(len(inverse), np.nan)
            status = left.status if same else "a category is lost with this level"
        except NotIdentifiableError as error:
            beta, status = np.full(len(inverse), np.nan), str(error)
        change = fit.estimates.beta - beta
        found.append((level, *beta, change @ inverse @ change / len(beta), status))
    return pd.DataFrame(found, columns=[by, *fit.design.names, "cook", "status"])


def residual_checks(fit: "MixedModel") -> pd.DataFrame:
    """Check residuals and random effects for what the tests assume.

    Parameters
    ----------
    fit : MixedModel

    Returns
    -------
    pandas.DataFrame
        check, statistic, p, finding. Normality by D'Agostino and Pearson's test from 20
        values, by Shapiro and Wilk's below; even spread by Breusch and Pagan's test on the
        fitted values; the largest standardised residual against the expected maximum
        (Bonferroni).
    """
    residual = fit.design.y - predict(fit)
    fitted = predict(fit)
    rows = [("residuals normal", *_normality(residual))]
    if np.ptp(fitted) > 0:
        exog = np.column_stack([np.ones_like(fitted), fitted])
        rows.append(("residuals spread evenly", *het_breuschpagan(residual, exog)[:2]))
    largest = float(np.max(np.abs(residual)) / np.sqrt(fit.estimates.residual))
    p = min(1.0, 2 * len(residual) * float(stats.norm.sf(largest)))
    rows.append(("no outlying residual", largest, p))
    for term, modes in zip(fit.design.random, fit.estimates.modes, strict=True):
        for column, name in enumerate(term.names):
            values = modes[:, column]
            if len(values) >= 8 and np.ptp(values) > 1e-12:
                rows.append((f"effects of {term.group} ({name}) normal", *_normality(values)))
    table = pd.DataFrame(rows, columns=["check", "statistic", "p"])
    table["finding"] = np.where(table.p < 0.01, "in doubt", "no objection")
    return table


def _variances(fit: "MixedModel") -> tuple[float, list[float], float]:
    """Variance of the fixed part, of each random term (mean over rows), and of the residual."""
    fixed = float(np.var(fit.design.X @ fit.estimates.beta, ddof=1))
    random = []
    for term, G in zip(fit.design.random, fit.estimates.random, strict=True):
        blocks = [term.columns_of(name) for name in term.names]
        moments = np.array([[(a.multiply(b)).sum() for a in blocks] for b in blocks])
        random.append(float(np.sum(G * moments)) / len(fit.design.y))
    return fixed, random, fit.estimates.residual


def _random_part(
    expression: str,
    group: tuple[str, ...],
    term: RandomTerm,
    modes: NDArray[np.float64],
    table: pd.DataFrame,
) -> NDArray[np.float64]:
    """Contribution of one random term to new rows; 0 for levels that are new."""
    missing = [name for name in group if name not in table.columns]
    if missing:
        raise UnknownNameError(
            f"the new rows have no column {listing(missing)}, which the random terms need; "
            "add it, or use random=False"
        )
    columns = np.asarray(patsy.dmatrix(expression, table, eval_env=ENVIRONMENT))
    columns = np.broadcast_to(columns, (len(table), columns.shape[1]))
    labels = table[list(group)].astype(str).agg(":".join, axis=1)
    place = pd.Index(term.levels).get_indexer(pd.Index(labels))
    effects = np.where((place >= 0)[:, None], modes[place], 0.0)
    return np.asarray((columns * effects).sum(axis=1))


def _normality(values: NDArray[np.float64]) -> tuple[float, float]:
    """Statistic and p of a test of normality suited to the number of values."""
    test = stats.normaltest(values) if len(values) >= 20 else stats.shapiro(values)
    return float(test.statistic), float(test.pvalue)

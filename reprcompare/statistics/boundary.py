"""What to conclude when a variance is estimated as zero, and which verdict a fit deserves.

At the boundary a random term drops out of the arithmetic although the design still requires
it: with 8 features whose variance is estimated 0, Satterthwaite's formula gives a predictor
that varies between features the 70 odd degrees of freedom of the rows, not the 6 of the
features. Here the containment rule gives them back: a coefficient whose column lies in the
space of a random coefficient's design Z cannot have more than

    rank(Z) - dim(span(Z) intersected with span(X))

degrees of freedom (Schluchter & Elashoff 1990; the "containment" method of mixed models).
"""

from typing import Final

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import linalg

from reprcompare.errors import listing
from reprcompare.statistics.design import Design, RandomTerm, dependent_columns
from reprcompare.statistics.engines import Estimates

SOUND: Final = "sound"
BOUNDARY: Final = "at the boundary"
FAILED: Final = "did not converge, do not report"

_SINGULAR: Final = 1e-6
_CONTAINED: Final = 1e-8
_FEW_LEVELS: Final = 5


def singular_terms(design: Design, estimates: Estimates) -> list[int]:
    """Random terms whose covariance is singular: a variance of 0, or a correlation of +-1.

    Judged on the smallest eigenvalue of a term's contribution to the outcome relative to the
    residual variance, so that the unit of a slope does not matter.
    """
    found = []
    for number, (term, G) in enumerate(zip(design.random, estimates.random, strict=True)):
        size = np.array(
            [np.sqrt(term.columns_of(name).power(2).sum() / len(design.y)) for name in term.names]
        )
        relative = G * np.outer(size, size) / estimates.residual
        if np.linalg.eigvalsh(relative)[0] < _SINGULAR:
            found.append(number)
    return found


def containment_df(term: RandomTerm, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees of freedom that a random term leaves to each coefficient.

    Parameters
    ----------
    term : RandomTerm
    X : array of shape (n_rows, p)

    Returns
    -------
    array of shape (p,)
        Infinite for coefficients that vary within the levels of the term. At least 1.
    """
    smallest = np.full(X.shape[1], np.inf)
    for name in term.names:
        Z = term.columns_of(name)
        Z = Z[:, np.flatnonzero(np.diff(Z.indptr))]
        gram = (Z.T @ Z).toarray()
        inverse = linalg.pinvh(gram)
        rest = X - Z @ (inverse @ (Z.T @ X))
        contained = np.linalg.norm(rest, axis=0) < _CONTAINED * np.linalg.norm(X, axis=0)
        scaled = rest / np.maximum(np.linalg.norm(X, axis=0), 1e-300)
        shared = X.shape[1] - np.linalg.matrix_rank(scaled, tol=_CONTAINED)
        df = max(np.linalg.matrix_rank(gram) - shared, 1)
        smallest[contained] = np.minimum(smallest[contained], df)
    return smallest


def aggregated_tests(design: Design, singular: list[int]) -> pd.DataFrame:
    """Test coefficients that vary only between levels on the levels' means.

    One mean per level and ordinary least squares on them: exact when the design is balanced,
    whatever the variance between levels, so it can stand beside a fit at the boundary.

    Returns
    -------
    pandas.DataFrame
        group, term, estimate, se, df, t, p; empty when no coefficient qualifies.
    """
    rows = []
    for number in singular:
        term = design.random[number]
        if term.codes is None or "Intercept" not in term.names:
            continue
        within = containment_df(_intercept_only(term), design.X)
        columns = np.flatnonzero(np.isfinite(within))
        first = np.unique(term.codes, return_index=True)[1]
        X = design.X[np.ix_(first, columns)]
        if len(columns) == 0 or len(first) <= len(columns) or dependent_columns(X):
            continue
        sums = np.bincount(term.codes, weights=design.y)
        fit = sm.OLS(sums / np.bincount(term.codes), X).fit()
        for place, column in enumerate(columns):
            if design.names[column] == "Intercept" and len(design.names) > 1:
                continue  # with uncentred predictors left out it is another quantity
            rows.append(
                {
                    "group": term.group,
                    "term": design.names[column],
                    "estimate": fit.params[place],
                    "se": fit.bse[place],
                    "df": fit.df_resid,
                    "t": fit.tvalues[place],
                    "p": fit.pvalues[place],
                }
            )
    return pd.DataFrame(rows, columns=["group", "term", "estimate", "se", "df", "t", "p"])


def verdict(design: Design, estimates: Estimates, singular: list[int]) -> tuple[str, str]:
    """Judge a fit.

    Returns
    -------
    status : str
        `SOUND`, `BOUNDARY` or `FAILED`.
    sentence : str
        The status with its reason.
    """
    if not estimates.converged:
        return FAILED, f"{FAILED}: {estimates.message.strip().rstrip('.')}"
    few = [t.group for t in design.random if len(t.levels) < _FEW_LEVELS]
    caution = (
        f"; a variance over fewer than {_FEW_LEVELS} levels ({listing(dict.fromkeys(few))}) is "
        "hardly known"
        if few
        else ""
    )
    if singular:
        reasons = [
            _boundary_reason(design.random[k], estimates.random[k], estimates.residual)
            for k in singular
        ]
        return BOUNDARY, (
            f"{BOUNDARY}: {'; '.join(reasons)}. The design requires the term, so it is kept and "
            f"what varies only between its levels has the degrees of freedom of the levels{caution}"
        )
    return SOUND, f"{SOUND}: converged, no variance at the boundary{caution}"


def _intercept_only(term: RandomTerm) -> RandomTerm:
    """Reduce a term to its random intercept."""
    Z = term.columns_of("Intercept")
    return RandomTerm(term.group, ("Intercept",), term.levels, Z, term.codes)


def _boundary_reason(term: RandomTerm, G: NDArray[np.float64], residual: float) -> str:
    """Say in which way a term is singular."""
    sizes = np.array([term.columns_of(n).power(2).sum() / term.Z.shape[0] for n in term.names])
    zero = [
        name
        for name, value in zip(term.names, np.diag(G) * sizes / residual, strict=True)
        if value < _SINGULAR
    ]
    if zero == ["Intercept"] or (zero and len(term.names) == 1):
        what = "" if zero == ["Intercept"] else f" of {zero[0]}"
        return f"the variance{what} between levels of {term.group} is estimated as 0"
    if zero:
        return f"the variance of {listing(zero)} over {term.group} is estimated as 0"
    return f"the random effects {listing(term.names)} of {term.group} are perfectly correlated"

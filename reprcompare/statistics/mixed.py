"""Mixed-effects models from one formula, with honest degrees of freedom and a verdict in words."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reprcompare.errors import InvalidInputError, NotIdentifiableError, unknown_name
from reprcompare.statistics.boundary import (
    FAILED,
    aggregated_tests,
    containment_df,
    singular_terms,
    verdict,
)
from reprcompare.statistics.design import Design, build_design
from reprcompare.statistics.engines import ENGINES, Estimates, fit_ols
from reprcompare.statistics.kenward_roger import KenwardRoger
from reprcompare.statistics.tables import as_text, coefficient_table


@dataclass(frozen=True)
class MixedModel:
    """A fitted mixed-effects model.

    Attributes
    ----------
    formula : str
    fixed : pandas.DataFrame
        term, estimate, se, df, t, p, ci_low, ci_high; one row per coefficient. NaN tests
        when the fit did not converge.
    random : pandas.DataFrame
        group, term, variance, sd; the last row is the residual.
    status : str
        `sound`, `at the boundary` or `did not converge, do not report`.
    verdict : str
        The status with its reason.
    aggregated : pandas.DataFrame
        For terms at the boundary: the same coefficients tested on the levels' means.
    notes : tuple of str
        What was left out, and what a reader must know about the outcome.
    engine, df_method : str
    level : float
        Of the confidence intervals.
    most_df : array of shape (p,)
        Degrees of freedom that the terms at the boundary leave to each coefficient.
    design : Design
    estimates : Estimates
        With the covariance and degrees of freedom of `df_method`.
    """

    formula: str
    fixed: pd.DataFrame
    random: pd.DataFrame
    status: str
    verdict: str
    aggregated: pd.DataFrame
    notes: tuple[str, ...]
    engine: str
    df_method: str
    level: float
    most_df: NDArray[np.float64] = field(repr=False)
    design: Design = field(repr=False)
    estimates: Estimates = field(repr=False)

    def degrees_of_freedom(self, contrasts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Degrees of freedom of contrasts of shape (m, p), as an array of shape (m,).

        At the boundary a contrast has no more than the coefficients that it involves.
        """
        involved = np.where(contrasts != 0, self.most_df, np.inf).min(axis=1)
        return np.minimum(self.estimates.df(contrasts), involved)

    def refit(self, table: pd.DataFrame, *, reml: bool | None = None) -> "MixedModel":
        """Fit the same model to other rows, or by the other likelihood."""
        if self.design.fixed_info is None:
            raise InvalidInputError("refit a model of pairs by calling pair_model again")
        return mixed_model(
            self.formula,
            table,
            self.engine,
            reml=self.estimates.reml if reml is None else reml,
            level=self.level,
        )

    @property
    def method(self) -> str:
        """What was fitted, and how."""
        groups = {term.group: len(term.levels) for term in self.design.random}
        size = ", ".join([f"{len(self.design.y)} rows", *(f"{n} {g}" for g, n in groups.items())])
        how = "restricted maximum likelihood" if self.estimates.reml else "maximum likelihood"
        return f"{size}; {how}, {self.engine}; {DF_TEXT[self.df_method]}"

    def summary(self) -> str:
        """Write the model, its tables and the verdict as text."""
        parts = [
            f"{self.formula}",
            self.method,
            "",
            "Fixed effects",
            as_text(self.fixed),
            "",
            "Random effects",
            as_text(self.random),
        ]
        if len(self.aggregated):
            parts += ["", "The same, tested on the means of the levels", as_text(self.aggregated)]
        parts += ["", f"Verdict: {self.verdict}.", *(f"Note: {note}." for note in self.notes)]
        return "\n".join(parts)


DF_TEXT: Final = {
    "satterthwaite": "degrees of freedom by Satterthwaite's method",
    "kenward-roger": "standard errors and degrees of freedom by Kenward and Roger's method",
    "residual": "exact residual degrees of freedom",
    "normal": "tests by the normal distribution, too liberal in small samples",
}


def _satterthwaite(design: Design, estimates: Estimates) -> Estimates:
    """Keep what the engine gives."""
    return estimates


def _kenward_roger(design: Design, estimates: Estimates) -> Estimates:
    """Put the corrected covariance and degrees of freedom in place of the engine's."""
    if not design.random:
        return estimates
    corrected = KenwardRoger(design, estimates)
    return replace(estimates, covariance=corrected.covariance, df=corrected.df)


DF_METHODS: Final[dict[str, Callable[[Design, Estimates], Estimates]]] = {
    "satterthwaite": _satterthwaite,
    "kenward-roger": _kenward_roger,
}
"""Ways to degrees of freedom by name."""


def mixed_model(
    formula: str,
    table: pd.DataFrame,
    engine: str = "auto",
    *,
    df: str = "satterthwaite",
    reml: bool = True,
    level: float = 0.95,
) -> MixedModel:
    """Fit a linear mixed-effects model.

    Parameters
    ----------
    formula : str
        In lme4's language: `share ~ complexity * position + (1|subject) + (1|feature)`;
        `(x|g)` correlated slopes, `(x||g)` independent ones, `(1|a/b)` nested groups.
        Text columns are coded as differences from their first level (in sorted order, or in
        the order of a categorical column); `C(rule, Sum)` and the like change that.
    table : pandas.DataFrame
        One observation a row.
    engine : {"auto", "mixedlm", "statsmodels"}
        "auto" takes mixedlm for models with random terms, because statsmodels has no
        small-sample degrees of freedom, and statsmodels' least squares for those without.
    df : {"satterthwaite", "kenward-roger"}
        How degrees of freedom are found; the second also corrects the standard errors for
        small samples, and needs restricted likelihood and at most 2000 rows.
    reml : bool
        Restricted likelihood, or plain maximum likelihood.
    level : float
        Of the confidence intervals.

    Returns
    -------
    MixedModel

    Raises
    ------
    InvalidInputError
        When the formula or an argument is wrong (`UnknownNameError` for an unknown column).
    NotIdentifiableError
        When the data cannot answer: a constant outcome, collinear predictors, a grouping
        with one level.

    References
    ----------
    Bates et al. 2015, Journal of Statistical Software 67(1); Kuznetsova et al. 2017,
    Journal of Statistical Software 82(13).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"subject": np.repeat(list("abcdefgh"), 6), "x": np.tile([0, 1], 24)})
    >>> table["y"] = table.x + np.repeat(rng.normal(size=8), 6) + rng.normal(size=48)
    >>> fit = mixed_model("y ~ x + (1|subject)", table)
    >>> fit.fixed.term.tolist(), fit.status
    (['Intercept', 'x'], 'sound')
    """
    if engine != "auto" and engine not in ENGINES:
        raise InvalidInputError(unknown_name("engine", engine, ["auto", *ENGINES]))
    if df not in DF_METHODS:
        raise InvalidInputError(unknown_name("df", df, DF_METHODS))
    if not 0 < level < 1:
        raise InvalidInputError(f"level must lie between 0 and 1, not {level}")
    design = build_design(formula, table)
    if engine == "auto":
        engine = "mixedlm" if design.random else "statsmodels"
    fit = ENGINES[engine] if design.random else fit_ols
    return summarise(design, fit(design, reml), engine, df, level)


def summarise(
    design: Design,
    estimates: Estimates,
    engine: str,
    df: str = "satterthwaite",
    level: float = 0.95,
) -> MixedModel:
    """Turn estimates into tables and a verdict."""
    if estimates.residual <= 1e-14 * np.var(design.y):
        raise NotIdentifiableError(
            f"{design.formula!r} explains the outcome without any residual, so nothing can be "
            "tested; is the outcome computed from the predictors?"
        )
    singular = singular_terms(design, estimates)
    status, sentence = verdict(design, estimates, singular)
    p = design.X.shape[1]
    most_df = np.full(p, np.inf)
    if df == "satterthwaite":  # Kenward-Roger keeps the design's degrees of freedom by itself
        for number in singular:
            most_df = np.minimum(most_df, containment_df(design.random[number], design.X))
    estimates = DF_METHODS[df](design, estimates)
    found = estimates.df(np.eye(p))
    method = "residual" if not design.random else "normal" if np.isinf(found).all() else df
    fixed = coefficient_table(
        list(design.names),
        estimates.beta,
        estimates.covariance,
        np.minimum(found, most_df),
        level,
    )
    if status == FAILED:
        fixed[["df", "t", "p", "ci_low", "ci_high"]] = np.nan
    return MixedModel(
        formula=design.formula,
        fixed=fixed,
        random=_random_table(design, estimates),
        status=status,
        verdict=sentence,
        aggregated=aggregated_tests(design, singular),
        notes=design.notes,
        engine=engine,
        df_method=method,
        level=level,
        most_df=most_df,
        design=design,
        estimates=estimates,
    )


def _random_table(design: Design, estimates: Estimates) -> pd.DataFrame:
    """Variances by group and term, the residual last."""
    rows = [
        (term.group, name, variance)
        for term, G in zip(design.random, estimates.random, strict=True)
        for name, variance in zip(term.names, np.diag(G), strict=True)
    ]
    rows.append(("residual", "", estimates.residual))
    table = pd.DataFrame(rows, columns=["group", "term", "variance"])
    table["sd"] = np.sqrt(table["variance"])
    return table

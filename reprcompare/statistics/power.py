"""How many networks, features, subjects or stimuli: power by simulation from a pilot fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.statistics.design import Design, build_design
from reprcompare.statistics.engines import fit_mixedlm, fit_ols
from reprcompare.statistics.mixed import MixedModel, summarise


def power_by_simulation(
    fit: MixedModel,
    term: str,
    sizes: Mapping[str, Sequence[int]],
    *,
    effect: float | None = None,
    alpha: float = 0.05,
    n_simulations: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate the power to find an effect in studies of other sizes than the pilot.

    A study with n subjects has the pilot's rows for each, its subjects taken in turn, and
    likewise for every other grouping, so predictors keep their pattern. Outcomes are drawn
    from the pilot's coefficients and variances, and analysed as the pilot was. The effect in
    a pilot is uncertain and, when it was chosen because it was significant, too large: give
    the smallest effect of interest instead.

    Parameters
    ----------
    fit : MixedModel
        The pilot.
    term : str
        Coefficient to be tested.
    sizes : mapping of str to sequences of int
        Numbers of levels to try for columns of the pilot, for example
        `{"subject": [10, 20, 40], "feature": [8, 16]}`; all combinations are tried.
    effect : float, optional
        Value of the coefficient; the pilot's estimate without it.
    alpha : float
    n_simulations : int
    seed : int

    Returns
    -------
    pandas.DataFrame
        The sizes, n_rows, power, ci_low, ci_high (Wilson's interval for the simulations), and
        unusable (simulations whose fit did not converge, counted as no rejection).

    Raises
    ------
    UnknownNameError
        When the pilot has no such term or column.
    InvalidInputError
        When a size is below 2.
    """
    if term not in fit.design.names:
        raise UnknownNameError(unknown_name("term", term, fit.design.names, fit.formula))
    for column, numbers in sizes.items():
        if column not in fit.design.table.columns:
            known = map(str, fit.design.table.columns)
            raise UnknownNameError(unknown_name("column", column, known, fit.formula))
        if min(numbers) < 2:
            raise InvalidInputError(f"{column!r} needs at least 2 levels, not {min(numbers)}")
    beta = fit.estimates.beta.copy()
    place = fit.design.names.index(term)
    beta[place] = beta[place] if effect is None else effect
    rows = []
    for numbers in product(*sizes.values()):
        wanted = dict(zip(sizes, numbers, strict=True))
        design = build_design(fit.formula, enlarge(fit.design.table, wanted))
        rng = np.random.default_rng([seed, *numbers])
        p = np.array([_one_study(fit, design, beta, place, rng) for _ in range(n_simulations)])
        hits = int(np.sum(p < alpha))
        low, high = proportion_confint(hits, n_simulations, method="wilson")
        rows.append(
            {
                **wanted,
                "n_rows": len(design.y),
                "power": hits / n_simulations,
                "ci_low": low,
                "ci_high": high,
                "unusable": int(np.isnan(p).sum()),
            }
        )
    return pd.DataFrame(rows)


def enlarge(table: pd.DataFrame, sizes: Mapping[str, int]) -> pd.DataFrame:
    """Copy or drop levels of some columns until they have the wanted numbers of levels.

    Parameters
    ----------
    table : pandas.DataFrame
    sizes : mapping of str to int

    Returns
    -------
    pandas.DataFrame
        Level number i of a column repeats the rows of level i modulo the number of levels.

    Examples
    --------
    >>> table = pd.DataFrame({"subject": ["a", "b"], "x": [1, 2]})
    >>> enlarge(table, {"subject": 3}).to_numpy().tolist()
    [['0', 1], ['2', 1], ['1', 2]]
    """
    for column, size in sizes.items():
        codes, levels = pd.factorize(table[column])
        copies: list[list[Any]] = [list(range(c, size, len(levels))) for c in range(len(levels))]
        repeats = np.array([len(copies[code]) for code in codes])
        names = [str(new) for code in codes for new in copies[code]]
        table = table.iloc[np.repeat(np.arange(len(table)), repeats)].reset_index(drop=True)
        table[column] = names
    return table


def _one_study(
    fit: MixedModel,
    design: Design,
    beta: NDArray[np.float64],
    place: int,
    rng: np.random.Generator,
) -> float:
    """Draw one study and return the p value of the coefficient; NaN when it is unusable."""
    y = design.X @ beta + np.sqrt(fit.estimates.residual) * rng.normal(size=len(design.X))
    for term, G in zip(design.random, fit.estimates.random, strict=True):
        values, vectors = np.linalg.eigh(G)
        root = vectors * np.sqrt(np.maximum(values, 0))
        y += term.Z @ (rng.normal(size=(len(term.levels), len(G))) @ root.T).ravel()
    study = replace(design, y=y)
    try:
        estimates = (fit_mixedlm if design.random else fit_ols)(study)
        return float(summarise(study, estimates, "mixedlm").fixed.p[place])
    except NotIdentifiableError:
        return float("nan")

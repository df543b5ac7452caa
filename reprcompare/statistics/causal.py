"""The ready-made model of share: what may be called a cause, and what may not.

    set by the experimenter                            observed
    rule, curriculum, prevalence,        ->            share
    position, architecture, optimiser    ->  learning rank, accuracy,  ->  share
                                             density, role
    unobserved causes                    ->  learning rank, ...  and  share

What the experimenter set or randomised is an exposure: its total effect on share is
identified. What was observed lies on the way from an exposure to share, and shares
unobserved causes with it. Holding it constant asks for a direct effect and opens the path
through the unobserved causes (collider bias; Pearl 2009, Causality; Rosenbaum 1984). So total
effects come first and without such adjustment, and mediation stands apart with its
assumption.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.statistics.design import dependent_columns
from reprcompare.statistics.mixed import MixedModel, mixed_model
from reprcompare.statistics.outcomes import OBSERVED
from reprcompare.statistics.shares import per_network_contrast

GRAPH: Final = (
    "{exposures} -> {value}; {exposures} -> {observed} -> {value}; "
    "{observed} <- unobserved causes -> {value}"
)


@dataclass(frozen=True)
class ShareModel:
    """Total effects of what was set by the experimenter on share.

    Attributes
    ----------
    total : pandas.DataFrame
        term, unit (what is generalised over), estimate, se, df, t, p, ci_low, ci_high; one
        row per exposure, none of them adjusted for anything observed.
    graph : str
        The causal graph that this rests on, as edges.
    beside : MixedModel or None
        The mixed model of the same exposures, for comparison; None when it cannot be fitted.
    notes : tuple of str
        Scope and assumptions, one sentence each.
    """

    total: pd.DataFrame
    graph: str
    beside: MixedModel | None
    notes: tuple[str, ...]

    def summary(self) -> str:
        """Write the effects, the graph and the notes as text."""
        lines = ["Total effects", self.total.to_string(index=False, float_format="{:.4g}".format)]
        return "\n".join([*lines, f"Causal graph: {self.graph}.", *(f"{n}." for n in self.notes)])


def share_model(
    table: pd.DataFrame,
    exposures: Sequence[str] = ("complexity",),
    *,
    value: str = "share",
    subject: str = "subject",
    feature: str = "feature",
    level: float = 0.95,
) -> ShareModel:
    """Estimate total effects of exposures on share, each with the unit that it varies over.

    Shares of a network compete, so no test here treats the shares of one network as
    independent (see `per_network_contrast`). An exposure that

    - differs between the features of a network and from network to network (order of
      training, prevalence, position, when randomised per network) is reduced to one contrast
      or slope per network, and networks are the unit;
    - belongs to a feature (its rule) is tested on the means of the features, and features
      are the unit; with fewer than 4 features, per network and for these features only;
    - belongs to a network (architecture, optimiser) is tested on the means of the networks.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per subject and feature, of one region.
    exposures : sequence of str
        Columns, numeric or with two values, that the experimenter set.
    value, subject, feature : str
        Columns of the outcome, the networks and the features.
    level : float
        Of the confidence intervals.

    Returns
    -------
    ShareModel

    Raises
    ------
    InvalidInputError
        When an exposure was observed and not set (`OBSERVED`), with what to do instead.
    NotIdentifiableError
        When an exposure does not vary, or its units are too few.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"subject": np.repeat(range(6), 8), "feature": list("abcdefgh") * 6})
    >>> table["complexity"] = table.feature.isin(list("efgh")).astype(int)
    >>> table["share"] = 0.15 - 0.1 * table.complexity + rng.normal(0, 0.02, 48)
    >>> share_model(table).total[["unit", "df"]].to_numpy().tolist()
    [['feature', 6.0]]
    """
    for exposure in exposures:
        if exposure in OBSERVED:
            raise InvalidInputError(
                f"{exposure!r} is an outcome of training, not something that was set: conditioning "
                "on it gives a direct effect and invites collider bias; take the total effect of "
                "what was randomised, and see `mediation` for the path through it"
            )
    for name in (*exposures, value, subject, feature):
        if name not in table.columns:
            raise UnknownNameError(unknown_name("column", name, map(str, table.columns), "table"))
    rows, notes, tables = table.dropna(subset=[value, *exposures]), [], []
    for exposure in exposures:
        effect, note = _total_effect(rows, exposure, value, subject, feature, level)
        tables.append(effect)
        notes.append(note)
    total = pd.concat(tables, ignore_index=True)
    present = [name for name in OBSERVED if name in table.columns] or ["learning rank, accuracy"]
    graph = GRAPH.format(
        exposures="{" + ", ".join(exposures) + "}",
        observed="{" + ", ".join(present) + "}",
        value=value,
    )
    notes.append(
        "Total effects: nothing observed during or after training is held constant, "
        "so each includes what goes through the order of learning"
    )
    formula = f"{value} ~ {' + '.join(exposures)} + (1|{subject}) + (1|{feature})"
    try:
        beside = mixed_model(formula, rows, level=level)
    except NotIdentifiableError as error:
        beside = None
        notes.append(f"No mixed model stands beside it: {error}")
    return ShareModel(total, graph, beside, tuple(notes))


def mediation(
    table: pd.DataFrame,
    exposure: str,
    mediator: str,
    *,
    value: str = "share",
    subject: str = "subject",
    n_bootstrap: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Split a total effect into a path through a mediator and the rest, networks as units.

    Least squares within networks (every column centred on its network's mean): total effect
    c of the exposure, a of the exposure on the mediator, b of the mediator given the
    exposure; indirect = a b, direct = c - a b (Baron & Kenny 1986). Percentile intervals by
    resampling networks. The split is causal only when nothing unobserved drives both the
    mediator and the outcome, which randomising the exposure does not ensure.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per subject and feature.
    exposure, mediator, value, subject : str
        Columns; the first three numeric.
    n_bootstrap : int
    level : float
    seed : int

    Returns
    -------
    pandas.DataFrame
        effect (total, indirect, direct), estimate, ci_low, ci_high, assumption.

    Raises
    ------
    NotIdentifiableError
        If the mediator follows from the exposure within networks, or one does not vary there.
    """
    rows = table[[subject, exposure, mediator, value]].dropna()
    centred = rows[[exposure, mediator, value]].astype(float)
    centred = centred - centred.groupby(rows[subject].to_numpy()).transform("mean")
    if dependent_columns(centred[[exposure, mediator]].to_numpy()):
        raise NotIdentifiableError(
            f"{mediator!r} follows from {exposure!r} within every network (or one of them does not "
            "vary there), so their paths cannot be told apart"
        )
    # Everything needed is a sum of products per network, and resampling adds these up.
    products = np.einsum("ni,nj->nij", centred.to_numpy(), centred.to_numpy())
    codes, names = pd.factorize(rows[subject])
    sums = np.zeros((len(names), 3, 3))
    np.add.at(sums, codes, products)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), n_bootstrap)
    draws = _paths(np.einsum("bs,sij->bij", weights, sums))
    tail = 100 * (1 - level) / 2
    low, high = np.nanpercentile(draws, [tail, 100 - tail], axis=0)
    return pd.DataFrame(
        {
            "effect": ["total", "indirect", "direct"],
            "estimate": _paths(sums.sum(axis=0, keepdims=True))[0],
            "ci_low": low,
            "ci_high": high,
            "assumption": ["none beyond randomisation"]
            + [f"nothing unobserved drives both {mediator} and {value}"] * 2,
        }
    )


def shapley_bounds(
    table: pd.DataFrame, predictors: Sequence[str], *, value: str = "share", within: str = "subject"
) -> pd.DataFrame:
    """Say how much of the variance is due to each predictor, as far as that has an answer.

    The gain in R2 of a predictor depends on what was entered before it. `low` and `high` are
    the smallest and largest gain over all orders, `shapley` their mean over orders
    (Lindeman, Merenda & Gold 1980); for independent predictors the three agree.

    Parameters
    ----------
    table : pandas.DataFrame
    predictors : sequence of str
        At most 10 numeric or categorical columns.
    value : str
        Column of the outcome.
    within : str
        Column on whose levels everything is centred first, the networks.

    Returns
    -------
    pandas.DataFrame
        predictor, shapley, low, high; fractions of the variance within networks.

    Raises
    ------
    InvalidInputError
        If there are no predictors, or more than 10.

    Examples
    --------
    >>> table = pd.DataFrame({"subject": [0] * 4, "a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> table["share"] = 2 * table.a + table.b
    >>> shapley_bounds(table, ["a", "b"]).round(2).to_numpy().tolist()
    [['a', 0.8, 0.8, 0.8], ['b', 0.2, 0.2, 0.2]]
    """
    if not 1 <= len(predictors) <= 10:
        raise InvalidInputError(
            f"between 1 and 10 predictors can be ordered, not {len(predictors)}"
        )
    rows = table[[within, value, *predictors]].dropna()
    group = rows[within].to_numpy()
    outcome = rows[value] - rows[value].groupby(group).transform("mean")
    coded = {
        name: pd.get_dummies(rows[name], dtype=float)
        if not _numeric(rows[name])
        else rows[[name]].astype(float)
        for name in predictors
    }
    columns = {n: (c - c.groupby(group).transform("mean")).to_numpy() for n, c in coded.items()}
    r2 = {
        chosen: _r2(outcome.to_numpy(), [columns[name] for name in chosen])
        for size in range(len(predictors) + 1)
        for chosen in combinations(predictors, size)
    }
    found, count = [], len(predictors)
    for name in predictors:
        others = [set_ for set_ in r2 if name not in set_]
        with_it = {s: tuple(p for p in predictors if p in (*s, name)) for s in others}
        gains = np.array([r2[with_it[s]] - r2[s] for s in others])
        weights = [
            factorial(len(s)) * factorial(count - len(s) - 1) / factorial(count) for s in others
        ]
        found.append((name, float(gains @ weights), gains.min(), gains.max()))
    return pd.DataFrame(found, columns=["predictor", "shapley", "low", "high"])


def _total_effect(
    rows: pd.DataFrame, exposure: str, value: str, subject: str, feature: str, level: float
) -> tuple[pd.DataFrame, str]:
    """Test one exposure on the units that it varies over."""
    of_network = (rows.groupby(subject, observed=True)[exposure].nunique() == 1).all()
    of_feature = (rows.groupby(feature, observed=True)[exposure].nunique() == 1).all()
    if of_network and of_feature:
        raise NotIdentifiableError(
            f"{exposure!r} is {rows[exposure].iloc[0]!r} in every row, so it has no effect to find"
        )
    n_features = rows[feature].nunique()
    unit = subject if of_network else feature if of_feature and n_features >= 4 else None
    if unit is None:
        result = per_network_contrast(rows, exposure, value=value, subject=subject, level=level)
        scope = (
            f"only {n_features} features, so the effect is that of these features and nothing is "
            "said about others"
            if of_feature
            else "it varies within networks and between them"
        )
        effect, unit = result.table, subject
        note = f"{exposure}: one contrast per network, networks are the unit; {scope}"
    else:
        means = rows.groupby([unit, exposure], observed=True)[value].mean().reset_index()
        effect = mixed_model(f"{value} ~ {exposure}", means, level=level).fixed.iloc[1:]
        note = (
            f"{exposure}: a property of each {unit}, tested on {len(means)} {unit} means, "
            f"generalising over {unit}s"
        )
    effect = effect.reset_index(drop=True)
    effect.insert(1, "unit", unit)
    return effect, note


def _paths(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total, indirect and direct effects from sums of products of (exposure, mediator, value).

    Parameters
    ----------
    sums : array of shape (n_draws, 3, 3)

    Returns
    -------
    array of shape (n_draws, 3)
        NaN where a draw leaves a path undefined.
    """
    xx, xm, xy = sums[:, 0, 0], sums[:, 0, 1], sums[:, 0, 2]
    mm, my = sums[:, 1, 1], sums[:, 1, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        total, a = xy / xx, xm / xx
        b = (xx * my - xm * xy) / (xx * mm - xm**2)
    return np.stack([total, a * b, total - a * b], axis=1)


def _r2(y: NDArray[np.float64], columns: list[NDArray[np.float64]]) -> float:
    """Fraction of the variance of a centred outcome that centred columns explain."""
    if not columns:
        return 0.0
    X = np.column_stack(columns)
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(1 - rest @ rest / (y @ y))


def _numeric(column: "pd.Series[float]") -> bool:
    """Tell numbers from labels."""
    return bool(pd.api.types.is_numeric_dtype(column)) and column.dtype != bool

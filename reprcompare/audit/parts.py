"""How the variance of a region divides: main effects, interactions, and what is left.

The decomposition of Sobol (1993) and Hoeffding for features that are crossed: the total index of a
feature is what it explains alone and in interactions with others.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprcompare.audit.design import Basis, basis_of
from reprcompare.audit.share import Share

HIGHER = "higher orders"
WITHIN = "within combinations"


@dataclass(frozen=True)
class Effects:
    """What the labels of some stimuli can explain.

    Attributes
    ----------
    features
        The basis of every feature that varies.
    others
        The basis of all other features together; features that are collinear with others have none.
    together
        The basis of all features, without interactions.
    pairs
        The basis of the interaction of two features, for pairs that are crossed.
    combinations
        The basis of all combinations of levels, None where they do not all occur twice.
    without
        The basis of all combinations of levels of the other features, by feature; empty where
        `combinations` is None.
    notes
        What cannot be answered, and why.
    """

    features: dict[str, Basis]
    others: dict[str, Basis]
    together: Basis
    pairs: dict[tuple[str, str], Basis]
    combinations: Basis | None
    without: dict[str, Basis]
    notes: list[str]


def effects_of(table: pd.DataFrame) -> Effects:
    """Work out what can be asked of a label table.

    Parameters
    ----------
    table
        One row a stimulus, one column a feature; no missing values.

    Returns
    -------
    Effects
        With the reasons for what cannot be asked.

    Examples
    --------
    >>> crossed = pd.DataFrame({"a": [0, 0, 1, 1] * 2, "b": [0, 1, 0, 1] * 2})
    >>> effects = effects_of(crossed)
    >>> effects.combinations.rank, effects.pairs["a", "b"].rank
    (3, 1)
    """
    notes: list[str] = []
    features, others = {}, {}
    together = basis_of(table)
    for name in table.columns:
        own, rest = basis_of(table[[name]]), basis_of(table.drop(columns=name))
        if own.rank == 0:
            notes.append(f"{name!r} has one value in all stimuli: nothing can be said about it.")
            continue
        features[name] = own
        if own.rank >= len(table) - 1:
            notes.append(
                f"{name!r} has another value for every stimulus: its share is not identifiable, "
                "since no two stimuli show what varies without it."
            )
        if rest.rank + own.rank > together.rank:
            notes.append(
                f"{name!r} is collinear with other labels: its unique share is not identifiable."
            )
        else:
            others[name] = rest
    levelled = [name for name in features if _has_levels(table[name])]
    pairs = {
        pair: _interaction(table[list(pair)])
        for pair in itertools.combinations(levelled, 2)
        if _crossed(table[list(pair)])
    }
    combinations, without = None, {}
    if len(features) > 1:
        names = list(features)
        if len(levelled) == len(features) and _crossed(table[names]):
            combinations = basis_of(_combined(table[names]))
            without = {name: basis_of(_combined(table[names].drop(columns=name))) for name in names}
        else:
            notes.append(
                "Total shares and higher interactions are not identifiable: not every combination "
                "of the features' levels occurs at least twice."
            )
    return Effects(features, others, together, pairs, combinations, without, notes)


def _has_levels(feature: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(feature) or feature.nunique() == 2


def _crossed(table: pd.DataFrame) -> bool:
    counts = table.value_counts()
    return len(counts) == math.prod(table.nunique()) and counts.to_numpy().min() > 1


def _combined(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"combination": table.astype(str).agg("|".join, axis=1)}, index=table.index)


def _interaction(table: pd.DataFrame) -> Basis:
    """Return what combinations of two features explain beyond the features."""
    left = basis_of(table).residual(basis_of(_combined(table)).vectors)
    vectors, singular, _ = np.linalg.svd(left, full_matrices=False)
    return Basis(vectors[:, singular > 1e-8])


def shares_by_feature(
    measure: Callable[[Basis], Share], effects: Effects
) -> dict[str, dict[str, float]]:
    """Return the shares of every feature: of itself, unique, joint with others, total.

    Parameters
    ----------
    measure
        Returns the share of what a basis spans.
    effects
        Of the same stimuli.

    Returns
    -------
    dict of dict
        share, share_low, share_high; share_unique is what a regression on all features loses
        without this one; share_joint is what others explain just as well (share minus
        share_unique, 0 for features that are independent); share_total is what is lost when the
        feature is unknown, with its interactions.
    """
    every = measure(effects.together).estimate
    cells = np.nan if effects.combinations is None else measure(effects.combinations).estimate
    found = {}
    for name, basis in effects.features.items():
        own = measure(basis)
        unique = np.nan
        if name in effects.others:
            unique = every - measure(effects.others[name]).estimate
        rest = effects.without.get(name)
        found[name] = {
            "share": own.estimate,
            "share_low": own.low,
            "share_high": own.high,
            "share_unique": unique,
            "share_joint": own.estimate - unique,
            "share_total": np.nan if rest is None else cells - measure(rest).estimate,
        }
    return found


def divide(
    measure: Callable[[Basis], Share], effects: Effects, found: Mapping[str, Mapping[str, float]]
) -> list[dict[str, object]]:
    """Divide the variance of a region.

    Parameters
    ----------
    measure, effects
        As for `shares_by_feature`.
    found
        What that returned.

    Returns
    -------
    list of dict
        part (a feature, "a:b" for an interaction, `HIGHER`, `WITHIN`), order, share, share_low,
        share_high. For features that are crossed and balanced the parts add up to 1. The
        correction for chance is slightly too large for each single part (about its rank / n), and
        what it takes off is left among the higher orders.
    """
    rows: list[dict[str, object]] = [
        {
            "part": name,
            "order": 1,
            **{key: own[key] for key in ("share", "share_low", "share_high")},
        }
        for name, own in found.items()
    ]
    of_pairs = {pair: measure(basis) for pair, basis in effects.pairs.items()}
    rows += [_row(":".join(pair), 2, share) for pair, share in of_pairs.items()]
    if effects.combinations is not None:
        cells = measure(effects.combinations).estimate
        if len(effects.features) > 2:
            lower = sum(own["share"] for own in found.values())
            lower += sum(share.estimate for share in of_pairs.values())
            rows.append(_row(HIGHER, 3, Share(cells - lower, np.nan, np.nan)))
        rows.append(_row(WITHIN, 0, Share(1 - cells, np.nan, np.nan)))
    return rows


def _row(part: str, order: int, share: Share) -> dict[str, object]:
    return {
        "part": part,
        "order": order,
        "share": share.estimate,
        "share_low": share.low,
        "share_high": share.high,
    }

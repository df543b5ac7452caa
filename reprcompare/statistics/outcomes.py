"""Recognise outcomes that a linear mixed model does not suit, and say what suits them."""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reprcompare.errors import listing

OBSERVED: Final = (
    "learning_rank",
    "learned_step",
    "accuracy",
    "loss",
    "margin",
    "density",
    "decodability",
    "role",
    "effect",
    "trained",
)
"""Columns that are outcomes of training: mediators or colliders, never exposures."""

_WHOLE: Final = 1.05
_EDGE: Final = 0.1


def is_compositional(
    name: str, values: NDArray[np.float64], wholes: list[NDArray[np.intp]]
) -> bool:
    """Tell whether an outcome consists of parts that compete within a grouping.

    Parameters
    ----------
    name : str
        Of the outcome.
    values : array of shape (n_rows,)
    wholes : list of integer arrays of shape (n_rows,)
        Candidate groupings, as codes of levels.

    Returns
    -------
    bool
        True when the parts of every level with several rows sum to 1, or, for an outcome
        named after shares, to at most 1 (5 % are left for estimation error).

    Examples
    --------
    >>> codes = np.array([0, 0, 1, 1])
    >>> is_compositional("share", np.array([0.6, 0.1, 0.5, 0.2]), [codes])
    True
    >>> is_compositional("score", np.array([0.6, 0.1, 0.5, 0.2]), [codes])
    False
    """
    for codes in wholes:
        counts = np.bincount(codes)
        sums = np.bincount(codes, weights=values)[counts > 1]
        if len(sums) == 0:
            continue
        if np.allclose(sums, 1.0, atol=1e-6) or (
            "share" in name.lower() and sums.max() <= _WHOLE and values.min() > -_EDGE
        ):
            return True
    return False


def outcome_notes(
    name: str,
    values: NDArray[np.float64],
    wholes: dict[str, NDArray[np.intp]],
    columns: list[str],
    table: pd.DataFrame,
) -> list[str]:
    """Write what a reader must know about an outcome before believing the model.

    Parameters
    ----------
    name : str
        Of the outcome.
    values : array of shape (n_rows,)
    wholes : dict of str to integer arrays of shape (n_rows,)
        The groupings of the model, as codes of levels.
    columns : list of str
        Columns that the model uses.
    table : pandas.DataFrame of n_rows
        The same rows with all their columns.

    Returns
    -------
    list of str
    """
    notes = []
    # Every region of a network is a whole of its own.
    region = np.zeros(len(values), dtype=np.intp)
    if "region" in table.columns:
        region = pd.factorize(table["region"])[0]
    candidates = [codes * (region.max() + 1) + region for codes in wholes.values()]
    if is_compositional(name, values, candidates):
        notes.append(
            f"{name} is compositional: the parts of one {listing(wholes)} compete, so they are "
            "negatively correlated, the variance between wholes tends to 0 and tests within them "
            "are too liberal. Use share_model, or per_network_contrast for one contrast per network"
        )
    elif len(np.unique(values)) == 2:
        notes.append(
            f"{name} has two values only, so the residuals are not normal and predictions may "
            "leave their range; use per_network_contrast on the rates of each subject, or a "
            "logistic mixed model (mixedlm.glmer)"
        )
    elif values.min() >= 0 and values.max() <= 1 and _crowds_an_edge(values):
        notes.append(
            f"{name} is bounded by 0 and 1 and crowds at a bound, where its spread shrinks; "
            "consider modelling its logit"
        )
    observed = [column for column in columns if column in OBSERVED and column != name]
    if observed:
        notes.append(
            f"{listing(observed)} was observed, not set by the experimenter: its coefficient is an "
            "association, and those of the other terms are effects with it held constant, open to "
            "collider bias. share_model gives total effects, mediation the path through it"
        )
    if "region" in table.columns and "region" not in columns and table["region"].nunique() > 1:
        notes.append(
            f"the table holds {table['region'].nunique()} regions and the formula has no region: "
            "regions of one subject are not independent observations"
        )
    return notes


def _crowds_an_edge(values: NDArray[np.float64]) -> bool:
    """Tell whether a fifth of the values lie within 0.05 of a bound."""
    return float(np.mean((values < 0.05) | (values > 0.95))) > 0.2

"""Theories of how representations are learned, fitted to recordings made over training."""

from reprcompare.theory.dynamics import (
    ABLATED,
    Dynamics,
    Start,
    conserved,
    end_state,
    loss,
    ratio_of,
    rich_limit,
    solve,
)
from reprcompare.theory.features import Which, compare_features, feature_pairs
from reprcompare.theory.fitting import PairFits, fit_pairs
from reprcompare.theory.null import rich_rdm
from reprcompare.theory.structure import ends_of, predict_ends, structure
from reprcompare.theory.tracking import pairs_of, track

__all__ = [
    "ABLATED",
    "Dynamics",
    "PairFits",
    "Start",
    "Which",
    "compare_features",
    "conserved",
    "end_state",
    "ends_of",
    "feature_pairs",
    "fit_pairs",
    "loss",
    "pairs_of",
    "predict_ends",
    "ratio_of",
    "rich_limit",
    "rich_rdm",
    "solve",
    "structure",
    "track",
]

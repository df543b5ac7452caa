"""Theories of how representations are learned, fitted to recordings made over training."""

from reprcompare.theory.dynamics import (
    ABLATED,
    Dynamics,
    Start,
    conserved,
    end_state,
    loss,
    rich_limit,
    solve,
)
from reprcompare.theory.fitting import PairFits, fit_pairs
from reprcompare.theory.tracking import pairs_of, track

__all__ = [
    "ABLATED",
    "Dynamics",
    "PairFits",
    "Start",
    "conserved",
    "end_state",
    "fit_pairs",
    "loss",
    "pairs_of",
    "rich_limit",
    "solve",
    "track",
]

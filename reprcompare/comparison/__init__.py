"""Comparison: one entry, and a result that says what was done."""

from reprcompare.comparison.compare import compare
from reprcompare.comparison.controls import CONTROLS, with_controls
from reprcompare.comparison.corrections import CORRECTIONS, Correction, find_corrections
from reprcompare.comparison.figures import plot_scores
from reprcompare.comparison.rdm_figures import arrange, plot_arrangement, plot_layers, plot_rdm
from reprcompare.comparison.result import Comparison

__all__ = [
    "CONTROLS",
    "CORRECTIONS",
    "Comparison",
    "Correction",
    "arrange",
    "compare",
    "find_corrections",
    "plot_arrangement",
    "plot_layers",
    "plot_rdm",
    "plot_scores",
    "with_controls",
]

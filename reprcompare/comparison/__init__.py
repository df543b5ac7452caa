"""Comparison: one entry, and a result that says what was done."""

from reprcompare.comparison.compare import compare
from reprcompare.comparison.figures import plot_scores
from reprcompare.comparison.result import Comparison

__all__ = ["Comparison", "compare", "plot_scores"]

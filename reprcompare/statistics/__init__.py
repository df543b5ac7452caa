"""Tests and models for tables of scores and shares: mixed-effects models and their company."""

from reprcompare.statistics.causal import ShareModel, mediation, shapley_bounds, share_model
from reprcompare.statistics.corrections import benjamini_hochberg, correct, holm
from reprcompare.statistics.mixed import MixedModel, mixed_model
from reprcompare.statistics.shares import NetworkContrast, per_network_contrast

__all__ = [
    "MixedModel",
    "NetworkContrast",
    "ShareModel",
    "benjamini_hochberg",
    "correct",
    "holm",
    "mediation",
    "mixed_model",
    "per_network_contrast",
    "shapley_bounds",
    "share_model",
]

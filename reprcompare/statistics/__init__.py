"""Tests and models for tables of scores and shares: mixed-effects models and their company."""

from reprcompare.statistics.corrections import benjamini_hochberg, correct, holm
from reprcompare.statistics.mixed import MixedModel, mixed_model
from reprcompare.statistics.shares import NetworkContrast, per_network_contrast

__all__ = [
    "MixedModel",
    "NetworkContrast",
    "benjamini_hochberg",
    "correct",
    "holm",
    "mixed_model",
    "per_network_contrast",
]

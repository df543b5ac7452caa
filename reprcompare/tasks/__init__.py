"""Stimuli whose features, and the extraneous properties of these, are known."""

from reprcompare.tasks.rules import RULES, Rule
from reprcompare.tasks.vectors import CODINGS, Feature, VectorTask

__all__ = ["CODINGS", "RULES", "Feature", "Rule", "VectorTask"]

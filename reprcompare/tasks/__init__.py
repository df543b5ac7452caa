"""Stimuli whose features, and the extraneous properties of these, are known."""

from reprcompare.tasks.features import Feature
from reprcompare.tasks.points import PointTask, digits, two_points
from reprcompare.tasks.rules import RULES, Complexity, Rule
from reprcompare.tasks.task import Task, with_counterfactuals
from reprcompare.tasks.trifeature import TrifeatureTask
from reprcompare.tasks.vectors import CODINGS, VectorTask

__all__ = [
    "CODINGS",
    "RULES",
    "Complexity",
    "Feature",
    "PointTask",
    "Rule",
    "Task",
    "TrifeatureTask",
    "VectorTask",
    "digits",
    "two_points",
    "with_counterfactuals",
]

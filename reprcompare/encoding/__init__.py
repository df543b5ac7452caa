"""Encoding models: what recordings and labels predict of a brain, nested and under its ceiling."""

from reprcompare.encoding.encode import encode
from reprcompare.encoding.leakage import LeakageWarning
from reprcompare.encoding.models import ALPHAS, MODELS
from reprcompare.encoding.result import Encoding
from reprcompare.encoding.universality import Universality, universality

__all__ = [
    "ALPHAS",
    "MODELS",
    "Encoding",
    "LeakageWarning",
    "Universality",
    "encode",
    "universality",
]

"""Rules by which a binary feature is computed from its own input units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rule:
    """A rule, and what is known of its complexity without training anything.

    Attributes
    ----------
    compute
        From bits (n_stimuli, k), values 0 or 1, to the feature (n_stimuli,), values 0 or 1.
    order
        From k, the number of input units, to the order of interaction: the smallest number of
        units that must be looked at together before they tell anything about the feature.
        Parity of k has order k; whatever a single unit correlates with has order 1.
    n_inputs
        Number of input units when none is given.
    """

    compute: Callable[[np.ndarray], np.ndarray]
    order: Callable[[int], int]
    n_inputs: int


def _parity(bits: np.ndarray) -> np.ndarray:
    return np.bitwise_xor.reduce(bits, axis=1)


RULES: dict[str, Rule] = {
    "linear": Rule(lambda bits: bits[:, 0], lambda k: 1, 1),
    "majority": Rule(lambda bits: 2 * bits.sum(axis=1) > bits.shape[1], lambda k: 1, 3),
    "and": Rule(lambda bits: bits.min(axis=1), lambda k: 1, 2),
    "or": Rule(lambda bits: bits.max(axis=1), lambda k: 1, 2),
    "xor": Rule(_parity, lambda k: k, 2),
    "parity": Rule(_parity, lambda k: k, 3),
}
"""All rules by name: `linear` is the value of one unit, `xor` is parity of two."""

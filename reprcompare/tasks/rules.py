"""Rules by which a feature is computed from input units of its own."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reprcompare.errors import InvalidInputError

MOST_ROWS = 1 << 16
"""Rows of the largest truth table that is written out to measure a feature's complexity."""


@dataclass(frozen=True)
class Rule:
    """A rule, and what is known of its complexity without training anything.

    Attributes
    ----------
    compute
        From the values of the units (n_stimuli, k), whole numbers from 0, the number of values a
        unit can take, and the threshold, to the feature (n_stimuli,), whole numbers from 0.
    order
        From k, the number of units, to the order of interaction: the smallest number of units that
        must be looked at together before they tell anything about the feature. Parity of k has
        order k; whatever a single unit correlates with has order 1.
    n_units
        Number of units when none is given.
    fixed
        Whether no other number is possible.
    categorical
        Whether units may take more than two values.
    keeps_levels
        Whether the feature then has as many levels as a unit; otherwise it has two.
    """

    compute: Callable[[np.ndarray, int, int], np.ndarray]
    order: Callable[[int], int]
    n_units: int
    fixed: bool = False
    categorical: bool = False
    keeps_levels: bool = False


def _first(units: np.ndarray, values: int, threshold: int) -> np.ndarray:
    return units[:, 0]


def _at_least(units: np.ndarray, values: int, threshold: int) -> np.ndarray:
    return units.sum(axis=1) >= threshold


def _parity(units: np.ndarray, values: int, threshold: int) -> np.ndarray:
    return np.bitwise_xor.reduce(units, axis=1)


def _same(units: np.ndarray, values: int, threshold: int) -> np.ndarray:
    return units[:, 0] == units[:, 1]


RULES: dict[str, Rule] = {
    "linear": Rule(_first, lambda k: 1, 1, fixed=True, categorical=True, keeps_levels=True),
    "majority": Rule(lambda units, v, t: 2 * units.sum(axis=1) > units.shape[1], lambda k: 1, 3),
    "and": Rule(lambda units, v, t: units.min(axis=1), lambda k: 1, 2),
    "or": Rule(lambda units, v, t: units.max(axis=1), lambda k: 1, 2),
    "threshold": Rule(_at_least, lambda k: 1, 4),
    "xor": Rule(_parity, lambda k: k, 2, fixed=True),
    "parity": Rule(_parity, lambda k: k, 3),
    "sum_mod": Rule(
        lambda units, v, t: units.sum(axis=1) % v,
        lambda k: k,
        2,
        categorical=True,
        keeps_levels=True,
    ),
    "same": Rule(_same, lambda k: 2, 2, fixed=True, categorical=True),
}
"""All rules by name.

`linear` is the value of one unit, `xor` is parity of two, `threshold` tells whether at least so
many units are on, `sum_mod` is the sum of units that take k values modulo k, `same` tells whether
two units have the same value.
"""


@dataclass(frozen=True)
class Complexity:
    """Measured complexity of a truth table, for units that are independent and uniform.

    Attributes
    ----------
    linear_r2
        Fraction of the feature's variance that the best linear function of the one-hot coded units
        explains: 1 for a linear feature, 0 for XOR. Levels are one-hot coded and pooled.
    mean_order
        Mean order of interaction, weighted by the variance that interactions of that order
        explain (total influence over variance): 1 for a linear feature, k for parity of k.
    """

    linear_r2: float
    mean_order: float


def truth_table(values: Sequence[int]) -> np.ndarray:
    """Write out all inputs.

    Parameters
    ----------
    values
        How many values each unit takes.

    Returns
    -------
    numpy.ndarray of int8, shape (n_rows, n_units)

    Raises
    ------
    InvalidInputError
        If there would be more than `MOST_ROWS` rows.
    """
    n_rows = math.prod(values)
    if n_rows > MOST_ROWS:
        raise InvalidInputError(
            f"a truth table of {len(values)} units has {n_rows} rows, at most {MOST_ROWS} are "
            "written out; give the feature fewer input units, or a base_rate."
        )
    return np.array(list(itertools.product(*(range(v) for v in values))), dtype=np.int8)


def measured_complexity(
    compute: Callable[[np.ndarray], np.ndarray], values: Sequence[int]
) -> Complexity:
    """Measure the complexity of a feature from its truth table.

    The variance of the feature is split into the parts that sets of units explain together beyond
    their subsets (the decomposition of Hoeffding and Sobol; for bits, the squared Walsh
    coefficients).

    Parameters
    ----------
    compute
        From values of the units (n_rows, k) to the feature (n_rows,).
    values
        How many values each unit takes.

    Returns
    -------
    Complexity
        NaN where the table would have more than `MOST_ROWS` rows, or the feature never varies.

    Examples
    --------
    >>> measured_complexity(lambda units: units.min(axis=1), [2, 2])  # AND
    Complexity(linear_r2=0.6667, mean_order=1.3333)
    """
    if math.prod(values) > MOST_ROWS:
        return Complexity(math.nan, math.nan)
    feature = compute(truth_table(values))
    hot = np.eye(int(feature.max()) + 1)[feature].reshape(*values, -1)
    axes = tuple(range(len(values)))
    total = np.square(hot - hot.mean(axis=axes)).mean(axis=axes).sum()
    if total == 0:
        return Complexity(math.nan, math.nan)
    centred = hot - hot.mean(axis=axes)
    alone = influence = 0.0
    for axis in axes:
        others = tuple(other for other in axes if other != axis)
        alone += np.square(centred.mean(axis=others)).mean(axis=0).sum()
        influence += np.square(hot - hot.mean(axis=axis, keepdims=True)).mean(axis=axes).sum()
    return Complexity(round(float(alone / total), 4), round(float(influence / total), 4))

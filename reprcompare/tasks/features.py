"""A feature of vector stimuli: its rule, and the extraneous properties that are given to it."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.tasks.rules import (
    MOST_ROWS,
    RULES,
    Complexity,
    Rule,
    measured_complexity,
    truth_table,
)


@dataclass(frozen=True)
class Feature:
    """A feature and the rule that computes it.

    Attributes
    ----------
    name
        How labels and tables call it.
    rule
        A name in `RULES`.
    n_inputs
        How many input units it is computed from; the rule's own number where None.
    values
        How many values each of these units takes. More than 2 are one-hot coded, for the rules
        `linear`, `sum_mod` and `same`.
    threshold
        Of the rule `threshold`: how many units must be on; half of them where None.
    output
        Whether networks are asked for it. A feature that is labelled in the evaluation set and
        never asked for is a distractor.
    base_rate
        Prevalence as base rate: fraction of training examples in which a feature of two levels is
        on; what uniform inputs give where None.
    labelled
        Prevalence as supervision: fraction of training examples that carry its target.
    informative
        Prevalence as informativeness: fraction of training examples whose input says what the
        feature is. In the others its units are blank, halfway between off and on, and its target
        is drawn at random, so that base rate and supervision stay what they are.
    follows
        Name of another feature with as many levels and the same base rate. In training examples
        this feature has that one's value on a fraction `correlation` of examples, at random, and
        is independent of it in the others, which makes this their correlation.
    correlation
        From -1 to 1; below 0 (two levels only) it has the opposite value. At 1 the two are
        redundant.
    """

    # A protocol that misspells a key must hear of it, rather than get the default.
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    rule: str
    n_inputs: int | None = None
    values: int = 2
    threshold: int | None = None
    output: bool = True
    base_rate: float | None = None
    labelled: float = 1.0
    informative: float = 1.0
    follows: str | None = None
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownNameError(unknown_name("rule", self.rule, RULES, "RULES"))
        fault = self._fault(RULES[self.rule])
        if fault:
            raise InvalidInputError(f"feature {self.name!r}: {fault}.")

    def _fault(self, rule: Rule) -> str:
        """Say what is wrong with the settings, nothing if they are fine."""
        if self.size < 1 or (rule.fixed and self.size != rule.n_units):
            takes = rule.n_units if rule.fixed else "at least 1"
            return f"the rule {self.rule!r} takes {takes} input units, got {self.size}"
        if self.rule == "majority" and self.size % 2 == 0:
            return f"majority needs an odd number of inputs, got {self.size}"
        if self.values != 2 and not (rule.categorical and self.values > 2):
            able = ", ".join(name for name, item in RULES.items() if item.categorical)
            return f"units of {self.values} values go with the rules {able}, got {self.rule!r}"
        if self.threshold is not None and self.rule != "threshold":
            return f"a threshold belongs to the rule 'threshold', the rule is {self.rule!r}"
        if not 1 <= self.at_least <= self.size:
            return f"threshold must be from 1 to {self.size}, got {self.threshold}"
        if self.base_rate is not None and (self.levels > 2 or not 0 < self.base_rate < 1):
            return (
                "base_rate is for features of two levels and lies between 0 and 1, got "
                f"{self.base_rate} for {self.levels} levels"
            )
        for name in ("labelled", "informative"):
            if not 0 < getattr(self, name) <= 1:
                return f"{name} is a fraction above 0 and up to 1, got {getattr(self, name)}"
        if not self.output and (self.labelled < 1 or self.informative < 1):
            return "a distractor has no targets, so 'labelled' and 'informative' must stay 1"
        if not -1 <= self.correlation <= 1 or (self.correlation < 0 and self.levels > 2):
            return (
                "correlation lies between -1 and 1, from 0 for more than two levels; got "
                f"{self.correlation}"
            )
        if (self.follows is None) != (self.correlation == 0):
            return "give 'follows' and a 'correlation' other than 0 together"
        return ""

    @property
    def size(self) -> int:
        """Number of input units."""
        return RULES[self.rule].n_units if self.n_inputs is None else self.n_inputs

    @property
    def width(self) -> int:
        """Number of inputs of a network that the units take."""
        return self.size * (1 if self.values == 2 else self.values)

    @property
    def levels(self) -> int:
        """Number of values of the feature."""
        return self.values if RULES[self.rule].keeps_levels else 2

    @property
    def complexity(self) -> int:
        """Order of interaction of the rule."""
        return RULES[self.rule].order(self.size)

    @property
    def at_least(self) -> int:
        """Units that must be on for the rule `threshold`."""
        return -(-self.size // 2) if self.threshold is None else self.threshold

    @cached_property
    def measured(self) -> Complexity:
        """Complexity measured on the truth table; NaN where that is too large."""
        return measured_complexity(self.of_units, [self.values] * self.size)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Probability of each level, shape (levels,), in training examples."""
        if self.base_rate is not None:
            return np.array([1 - self.base_rate, self.base_rate])
        values = self.of_units(truth_table([self.values] * self.size))
        return np.bincount(values, minlength=self.levels) / len(values)

    @property
    def last_probability(self) -> float:
        """Base rate of the last level in training examples; NaN where it cannot be counted."""
        countable = self.base_rate is not None or self.values**self.size <= MOST_ROWS
        return float(self.probabilities[-1]) if countable else np.nan

    def of_units(self, units: np.ndarray) -> np.ndarray:
        """Compute the feature, shape (n_stimuli,), from its units' values (n_stimuli, size)."""
        return RULES[self.rule].compute(units, self.values, self.at_least).astype(np.int8)

    def compute(self, bits: np.ndarray) -> np.ndarray:
        """Compute the feature, shape (n_stimuli,), from its own bits (n_stimuli, width)."""
        if self.values == 2:
            return self.of_units(bits)
        return self.of_units(bits.reshape(len(bits), self.size, self.values).argmax(axis=2))

    def draw(self, rng: np.random.Generator, n: int, wanted: np.ndarray | None) -> np.ndarray:
        """Draw its bits at random.

        Parameters
        ----------
        rng
            Where randomness comes from.
        n
            Number of stimuli.
        wanted : array of int, shape (n,), or None
            The level that the feature must have in each stimulus; any where None. All inputs that
            give it are equally likely.

        Returns
        -------
        numpy.ndarray of int8, shape (n, width)
        """
        units = self._units(rng, n) if wanted is None else self._units_of(rng, wanted)
        if self.values == 2:
            return units
        return np.eye(self.values, dtype=np.int8)[units].reshape(n, self.width)

    def _units(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.integers(0, self.values, (n, self.size), dtype=np.int8)

    def _units_of(self, rng: np.random.Generator, wanted: np.ndarray) -> np.ndarray:
        """Draw units that give the wanted levels."""
        if self.values**self.size > MOST_ROWS:
            units = self._units(rng, len(wanted))
            while len(wrong := np.flatnonzero(self.of_units(units) != wanted)):
                units[wrong] = self._units(rng, len(wrong))
            return units
        table = truth_table([self.values] * self.size)
        found = self.of_units(table)
        units = np.empty((len(wanted), self.size), dtype=np.int8)
        for level in range(self.levels):
            rows, able = np.flatnonzero(wanted == level), np.flatnonzero(found == level)
            units[rows] = table[rng.choice(able, len(rows))]
        return units

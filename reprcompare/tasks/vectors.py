"""Binary-vector tasks: independent features, each computed from input units of its own.

The design of Lampinen, Chan & Hermann 2024 (arXiv 2405.05847): since the features of a task do not
share input units, they are statistically independent and their computational role is matched.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.recording import stimulus_set
from reprcompare.tasks.rules import RULES, Rule

PARTITIONS = {"validation": (0,), "test": (1,), "train": (2, 3, 4, 5, 6, 7)}
"""Which residues (modulo 8) of the hash of a stimulus belong to which partition."""

CODINGS = {"0/1": (0.0, 1.0), "-1/1": (-1.0, 1.0)}


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
    """

    # A protocol that misspells a key must hear of it, rather than get the default.
    __pydantic_config__: ClassVar = {"extra": "forbid"}

    name: str
    rule: str
    n_inputs: int | None = None

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownNameError(unknown_name("rule", self.rule, RULES, "RULES"))
        fixed = {"linear": 1, "xor": 2}.get(self.rule)
        if self.size < 1 or (fixed is not None and self.size != fixed):
            raise InvalidInputError(
                f"feature {self.name!r}: the rule {self.rule!r} takes "
                f"{fixed or 'at least 1'} input units, got {self.size}."
            )
        if self.rule == "majority" and self.size % 2 == 0:
            raise InvalidInputError(
                f"feature {self.name!r}: majority needs an odd number of inputs, got {self.size}."
            )

    @property
    def size(self) -> int:
        """Number of input units."""
        return RULES[self.rule].n_inputs if self.n_inputs is None else self.n_inputs

    @property
    def complexity(self) -> int:
        """Order of interaction of the rule."""
        return RULES[self.rule].order(self.size)

    def compute(self, bits: np.ndarray) -> np.ndarray:
        """Compute the feature, shape (n_stimuli,), from its own bits (n_stimuli, size)."""
        rule: Rule = RULES[self.rule]
        return rule.compute(bits).astype(np.int8)


@dataclass(frozen=True)
class VectorTask:
    """Binary input vectors of which some units determine features and the rest is noise.

    Attributes
    ----------
    features
        In the order of the output units; each gets the next free input units.
    n_inputs
        Number of input units.
    coding
        Values of an input unit that is off and on: "0/1" or "-1/1".

    Examples
    --------
    >>> task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))
    >>> stimuli = task.evaluation_set(n_per_cell=4, seed=0)
    >>> dict(stimuli.sizes)["presentation"], stimuli.label.values.mean(axis=0).tolist()
    (16, [0.5, 0.5])
    """

    features: tuple[Feature, ...]
    n_inputs: int = 32
    coding: str = "0/1"

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names or len(set(names)) < len(names):
            raise InvalidInputError(f"a task needs features of different names, got {names}.")
        if self.coding not in CODINGS:
            raise UnknownNameError(unknown_name("coding", self.coding, CODINGS))
        used = sum(feature.size for feature in self.features)
        if used > self.n_inputs:
            raise InvalidInputError(
                f"the features need {used} input units, the task has {self.n_inputs}."
            )
        if self.n_inputs < 16:
            raise InvalidInputError(
                f"n_inputs is {self.n_inputs}; at least 16 are needed, so that training, "
                "validation and test stimuli can be disjoint and still many."
            )

    @property
    def feature_names(self) -> list[str]:
        """Names of the features, in the order of the output units."""
        return [feature.name for feature in self.features]

    @property
    def properties(self) -> pd.DataFrame:
        """Rule, complexity and position of every feature, indexed by its name."""
        return pd.DataFrame(
            {
                "rule": [feature.rule for feature in self.features],
                "complexity": [feature.complexity for feature in self.features],
                "position": range(len(self.features)),
            },
            index=pd.Index(self.feature_names, name="feature"),
        )

    def labels(self, bits: np.ndarray) -> np.ndarray:
        """Compute the features of stimuli.

        Parameters
        ----------
        bits : array of 0 and 1, shape (n_stimuli, n_inputs)

        Returns
        -------
        numpy.ndarray of int8, shape (n_stimuli, n_features)
        """
        ends = list(itertools.accumulate(feature.size for feature in self.features))
        return np.stack(
            [
                feature.compute(bits[:, end - feature.size : end])
                for feature, end in zip(self.features, ends, strict=True)
            ],
            axis=1,
        )

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """Turn bits into what a network is shown, float32 of the same shape."""
        low, high = CODINGS[self.coding]
        return (low + (high - low) * bits).astype(np.float32)

    def draw(self, n: int, partition: str, seed: int | Sequence[int]) -> np.ndarray:
        """Draw stimuli at random from one partition of all possible stimuli.

        A stimulus belongs to a partition by a hash of its bits, so training, validation and test
        stimuli are disjoint whatever the seeds.

        Parameters
        ----------
        n
            How many; repeats are possible, as in any random sample.
        partition
            "train", "validation" or "test".
        seed
            Seed of `numpy.random.default_rng`.

        Returns
        -------
        numpy.ndarray of int8, shape (n, n_inputs)
        """
        rng = np.random.default_rng(seed)
        residues = PARTITIONS[partition]
        found: list[np.ndarray] = []
        missing = n
        while missing > 0:
            size = int(missing * 8 / len(residues) * 1.1) + 16
            bits = rng.integers(0, 2, (size, self.n_inputs), dtype=np.int8)
            kept = bits[np.isin(_hash(bits) % np.uint64(8), residues)][:missing]
            found.append(kept)
            missing -= len(kept)
        return np.concatenate(found)

    def evaluation_set(self, n_per_cell: int, seed: int = 0, partition: str = "test") -> xr.Dataset:
        """Make the balanced, fully crossed set on which every network of this task is recorded.

        Parameters
        ----------
        n_per_cell
            Stimuli for each combination of the features' values.
        seed
            Seed of the draw.
        partition
            Where the stimuli come from; "test" is never seen in training.

        Returns
        -------
        xarray.Dataset
            A stimulus set of n_per_cell * 2 ** n_features stimuli, with labels and, on `feature`,
            the coordinates `rule`, `complexity`, `position`.
        """
        n_features = len(self.features)
        cells: list[list[np.ndarray]] = [[] for _ in range(2**n_features)]
        seen: set[bytes] = set()
        for attempt in itertools.count():
            bits = self.draw(64 * n_per_cell, partition, [seed, attempt])
            places = self.labels(bits) @ (1 << np.arange(n_features))
            for row, place in zip(bits, places, strict=True):
                if len(cells[place]) < n_per_cell and row.tobytes() not in seen:
                    seen.add(row.tobytes())
                    cells[place].append(row)
            if all(len(cell) == n_per_cell for cell in cells):
                break
            if attempt == 200:
                raise InvalidInputError(
                    f"could not find {n_per_cell} different stimuli for every combination of "
                    f"{n_features} features; use more input units or fewer stimuli in a cell."
                )
        chosen = np.concatenate([np.stack(cell) for cell in cells])
        ids = [row.tobytes().hex() for row in np.packbits(chosen, axis=1)]
        labels = pd.DataFrame(self.labels(chosen), index=ids, columns=self.feature_names)
        stimuli = stimulus_set(
            self.encode(chosen),
            stimulus_ids=ids,
            labels=labels,
            dims=["input"],
            identifier="+".join(f"{f.name}:{f.rule}{f.size}" for f in self.features),
        )
        return stimuli.assign_coords(
            {
                name: ("feature", column.to_numpy())
                for name, column in self.properties.astype({"rule": "string"}).items()
            }
        )

    def counterfactuals(self, stimuli: xr.Dataset, feature: str, seed: int = 0) -> xr.Dataset:
        """Make for every stimulus one that differs in a single feature.

        Only the input units of the feature are drawn anew, until its value is another; all other
        units, and so all other features, stay as they are.

        Parameters
        ----------
        stimuli
            A stimulus set of this task, such as `evaluation_set` makes.
        feature
            The feature to change.
        seed
            Seed of the draw.

        Returns
        -------
        xarray.Dataset
            A stimulus set in the order of `stimuli`, with labels; the coordinate
            `counterfactual_of` on `presentation` names the stimulus that each was made from.

        Raises
        ------
        UnknownNameError
            If the task has no such feature.
        InvalidInputError
            If the stimuli are not of this task, or the feature has one value only.

        Examples
        --------
        >>> task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))
        >>> stimuli = task.evaluation_set(n_per_cell=2)
        >>> other = task.counterfactuals(stimuli, "hard")
        >>> np.abs(other.label.values - stimuli.label.values).mean(axis=0).tolist()
        [0.0, 1.0]
        """
        if feature not in self.feature_names:
            raise UnknownNameError(unknown_name("feature", feature, self.feature_names, "the task"))
        shown = stimuli["stimulus"].values
        low, high = CODINGS[self.coding]
        if shown.shape[1:] != (self.n_inputs,) or not np.isin(shown, (low, high)).all():
            raise InvalidInputError(
                f"stimuli of this task are vectors of {self.n_inputs} values {low:g} or {high:g}; "
                f"got the shape {shown.shape[1:]}, and values from {shown.min():g} to "
                f"{shown.max():g}."
            )
        bits = (shown == high).astype(np.int8)
        number = self.feature_names.index(feature)
        start = sum(item.size for item in self.features[:number])
        own = slice(start, start + self.features[number].size)
        before = self.features[number].compute(bits[:, own])
        rng = np.random.default_rng(seed)
        rows = np.arange(len(bits))
        for _ in range(1000):
            bits[rows, own] = rng.integers(0, 2, (len(rows), own.stop - start), dtype=np.int8)
            rows = rows[self.features[number].compute(bits[rows, own]) == before[rows]]
            if not len(rows):
                break
        else:
            raise InvalidInputError(
                f"no input of feature {feature!r} was found that gives it another value; its "
                f"rule is {self.features[number].rule!r}."
            )
        base = stimuli["stimulus_id"].values.astype(str)
        ids = [f"{name}~{feature}" for name in base]
        made = stimulus_set(
            self.encode(bits),
            stimulus_ids=ids,
            labels=pd.DataFrame(self.labels(bits), index=ids, columns=self.feature_names),
            dims=["input"],
            identifier=f"{stimuli.attrs.get('identifier', '')}~{feature}",
        )
        return made.assign_coords(counterfactual_of=("presentation", base))


def _hash(bits: np.ndarray) -> np.ndarray:
    """Hash rows of bits to uint64 (the finaliser of splitmix64, folded over 64-bit words)."""
    packed = np.packbits(bits, axis=1)
    words = np.zeros((len(bits), -(-packed.shape[1] // 8) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    state = np.zeros(len(bits), dtype=np.uint64)
    for word in words.view("<u8").T:
        mixed = (state ^ word) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = mixed ^ (mixed >> np.uint64(31))
    return state

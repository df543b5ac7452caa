"""Vector tasks: features that are each computed from input units of their own.

The design of Lampinen, Chan & Hermann 2024 (arXiv 2405.05847): since the features of a task do not
share input units, they are statistically independent, unless correlation is asked for, and their
computational role is matched.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.recording import stimulus_set
from reprcompare.tasks.features import Feature
from reprcompare.tasks.task import Task, check_partition, level_labels, with_properties

RESIDUES = {"validation": (0,), "test": (1,), "train": (2, 3, 4, 5, 6, 7)}
"""Which residues (modulo 8) of the hash of a stimulus belong to which partition."""

ATTEMPTS = 200
"""How often a stimulus that is in an evaluation set already is drawn anew."""

CODINGS = {"0/1": (0.0, 1.0), "-1/1": (-1.0, 1.0)}


@dataclass(frozen=True)
class VectorTask(Task):
    """Vectors of which some units determine features and the rest is noise.

    Attributes
    ----------
    features
        In the order of the outputs; each gets the next free input units.
    n_inputs
        Number of inputs of a network; what features do not take are bits of noise.
    coding
        Values of an input that is off and on: "0/1" or "-1/1".

    Examples
    --------
    >>> task = VectorTask((Feature("easy", "linear"), Feature("sum", "sum_mod", values=3)))
    >>> task.levels, task.response_features
    ((2, 3), ['easy', 'sum', 'sum', 'sum'])
    >>> stimuli = task.evaluation_set(n_per_cell=4, seed=0)
    >>> dict(stimuli.sizes)["presentation"], stimuli.label.values.mean(axis=0).tolist()
    (24, [0.5, 1.0])
    """

    features: tuple[Feature, ...]
    n_inputs: int = 32
    coding: str = "0/1"

    def __post_init__(self) -> None:
        names = self.label_names
        if not names or len(set(names)) < len(names):
            raise InvalidInputError(f"a task needs features of different names, got {names}.")
        if not any(feature.output for feature in self.features):
            raise InvalidInputError("a task needs a feature that networks are asked for.")
        if self.coding not in CODINGS:
            raise UnknownNameError(unknown_name("coding", self.coding, CODINGS))
        used = sum(feature.width for feature in self.features)
        if used > self.n_inputs:
            raise InvalidInputError(
                f"the features need {used} input units, the task has {self.n_inputs}."
            )
        if self.n_inputs < 16:
            raise InvalidInputError(
                f"n_inputs is {self.n_inputs}; at least 16 are needed, so that training, "
                "validation and test stimuli can be disjoint and still many."
            )
        for feature in self.features:
            if feature.follows is not None:
                self._check_following(feature, feature.follows)

    def _check_following(self, feature: Feature, leader: str) -> None:
        if leader not in self.label_names:
            raise UnknownNameError(unknown_name("feature", leader, self.label_names, "follows"))
        followed = self.features[self.label_names.index(leader)]
        if followed.follows is not None:
            raise InvalidInputError(
                f"feature {feature.name!r} follows {leader!r}, which follows another one; let both "
                f"follow {followed.follows!r}."
            )
        if followed.levels != feature.levels or not np.allclose(
            followed.probabilities, feature.probabilities
        ):
            raise InvalidInputError(
                f"feature {feature.name!r} follows {leader!r}, but their levels are not equally "
                f"frequent ({feature.probabilities.round(3).tolist()} and "
                f"{followed.probabilities.round(3).tolist()}); give both the same base_rate."
            )

    @property
    def label_names(self) -> list[str]:
        """Names of all labelled features, distractors too: the columns of `labels`."""
        return [feature.name for feature in self.features]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one stimulus as a network takes it."""
        return (self.n_inputs,)

    @property
    def properties(self) -> pd.DataFrame:
        """What is known of every feature, indexed by its name.

        `rule`, `complexity` (order of interaction), `linear_r2` and `mean_order` (see
        `reprcompare.tasks.rules.Complexity`), `n_levels`, `position` among the outputs (NaN for a
        distractor), and as set for training: `base_rate` (of the last level), `labelled`,
        `informative`, `correlation`.
        """
        order = [feature.name for feature in self.features if feature.output]
        rows = [
            {
                "rule": feature.rule,
                "complexity": feature.complexity,
                "linear_r2": feature.measured.linear_r2,
                "mean_order": feature.measured.mean_order,
                "n_levels": feature.levels,
                "position": order.index(feature.name) if feature.output else np.nan,
                "base_rate": feature.last_probability,
                "labelled": feature.labelled,
                "informative": feature.informative,
                "correlation": feature.correlation,
            }
            for feature in self.features
        ]
        return pd.DataFrame(rows, index=pd.Index(self.label_names, name="feature"))

    @property
    def places(self) -> dict[str, slice]:
        """Which inputs belong to each feature."""
        ends = itertools.accumulate(feature.width for feature in self.features)
        return {
            feature.name: slice(end - feature.width, end)
            for feature, end in zip(self.features, ends, strict=True)
        }

    def labels(self, bits: np.ndarray) -> np.ndarray:
        """Compute the features of stimuli.

        Parameters
        ----------
        bits : array of 0 and 1, shape (n_stimuli, n_inputs)

        Returns
        -------
        numpy.ndarray of int8, shape (n_stimuli, n_features)
            In the order of `label_names`.
        """
        places = self.places
        return np.stack([item.compute(bits[:, places[item.name]]) for item in self.features], 1)

    def encode(self, bits: np.ndarray) -> np.ndarray:
        """Turn bits into what a network is shown, float32 of the same shape."""
        low, high = CODINGS[self.coding]
        return (low + (high - low) * bits).astype(np.float32)

    def draw(
        self, n: int, partition: str, seed: int | Sequence[int], wanted: np.ndarray | None = None
    ) -> np.ndarray:
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
        wanted : array of int, shape (n, n_features), optional
            Levels that the features must have; all inputs are equally likely otherwise.

        Returns
        -------
        numpy.ndarray of int8, shape (n, n_inputs)
        """
        check_partition(partition)
        rng = np.random.default_rng(seed)
        bits = np.empty((n, self.n_inputs), dtype=np.int8)
        missing = np.arange(n)
        while len(missing):
            columns = wanted[missing].T if wanted is not None else [None] * len(self.features)
            parts = [
                feature.draw(rng, len(missing), column)
                for feature, column in zip(self.features, columns, strict=True)
            ]
            noise = self.n_inputs - sum(feature.width for feature in self.features)
            parts.append(rng.integers(0, 2, (len(missing), noise), dtype=np.int8))
            bits[missing] = np.concatenate(parts, axis=1)
            outside = ~np.isin(_hash(bits[missing]) % np.uint64(8), RESIDUES[partition])
            missing = missing[outside]
        return bits

    def draw_labels(self, n: int, partition: str, rng: np.random.Generator) -> np.ndarray:
        """Draw levels of the features as they occur together.

        Parameters
        ----------
        n
            How many stimuli.
        partition
            In "train" levels are as frequent as base rates say, elsewhere equally frequent; the
            correlations are the same.
        rng
            Where randomness comes from.

        Returns
        -------
        numpy.ndarray of int8, shape (n, n_features)
        """
        labels = np.empty((n, len(self.features)), dtype=np.int8)
        leaders_first = sorted(
            range(len(self.features)), key=lambda i: bool(self.features[i].follows)
        )
        for i in leaders_first:
            feature = self.features[i]
            chances = feature.probabilities if partition == "train" else None
            labels[:, i] = rng.choice(feature.levels, n, p=chances)
            if feature.follows is not None:
                led = rng.random(n) < abs(feature.correlation)
                leader = labels[:, self.label_names.index(feature.follows)]
                copied = leader if feature.correlation > 0 else 1 - leader
                labels[:, i] = np.where(led, copied, labels[:, i])
        return labels

    def examples(
        self, n: int, partition: str, seed: int | Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw examples, with the prevalences and correlations of the features.

        Base rate, missing targets and uninformative inputs belong to "train"; examples of the other
        partitions are balanced and complete, so that learning is judged alike. Correlations are
        everywhere but in the evaluation set.

        Parameters
        ----------
        n
            How many.
        partition
            "train", "validation" or "test".
        seed
            Seed of `numpy.random.default_rng`.

        Returns
        -------
        x : numpy.ndarray of float32, shape (n, n_inputs)
        y : numpy.ndarray of float32, shape (n, n_asked)
            Levels of the features that are asked for; NaN where an example lacks the target.

        Examples
        --------
        >>> task = VectorTask((Feature("rare", "linear", labelled=0.25), Feature("xor", "xor")))
        >>> x, y = task.examples(1000, "train", seed=0)
        >>> np.isfinite(y).mean(axis=0).round(1).tolist()
        [0.2, 1.0]
        """
        rng = np.random.default_rng(seed)
        labels = self.draw_labels(n, partition, rng)
        x = self.encode(self.draw(n, partition, int(rng.integers(2**63)), labels))
        targets = labels.astype(np.float32)
        if partition == "train":
            for i, feature in enumerate(self.features):
                blank = rng.random(n) >= feature.informative
                x[blank, self.places[feature.name]] = sum(CODINGS[self.coding]) / 2
                guesses = rng.choice(feature.levels, n, p=feature.probabilities)
                targets[blank, i] = guesses[blank]
                targets[rng.random(n) >= feature.labelled, i] = np.nan
        return x, targets[:, [self.label_names.index(name) for name in self.feature_names]]

    def evaluation_set(self, n_per_cell: int, seed: int = 0, partition: str = "test") -> xr.Dataset:
        """Make the balanced, fully crossed set on which every network of this task is recorded.

        Parameters
        ----------
        n_per_cell
            Stimuli for each combination of the features' levels.
        seed
            Seed of the draw.
        partition
            Where the stimuli come from; "test" is never seen in training.

        Returns
        -------
        xarray.Dataset
            A stimulus set with labels and, on `feature`, the columns of `properties`. No stimulus
            occurs twice. A set with fewer stimuli in a cell is part of one with more, so recordings
            of both share stimuli.

        Raises
        ------
        InvalidInputError
            If there are not enough different stimuli.
        """
        cells = np.array(list(itertools.product(*(range(item.levels) for item in self.features))))
        chosen = np.empty((len(cells), n_per_cell, self.n_inputs), dtype=np.int8)
        taken: set[bytes] = set()
        # One stimulus of every cell at a time, so that a smaller set is part of a larger one.
        for number in range(n_per_cell):
            missing = np.arange(len(cells))
            for attempt in range(ATTEMPTS):
                seeds = [seed, number, attempt]
                drawn = self.draw(len(missing), partition, seeds, cells[missing])
                chosen[missing, number] = drawn
                missing = missing[[bits.tobytes() in taken for bits in drawn]]
                if not len(missing):
                    break
            else:
                raise InvalidInputError(
                    f"could not find {n_per_cell} different stimuli for every combination of "
                    f"{len(self.features)} features; use more input units or fewer stimuli in a "
                    "cell."
                )
            taken.update(bits.tobytes() for bits in chosen[:, number])
        every = chosen.reshape(-1, self.n_inputs)
        ids = [row.tobytes().hex() for row in np.packbits(every, axis=1)]
        stimuli = stimulus_set(
            self.encode(every),
            stimulus_ids=ids,
            labels=self._label_table(every, ids),
            dims=["input"],
            identifier="+".join(f"{f.name}:{f.rule}{f.size}" for f in self.features),
        )
        return with_properties(stimuli, self.properties)

    def _label_table(self, bits: np.ndarray, ids: list[str]) -> pd.DataFrame:
        codes = pd.DataFrame(self.labels(bits), index=ids, columns=self.label_names)
        return level_labels(codes, self.properties)

    def counterfactuals(self, stimuli: xr.Dataset, feature: str, seed: int = 0) -> xr.Dataset:
        """Make for every stimulus one that differs in a single feature.

        Only the input units of the feature are drawn anew, for another level, each equally likely;
        all other units, and so all other features, stay as they are.

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
            If the stimuli are not of this task.

        Examples
        --------
        >>> task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))
        >>> stimuli = task.evaluation_set(n_per_cell=2)
        >>> other = task.counterfactuals(stimuli, "hard")
        >>> np.abs(other.label.values - stimuli.label.values).mean(axis=0).tolist()
        [0.0, 1.0]
        """
        if feature not in self.label_names:
            raise UnknownNameError(unknown_name("feature", feature, self.label_names, "the task"))
        shown = stimuli["stimulus"].values
        low, high = CODINGS[self.coding]
        if shown.shape[1:] != (self.n_inputs,) or not np.isin(shown, (low, high)).all():
            raise InvalidInputError(
                f"stimuli of this task are vectors of {self.n_inputs} values {low:g} or {high:g}; "
                f"got the shape {shown.shape[1:]}, and values from {shown.min():g} to "
                f"{shown.max():g}."
            )
        bits = (shown == high).astype(np.int8)
        changed = self.features[self.label_names.index(feature)]
        own = self.places[feature]
        rng = np.random.default_rng(seed)
        step = rng.integers(1, changed.levels, len(bits))
        wanted = (changed.compute(bits[:, own]) + step) % changed.levels
        bits[:, own] = changed.draw(rng, len(bits), wanted)
        base = stimuli["stimulus_id"].values.astype(str)
        ids = [f"{name}~{feature}" for name in base]
        made = stimulus_set(
            self.encode(bits),
            stimulus_ids=ids,
            labels=self._label_table(bits, ids),
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

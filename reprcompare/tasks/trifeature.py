"""Trifeature: images of objects whose shape, texture and colour are independent features.

After Hermann & Lampinen 2020 (arXiv 2006.12433); relations between two objects are the hard
features.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.recording import stimulus_set
from reprcompare.tasks.drawing import COLOURS, OBJECT, SHAPES, TEXTURES, draw_objects
from reprcompare.tasks.task import (
    PARTITIONS,
    Task,
    check_partition,
    level_labels,
    with_properties,
)

ATTRIBUTES = ("shape", "texture", "colour")
RELATIONS = ("same_shape", "same_texture", "same_colour")
HELD_OUT = 0.3
"""Fraction of values of each other attribute that is held out when one is asked for."""
APART = 0.48
"""Diameter of each of two objects, as a fraction of the canvas."""
LARGEST_TURN = 45.0


@dataclass(frozen=True)
class TrifeatureTask(Task):
    """Images of one object, or of two objects side by side.

    Attributes
    ----------
    asked
        Features that networks are asked for, in the order of the outputs: "shape", "texture",
        "colour" (of the left object where there are two), and for two objects "same_shape",
        "same_texture", "same_colour".
    distractors
        Features that are labelled in the evaluation set and never asked for.
    size
        Width and height of an image in pixels; 224 in the paper.
    n_objects
        1 or 2.
    shapes, textures, colours
        The values that occur; all ten of each in the paper.

    Examples
    --------
    >>> task = TrifeatureTask(asked=("colour",), size=16)
    >>> x, y = task.examples(5, "train", seed=0)
    >>> x.shape, y.shape, task.levels
    ((5, 3, 16, 16), (5, 1), (10,))
    """

    asked: tuple[str, ...] = ATTRIBUTES
    distractors: tuple[str, ...] = ()
    size: int = 64
    n_objects: int = 1
    shapes: tuple[str, ...] = SHAPES
    textures: tuple[str, ...] = TEXTURES
    colours: tuple[str, ...] = tuple(COLOURS)

    def __post_init__(self) -> None:
        if self.n_objects not in (1, 2):
            raise InvalidInputError(f"n_objects must be 1 or 2, got {self.n_objects}.")
        if self.size < 8:
            raise InvalidInputError(f"size must be at least 8 pixels, got {self.size}.")
        able = ATTRIBUTES if self.n_objects == 1 else ATTRIBUTES + RELATIONS
        for name in self.label_names:
            if name not in able:
                place = f"images of {self.n_objects} object" + "s" * (self.n_objects > 1)
                raise UnknownNameError(unknown_name("feature", name, able, place))
        if not self.asked or len(set(self.label_names)) < len(self.label_names):
            raise InvalidInputError(
                "a task asks for at least one feature and names each once, got asked "
                f"{list(self.asked)} and distractors {list(self.distractors)}."
            )
        for what, given, known in zip(
            ("shapes", "textures", "colours"),
            self._values,
            (SHAPES, TEXTURES, COLOURS),
            strict=True,
        ):
            for name in given:
                if name not in known:
                    raise UnknownNameError(unknown_name(what[:-1], name, known))
            if len(given) < 2 or len(set(given)) < len(given):
                raise InvalidInputError(
                    f"{what} must be at least two different ones, got {list(given)}."
                )

    @property
    def _values(self) -> tuple[tuple[str, ...], ...]:
        return self.shapes, self.textures, self.colours

    @property
    def label_names(self) -> list[str]:
        """Names of all labelled features, distractors too."""
        return [*self.asked, *self.distractors]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one stimulus as a network takes it: channel, row, column."""
        return (3, self.size, self.size)

    @property
    def properties(self) -> pd.DataFrame:
        """What is known of every labelled feature, indexed by its name.

        `rule` ("attribute" or "same"), `complexity` (1 for an attribute of an object, 2 for a
        relation of two), `n_levels`, `level_names`, `position` among the outputs (NaN for a
        distractor).
        """
        rows = []
        for name in self.label_names:
            attribute = name in ATTRIBUTES
            values = self._values[ATTRIBUTES.index(name)] if attribute else ("different", "same")
            rows.append(
                {
                    "rule": "attribute" if attribute else "same",
                    "complexity": 1 if attribute else 2,
                    "n_levels": len(values),
                    "level_names": "|".join(values),
                    "position": self.asked.index(name) if name in self.asked else np.nan,
                }
            )
        return pd.DataFrame(rows, index=pd.Index(self.label_names, name="feature"))

    def trained_on(self, values: np.ndarray) -> np.ndarray:
        """Tell which combinations of values occur in training.

        With one attribute asked for it is the paper's split: 3 of 10 values of each other attribute
        are held out, so that 490 of 1000 combinations are left. With several features asked for it
        is every combination whose values add up to less than half of their number, modulo that
        number: half of all combinations, with every pair of values.

        Parameters
        ----------
        values : array of int, shape (n, n_objects, 3)
            Number of the shape, texture and colour of each object.

        Returns
        -------
        numpy.ndarray of bool, shape (n,)
        """
        if len(self.asked) == 1 and self.n_objects == 1:
            others = [i for i, name in enumerate(ATTRIBUTES) if name not in self.asked]
            kept = [
                values[:, 0, i] < max(1, round((1 - HELD_OUT) * len(self._values[i])))
                for i in others
            ]
            return np.logical_and.reduce(kept)
        n = min(len(found) for found in self._values)
        return values.sum(axis=(1, 2)) % n < n / 2

    def labels(self, values: np.ndarray) -> np.ndarray:
        """Compute the labelled features, shape (n, n_features), from values as in `trained_on`."""
        columns = {name: values[:, 0, i] for i, name in enumerate(ATTRIBUTES)}
        if self.n_objects == 2:
            same = values[:, 0] == values[:, 1]
            columns |= {name: same[:, i].astype(int) for i, name in enumerate(RELATIONS)}
        return np.stack([columns[name] for name in self.label_names], axis=1)

    def examples(
        self, n: int, partition: str, seed: int | Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw examples.

        Training examples show the combinations of `trained_on`, the others those that are left.
        Levels of relations are equally frequent.

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
        x : numpy.ndarray of float32, shape (n, 3, size, size)
            From -1 (black) to 1 (white).
        y : numpy.ndarray of float32, shape (n, n_asked)
        """
        rng = self._rng(partition, seed)
        values = self._draw_values(rng, n)
        while len(wrong := np.flatnonzero(self.trained_on(values) != (partition == "train"))):
            values[wrong] = self._draw_values(rng, len(wrong))
        asked = self.labels(values)[:, : len(self.asked)]
        return self._as_input(self._draw_images(rng, values)), asked.astype(np.float32)

    def evaluation_set(self, n_per_cell: int, seed: int = 0, partition: str = "test") -> xr.Dataset:
        """Make the balanced, fully crossed set on which every network of this task is recorded.

        Crossing needs all combinations, those of training too, in new pictures; whether a network
        knows the combinations that were held out is told by `examples(n, "validation", seed)`.

        Parameters
        ----------
        n_per_cell
            Images for each combination of the levels of the labelled features.
        seed
            Seed of the draw.
        partition
            Draws of different partitions share no random numbers.

        Returns
        -------
        xarray.Dataset
            A stimulus set with labels; dimensions presentation, channel, row, column.
        """
        table = self.properties
        cells = np.array(list(itertools.product(*(range(n) for n in table["n_levels"]))))
        drawn, pictures, ids = [], [], []
        # One image of every cell at a time, so that a smaller set is part of a larger one.
        for number in range(n_per_cell):
            rng = self._rng(partition, [seed, number])
            values = self._draw_values(rng, len(cells))
            self._set(values, cells, rng)
            drawn.append(values)
            pictures.append(self._draw_images(rng, values))
            ids += [
                "+".join("-".join(words) for words in self._words(row)) + f".{cell}.{number}"
                for cell, row in enumerate(values)
            ]
        values, images = np.concatenate(drawn), np.concatenate(pictures)
        labels = pd.DataFrame(self.labels(values), index=ids, columns=self.label_names)
        stimuli = stimulus_set(
            self._as_input(images),
            stimulus_ids=ids,
            labels=level_labels(labels, table),
            dims=["channel", "row", "column"],
            identifier=f"trifeature:{'+'.join(self.label_names)}:{self.size}",
        )
        return with_properties(stimuli, table)

    def _rng(self, partition: str, seed: int | Sequence[int]) -> np.random.Generator:
        check_partition(partition)
        return np.random.default_rng([*np.atleast_1d(seed), PARTITIONS.index(partition)])

    def _draw_values(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw shape, texture and colour of every object, with relations equally frequent."""
        drawn = [rng.integers(len(found), size=(n, self.n_objects)) for found in self._values]
        values = np.stack(drawn, axis=2)
        if self.n_objects == 2:
            self._relate(values, rng.random((n, 3)) < 0.5, rng)
        return values

    def _relate(self, values: np.ndarray, same: np.ndarray, rng: np.random.Generator) -> None:
        """Make attributes of the right object the same as, or different from, the left one's."""
        for i, found in enumerate(self._values):
            step = rng.integers(1, len(found), len(values))
            values[:, 1, i] = (values[:, 0, i] + np.where(same[:, i], 0, step)) % len(found)

    def _set(self, values: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> None:
        """Give the labelled features the levels that are wanted."""
        same = values[:, 0] == values[:, -1]
        for column, name in enumerate(self.label_names):
            if name in ATTRIBUTES:
                values[:, 0, ATTRIBUTES.index(name)] = wanted[:, column]
            else:
                same[:, RELATIONS.index(name)] = wanted[:, column] == 1
        if self.n_objects == 2:
            self._relate(values, same, rng)

    def _words(self, values: np.ndarray) -> Iterator[tuple[str, str, str]]:
        for shape, texture, colour in values:
            yield self.shapes[shape], self.textures[texture], self.colours[colour]

    def _draw_images(self, rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
        """Draw an image of each row of values, uint8 (n, size, size, 3)."""
        n = len(values)
        angles = rng.uniform(-LARGEST_TURN, LARGEST_TURN, (n, self.n_objects, 2))
        diameter = OBJECT if self.n_objects == 1 else APART
        width = 1 / self.n_objects
        low = np.array([diameter, diameter]) / 2
        room = np.array([width, 1.0]) - diameter
        centres = low + rng.random((n, self.n_objects, 2)) * room
        centres[..., 0] += width * np.arange(self.n_objects)
        return np.stack(
            [
                draw_objects(self.size, list(self._words(row)), centre, angle, diameter)
                for row, centre, angle in zip(values, centres, angles, strict=True)
            ]
        )

    @staticmethod
    def _as_input(images: np.ndarray) -> np.ndarray:
        return (images.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)

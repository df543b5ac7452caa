"""Few points with continuous targets, learned by heart: what theories of learning speak of.

`two_points` is the task of van Rossem & Saxe 2024 (arXiv 2402.09142), `digits` one of many points.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError
from reprcompare.recording import stimulus_set
from reprcompare.tasks.task import Task, check_partition


@dataclass(frozen=True)
class PointTask(Task):
    """Points and what a network should answer to each.

    There is nothing to generalise to: unlike other tasks, training, validation and evaluation show
    the same points.

    Attributes
    ----------
    inputs
        Coordinates of every point.
    targets
        Values that a network should answer, one list a point.
    names
        Stimulus ids of the points; A, B, ... where there are none.
    features
        Names of the target values; target, or target1, target2, ..., where there are none.

    Examples
    --------
    >>> xor = PointTask(((0, 0), (0, 1), (1, 0), (1, 1)), ((0,), (1,), (1,), (0,)))
    >>> xor.evaluation_set()["stimulus_id"].values.tolist()
    ['A', 'B', 'C', 'D']
    """

    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[tuple[float, ...], ...]
    names: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, values in (("inputs", self.inputs), ("targets", self.targets)):
            sizes = {len(value) for value in values}
            if len(values) < 2 or len(sizes) > 1 or 0 in sizes:
                raise InvalidInputError(
                    f"{what} must be at least two points with the same number of values each, got "
                    f"{len(values)} with {sorted(sizes)} values."
                )
        if len(self.inputs) != len(self.targets):
            raise InvalidInputError(
                f"there are {len(self.inputs)} inputs and {len(self.targets)} targets; give every "
                "point one of each."
            )
        if self.names and len(set(self.names)) != len(self.inputs):
            raise InvalidInputError(
                f"names must be {len(self.inputs)} different ones, one a point, got {self.names}."
            )

        if self.features and len(set(self.features)) != len(self.targets[0]):
            raise InvalidInputError(
                f"features must be {len(self.targets[0])} different names, one a target value, got "
                f"{self.features}."
            )

    @property
    def properties(self) -> pd.DataFrame:
        """One continuous feature for every target value, which has no levels (`n_levels` 1)."""
        n = len(self.targets[0])
        names = self.features or (["target"] if n == 1 else [f"target{i}" for i in range(1, n + 1)])
        return pd.DataFrame(
            {"n_levels": 1, "position": range(n)}, index=pd.Index([*names], name="feature")
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Number of coordinates."""
        return (len(self.inputs[0]),)

    def examples(
        self, n: int, partition: str, seed: int | Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return every point once, whatever is asked for.

        Parameters
        ----------
        n, partition, seed
            As other tasks take them; they change nothing here.

        Returns
        -------
        x : numpy.ndarray of float32, shape (n_points, n_coordinates)
        y : numpy.ndarray of float32, shape (n_points, n_values)
        """
        check_partition(partition)
        return np.array(self.inputs, dtype=np.float32), np.array(self.targets, dtype=np.float32)

    def evaluation_set(
        self, n_per_cell: int = 1, seed: int = 0, partition: str = "test"
    ) -> xr.Dataset:
        """Make a stimulus set of the points, with their targets as labels.

        Parameters
        ----------
        n_per_cell, seed, partition
            As other tasks take them; they change nothing here.

        Returns
        -------
        xarray.Dataset
            A stimulus set.
        """
        inputs, targets = self.examples(n_per_cell, partition, seed)
        names = self.names or _letters(len(inputs))
        features = list(self.properties.index)
        stimuli = stimulus_set(
            inputs,
            stimulus_ids=names,
            labels=pd.DataFrame(targets.astype(float), index=list(names), columns=features),
            scales=dict.fromkeys(features, "continuous"),
            dims=["input"],
            identifier=f"{len(inputs)} points",
        )
        return stimuli.assign_coords(position=("feature", self.properties["position"].to_numpy()))


def two_points(dx: float = 1.0, dy: float = 0.5**0.5) -> PointTask:
    """Make the task of two points on a line.

    Parameters
    ----------
    dx
        Distance of the inputs, which are -1 and -1 + dx.
    dy
        Distance of the targets, which are 0.6 and 0.6 + dy.

    Returns
    -------
    PointTask
        Of one input and one target value.

    Raises
    ------
    InvalidInputError
        If the points fall together, or a distance is negative.

    Examples
    --------
    >>> two_points(dx=0.5, dy=0.0).inputs
    ((-1.0,), (-0.5,))
    """
    if not dx > 0:
        raise InvalidInputError(f"dx must be above 0, or there is one point only; got {dx}.")
    if not dy >= 0:
        raise InvalidInputError(f"dy is a distance and cannot be {dy}.")
    return PointTask(((-1.0,), (-1.0 + dx,)), ((0.6,), (0.6 + dy,)))


def digits(n_images: int = 100, seed: int = 0) -> PointTask:
    """Make a task of images: handwritten digits of 8 x 8 pixels, a target unit for each class.

    The images are the test set of the UCI collection of handwritten digits (Alpaydin & Kaynak
    1998), as they come with scikit-learn; pixels are scaled to lie between 0 and 1.

    Parameters
    ----------
    n_images
        How many, the same number of each class as far as possible.
    seed
        Of the choice.

    Returns
    -------
    PointTask
        Of 64 inputs and 10 target values.

    Raises
    ------
    InvalidInputError
        If there are fewer images than classes, or more than the collection holds.
    """
    # Slow to import, and of use here only.
    from sklearn.datasets import load_digits

    images, classes = load_digits(return_X_y=True)
    if not 10 <= n_images <= len(images):
        raise InvalidInputError(
            f"n_images must lie between 10, one a class, and {len(images)}; got {n_images}."
        )
    shuffled = np.random.default_rng(seed).permutation(len(images))
    rank = pd.Series(classes[shuffled]).groupby(classes[shuffled]).cumcount().to_numpy()
    chosen = shuffled[np.lexsort((classes[shuffled], rank))[:n_images]]
    return PointTask(
        tuple(map(tuple, images[chosen] / 16)),
        tuple(map(tuple, np.eye(10)[classes[chosen]])),
        tuple(f"digit{classes[i]}-{i}" for i in chosen),
    )


def _letters(n: int) -> tuple[str, ...]:
    letters = string.ascii_uppercase
    return tuple(letters[:n]) if n <= len(letters) else tuple(f"point{i}" for i in range(1, n + 1))

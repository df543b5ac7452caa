"""What every task offers, whatever its stimuli are."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name

PARTITIONS = ("train", "validation", "test")


class Task(ABC):
    """Stimuli with features whose extraneous properties are known.

    Networks are trained on `examples` of the partition "train", judged on those of "validation",
    and recorded with the evaluation set; the partitions share no stimulus.
    """

    @property
    @abstractmethod
    def properties(self) -> pd.DataFrame:
        """What is known of every labelled feature, indexed by its name.

        The columns `n_levels` and `position` (among the outputs, NaN for a distractor, which no
        network is asked for) are always there; others depend on the task.
        """

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one stimulus as a network takes it."""

    @abstractmethod
    def examples(
        self, n: int, partition: str, seed: int | Sequence[int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw examples.

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
        x : numpy.ndarray of float32, shape (n, *input_shape)
        y : numpy.ndarray of float32, shape (n, n_asked)
            The level of every feature that is asked for, in the order of `feature_names`; NaN where
            the example does not carry it.
        """

    @abstractmethod
    def evaluation_set(self, n_per_cell: int, seed: int = 0, partition: str = "test") -> xr.Dataset:
        """Make the balanced, fully crossed set on which every network of this task is recorded.

        Parameters
        ----------
        n_per_cell
            Stimuli for each combination of the levels of all labelled features.
        seed
            Seed of the draw.
        partition
            Where the stimuli come from; "test" is never seen in training.

        Returns
        -------
        xarray.Dataset
            A stimulus set with labels, and the columns of `properties` as coordinates of `feature`.
            With the same seed, a smaller set is part of a larger one.
        """

    @property
    def feature_names(self) -> list[str]:
        """Names of the features that networks are asked for, in the order of the outputs."""
        asked = self.properties["position"].dropna().sort_values(kind="stable")
        return [str(name) for name in asked.index]

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of levels of each of `feature_names`."""
        return tuple(int(n) for n in self.properties.loc[self.feature_names, "n_levels"])

    @property
    def response_features(self) -> list[str]:
        """Feature that each output unit reports: one unit for two levels, else one a level."""
        return [
            name
            for name, levels in zip(self.feature_names, self.levels, strict=True)
            for _ in range(1 if levels == 2 else levels)
        ]

    @property
    def n_outputs(self) -> int:
        """Number of output units."""
        return len(self.response_features)


def check_partition(partition: str) -> None:
    """Say that there is no such partition, if so.

    Raises
    ------
    UnknownNameError
        With the names that there are.
    """
    if partition not in PARTITIONS:
        raise UnknownNameError(unknown_name("partition", partition, PARTITIONS))


def level_labels(labels: pd.DataFrame, properties: pd.DataFrame) -> pd.DataFrame:
    """Turn the codes of features with more than two levels into categories.

    Parameters
    ----------
    labels
        One row a stimulus, one column a feature, whole numbers from 0.
    properties
        Of a task; its column `level_names` names the levels, where there is one.

    Returns
    -------
    pandas.DataFrame
        Two levels stay numbers.
    """
    coded = labels.copy()
    for name in properties.index[properties["n_levels"] > 2]:
        n_levels = int(properties["n_levels"][name])
        named = "level_names" in properties
        names = properties["level_names"][name].split("|") if named else range(n_levels)
        dtype: pd.CategoricalDtype = pd.CategoricalDtype([str(level) for level in names])
        codes = labels[name].to_numpy(dtype=np.int64)
        coded[name] = pd.Categorical.from_codes(codes, dtype=dtype)
    return coded


def with_properties(stimuli: xr.Dataset, properties: pd.DataFrame) -> xr.Dataset:
    """Give the features of a stimulus set what is known of them, as coordinates."""
    known = properties.drop(columns="level_names", errors="ignore")
    text = {name: "string" for name in known if not pd.api.types.is_numeric_dtype(known[name])}
    return stimuli.assign_coords(
        {str(name): ("feature", column.to_numpy()) for name, column in known.astype(text).items()}
    )


def with_counterfactuals(task: Task, stimuli: xr.Dataset, seed: int = 0) -> xr.Dataset:
    """Put behind stimuli, for every feature, those that differ from them in this feature alone.

    Parameters
    ----------
    task
        One that can make counterfactuals, such as `reprcompare.tasks.VectorTask`.
    stimuli
        A stimulus set of this task.
    seed
        Of the draw.

    Returns
    -------
    xarray.Dataset
        A stimulus set with (1 + n_features) times as many stimuli; the coordinate
        `counterfactual_of` on `presentation` is empty for the first of them.

    Raises
    ------
    InvalidInputError
        If the task cannot make counterfactuals.
    """
    make = getattr(task, "counterfactuals", None)
    if make is None:
        raise InvalidInputError(
            f"a {type(task).__name__} cannot make counterfactuals; use a task of vectors, or leave "
            "them out."
        )
    first = stimuli.assign_coords(
        counterfactual_of=("presentation", np.full(stimuli.sizes["presentation"], ""))
    )
    parts = [first, *(make(stimuli, name, seed) for name in task.feature_names)]
    joined = xr.concat(
        [part[["stimulus", "label", "stimulus_id", "counterfactual_of"]] for part in parts],
        "presentation",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    known = {name: stimuli[name] for name in stimuli.coords if name not in joined.coords}
    return joined.assign_coords(known)

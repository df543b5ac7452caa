"""What predicts: recordings and label tables, as named groups of columns joined by stimulus."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, listing
from reprcompare.measurement import average
from reprcompare.recording import check_structure, columns_of, label_table, labels_of, select

Predictors: TypeAlias = xr.Dataset | pd.DataFrame | Mapping[str, xr.Dataset | pd.DataFrame]

BLOCK_BYTES: Final = 64 << 20
"""Columns of a recording are read in blocks of about this size."""


@dataclass(frozen=True)
class Group:
    """Columns that predict together, under one penalty.

    Attributes
    ----------
    name
        As the caller named them; of a recording's region, its subject and region.
    stimulus_id : array of str, shape (m,)
        Unique.
    columns : array of str, shape (p,)
        Names of the columns.
    read
        From positions of stimuli to blocks of columns, (n, b), left to right.
    is_table
        Whether it is a table of labels, whose columns are standardised.
    scaling
        How a recording says that it was scaled.
    """

    name: str
    stimulus_id: np.ndarray
    columns: np.ndarray
    read: Callable[[np.ndarray], Iterator[np.ndarray]]
    is_table: bool = False
    scaling: str = ""


@dataclass(frozen=True)
class Candidate:
    """One model of the brain: groups that predict it together.

    Attributes
    ----------
    name
        "" where there is no other candidate.
    groups
        At least one.
    """

    name: str
    groups: list[Group]


def candidates_of(predictors: Predictors) -> list[Candidate]:
    """Turn what a caller gives into candidates, each of one or several groups.

    Parameters
    ----------
    predictors
        A recording, of which every region of every subject is a candidate of its own; a table of
        labels, one row a stimulus; or a mapping of names to them, which predict together.

    Returns
    -------
    list of Candidate

    Raises
    ------
    InvalidInputError
        If something else was given, or nothing.
    """
    if isinstance(predictors, xr.Dataset) and "activity" in predictors:
        if not predictors.sizes.get("neuroid"):
            raise InvalidInputError("the predicting recording has no neuroids.")
        return [Candidate(group.name, [group]) for group in _by_region(predictors)]
    if isinstance(predictors, Mapping) and not isinstance(predictors, xr.Dataset | pd.DataFrame):
        if not predictors:
            raise InvalidInputError("predictors is an empty mapping; name at least one group.")
        groups = [_group(str(name), item) for name, item in predictors.items()]
        return [Candidate(" + ".join(group.name for group in groups), groups)]
    if not isinstance(predictors, xr.Dataset | pd.DataFrame | pd.Series):
        raise InvalidInputError(
            "predictors must be a recording, a DataFrame of labels indexed by stimulus id, or a "
            f"mapping of names to these, got a {type(predictors).__name__}. "
            "reprcompare.load_brain opens a file, reprcompare.recording.build_recording takes an "
            "array."
        )
    return [Candidate("labels", [_group("labels", predictors)])]


def _group(name: str, given: object) -> Group:
    """Return one group: all neuroids of a recording, or all columns of a table."""
    if isinstance(given, xr.Dataset) and "activity" in given:
        return _of_activity(name, given)
    if isinstance(given, xr.Dataset) and "label" in given:
        given = label_table(given)
    if isinstance(given, pd.Series):
        given = given.to_frame()
    if isinstance(given, pd.DataFrame):
        return _of_table(name, given)
    raise InvalidInputError(
        f"predictors {name!r} must be a recording or a DataFrame of labels indexed by stimulus id, "
        f"got a {type(given).__name__}"
        + (" without activity or labels." if isinstance(given, xr.Dataset) else ".")
    )


def _by_region(recording: xr.Dataset) -> Iterator[Group]:
    subjects = labels_of(recording, "subject")
    for subject in subjects:
        own = select(recording, subject=subject)
        for region in labels_of(own, "region"):
            name = region if len(subjects) == 1 else f"{subject} {region}"
            yield _of_activity(name, select(own, region=region))


def _of_activity(name: str, recording: xr.Dataset) -> Group:
    check_structure(recording)
    for axis in ("time_bin", "training_step"):
        if axis in recording.dims:
            raise InvalidInputError(
                f"predictors {name!r} still have the axis {axis!r}; select or average it first."
            )
    stimulus_id = recording["stimulus_id"].values.astype(str)
    if len(set(stimulus_id)) < len(stimulus_id):
        recording = average(recording, ("repetition", "run", "session"))
        stimulus_id = recording["stimulus_id"].values.astype(str)
    activity = recording["activity"].transpose("presentation", "neuroid")

    def read(positions: np.ndarray) -> Iterator[np.ndarray]:
        step = max(1, BLOCK_BYTES // (4 * len(stimulus_id)))
        for start in range(0, activity.sizes["neuroid"], step):
            block = activity[:, start : start + step].values[positions]
            if not np.isfinite(block).all():
                broken = recording["neuroid_id"].values[start : start + step]
                broken = broken[~np.isfinite(block).all(axis=0)]
                raise InvalidInputError(
                    f"predictors {name!r}: values are missing or infinite in {listing(broken, 3)}; "
                    "drop such neuroids with drop_missing first."
                )
            yield block

    scaling = str(activity.attrs.get("scaling") or "")
    columns = recording["neuroid_id"].values.astype(str)
    return Group(name, stimulus_id, columns, read, scaling=scaling)


def _of_table(name: str, table: pd.DataFrame) -> Group:
    index = pd.Index([str(item) for item in table.index])
    if not index.is_unique:
        raise InvalidInputError(
            f"the table {name!r} repeats stimuli: "
            f"{listing(index[index.duplicated()].unique(), 3)}; give each one row."
        )
    if table.shape[1] == 0:
        raise InvalidInputError(f"the table {name!r} has no columns beside the stimulus ids.")
    if len(table) == 0:
        raise InvalidInputError(f"the table {name!r} has no rows.")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].unique()
        raise InvalidInputError(f"the table {name!r} has two columns named {listing(twice, 3)}.")
    # Stimuli that lack a label cannot be predicted from it.
    whole = table.set_axis(index).dropna()
    if not len(whole):
        gaps = table.columns[table.isna().any()]
        raise InvalidInputError(
            f"no stimulus of the table {name!r} has all labels; values are missing in "
            f"{listing(gaps, 3)}. Leave such columns out or fill them."
        )
    coded = {str(column): columns_of(whole[column]) for column in whole.columns}
    names = [
        column if values.shape[1] == 1 else f"{column}.{level}"
        for column, values in coded.items()
        for level in ([""] if values.shape[1] == 1 else pd.Categorical(whole[column]).categories)
    ]
    matrix = np.concatenate(list(coded.values()), axis=1)
    if not np.isfinite(matrix).all():
        broken = np.array(names)[~np.isfinite(matrix).all(axis=0)]
        raise InvalidInputError(f"the table {name!r} has infinite values in {listing(broken, 3)}.")

    def read(positions: np.ndarray) -> Iterator[np.ndarray]:
        yield matrix[positions]

    ids = whole.index.to_numpy(dtype=np.str_)
    return Group(name, ids, np.array(names), read, is_table=True)


def joined(groups: Sequence[Group], name: str) -> Group:
    """Put the columns of groups with the same stimuli side by side."""

    def read(positions: np.ndarray) -> Iterator[np.ndarray]:
        for group in groups:
            yield from group.read(positions)

    columns = np.concatenate([group.columns for group in groups])
    return Group(name, groups[0].stimulus_id, columns, read)

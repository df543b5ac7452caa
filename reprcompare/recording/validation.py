"""Tell whether a data set is a recording, and say what is wrong if it is not."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import (
    InvalidRecordingError,
    NewerFormatError,
    UnfinishedRecordingError,
    listing,
)
from reprcompare.recording import schema


def check_structure(dataset: xr.Dataset, source: str = "this data set") -> None:
    """Check names, dimensions and attributes; reads no activity, so it is fast at any size.

    Parameters
    ----------
    dataset
        What is claimed to be a recording.
    source
        How messages call it, such as the file's name.

    Raises
    ------
    InvalidRecordingError
        With every fault that was found, not only the first.
    NewerFormatError
        If it was written by a later major version of the format.
    UnfinishedRecordingError
        If its session was interrupted.
    """
    if not isinstance(dataset, xr.Dataset):
        raise InvalidRecordingError(
            f"{source} is a {type(dataset).__name__}, not an xarray.Dataset; "
            "reprcompare.recording.build_recording makes a recording from arrays."
        )
    _check_format(dataset, source)
    _refuse(list(_structure_faults(dataset)), source)


def validate_recording(dataset: xr.Dataset, source: str = "this data set") -> xr.Dataset:
    """Check a recording completely: its structure, and that its labels are unique.

    Parameters
    ----------
    dataset
        The recording; its labels are read, its activity is not.
    source
        How messages call it.

    Returns
    -------
    xarray.Dataset
        The same object, so that calls can be chained.

    Raises
    ------
    InvalidRecordingError
        With every fault that was found. See `check_structure` for its subclasses.
    """
    check_structure(dataset, source)
    _refuse(list(_label_faults(dataset)), source)
    return dataset


def _check_format(dataset: xr.Dataset, source: str) -> None:
    version = str(dataset.attrs.get("reprcompare_format", ""))
    if not version:
        raise InvalidRecordingError(
            f"{source} is no recording: the attribute 'reprcompare_format' is missing. Brain data "
            "of other formats are read by reprcompare.load_brain; arrays become a recording with "
            "reprcompare.recording.build_recording."
        )
    major = version.split(".")[0]
    if not major.isdigit():
        raise InvalidRecordingError(
            f"{source} has reprcompare_format {version!r}; expected {schema.FORMAT!r}."
        )
    if int(major) > int(schema.FORMAT):
        raise NewerFormatError(
            f"{source} has recording format {version}, this version of reprcompare reads up to "
            f"{schema.FORMAT}; update reprcompare to open it."
        )
    if int(dataset.attrs.get("complete", 1)) != 1:
        raise UnfinishedRecordingError(
            f"{source} is unfinished (complete = 0): its recording session was interrupted. Call "
            "reprcompare.record again with the same arguments to go on where it stopped."
        )


def _refuse(faults: list[str], source: str) -> None:
    if faults:
        many = "" if len(faults) == 1 else f" ({len(faults)} faults)"
        raise InvalidRecordingError(f"{source} is no valid recording{many}: " + " ".join(faults))


def _structure_faults(dataset: xr.Dataset) -> Iterator[str]:
    if "activity" not in dataset.data_vars:
        yield f"The variable 'activity' is missing; found {listing(dataset.data_vars) or 'none'}."
    else:
        yield from _activity_faults(dataset["activity"])
    for name in schema.REQUIRED:
        if name not in dataset.coords:
            yield f"The coordinate {name!r} on {schema.COORDINATES[name]!r} is missing."
    for name, dim in schema.COORDINATES.items():
        if name in dataset.coords and dataset[name].dims != (dim,):
            yield f"The coordinate {name!r} lies on {dataset[name].dims}, expected ({dim!r},)."
    for name in schema.STRINGS:
        if name in dataset.coords and dataset[name].dtype.kind not in "UTO":
            yield f"The coordinate {name!r} holds {dataset[name].dtype}, expected strings."
    for name, dims in schema.VARIABLES.items():
        allowed = [dims, ("training_step", *dims)] if name in schema.OVER_TRAINING else [dims]
        if name in dataset.data_vars and dataset[name].dims not in allowed:
            yield f"The variable {name!r} has dimensions {dataset[name].dims}, expected {dims}."
    for variable in dataset.variables:
        if "/" in str(variable):
            yield f"The name {variable!r} contains '/', which NetCDF does not allow."
    for dim, index in dataset.xindexes.items():
        if isinstance(index.to_pandas_index(), pd.MultiIndex):
            yield f"{dim!r} is a MultiIndex; flatten it with dataset.reset_index({dim!r})."
            break
    if dataset.attrs.get("kind") not in schema.KINDS:
        kind = dataset.attrs.get("kind")
        yield f"The attribute 'kind' is {kind!r}, expected one of {schema.KINDS}."


def _activity_faults(activity: xr.DataArray) -> Iterator[str]:
    expected = tuple(dim for dim in schema.ACTIVITY_DIMS if dim in activity.dims)
    if activity.dims != expected or not {"presentation", "neuroid"} <= set(activity.dims):
        yield (
            f"'activity' has dimensions {activity.dims}, expected "
            "([training_step,] presentation, neuroid[, time_bin])."
        )
    if activity.dtype.kind not in "fiu":
        yield f"'activity' holds {activity.dtype}, expected real numbers."
    if 0 in activity.shape:
        yield f"'activity' is empty: its shape is {activity.shape}."


def _label_faults(dataset: xr.Dataset) -> Iterator[str]:
    for name in schema.STRINGS:
        if name in dataset.coords:
            values = dataset[name].values
            if values.dtype.kind == "O":
                odd = [value for value in values if not isinstance(value, str)]
                if odd:
                    yield (
                        f"The coordinate {name!r} holds {listing(map(repr, odd), 3)}, "
                        "expected strings only (missing values would come back as '')."
                    )
                    return
    for name in ("stimulus_id", "neuroid_id"):
        if name in dataset.coords and np.any(dataset[name].values == ""):
            yield f"The coordinate {name!r} contains empty strings."
    neuroids = pd.Index(dataset["neuroid_id"].values)
    if not neuroids.is_unique:
        repeated = neuroids[neuroids.duplicated()].unique()
        yield f"neuroid_id must be unique in a file; repeated: {listing(repeated, 3)}."
    key = presentation_key(dataset)
    if not key.is_unique:
        repeated = [
            dict(zip(key.names, row, strict=True)) for row in key[key.duplicated()].unique()
        ]
        yield (
            f"({', '.join(schema.PRESENTATION_KEY)}) must name one presentation; repeated: "
            f"{listing(repeated, 3)}. Give repeats of a stimulus a 'repetition' (0, 1, ...)."
        )
    for stored, label in (("by_subject", "subject"), ("by_region", "region")):
        if stored in dataset.coords:
            unknown = sorted(set(dataset[stored].values) - set(dataset[label].values))
            if unknown:
                yield f"{stored!r} names {listing(unknown, 3)}, which do not occur in {label!r}."
    if "scale" in dataset.coords:
        wrong = sorted(set(dataset["scale"].values) - set(schema.SCALES))
        if wrong:
            yield f"'scale' holds {listing(wrong, 3)}, expected {', '.join(schema.SCALES)}."


def presentation_key(dataset: xr.Dataset) -> pd.MultiIndex:
    """Return what names each presentation: stimulus_id, session, run, repetition.

    Parameters
    ----------
    dataset
        A recording.

    Returns
    -------
    pandas.MultiIndex of length n_presentations
        With those of the four levels that the recording has.
    """
    names = [name for name in schema.PRESENTATION_KEY if name in dataset.coords]
    return pd.MultiIndex.from_arrays([dataset[name].values for name in names], names=names)

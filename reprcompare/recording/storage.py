"""Recordings on disk: NetCDF-4 files that open in any tool, and are never half there."""

import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    InvalidRecordingError,
    RecordingExistsError,
    RecordingFailedError,
)
from reprcompare.recording.checksum import ATTRIBUTE, add_checksums
from reprcompare.recording.validation import check_structure, validate_recording

CHUNK_BYTES = 1 << 20


def save_recording(
    dataset: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    compression: int = 0,
) -> Path:
    """Write a recording to a NetCDF-4 file.

    The file appears under its name only when it is whole: it is written beside it, synced and
    renamed, so that an interruption leaves what was there before.

    Parameters
    ----------
    dataset
        A recording; validated completely before anything is written.
    path
        Where to; the folder must exist.
    overwrite
        Whether an existing file may be replaced.
    compression
        Level of lossless compression (zlib) of the numbers, 0 (none, fastest) to 9.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    RecordingExistsError
        If the file exists and `overwrite` is not set.
    InvalidRecordingError
        If the data set is no valid recording.
    RecordingFailedError
        If the disk is full or the folder cannot be written to; nothing is left behind.
    """
    target = Path(path)
    validate_recording(dataset, "the data set to be saved")
    if target.exists() and not overwrite:
        raise RecordingExistsError(
            f"{target} exists; choose another path, or pass overwrite=True to replace it."
        )
    if not target.parent.is_dir():
        raise InvalidInputError(f"the folder {target.parent} does not exist; create it first.")
    plain = to_storable(dataset)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        plain.to_netcdf(
            partial,
            format="NETCDF4",
            engine="netcdf4",
            encoding={str(name): _encoding(plain[name], compression) for name in plain.variables},
        )
        add_checksums(partial)
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(target)
    except OSError as error:
        raise RecordingFailedError(
            f"{target} could not be written: {error.strerror or error}. What was there before is "
            "unchanged; free some space or choose another folder, then save again."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target


def open_recording(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a recording; activity is read only where it is used.

    Parameters
    ----------
    path
        A file written by `save_recording` or by a recording session.

    Returns
    -------
    xarray.Dataset
        Lazy: the file stays open until ``recording.close()``.

    Raises
    ------
    InvalidRecordingError
        If the file does not exist, is damaged, or is no recording.
    NewerFormatError, UnfinishedRecordingError
        See `check_structure`.
    """
    target = Path(path)
    if not target.is_file():
        what = "is a folder" if target.is_dir() else "does not exist"
        raise InvalidRecordingError(f"{target} {what}; expected the path of a recording (.nc).")
    try:
        dataset = xr.open_dataset(target, engine="netcdf4")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        size = target.stat().st_size
        raise InvalidRecordingError(
            f"{target} ({size:,} bytes) is not a readable NetCDF-4 file: it is of another kind, or "
            "was cut off or damaged. Copy it again from its source; brain data of other formats "
            "are read by reprcompare.load_brain."
        ) from error
    try:
        check_structure(dataset, str(target))
    except InvalidRecordingError:
        dataset.close()
        raise
    # Checksums belong to the file: what is computed from this data set has others.
    dataset.attrs.pop(ATTRIBUTE, None)
    return dataset


def to_storable(dataset: xr.Dataset) -> xr.Dataset:
    """Return the data set as NetCDF can hold it, without the traces of earlier files.

    Encodings inherited from files are dropped, because xarray would cut strings to their old width
    (xarray#9757); strings become fixed-width; activity becomes float32; attributes that NetCDF has
    no type for (None, bool, dict, list) become JSON text.

    Parameters
    ----------
    dataset
        A recording.

    Returns
    -------
    xarray.Dataset
        Of the same values, but for the rounding of activity.
    """
    plain = dataset.drop_encoding()
    for name in plain.variables:
        variable = plain[name]
        if variable.dtype.kind in "OT":
            plain[name] = variable.astype(np.str_)
        plain[name].attrs = {key: _attribute(value) for key, value in variable.attrs.items()}
    activity = plain["activity"]
    if activity.dtype != np.float32:
        attrs = {"original_dtype": str(activity.dtype)} | activity.attrs
        plain["activity"] = activity.astype(np.float32).assign_attrs(attrs)
    plain.attrs = {
        key: _attribute(value) for key, value in dataset.attrs.items() if key != ATTRIBUTE
    }
    return plain


def _attribute(value: object) -> object:
    if value is None or isinstance(value, bool | np.bool_ | dict | list | tuple):
        return json.dumps(value.item() if isinstance(value, np.bool_) else value, default=str)
    return value


def _encoding(variable: xr.DataArray, compression: int) -> dict[str, object]:
    """Choose the layout of one variable.

    Uncompressed numbers are stored contiguously, so that reading one layer touches that layer only;
    labels are compressed, since they repeat themselves.
    """
    if variable.dtype.kind == "U":
        # An empty string has no width, and a NetCDF dimension of length 0 would be unlimited.
        return {"dtype": "S1", "zlib": variable.size > 0, "complevel": 4}
    if variable.ndim == 0 or variable.size == 0:
        return {}
    encoding: dict[str, object] = {"_FillValue": None} if variable.dtype.kind == "f" else {}
    if compression and variable.dtype.kind in "fiu":
        encoding |= {
            "zlib": True,
            "complevel": compression,
            "shuffle": True,
            "chunksizes": _chunks(variable),
        }
    else:
        encoding["contiguous"] = True
    return encoding


def _chunks(variable: xr.DataArray) -> tuple[int, ...]:
    """Return chunk sizes of about a megabyte that favour reading few neuroids of many stimuli."""
    sizes = dict(variable.sizes)
    chunks = dict.fromkeys(sizes, 1)
    room = max(1, CHUNK_BYTES // variable.dtype.itemsize)
    for dim in ("time_bin", "neuroid", "presentation", *sizes):
        if dim in sizes:
            limit = 256 if dim == "neuroid" else room
            chunks[dim] = max(chunks[dim], min(sizes[dim], room, limit))
            room = max(1, room // chunks[dim])
    return tuple(chunks[dim] for dim in variable.dims)

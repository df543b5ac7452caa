"""A checksum for every variable of a file, so that silent damage is found.

The checksum of a variable is the SHA-256 of its stored values in C order, little-endian, whatever
the compression or the chunks; strings stored as characters count as those characters. Anyone can
compute it again with numpy and hashlib. A file keeps them in one attribute, `checksums`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np

from reprcompare.errors import InvalidRecordingError, listing

ATTRIBUTE: Final = "checksums"
BLOCK_BYTES: Final = 1 << 25


def verify_checksums(path: str | os.PathLike[str]) -> dict[str, bool]:
    """Compute the checksums of a file again and compare them with those that it carries.

    Parameters
    ----------
    path
        A recording on disk.

    Returns
    -------
    dict of str to bool
        Whether each variable is as it was written; empty if the file carries no checksums.

    Raises
    ------
    InvalidRecordingError
        If the file cannot be read.
    """
    try:
        with netCDF4.Dataset(Path(path)) as file:
            stated = json.loads(file.getncattr(ATTRIBUTE)) if ATTRIBUTE in file.ncattrs() else {}
            if not stated:
                return {}
            found = file_checksums(file)
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidRecordingError(
            f"{path} cannot be read completely: {error}. It was damaged or is of another kind; "
            "copy it again from its source."
        ) from error
    return {name: found.get(name) == stated.get(name) for name in sorted({*stated, *found})}


def check_checksums(path: str | os.PathLike[str]) -> None:
    """Raise if a variable of the file is not as it was written.

    Parameters
    ----------
    path
        A recording on disk; one without checksums passes.

    Raises
    ------
    InvalidRecordingError
        Naming the variables that changed.
    """
    changed = [name for name, same in verify_checksums(path).items() if not same]
    if changed:
        raise InvalidRecordingError(
            f"{path} is damaged or was edited: {listing(changed)} differ from the checksums that "
            "were stored when it was written. Copy it again from its source, or record it again."
        )


def add_checksums(path: str | os.PathLike[str]) -> dict[str, str]:
    """Compute the checksums of a file and store them in it.

    Parameters
    ----------
    path
        A NetCDF-4 file that nobody else has open.

    Returns
    -------
    dict of str to str
        Variable name to hexadecimal SHA-256.
    """
    with netCDF4.Dataset(Path(path), "a") as file:
        sums = file_checksums(file)
        file.setncattr(ATTRIBUTE, json.dumps(sums, sort_keys=True))
    return sums


def file_checksums(file: netCDF4.Dataset, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the checksum of every variable of an open file.

    Parameters
    ----------
    file
        Open for reading or appending.
    known
        Checksums that were computed while writing, and need not be computed again.
    """
    file.set_auto_maskandscale(False)
    file.set_auto_chartostring(False)
    sums = dict(known or {})
    for name, variable in file.variables.items():
        if name not in sums:
            digest = hashlib.sha256()
            for block in _blocks(variable):
                digest.update(_raw(block))
            sums[name] = digest.hexdigest()
    return sums


def _blocks(variable: netCDF4.Variable) -> Iterator[np.ndarray]:
    """Yield the values in C order, a bounded number of bytes at a time."""
    if variable.ndim == 0 or variable.size == 0:
        yield np.asarray(variable[...])
        return
    itemsize = getattr(variable.dtype, "itemsize", 64)
    row_bytes = int(np.prod(variable.shape[1:], dtype=np.int64)) * itemsize
    step = max(1, BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, variable.shape[0], step):
        yield np.asarray(variable[start : start + step])


def _raw(values: np.ndarray) -> bytes | memoryview:
    if values.dtype.kind in "OU":
        return b"".join(str(item).encode() + b"\0" for item in values.ravel())
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data

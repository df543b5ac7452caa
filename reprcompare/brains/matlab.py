"""MATLAB files, of version 5 (scipy) and 7.3 (which is HDF5)."""

from functools import partial
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from scipy.io import loadmat

from reprcompare.brains.assembling import AS_FOUND, Naming
from reprcompare.brains.readable import readable
from reprcompare.brains.stored import Key, Stored
from reprcompare.brains.tables import Names, from_arrays
from reprcompare.errors import InvalidInputError, listing


def read_matlab(
    path: Path,
    naming: Naming = AS_FOUND,
    activity: str | None = None,
    stimulus_ids: Names | None = None,
) -> xr.Dataset:
    """Read a matrix of responses, presentations x neuroids, with vectors of labels beside it.

    Parameters
    ----------
    path
        A .mat file.
    naming
        What the caller says about names; names are those of variables.
    activity
        Name of the matrix; ``activity``, or the only matrix of numbers, by default.
    stimulus_ids
        One a presentation, or the path of a text file with one a line, if no variable holds them.

    Returns
    -------
    xarray.Dataset
        Of version 7.3 lazy: responses are read where they are used.

    Raises
    ------
    InvalidInputError
        If the file is damaged, or does not say which variable holds the responses.
    UnknownNameError
        If there is no such variable.
    """
    variables = read_variables(path)
    if activity is None:
        activity = _the_matrix(variables, path)
    return from_arrays(variables, str(path), naming, stimulus_ids, activity=activity)


def read_variables(path: Path) -> dict[str, np.ndarray | Stored]:
    """Read all arrays of numbers and all lists of texts of a .mat file, of any version.

    Parameters
    ----------
    path
        A .mat file. Structures and other types are left out.

    Returns
    -------
    dict of str to numpy.ndarray or Stored
        Matrices as MATLAB shows them, those of version 7.3 lazy; cell arrays of texts as arrays of
        strings.

    Raises
    ------
    InvalidInputError
        If the file is damaged or of another kind.
    """
    with readable(path, "MATLAB file"):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                read = {name: _from_hdf5(file, item, path) for name, item in file.items()}
        else:
            content = loadmat(path, chars_as_strings=True)
            read = {n: _from_cells(v) for n, v in content.items() if not n.startswith("__")}
    return {name: values for name, values in read.items() if values is not None}


def _the_matrix(variables: dict[str, np.ndarray | Stored], path: Path) -> str:
    matrices = [
        name
        for name, values in variables.items()
        if values.ndim == 2 and min(values.shape) > 1 and values.dtype.kind in "fiu"
    ]
    if "activity" in matrices:
        return "activity"
    if len(matrices) != 1:
        shapes = [f"{name} {values.shape}" for name, values in variables.items()]
        raise InvalidInputError(
            f"{path} holds {len(matrices)} matrices of numbers, so it is unclear which one is the "
            f"activity; name it with activity=. Variables: {listing(shapes, 8) or 'none'}"
        )
    return matrices[0]


def _from_cells(values: np.ndarray) -> np.ndarray | None:
    """Return numbers as they are, cells of texts as strings, anything else as None."""
    if not isinstance(values, np.ndarray) or values.dtype.names:
        return None
    if values.dtype.kind in "fiub":
        return values
    if values.dtype.kind == "U":
        return np.char.strip(values)
    items = [np.ravel(item) for item in values.ravel()]
    if all(item.size == 1 and item.dtype.kind in "Ufiu" for item in items):
        return np.array([str(item[0]) for item in items])
    return None


def _from_hdf5(
    file: h5py.File, item: h5py.Dataset | h5py.Group, path: Path
) -> np.ndarray | Stored | None:
    """Return one variable of a version 7.3 file; HDF5 stores MATLAB's arrays transposed."""
    kind = _kind(item)
    if not isinstance(item, h5py.Dataset) or item.attrs.get("MATLAB_empty", 0):
        return None
    if kind == "char":
        return np.array([_text(row) for row in item[()].T])
    if kind == "cell":
        cells = [file[reference] for reference in np.ravel(item[()].T)]
        if all(_kind(cell) == "char" for cell in cells):
            return np.array([_text(cell[()].T) for cell in cells])
        return None
    if item.dtype.kind not in "fiub":
        return None
    if item.ndim != 2 or 1 in item.shape or item.dtype.kind == "b":
        return item[()].T
    return Stored(item.shape[::-1], item.dtype, partial(_part, path, item.name))


def _part(path: Path, name: str, key: Key) -> np.ndarray:
    """Read a part of a matrix; the file is open no longer than that."""
    with readable(path, "MATLAB file"), h5py.File(path) as file:
        part: np.ndarray = file[name][key[::-1]].T
        return part


def _kind(item: h5py.Dataset | h5py.Group) -> str:
    """Return the MATLAB class of a variable; other programs than MATLAB may not say."""
    said = item.attrs.get("MATLAB_class", b"")
    return said.decode() if isinstance(said, bytes) else str(said)


def _text(codes: np.ndarray) -> str:
    return "".join(chr(code) for code in np.ravel(codes)).strip()

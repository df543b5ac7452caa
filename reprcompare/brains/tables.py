"""Recordings from tables: CSV and Parquet, wide or tidy, and NumPy arrays with given labels."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.brains.assembling import ALIASES, AS_FOUND, Naming, assemble, canonical, file_stem
from reprcompare.brains.optional import optional
from reprcompare.brains.readable import readable
from reprcompare.brains.stored import Stored
from reprcompare.errors import InvalidInputError, UnknownNameError, listing
from reprcompare.errors import unknown_name as unknown

Names = Sequence[object] | np.ndarray | pd.Series | pd.Index | str | Path
"""Names as a list or array, or the path of a text file with one a line."""

RESPONSES: Final = ("activity", "response", "rate", "spike_count", "beta", "value")
"""Names of the column that holds the response in a tidy table (one response a row)."""


COUNTERS: Final = ("index", "trial", "trial_number", "onset", "duration", "time", "rt", "age")
"""Columns of numbers in a wide table that are never taken for neuroids, unless asked for."""


def read_table(
    path: Path, naming: Naming = AS_FOUND, neuroids: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Read a CSV, TSV or Parquet table.

    Parameters
    ----------
    path
        Tidy: one response a row, in a column `activity` (or another of `RESPONSES`), beside columns
        that name the stimulus and the neuroid. Wide: one presentation a row, one column a neuroid.
    naming
        What the caller says about names.
    neuroids
        For wide tables, the columns that are neuroids: names or a pattern with ``*``; by default
        all columns of numbers that carry no known label and are not called like a counter
        (`COUNTERS`, or a nameless index).

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InvalidInputError
        If the table is empty, damaged, or does not say what is what.
    MissingExtraError
        If Parquet is read without the extra ``[tables]``.
    """
    table = _read(path)
    if table.empty:
        raise InvalidInputError(f"{path} holds no rows; expected one row a presentation.")
    response = next((name for name in RESPONSES if name in table.columns), None)
    if response is not None and "neuroid_id" in canonical(table, {}):
        return _tidy(table, response, path, naming)
    return _wide(table, path, naming, neuroids)


def read_numpy(
    path: Path,
    naming: Naming = AS_FOUND,
    stimulus_ids: Names | None = None,
) -> xr.Dataset:
    """Read a NumPy file: .npy with given stimulus ids, or .npz with an array beside its labels.

    Parameters
    ----------
    path
        .npy: responses of shape (n_presentations, n_neuroids). .npz: such an array `activity`, and
        one-dimensional arrays of labels, whose lengths tell what they describe.
    naming
        What the caller says about names.
    stimulus_ids
        One a presentation, or the path of a text file with one a line; required for .npy.

    Returns
    -------
    xarray.Dataset
        Of .npy lazy: responses are read where they are used.

    Raises
    ------
    InvalidInputError
        If the file is damaged, holds Python objects, or its arrays do not fit together.
    """
    with readable(path, "NumPy file of numbers and texts"):
        content = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None)
        if isinstance(content, np.ndarray):
            arrays: dict[str, Any] = {"activity": Stored.of(content)}
        else:
            arrays = {name: _unpacked(content, name, path) for name in content.files}
    return from_arrays(arrays, str(path), naming, stimulus_ids)


def from_arrays(
    arrays: dict[str, Any],
    source: str,
    naming: Naming = AS_FOUND,
    stimulus_ids: Names | None = None,
    activity: str = "activity",
) -> xr.Dataset:
    """Make a recording of named arrays: one of responses, the others labels that fit its sides.

    Parameters
    ----------
    arrays
        The responses, shape (n_presentations, n_neuroids), and vectors of labels. A vector is taken
        as a label of presentations if its length fits them, else of neuroids; others are ignored.
    source
        How messages call it.
    naming
        What the caller says about names.
    stimulus_ids
        One a presentation, if none of the arrays holds them.
    activity
        Name of the responses.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    UnknownNameError
        If there is no such array.
    InvalidInputError
        If the responses are not a matrix of numbers.
    """
    if activity not in arrays:
        raise UnknownNameError(unknown("array of responses", activity, arrays, source))
    given = arrays[activity]
    responses = given if isinstance(given, Stored) else np.asarray(given)
    dtype = responses.original if isinstance(responses, Stored) else responses.dtype
    if responses.ndim != 2 or dtype.kind not in "fiu" or responses.size == 0:
        raise InvalidInputError(
            f"{source}: {activity!r} has shape {responses.shape} and holds {dtype}; "
            "expected numbers of shape (presentations, neuroids)."
        )
    vectors = {name: np.ravel(v) for name, v in arrays.items() if _is_vector(v)}
    if stimulus_ids is not None:
        vectors["stimulus_id"] = np.asarray(_names(stimulus_ids))
        if len(vectors["stimulus_id"]) != responses.shape[0]:
            raise InvalidInputError(
                f"{source}: {len(vectors['stimulus_id'])} stimulus_ids were given for "
                f"{responses.shape[0]} presentations."
            )
    known = {alias for name, others in ALIASES.items() for alias in (name, *others)}
    for name, vector in vectors.items():
        if name.lower() in known and len(vector) > 1 and len(vector) not in responses.shape:
            raise InvalidInputError(
                f"{source} contradicts itself: {name!r} has {len(vector)} values beside responses "
                f"of {responses.shape[0]} presentations x {responses.shape[1]} neuroids."
            )
    # On a square matrix the lengths do not tell; the known names of neuroids' labels do.
    of_neuroids = {"neuroid_id", "region", "subject"}
    of_neuroids |= {alias for name in of_neuroids for alias in ALIASES[name]}
    rows = {
        name: v
        for name, v in vectors.items()
        if len(v) == responses.shape[0]
        and not (name.lower() in of_neuroids and len(v) == responses.shape[1])
    }
    columns = {
        name: v for name, v in vectors.items() if len(v) == responses.shape[1] and name not in rows
    }
    return assemble(
        responses,
        pd.DataFrame(rows, index=range(responses.shape[0])),
        pd.DataFrame(columns, index=range(responses.shape[1])),
        source=source,
        naming=naming,
        identifier=file_stem(source),
    )


def _names(given: Names) -> list[str]:
    if not isinstance(given, str | Path):
        return [str(name) for name in given]
    if not Path(given).is_file():
        raise InvalidInputError(
            f"stimulus_ids is {str(given)!r}, and there is no such file; expected names, or a text "
            "file with one name a line. A column of the responses' own file is named by stimulus=."
        )
    with readable(given, "text file of stimulus ids"):
        return Path(given).read_text("utf-8").splitlines()


def _is_vector(values: object) -> bool:
    shape = values.shape if isinstance(values, Stored) else np.shape(np.asarray(values))
    return len(shape) == 1 or (len(shape) == 2 and 1 in shape)


def _unpacked(content: np.lib.npyio.NpzFile, name: str, path: Path) -> np.ndarray:
    try:
        unpacked: np.ndarray = content[name]
        return unpacked
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InvalidInputError(
            f"{path} holds Python objects, which are not read because they could run code; save "
            "texts as arrays of strings."
        ) from error


def _read(path: Path) -> pd.DataFrame:
    if path.suffix.lower() == ".parquet":
        parquet = optional("pyarrow.parquet", "tables", "Parquet files")
        with readable(path, "Parquet file"):
            table: pd.DataFrame = parquet.read_table(path).to_pandas()
            return table
    with readable(path, "table"):
        return pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")


def _tidy(table: pd.DataFrame, response: str, path: Path, naming: Naming) -> xr.Dataset:
    """Turn one response a row into presentations x neuroids."""
    named = canonical(table, {"stimulus_id": naming.stimulus}, str(path))
    rows = [n for n in ("stimulus_id", "session", "run", "repetition") if n in named]
    owners = [n for n in ("subject", "region", "neuroid_id") if n in named]
    if "stimulus_id" not in rows:
        raise InvalidInputError(
            f"{path}: nothing names the stimulus; found {listing(table.columns, 8)}. Name the "
            "column with stimulus=."
        )
    repeated = named.duplicated(rows + owners)
    if repeated.any():
        first = named.loc[repeated, rows + owners].iloc[0].to_dict()
        raise InvalidInputError(
            f"{path} holds {repeated.sum()} responses that nothing tells apart from others, such "
            f"as {first}; add a column 'repetition'."
        )
    # Categories that have no order keep presentations and neuroids as they first appear.
    wide = named.pivot(index=rows, columns=owners, values=response)
    wide = wide.loc[_in_order(named, rows), _in_order(named, owners)]
    return assemble(
        wide.to_numpy(dtype=float),
        wide.index.to_frame(index=False).join(_constant_within(named, rows, [*owners, response])),
        wide.columns.to_frame(index=False),
        source=str(path),
        naming=Naming(None, naming.region, naming.subject, naming.labels),
        identifier=file_stem(path),
    )


def _in_order(table: pd.DataFrame, names: list[str]) -> pd.Index:
    distinct = table[names].drop_duplicates()
    return pd.MultiIndex.from_frame(distinct) if len(names) > 1 else pd.Index(distinct[names[0]])


def _constant_within(table: pd.DataFrame, rows: list[str], other: list[str]) -> pd.DataFrame:
    """Return the remaining columns that describe whole presentations, in order of appearance."""
    groups = table.groupby(rows, sort=False, dropna=False)
    names = [n for n in table.columns if n not in [*rows, *other]]
    constant = [n for n in names if (groups[n].nunique(dropna=False) == 1).all()]
    return groups[constant].first().reset_index(drop=True)


def _wide(
    table: pd.DataFrame, path: Path, naming: Naming, neuroids: str | Sequence[str] | None
) -> xr.Dataset:
    """Split a table of one presentation a row into responses and labels."""
    known = {alias for name, others in ALIASES.items() for alias in (name, *others)} | {*COUNTERS}
    names = [str(name) for name in table.columns]
    labelled = naming.labels if not isinstance(naming.labels, pd.DataFrame) else []
    labels = {naming.stimulus, *(labelled or [])}
    if neuroids is None:
        chosen = [
            name
            for name in names
            if pd.api.types.is_numeric_dtype(table[name])
            and name.lower() not in known
            and not name.startswith("Unnamed: ")
            and name not in labels
        ]
    else:
        asked = [neuroids] if isinstance(neuroids, str) else list(neuroids)
        chosen = [name for name in names if any(fnmatch.fnmatch(name, item) for item in asked)]
    if not chosen:
        raise InvalidInputError(
            f"{path}: no column holds the responses of a neuroid; found {listing(names, 8)}. Name "
            "them with neuroids=, such as neuroids='unit_*'."
        )
    if table[chosen].isna().all(axis=None):
        raise InvalidInputError(f"{path}: the columns {listing(chosen, 3)} hold no values at all.")
    return assemble(
        table[chosen].to_numpy(dtype=float),
        table.drop(columns=chosen),
        pd.DataFrame({"neuroid_id": chosen}),
        source=str(path),
        naming=naming,
        identifier=file_stem(path),
    )

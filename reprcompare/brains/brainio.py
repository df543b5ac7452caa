"""Brain-Score's BrainIO: assemblies as NetCDF files, stimulus sets as a table and a folder."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image, UnidentifiedImageError

from reprcompare.brains.assembling import AS_FOUND, Naming, assemble, canonical, file_stem
from reprcompare.brains.readable import readable
from reprcompare.brains.stored import Stored
from reprcompare.brains.travelling import (
    NOTE,
    label_columns,
    note,
    read_note,
    restored,
    with_levels,
    without_what_stays,
)
from reprcompare.errors import InvalidInputError, RecordingExistsError, listing
from reprcompare.recording import stimulus_set


def read_brainio(path: Path, naming: Naming = AS_FOUND) -> xr.Dataset:
    """Read a BrainIO assembly, of neurons or of model activations, with or without time bins.

    Parameters
    ----------
    path
        The NetCDF file of an assembly: one array with the dimensions presentation (or
        stimulus_path), neuroid and perhaps time_bin, and its labels as flat coordinates.
    naming
        What the caller says about names.

    Returns
    -------
    xarray.Dataset
        Lazy: responses are read where they are used. A single time bin is taken as the window of
        the response, more become the axis `time_bin`.

    Raises
    ------
    InvalidInputError
        If the file is damaged or holds no assembly.
    """
    with readable(path, "NetCDF file"):
        dataset = xr.open_dataset(path, engine="netcdf4")
        return from_brainio(_the_array(dataset, path), naming, str(path))


def from_brainio(
    assembly: xr.DataArray, naming: Naming = AS_FOUND, source: str = "the assembly"
) -> xr.Dataset:
    """Make a recording of an assembly in memory, as Brain-Score's own functions return it.

    Parameters
    ----------
    assembly
        With the dimensions presentation (or stimulus_path), neuroid and perhaps time_bin; labels
        as flat coordinates or as levels of a MultiIndex.
    naming
        What the caller says about names.
    source
        How messages call it.

    Returns
    -------
    xarray.Dataset
        As for `read_brainio`.

    Raises
    ------
    InvalidInputError
        If dimensions are missing, or nothing names the stimuli.

    Examples
    --------
    >>> labels = pd.MultiIndex.from_arrays([["a", "b"], [0, 0]], names=["image_id", "repetition"])
    >>> assembly = xr.DataArray(np.ones((2, 3)), dims=["presentation", "neuroid"])
    >>> assembly = assembly.assign_coords(xr.Coordinates.from_pandas_multiindex(
    ...     labels, "presentation"))
    >>> from_brainio(assembly).stimulus_id.values.tolist()
    ['a', 'b']
    """
    assembly = _flat(assembly, source)
    content = read_note(assembly.attrs.get(NOTE))
    bins = None
    if "time_bin" in assembly.dims:
        start, end = (assembly[f"time_bin_{edge}"].values.tolist() for edge in ("start", "end"))
        bins = list(zip(start, end, strict=True))
    # A recording's own axis of time is kept, even if it has one bin.
    single = bins is not None and len(bins) == 1 and not content["attributes"]
    if single:
        assembly = assembly.isel(time_bin=0)
    recording = assemble(
        Stored.of(assembly.variable),
        with_levels(_labels_on(assembly, "presentation"), content["features"]),
        _labels_on(assembly, "neuroid"),
        source=source,
        naming=naming.with_labels(list(content["features"])),
        time_bins=None if single else bins,
        scales={name: described["scale"] for name, described in content["features"].items()},
        identifier=str(assembly.attrs.get("identifier") or file_stem(source)),
        stimulus_set=str(assembly.attrs.get("stimulus_set_identifier", "")),
        kind=_kind(assembly),
    )
    if single and bins:
        recording["activity"].attrs["window"] = list(bins[0])
    return restored(recording, content)


def write_brainio(recording: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a recording as a BrainIO assembly that Brain-Score's older xarray opens.

    Parameters
    ----------
    recording
        A recording without the axis `training_step`. Feature labels become coordinates of
        presentations; what has no place in an assembly, such as `output` and `effect`, is not
        written, and a warning and the attribute `preparation` of the file name it.
    path
        The file.
    overwrite
        Whether an existing file may be replaced.

    Returns
    -------
    pathlib.Path
        The file, plain NetCDF-4 with one array ``data`` and flat coordinates.

    Raises
    ------
    RecordingExistsError
        If the file exists and `overwrite` is not set.
    InvalidInputError
        If the recording has an axis that assemblies do not have, or a feature and a coordinate of
        one name.
    """
    target = Path(path)
    whole = without_what_stays(recording, "a BrainIO assembly")
    if not target.parent.is_dir():
        raise InvalidInputError(f"the folder {target.parent} does not exist; make it first.")
    if target.exists() and not overwrite:
        raise RecordingExistsError(f"{target} exists; pass overwrite=True to replace it.")
    # Brain-Score groups neuroids of brains by 'animal' and those of models by 'layer' and 'model'.
    network = whole.attrs["kind"] == "network"
    names = {"subject": "model" if network else "animal"} | ({"region": "layer"} if network else {})
    aliases = {alias: ("neuroid", whole[name].values) for name, alias in names.items()}
    labels = {name: ("presentation", v) for name, v in label_columns(whole).items()}
    assembly = whole["activity"].drop_encoding().drop_attrs().rename("data")
    assembly = assembly.assign_coords(aliases | labels)
    attributes = {
        "identifier": whole.attrs.get("identifier", ""),
        "stimulus_set_identifier": whole.attrs.get("stimulus_set", ""),
        NOTE: note(whole),
    }
    # Fixed-width types of today's xarray are strings of variable length in older ones.
    plain = assembly.to_dataset()
    for name in map(str, plain.coords):
        if plain[name].dtype.kind == "U":
            plain[name] = plain[name].astype(object)
    partial = target.with_name(f".{target.name}.partial")
    try:
        plain.assign_attrs(attributes).to_netcdf(partial, format="NETCDF4", engine="netcdf4")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def read_stimulus_set(table: Path, folder: Path | None = None) -> xr.Dataset:
    """Read a BrainIO stimulus set: a CSV table beside a folder of images.

    Parameters
    ----------
    table
        CSV with a column `stimulus_id` (or `image_id`), one that names the file (`filename`,
        `image_file_name`, `stimulus_path` or `image_path`), and others that become labels.
    folder
        Where the images lie; beside the table by default.

    Returns
    -------
    xarray.Dataset
        `stimulus` (presentation, height, width, colour) uint8 with `label`.

    Raises
    ------
    InvalidInputError
        If images are missing, damaged or of different sizes.
    """
    with readable(table, "table"):
        rows = pd.read_csv(table)
    file = next((name for name in _FILE_COLUMNS if name in rows), None)
    identity = next((name for name in ("stimulus_id", "image_id") if name in rows), file)
    if file is None:
        raise InvalidInputError(
            f"{table}: no column names the image files; expected one of "
            f"{', '.join(_FILE_COLUMNS)}, found {listing(rows.columns, 8)}."
        )
    rows = rows.rename(columns={identity: "stimulus_id"})
    names = rows["stimulus_id"] if identity == file else rows[file]
    images = [_image((folder or table.parent) / str(name), table) for name in names]
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        raise InvalidInputError(
            f"{table}: the images have {len(shapes)} different sizes ({listing(shapes, 3)}); bring "
            "them to one size first."
        )
    ids = rows["stimulus_id"].astype(str)
    return stimulus_set(
        np.stack(images),
        stimulus_ids=ids.tolist(),
        labels=rows.drop(columns=["stimulus_id", file], errors="ignore").set_axis(ids),
        dims=["height", "width", "colour"],
        identifier=file_stem(table),
    )


_FILE_COLUMNS: Final = ("filename", "image_file_name", "stimulus_path", "image_path")


def _image(path: Path, table: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise InvalidInputError(
            f"{table} names {path}, which is not a readable image ({error.__class__.__name__})."
        ) from error


def _the_array(dataset: xr.Dataset, path: Path) -> xr.DataArray:
    """Return the one array of responses of a file."""
    candidates = [
        array
        for array in dataset.data_vars.values()
        if "neuroid" in array.dims and array.dtype.kind in "fiu" and array.ndim in (2, 3)
    ]
    if len(candidates) != 1:
        raise InvalidInputError(
            f"{path} holds {len(candidates)} arrays with a dimension 'neuroid', expected one "
            f"assembly. Arrays: {listing(dataset.data_vars) or 'none'}"
        )
    return candidates[0].assign_attrs(dataset.attrs | candidates[0].attrs)


def _flat(assembly: xr.DataArray, source: str) -> xr.DataArray:
    """Return it as presentation x neuroid [x time_bin], with every label a column of its own."""
    for dim in assembly.dims:
        if dim in assembly.indexes and dim in assembly.coords:
            # Levels of a MultiIndex, or a dimension's own labels (activations are indexed by the
            # stimulus' path), become columns; bins are kept as they are.
            several = isinstance(assembly.indexes[dim], pd.MultiIndex)
            if several or dim not in ("presentation", "neuroid", "time_bin"):
                assembly = assembly.reset_index(dim)
    other = [dim for dim in assembly.dims if dim not in ("neuroid", "time_bin")]
    if (
        "neuroid" not in assembly.dims
        or len(other) != 1
        or ("time_bin" in assembly.dims and not {*assembly.coords} >= _BIN_EDGES)
    ):
        raise InvalidInputError(
            f"{source}: the assembly has dimensions {assembly.dims}; expected presentation, "
            "neuroid and perhaps time_bin (with time_bin_start and time_bin_end)."
        )
    (first,) = other
    renamed = assembly if first == "presentation" else assembly.swap_dims({first: "presentation"})
    order = [d for d in ("presentation", "neuroid", "time_bin") if d in renamed.dims]
    return renamed.transpose(*order)


_BIN_EDGES: Final = {"time_bin_start", "time_bin_end"}


def _labels_on(assembly: xr.DataArray, dim: str) -> pd.DataFrame:
    columns = {
        str(name): coordinate.values
        for name, coordinate in assembly.coords.items()
        if coordinate.dims == (dim,)
    }
    table = pd.DataFrame(columns, index=range(assembly.sizes[dim]))
    # What was written under two names for Brain-Score's sake comes back under one.
    named = canonical(table, {})
    doubled = {"subject": ("animal", "model"), "region": ("layer",)}
    surplus = [n for own, others in doubled.items() if own in table for n in others if n in named]
    return table.drop(columns=surplus)


def _kind(assembly: xr.DataArray) -> str:
    """Activations of models have layers; everything else was measured in a brain."""
    return "network" if "layer" in assembly.coords else "brain"

"""How a recording lies in a NetCDF-4 file: values contiguously or in chunks, labels compressed."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Final

import h5py
import netCDF4
import numpy as np

CHUNK_BYTES: Final = 1 << 20
SMALL: Final = 1 << 14
VALUE: Final = np.dtype("<f4")


@dataclass(frozen=True)
class Stream:
    """A variable of float32 that is written row by row.

    Attributes
    ----------
    name
        Name of the variable.
    lead
        Dimensions that rows run over, in C order, such as ``("presentation",)``.
    dims
        Dimensions within a row, such as ``("neuroid",)``.
    shape
        Sizes of `dims`.
    """

    name: str
    lead: tuple[str, ...]
    dims: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.shape, dtype=np.int64)) * VALUE.itemsize

    def n_rows(self, sizes: Mapping[str, int]) -> int:
        """Return the number of rows, given the sizes of the leading dimensions."""
        return int(np.prod([sizes[dim] for dim in self.lead], dtype=np.int64))


@dataclass(frozen=True)
class Column:
    """A label or another small variable that is written when the session ends.

    Attributes
    ----------
    name, dims
        Name and dimensions of the variable.
    blocks
        Its values, piece by piece along the first dimension, so that the labels of very many
        neuroids never lie in memory whole. Strings are arrays of dtype ``S`` in UTF-8.
    attrs
        Attributes.
    """

    name: str
    dims: tuple[str, ...]
    blocks: Iterable[np.ndarray]
    attrs: Mapping[str, object] = field(default_factory=dict)


def chunk_sizes(sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return chunk sizes of about a megabyte that favour reading few neuroids of many stimuli.

    Parameters
    ----------
    sizes
        Sizes of the dimensions, in order.

    Examples
    --------
    >>> chunk_sizes({"presentation": 512, "neuroid": 100_000})
    (512, 512)
    """
    chunks = dict.fromkeys(sizes, 1)
    room = CHUNK_BYTES // VALUE.itemsize
    for dim in ("time_bin", "response", "presentation", "neuroid"):
        if dim in sizes:
            chunks[dim] = max(1, min(sizes[dim], room, 512 if dim == "presentation" else room))
            room = max(1, room // chunks[dim])
    return tuple(chunks[dim] for dim in sizes)


def string_column(
    name: str, dims: tuple[str, ...], values: Iterable[object], attrs: Mapping[str, object] = {}
) -> Column:  # fmt: skip
    """Return a column of strings from values that lie in memory."""
    encoded = np.char.encode(np.array([str(value) for value in values], dtype=np.str_), "utf-8")
    return Column(name, dims, [encoded], attrs)


def add_columns(file: netCDF4.Dataset, columns: Iterable[Column]) -> None:
    """Write labels, and say in the CF way which of them are coordinates."""
    coordinates: dict[str, tuple[str, ...]] = {}
    for column in columns:
        _add_column(file, column)
        if len(column.dims) == 1 and column.name != column.dims[0]:
            coordinates[column.name] = column.dims
    everywhere = set(coordinates)
    for variable in file.variables.values():
        own = [name for name, dims in coordinates.items() if set(dims) <= set(variable.dimensions)]
        if variable.name not in coordinates and variable.name not in file.dimensions and own:
            variable.setncattr("coordinates", " ".join(own))
            everywhere -= set(own)
    if everywhere:
        file.setncattr("coordinates", " ".join(sorted(everywhere)))


def _add_column(file: netCDF4.Dataset, column: Column) -> None:
    blocks = iter(column.blocks)
    first = next(blocks)
    for dim, size in zip(column.dims, first.shape, strict=True):
        if dim not in file.dimensions:
            file.createDimension(dim, size)
    if first.dtype.kind == "S":
        width = max(1, first.dtype.itemsize)
        size = len(file.dimensions[column.dims[0]])
        letters = f"string{width}"
        if letters not in file.dimensions:
            file.createDimension(letters, width)
        variable = file.createVariable(
            column.name, "S1", (*column.dims, letters), zlib=True, complevel=1,
            chunksizes=(max(1, min(size, CHUNK_BYTES // width)), width),
        )  # fmt: skip
        variable.setncattr("_Encoding", "utf-8")
        variable.set_auto_chartostring(False)
    else:
        many: Any = {"zlib": True, "complevel": 1} if first.size > SMALL else {}
        variable = file.createVariable(
            column.name, first.dtype, column.dims, fill_value=False, **many
        )
    variable.setncatts(dict(column.attrs))
    start = 0
    for block in chain([first], blocks):
        stop = start + len(block)
        values = block.view("S1").reshape(len(block), -1) if block.dtype.kind == "S" else block
        variable[start:stop] = values
        start = stop


def allocate(
    path: Path, streams: Sequence[Stream], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Make room for all rows.

    Parameters
    ----------
    path
        A new file.
    streams
        The variables that rows consist of.
    sizes
        Sizes of the leading dimensions. Without them the rows of all variables lie one after the
        other in a plain file that can grow; with them it is a NetCDF file.

    Returns
    -------
    dict of str to (int, int)
        Offset of the first row of each variable, and the distance from row to row, in bytes.
    """
    if sizes:
        places = _lay_out(path, streams, sizes)
        _reserve(path)
        return places
    path.write_bytes(b"")
    stride = sum(stream.row_bytes for stream in streams)
    starts = accumulate((stream.row_bytes for stream in streams), initial=0)
    return {s.name: (at, stride) for s, at in zip(streams, starts, strict=False)}


def create_variable(
    file: netCDF4.Dataset, stream: Stream, sizes: Mapping[str, int], **layout: Any
) -> netCDF4.Variable:
    """Create the variable of a stream and the dimensions that it needs.

    Parameters
    ----------
    file
        Open for writing.
    stream
        The variable.
    sizes
        Sizes of its leading dimensions.
    **layout
        Contiguous or chunked, as netCDF4 names it.
    """
    shape = tuple(sizes[dim] for dim in stream.lead) + stream.shape
    for dim, size in zip(stream.lead + stream.dims, shape, strict=True):
        if dim not in file.dimensions:
            file.createDimension(dim, size)
    return file.createVariable(
        stream.name, VALUE, stream.lead + stream.dims, fill_value=False, **layout
    )


def _lay_out(
    path: Path, streams: Sequence[Stream], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    with netCDF4.Dataset(path, "w") as file:
        file.setncattr("reprcompare_format", "1")
        file.setncattr("complete", np.int32(0))
        for stream in streams:
            variable = create_variable(file, stream, sizes, contiguous=True)
            # HDF5 allocates a contiguous variable as a whole when its first value is written.
            variable[tuple(size - 1 for size in variable.shape)] = 0.0
    with h5py.File(path, "r") as file:
        return {s.name: (file[s.name].id.get_offset(), s.row_bytes) for s in streams}


def _reserve(path: Path) -> None:
    """Ask for the disk blocks now, so that a full disk is noticed before the first batch."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)

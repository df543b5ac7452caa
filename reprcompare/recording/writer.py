"""Write a recording batch by batch, so that it can die at any moment and go on.

HDF5 loses a file whose metadata are being changed when the process dies. Here HDF5 only lays out a
file of fixed size and is closed; batches then go straight to their place in it, and a journal says
how many are whole. Labels are added at the very end, and only then does the file get its name.

============  ======================================================================
name          what it is
============  ======================================================================
x.nc.journal  what the session is, and the checksum after every whole batch
x.nc.partial  the values so far (a NetCDF file with `complete` = 0, or plain numbers
              where the number of stimuli is not known yet)
x.nc          the finished recording
============  ======================================================================

If the process dies while HDF5 adds the labels, the values are still where the journal says, and the
file is made anew from them. The same way leads to compressed files.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import h5py
import netCDF4
import numpy as np

from reprcompare.errors import RecordingExistsError, RecordingFailedError, listing
from reprcompare.recording.checksum import ATTRIBUTE, file_checksums
from reprcompare.recording.journal import Journal

BLOCK_BYTES: Final = 1 << 25
CHUNK_BYTES: Final = 1 << 20
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


class RecordingWriter:
    """One session of writing to one path; a context manager that holds the path's lock.

    Parameters
    ----------
    path
        Where the finished recording will be.
    session
        What makes this session the same as an earlier one, such as the weights' checksum, by name.
    overwrite
        Discard the unfinished session of another kind that is in the way.

    Attributes
    ----------
    rows_done : int
        How many rows are on disk and verified.
    notes : list of dict
        What was noted with each of those batches.
    plan : dict or None
        What `begin` was told, by this or an earlier process.

    Raises
    ------
    RecordingExistsError
        If another process is writing, or another session left unfinished data here.
    RecordingFailedError
        If the folder cannot be written to.
    """

    def __init__(
        self, path: Path, session: Mapping[str, object], *, overwrite: bool = False
    ) -> None:
        self.path = path
        self.stage = path.with_name(path.name + ".partial")
        self.session = dict(session)
        self.rows_done = 0
        self.notes: list[dict] = []
        self.plan: dict | None = None
        self._file: int | None = None
        self._journal = Journal(path.with_name(path.name + ".journal"))
        try:
            self._go_on(overwrite)
        except BaseException:
            self.close()
            raise

    def begin(
        self,
        streams: Sequence[Stream],
        sizes: Mapping[str, int],
        notes: Mapping[str, object] | None = None,
    ) -> None:
        """Allocate the space of all rows.

        Parameters
        ----------
        streams
            The variables that rows consist of, in one order.
        sizes
            Sizes of the leading dimensions; without them the number of rows is open, and the file
            is laid out at the end.
        notes
            What a later process needs to know to go on, as JSON; it is found in `plan`.

        Raises
        ------
        RecordingFailedError
            If there is not enough space.
        """
        self._discard()
        try:
            with _explained(self.path):
                plan = {
                    "session": self.session,
                    "streams": [[s.name, s.lead, s.dims, s.shape] for s in streams],
                    "sizes": dict(sizes),
                    "places": _allocate(self.stage, streams, sizes),
                    "notes": dict(notes or {}),
                }
                self._journal.append(plan)
        except RecordingFailedError:
            self._discard()
            raise
        self._adopt(plan)

    def append(self, rows: Mapping[str, np.ndarray], note: Mapping[str, object]) -> None:
        """Write the next rows of every variable, then note that they are whole.

        Parameters
        ----------
        rows
            Arrays of shape (n_rows, *shape of a row), C-contiguous float32, by variable name.
        note
            Anything to keep with them, as JSON.

        Raises
        ------
        RecordingFailedError
            If the disk is full; what was written before is kept.
        """
        assert self._file is not None
        count = len(next(iter(rows.values())))
        with _explained(self.path):
            for stream in self._streams:
                self._put(stream, rows[stream.name])
            self.rows_done += count
            entry = {"rows": self.rows_done, "sha256": self._digests(), "note": dict(note)}
            self._journal.append(entry)
        self.notes.append(dict(note))

    def finish(
        self,
        columns: Iterable[Column],
        attrs: Mapping[str, object],
        stream_attrs: Mapping[str, Mapping[str, object]],
        *,
        sizes: Mapping[str, int],
        compression: int = 0,
    ) -> Path:
        """Add the labels and checksums, and give the file its name.

        Parameters
        ----------
        columns
            Labels and small variables.
        attrs
            Attributes of the file.
        stream_attrs
            Attributes of the variables that were written row by row.
        sizes
            Sizes of the leading dimensions, which are known by now.
        compression
            Level of lossless compression, 0 to 9.

        Returns
        -------
        pathlib.Path
            The finished file.
        """
        assert self.plan is not None
        interrupted = any("finishing" in entry for entry in self._journal.entries)
        ready = self.stage
        with _explained(self.path):
            if interrupted or compression or not self.plan["sizes"]:
                ready = self.path.with_name(self.path.name + ".partial.copy")
                self._copy(ready, sizes, compression)
            else:
                self._journal.append({"finishing": True})
            self._close_file()
            with netCDF4.Dataset(ready, "a") as file:
                for stream in self._streams:
                    file[stream.name].setncatts(stream_attrs.get(stream.name, {}))
                _add_columns(file, columns)
                sums = file_checksums(file, known=self._digests())
                file.setncatts({**attrs, ATTRIBUTE: json.dumps(sums, sort_keys=True)})
                file.setncattr("complete", np.int32(1))
            _sync(ready)
            ready.replace(self.path)
            self.stage.unlink(missing_ok=True)
        self._journal.remove()
        return self.path

    def close(self) -> None:
        """Release the path; what was written stays for the next session."""
        self._close_file()
        self._journal.close()

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _go_on(self, overwrite: bool) -> None:
        """Take up what an earlier process left, as far as its checksums hold."""
        entries = self._journal.entries
        if not entries or not self.stage.exists():
            self._discard()
            return
        plan = entries[0]
        if plan.get("session") != self.session:
            if not overwrite:
                raise RecordingExistsError(
                    f"{self.path} is being recorded by an unfinished session that "
                    f"{differences(plan.get('session') or {}, self.session)}. Repeat that "
                    "session to complete it, choose another path, or pass overwrite=True."
                )
            self._discard()
            return
        self._adopt(plan)
        for number, entry in enumerate(entries):
            if "rows" in entry and not self._verify(entry):
                self._journal.truncate(number)
                break

    def _adopt(self, plan: dict) -> None:
        self.plan = plan
        self._streams = [
            Stream(name, tuple(lead), tuple(dims), tuple(shape))
            for name, lead, dims, shape in plan["streams"]
        ]
        self._sums = {stream.name: hashlib.sha256() for stream in self._streams}
        self._file = os.open(self.stage, os.O_RDWR)

    def _verify(self, entry: dict) -> bool:
        """Read the rows of one batch back; only what a power failure swallowed does not match."""
        sums = {name: digest.copy() for name, digest in self._sums.items()}
        for stream in self._streams:
            for block in self._rows(stream, self.rows_done, entry["rows"]):
                sums[stream.name].update(block)
        if {name: digest.hexdigest() for name, digest in sums.items()} != entry["sha256"]:
            return False
        self._sums = sums
        self.rows_done = entry["rows"]
        self.notes.append(entry["note"])
        return True

    def _put(self, stream: Stream, values: np.ndarray) -> None:
        """Write consecutive rows at the place of the next ones."""
        assert self._file is not None
        assert self.plan is not None
        start, stride = self.plan["places"][stream.name]
        raw = np.ascontiguousarray(values, dtype=VALUE).reshape(-1).view(np.uint8).data
        at = start + self.rows_done * stride
        if stride == stream.row_bytes:
            _write(self._file, raw, at)
        else:
            for row in range(len(values)):
                part = raw[row * stream.row_bytes : (row + 1) * stream.row_bytes]
                _write(self._file, part, at + row * stride)
        self._sums[stream.name].update(raw)

    def _rows(self, stream: Stream, first: int, last: int) -> Iterator[bytes]:
        """Read staged rows in blocks of bounded size."""
        assert self._file is not None
        assert self.plan is not None
        start, stride = self.plan["places"][stream.name]
        if stride != stream.row_bytes:
            for row in range(first, last):
                yield os.pread(self._file, stream.row_bytes, start + row * stride)
            return
        at, end = start + first * stride, start + last * stride
        while at < end:
            block = os.pread(self._file, min(BLOCK_BYTES, end - at), at)
            if not block:
                return
            yield block
            at += len(block)

    def _copy(self, ready: Path, sizes: Mapping[str, int], compression: int) -> None:
        """Make the file anew from the staged rows."""
        ready.unlink(missing_ok=True)
        if not compression:
            places = _allocate(ready, self._streams, sizes)
            target = os.open(ready, os.O_RDWR)
            try:
                for stream in self._streams:
                    at = places[stream.name][0]
                    for block in self._rows(stream, 0, self.rows_done):
                        _write(target, memoryview(block), at)
                        at += len(block)
            finally:
                os.close(target)
            return
        with netCDF4.Dataset(ready, "w") as file:
            for stream in self._streams:
                self._compress(file, stream, sizes, compression)

    def _compress(
        self, file: netCDF4.Dataset, stream: Stream, sizes: Mapping[str, int], level: Any
    ) -> None:
        dims = stream.lead + stream.dims
        shape = tuple(sizes[dim] for dim in stream.lead) + stream.shape
        chunks = chunk_sizes(dict(zip(dims, shape, strict=True)))
        for dim, size in zip(dims, shape, strict=True):
            if dim not in file.dimensions:
                file.createDimension(dim, size)
        variable = file.createVariable(
            stream.name, VALUE, dims, zlib=True, complevel=level, shuffle=True,
            chunksizes=chunks, fill_value=False,
        )  # fmt: skip
        rows = int(np.prod([sizes[dim] for dim in stream.lead], dtype=np.int64))
        per_step = sizes[stream.lead[-1]]
        height = chunks[len(stream.lead) - 1]
        for first in range(0, rows, per_step):
            for at in range(first, first + per_step, height):
                last = min(at + height, first + per_step)
                raw = b"".join(self._rows(stream, at, last))
                block = np.frombuffer(raw, VALUE).reshape(last - at, *stream.shape)
                step = (first // per_step,) if len(stream.lead) == 2 else ()
                variable[(*step, slice(at - first, last - first))] = block

    def _digests(self) -> dict[str, str]:
        return {name: digest.hexdigest() for name, digest in self._sums.items()}

    def _discard(self) -> None:
        self._close_file()
        self._journal.truncate(0)
        for name in (self.stage, self.path.with_name(self.path.name + ".partial.copy")):
            with suppress(FileNotFoundError):
                name.unlink()

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def differences(earlier: Mapping[str, object], later: Mapping[str, object]) -> str:
    """Say in which parts two sessions differ.

    Examples
    --------
    >>> differences({"seed": 0, "subject": "a"}, {"seed": 1, "subject": "a"})
    'differs in seed (0, now 1)'
    """
    said = [
        f"{name} ({_short(earlier.get(name))}, now {_short(later.get(name))})"
        for name in dict.fromkeys([*earlier, *later])
        if earlier.get(name) != later.get(name)
    ]
    return f"differs in {listing(said)}" if said else "is the same"


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


def _add_columns(file: netCDF4.Dataset, columns: Iterable[Column]) -> None:
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
        variable = file.createVariable(column.name, first.dtype, column.dims, fill_value=False)
    variable.setncatts(dict(column.attrs))
    start = 0
    for block in chain([first], blocks):
        stop = start + len(block)
        values = block.view("S1").reshape(len(block), -1) if block.dtype.kind == "S" else block
        variable[start:stop] = values
        start = stop


def _allocate(
    path: Path, streams: Sequence[Stream], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Make room for all rows; return offset and stride of each variable's rows."""
    if sizes:
        places = _lay_out(path, streams, sizes)
        _reserve(path)
        return places
    path.write_bytes(b"")
    stride = sum(stream.row_bytes for stream in streams)
    starts = accumulate((stream.row_bytes for stream in streams), initial=0)
    return {s.name: (at, stride) for s, at in zip(streams, starts, strict=False)}


def _lay_out(
    path: Path, streams: Sequence[Stream], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Create a file with contiguous variables; return offset and stride of each one's rows."""
    with netCDF4.Dataset(path, "w") as file:
        file.setncattr("reprcompare_format", "1")
        file.setncattr("complete", np.int32(0))
        for stream in streams:
            dims = stream.lead + stream.dims
            shape = tuple(sizes[dim] for dim in stream.lead) + stream.shape
            for dim, size in zip(dims, shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
            variable = file.createVariable(
                stream.name, VALUE, dims, contiguous=True, fill_value=False
            )
            # HDF5 allocates a contiguous variable as a whole when its first value is written.
            variable[tuple(size - 1 for size in shape)] = 0.0
    with h5py.File(path, "r") as file:
        return {s.name: (file[s.name].id.get_offset(), s.row_bytes) for s in streams}


def _reserve(path: Path) -> None:
    """Ask for the disk blocks now, so that a full disk is noticed before the first batch."""
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("rb+") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _write(descriptor: int, raw: memoryview, at: int) -> None:
    while raw:
        written = os.pwrite(descriptor, raw, at)
        raw, at = raw[written:], at + written


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:12] + "..."


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into a sentence about the recording."""
    try:
        yield
    except RecordingFailedError:
        raise
    except (OSError, RuntimeError) as error:  # netCDF4 reports a full disk as RuntimeError
        reason = getattr(error, "strerror", None) or error
        raise RecordingFailedError(
            f"{path} could not be written: {reason}. What was recorded so far is kept; free some "
            "space, then call record again with the same arguments to go on."
        ) from error

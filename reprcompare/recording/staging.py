"""Rows of numbers on their way to a recording: at their place in a file, or held in memory.

Neither is touched by HDF5 while a session runs, so neither can be lost to a killed process.
"""

import functools
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np

from reprcompare.recording.layout import VALUE, Stream, allocate, chunk_sizes, create_variable

BLOCK_BYTES: Final = 1 << 25


class Stage:
    """The staged rows of some variables in one file.

    Parameters
    ----------
    path
        The file; it was made by `reprcompare.recording.layout.allocate`.
    places
        Offset and stride of the rows of every variable, in bytes.
    """

    def __init__(self, path: Path, places: Mapping[str, Sequence[int]]) -> None:
        self._places = places
        self._file = os.open(path, os.O_RDWR)

    def put(self, stream: Stream, first: int, values: np.ndarray) -> memoryview:
        """Write consecutive rows from row `first` on; return their bytes."""
        start, stride = self._places[stream.name]
        raw = np.ascontiguousarray(values, dtype=VALUE).reshape(-1).view(np.uint8).data
        at = start + first * stride
        if stride == stream.row_bytes:
            _write(self._file, raw, at)
        else:
            for row in range(len(values)):
                part = raw[row * stream.row_bytes : (row + 1) * stream.row_bytes]
                _write(self._file, part, at + row * stride)
        return raw

    def rows(self, stream: Stream, first: int, last: int) -> Iterator[bytes]:
        """Yield the bytes of rows first to last (excluded), in blocks of bounded size."""
        start, stride = self._places[stream.name]
        if stride != stream.row_bytes:
            for row in range(first, last):
                yield from self._read(start + row * stride, stream.row_bytes)
        else:
            yield from self._read(start + first * stride, (last - first) * stride)

    def copy(self, target: Path, streams: Sequence[Stream], sizes: Mapping[str, int]) -> None:
        """Make a new file with the same rows in contiguous variables."""
        places = allocate(target, streams, sizes)
        file = os.open(target, os.O_RDWR)
        try:
            for stream in streams:
                at = places[stream.name][0]
                for block in self.rows(stream, 0, stream.n_rows(sizes)):
                    _write(file, memoryview(block), at)
                    at += len(block)
        finally:
            os.close(file)

    def compress(
        self, target: Path, streams: Sequence[Stream], sizes: Mapping[str, int], level: int
    ) -> None:
        """Make a new file with the same rows in compressed chunks."""
        with netCDF4.Dataset(target, "w") as file:
            for stream in streams:
                shape = [sizes[dim] for dim in stream.lead] + list(stream.shape)
                chunks = chunk_sizes(dict(zip(stream.lead + stream.dims, shape, strict=True)))
                variable = create_variable(
                    file, stream, sizes,
                    zlib=True, complevel=level, shuffle=True, chunksizes=chunks,
                )  # fmt: skip
                for place, block in self._tiles(stream, sizes, chunks):
                    variable[place] = block

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _tiles(
        self, stream: Stream, sizes: Mapping[str, int], chunks: Sequence[int]
    ) -> Iterator[tuple[tuple, np.ndarray]]:
        """Yield whole chunks, several neuroids wide but of bounded size, and where they belong."""
        start, stride = self._places[stream.name]
        per_step = sizes[stream.lead[-1]]
        height = chunks[len(stream.lead) - 1]
        inner = stream.row_bytes // stream.shape[0]
        chunk_width = chunks[len(stream.lead)]
        room = BLOCK_BYTES // (min(height, per_step) * inner * chunk_width)
        width = chunk_width * max(1, room)
        for first in range(0, stream.n_rows(sizes), per_step):
            step = (first // per_step,) if len(stream.lead) == 2 else ()
            for row in range(0, per_step, height):
                below = min(row + height, per_step)
                for left in range(0, stream.shape[0], width):
                    right = min(left + width, stream.shape[0])
                    raw = b"".join(
                        os.pread(
                            self._file, (right - left) * inner, start + n * stride + left * inner
                        )
                        for n in range(first + row, first + below)
                    )
                    block = np.frombuffer(raw, VALUE)
                    yield (
                        (*step, slice(row, below), slice(left, right)),
                        block.reshape(below - row, right - left, *stream.shape[1:]),
                    )

    def _read(self, at: int, count: int) -> Iterator[bytes]:
        while count > 0:
            block = os.pread(self._file, min(BLOCK_BYTES, count), at)
            if not block:
                return
            yield block
            at, count = at + len(block), count - len(block)


class HeldBatches:
    """A few batches in memory that is backed by a file, so that it outlives the process.

    A batch that has left the network but is not yet at its place would otherwise be lost with a
    killed process, and its forward pass with it.

    Parameters
    ----------
    path
        The file behind the memory.
    streams
        The variables of a row.
    capacity
        Rows of a batch.
    n_batches
        How many batches are held at a time.
    """

    def __init__(
        self, path: Path, streams: Sequence[Stream], capacity: int, n_batches: int
    ) -> None:
        self._path = path
        size = capacity * sum(stream.row_bytes for stream in streams)
        self.batches: list[dict[str, np.ndarray]] = []
        with path.open("ab+") as file:
            file.truncate(n_batches * size)
            if hasattr(os, "posix_fallocate"):  # a page without a block would kill the process
                os.posix_fallocate(file.fileno(), 0, n_batches * size)
            memory = mmap.mmap(file.fileno(), n_batches * size)
        at = 0
        for _ in range(n_batches):
            batch = {}
            for stream in streams:
                count = capacity * stream.row_bytes // VALUE.itemsize
                flat = np.frombuffer(memory, VALUE, count, offset=at)
                batch[stream.name] = flat.reshape(capacity, *stream.shape)
                at += capacity * stream.row_bytes
            self.batches.append(batch)

    def remove(self) -> None:
        """Delete the file; the memory goes when its arrays do."""
        self.batches.clear()
        self._path.unlink(missing_ok=True)


@functools.cache
def boot_id() -> str:
    """Name the running of the machine: memory that a file backs is whole only as long as it lasts.

    Empty where the system does not tell.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _write(descriptor: int, raw: memoryview, at: int) -> None:
    while raw:
        written = os.pwrite(descriptor, raw, at)
        raw, at = raw[written:], at + written

"""One session split over several processes or machines, and joined again."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    RecordingExistsError,
    listing,
)
from reprcompare.recording import check_stimulus_ids, open_recording
from reprcompare.recording.checksum import ATTRIBUTE, check_checksums
from reprcompare.recording.layout import Column, Stream
from reprcompare.recording.provenance import parse_provenance
from reprcompare.recording.writer import RecordingWriter, differences
from reprcompare.sessions.stimuli import Source

BLOCK_BYTES = 1 << 26
OWN_ATTRIBUTES = ("coordinates", "_Encoding", "_FillValue")


def shard_path(path: str | os.PathLike[str], shard: tuple[int, int]) -> Path:
    """Return the file of one part of a session.

    Parameters
    ----------
    path
        Of the whole recording.
    shard : tuple of int
        Number of the part, from 0, and how many parts there are.

    Returns
    -------
    pathlib.Path
        Beside `path`.

    Raises
    ------
    InvalidInputError
        If there is no such part.

    Examples
    --------
    >>> shard_path("runs/resnet.nc", (0, 4)).name
    'resnet.shard-0-of-4.nc'
    """
    number, of = shard
    if not 0 <= number < of:
        raise InvalidInputError(f"shard is {shard!r}, expected (number, of_how_many) from (0, 1).")
    target = Path(path)
    return target.with_name(f"{target.stem}.shard-{number}-of-{of}{target.suffix}")


def part_of(source: Source, shard: tuple[int, int], batch_size: int) -> Source:
    """Return one part of the stimuli: whole batches, so that the responses are the same bits.

    Parameters
    ----------
    source
        All stimuli; their number must be known.
    shard
        Which part, of how many.
    batch_size
        Stimuli in a batch.

    Raises
    ------
    InvalidInputError
        If the number of stimuli is not known, or there are fewer batches than parts.
    """
    if source.ids is None or source.size is None:
        raise InvalidInputError(
            "a session can be split only if the number of stimuli is known; give an array, a "
            "data set or a folder instead of an iterable."
        )
    number, of = shard
    n_batches = -(-source.size // batch_size)
    first = min(number * n_batches // of * batch_size, source.size)
    last = min((number + 1) * n_batches // of * batch_size, source.size)
    # Asked of every shard alike: one must not be recorded that the others cannot join.
    if n_batches < of:
        raise InvalidInputError(
            f"{source.size} stimuli make {n_batches} batches of {batch_size}, too few for {of} "
            "shards; use fewer shards or smaller batches."
        )

    def batches(start: int, size: int) -> Iterator:
        done = first + start
        for batch in source.batches(done, size):
            if done >= last:
                return
            yield batch
            done += batch.count

    rows = slice(first, last)
    labels = source.labels
    if "presentation" in labels.dims:
        labels = labels.isel(presentation=rows)
    return replace(
        source, batches=batches, ids=source.ids[rows], labels=labels, offset=first,
        whole=source.size,
    )  # fmt: skip


def join_shards(
    path: str | os.PathLike[str],
    shards: Sequence[str | os.PathLike[str]] | None = None,
    *,
    overwrite: bool = False,
) -> xr.Dataset:
    """Join the parts of a session to the recording that it would have been in one piece.

    Every part is verified by its checksums, and must come from the same session: network, weights,
    layers, stimuli. Joining is resumed like recording if it is interrupted.

    Parameters
    ----------
    path
        Where the whole recording goes.
    shards
        Files of the parts, in any order; by default those that ``record(..., path, shard=...)``
        wrote beside `path`.
    overwrite
        Replace what is at `path`.

    Returns
    -------
    xarray.Dataset
        The recording, opened lazily.

    Raises
    ------
    InvalidInputError
        If parts are missing.
    LabelMismatchError
        If parts come from different sessions, or a stimulus occurs in two of them.
    InvalidRecordingError
        If a part is damaged.
    RecordingExistsError
        If something else is at `path`.
    """
    target = Path(path)
    paths = [Path(shard) for shard in shards] if shards is not None else _beside(target)
    if target.exists() and not overwrite:
        raise RecordingExistsError(f"{target} exists; pass overwrite=True to replace it.")
    with ExitStack() as stack:
        files = [stack.enter_context(netCDF4.Dataset(shard)) for shard in paths]
        for file in files:
            file.set_auto_maskandscale(False)
            file.set_auto_chartostring(False)
        provenances = [parse_provenance({"provenance": f.provenance}) for f in files]
        session = _common_session([p.get("session", {}) for p in provenances], paths)
        order = np.argsort([p["session"]["shard"][0] for p in provenances])
        files = [files[number] for number in order]
        for shard in paths:
            check_checksums(shard)
        _write(target, files, session, provenances[order[0]], overwrite)
    return open_recording(target)


def _beside(target: Path) -> list[Path]:
    found = sorted(target.parent.glob(f"{target.stem}.shard-*-of-*{target.suffix}"))
    if not found:
        raise InvalidInputError(f"there are no shards of {target} beside it.")
    return found


def _common_session(sessions: Sequence[dict], paths: Sequence[Path]) -> dict:
    """Return what the parts share, or say how they differ or what is missing."""
    if not all("shard" in session for session in sessions):
        raise InvalidInputError(f"not all of {listing(p.name for p in paths)} are shards.")
    wholes = [{k: v for k, v in session.items() if k != "shard"} for session in sessions]
    for other, path in zip(wholes[1:], paths[1:], strict=True):
        if other != wholes[0]:
            raise LabelMismatchError(
                f"{path.name} was not recorded by the session of {paths[0].name}: it "
                f"{differences(wholes[0], other)}."
            )
    numbers = sorted(tuple(session["shard"]) for session in sessions)
    of = numbers[0][1]
    if numbers != [(number, of) for number in range(of)]:
        here = [f"{number}/{n}" for number, n in numbers]
        raise InvalidInputError(
            f"expected the shards 0/{of} to {of - 1}/{of}, each once; found {listing(here)}."
        )
    return wholes[0]


def _write(
    target: Path,
    files: Sequence[netCDF4.Dataset],
    session: dict,
    provenance: dict,
    overwrite: bool,
) -> None:
    first = files[0]
    streams = [_stream(first[name]) for name in ("activity", "output") if name in first.variables]
    counts = [len(file.dimensions["presentation"]) for file in files]
    sizes = {dim: len(first.dimensions[dim]) for dim in streams[0].lead}
    sizes["presentation"] = sum(counts)
    ids = np.concatenate([_strings(file["stimulus_id"][:]) for file in files])
    check_stimulus_ids([name.decode() for name in ids], len(ids))
    names = [stream.name for stream in streams]
    with RecordingWriter(target, session, overwrite=overwrite) as writer:
        if writer.plan is None:
            writer.begin(streams, sizes)
        for number, rows in enumerate(_rows(files, names, streams)):
            if number >= len(writer.notes):
                writer.append(writer.rows_done, rows, {})
        attrs = {
            name: first.getncattr(name)
            for name in first.ncattrs()
            if name not in (*OWN_ATTRIBUTES, ATTRIBUTE, "complete")
        }
        attrs["provenance"] = json.dumps(
            {**provenance, "session": session, "shards": len(files)}, sort_keys=True
        )
        columns = [
            _column(name, files)
            for name in first.variables
            if name not in names and not name.startswith("string")
        ]
        described = {name: _attrs(first[name]) for name in names}
        writer.finish(
            columns, attrs, described, sizes=sizes, compression=session.get("compression", 0)
        )


def _stream(variable: netCDF4.Variable) -> Stream:
    n_lead = variable.dimensions.index("presentation") + 1
    return Stream(
        variable.name,
        variable.dimensions[:n_lead],
        variable.dimensions[n_lead:],
        variable.shape[n_lead:],
    )


def _rows(
    files: Sequence[netCDF4.Dataset], names: Sequence[str], streams: Sequence[Stream]
) -> Iterator[dict[str, np.ndarray]]:
    """Yield blocks of rows of all variables, step by step and part by part."""
    height = max(1, BLOCK_BYTES // sum(stream.row_bytes for stream in streams))
    steps: list[tuple[int, ...]] = [()]
    if len(streams[0].lead) == 2:
        steps = [(number,) for number in range(len(files[0].dimensions["training_step"]))]
    for step in steps:
        for file in files:
            count = len(file.dimensions["presentation"])
            for start in range(0, count, height):
                place = (*step, slice(start, min(start + height, count)))
                yield {name: np.asarray(file[name][place]) for name in names}


def _column(name: str, files: Sequence[netCDF4.Dataset]) -> Column:
    """Return a label: of all parts if it lies on presentations, otherwise of the first one."""
    first = files[0][name]
    letters = first.dimensions[-1].startswith("string")
    dims = first.dimensions[:-1] if letters else first.dimensions
    sources = files if "presentation" in dims else files[:1]
    if letters and len(sources) == 1:
        blocks: Iterator[np.ndarray] | list[np.ndarray] = _blocks(first)
    else:
        values = [file[name][...] for file in sources]
        blocks = [np.concatenate([_strings(v) if letters else np.asarray(v) for v in values])]
    return Column(name, dims, blocks, _attrs(first))


def _blocks(variable: netCDF4.Variable) -> Iterator[np.ndarray]:
    height = max(1, BLOCK_BYTES // max(1, variable.shape[-1]))
    for start in range(0, variable.shape[0], height):
        yield _strings(variable[start : start + height])


def _strings(letters: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(letters).view(f"S{letters.shape[-1]}")[..., 0]


def _attrs(variable: netCDF4.Variable) -> dict[str, object]:
    names = [name for name in variable.ncattrs() if name not in OWN_ATTRIBUTES]
    return {name: variable.getncattr(name) for name in names}

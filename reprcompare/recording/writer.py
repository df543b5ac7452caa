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
x.nc.batches  the batches that are on their way from the network to their place
x.nc          the finished recording
============  ======================================================================

If the process dies while HDF5 adds the labels, the values are still where the journal says, and the
file is made anew from them. The same way leads to compressed files.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import netCDF4
import numpy as np

from reprcompare.errors import RecordingExistsError, RecordingFailedError, listing
from reprcompare.recording.checksum import ATTRIBUTE, file_checksums
from reprcompare.recording.journal import Journal
from reprcompare.recording.layout import Column, Stream, add_columns, allocate
from reprcompare.recording.staging import HeldBatches, Stage, boot_id

SPARE: Final = 1 << 20
"""With fewer bytes free than these, a disk counts as full."""

N_HELD: Final = 2
"""One batch is filled by the forward pass while the other one is written."""


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
        self.session = dict(session)
        self.rows_done = 0
        self.notes: list[dict] = []
        self.plan: dict | None = None
        self._stage: Stage | None = None
        self._held: HeldBatches | None = None
        self._journal = Journal(self._beside("journal"))
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
                    "places": allocate(self._beside("partial"), streams, sizes),
                    "notes": dict(notes or {}),
                }
                self._journal.append(plan)
        except RecordingFailedError:
            self._discard()
            raise
        self._adopt(plan)

    def batches(self, capacity: int) -> list[dict[str, np.ndarray]]:
        """Return the memory that batches are put into before they are written.

        Parameters
        ----------
        capacity
            Rows of a batch.

        Returns
        -------
        list of dict of str to array, shape (capacity, *shape of a row)
            Two batches, by variable name. `take_held` must come first.
        """
        with _explained(self.path):
            self._held = HeldBatches(self._beside("batches"), self._streams, capacity, N_HELD)
        return self._held.batches

    def hold(self, number: int, first: int, count: int, note: Mapping[str, object]) -> None:
        """Note that one of the `batches` is complete, so that it survives the process.

        Parameters
        ----------
        number
            Which of the batches.
        first, count
            The rows that it holds.
        note
            What will be noted with them.
        """
        assert self._held is not None
        capacity = len(next(iter(self._held.batches[number].values())))
        entry = {"held": number, "first": first, "count": count, "capacity": capacity}
        with _explained(self.path):
            self._journal.append({**entry, "boot": boot_id(), "note": dict(note)})

    def take_held(self) -> list[tuple[dict[str, np.ndarray], dict]]:
        """Return the rows and notes of batches that an earlier process held but did not write."""
        path, found, row = self._beside("batches"), [], self.rows_done
        boot = boot_id()
        for entry in self._journal.entries:
            if "held" not in entry or entry["first"] != row or entry["boot"] != boot or not boot:
                continue
            size = N_HELD * entry["capacity"] * sum(s.row_bytes for s in self._streams)
            if not path.exists() or path.stat().st_size != size:
                break
            held = HeldBatches(path, self._streams, entry["capacity"], N_HELD)
            batch = held.batches[entry["held"]]
            found.append(({k: v[: entry["count"]].copy() for k, v in batch.items()}, entry["note"]))
            row += entry["count"]
        return found

    def append(
        self, first: int, rows: Mapping[str, np.ndarray], note: Mapping[str, object]
    ) -> None:
        """Write the next rows of every variable to their place, then note that they are whole.

        Parameters
        ----------
        first
            Number of the first of these rows; rows come in order.
        rows
            Arrays of shape (n_rows, *shape of a row), float32, by variable name.
        note
            Anything to keep with them, as JSON.

        Raises
        ------
        RecordingFailedError
            If the disk is full; what was written before is kept.
        """
        assert self._stage is not None
        if first != self.rows_done:
            raise RecordingFailedError(
                f"row {first} cannot follow {self.rows_done} rows; call record again to go on."
            )
        with _explained(self.path):
            for stream in self._streams:
                raw = self._stage.put(stream, self.rows_done, rows[stream.name])
                self._sums[stream.name].update(raw)
            self.rows_done += len(next(iter(rows.values())))
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
        assert self._stage is not None
        interrupted = any("finishing" in entry for entry in self._journal.entries)
        ready = self._beside("partial")
        self._beside("batches").unlink(missing_ok=True)  # all of them have reached their place
        with _explained(self.path):
            if interrupted or compression or not self.plan["sizes"]:
                ready = self._beside("partial.copy")
                ready.unlink(missing_ok=True)
                if compression:
                    self._stage.compress(ready, self._streams, sizes, compression)
                else:
                    self._stage.copy(ready, self._streams, sizes)
            else:
                self._journal.append({"finishing": True})
            with netCDF4.Dataset(ready, "a") as file:
                for stream in self._streams:
                    file[stream.name].setncatts(stream_attrs.get(stream.name, {}))
                add_columns(file, columns)
                sums = file_checksums(file, known=self._digests())
                file.setncatts({**attrs, ATTRIBUTE: json.dumps(sums, sort_keys=True)})
                file.setncattr("complete", np.int32(1))
            _sync(ready)
            ready.replace(self.path)
            self._remove_files()
        self._journal.remove()
        return self.path

    def close(self) -> None:
        """Release the path; what was written stays for the next session."""
        if self._stage is not None:
            self._stage.close()
            self._stage = None
        self._beside("partial.copy").unlink(missing_ok=True)
        entries = self._journal.entries
        if entries and "held" not in entries[-1]:  # every batch has reached its place
            self._beside("batches").unlink(missing_ok=True)
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
        if not entries or not self._beside("partial").exists():
            self._discard()
            return
        plan = entries[0]
        if not same_session(plan.get("session") or {}, self.session):
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
        self._stage = Stage(self._beside("partial"), plan["places"])

    def _verify(self, entry: dict) -> bool:
        """Read the rows of one batch back; only what a power failure swallowed does not match."""
        assert self._stage is not None
        sums = {name: digest.copy() for name, digest in self._sums.items()}
        for stream in self._streams:
            for block in self._stage.rows(stream, self.rows_done, entry["rows"]):
                sums[stream.name].update(block)
        if {name: digest.hexdigest() for name, digest in sums.items()} != entry["sha256"]:
            return False
        self._sums = sums
        self.rows_done = entry["rows"]
        self.notes.append(entry["note"])
        return True

    def _digests(self) -> dict[str, str]:
        return {name: digest.hexdigest() for name, digest in self._sums.items()}

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")

    def _discard(self) -> None:
        self._journal.truncate(0)
        self._remove_files()

    def _remove_files(self) -> None:
        for suffix in ("partial", "partial.copy", "batches"):
            with suppress(FileNotFoundError):
                self._beside(suffix).unlink()


def same_session(earlier: Mapping[str, object], later: Mapping[str, object]) -> bool:
    """Tell whether two sessions are the same; what one of them does not state counts as None.

    Examples
    --------
    >>> same_session({"seed": 0}, {"seed": 0, "keep_bits": None})
    True
    """
    return all(earlier.get(name) == later.get(name) for name in {*earlier, *later})


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
        if shutil.disk_usage(path.parent).free < SPARE:
            reason = f"the disk is full ({reason})"
        raise RecordingFailedError(
            f"{path} could not be written: {reason}. What was recorded so far is kept; free some "
            "space, then call record again with the same arguments to go on."
        ) from error

"""The journal of a recording session: what is on disk already, and who is writing.

A journal is a text file beside the recording with one JSON object a line. It only ever grows, so a
session that dies can lose at most the line that it was writing. An advisory lock on it keeps a
second writer out and vanishes with the process that holds it.
"""

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType

from reprcompare.errors import RecordingExistsError, RecordingFailedError

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; its own sharing rules refuse the rename
    fcntl = None  # type: ignore[assignment]


class Journal:
    """An append-only list of JSON objects, open for one writer.

    Parameters
    ----------
    path
        Created if it does not exist; removed again by `close` if nothing was written to it.

    Attributes
    ----------
    entries : list of dict
        What earlier writers and this one have written.

    Raises
    ------
    RecordingExistsError
        If another process holds the journal.
    RecordingFailedError
        If the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _open_locked(path)
        self.entries: list[dict] = []
        self._ends: list[int] = []
        self._turn = Lock()  # batches are noted by the thread that runs and the one that writes
        self._removed = False
        for line in _read(self._descriptor).splitlines(keepends=True):
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                break
            self.entries.append(entry)
            self._ends.append((self._ends or [0])[-1] + len(line))
        # What follows was being written when the process died; cut it off before going on.
        self.truncate(len(self.entries))

    def append(self, entry: dict) -> None:
        """Write one entry; it counts only once its line is whole."""
        line = json.dumps(entry).encode() + b"\n"
        with self._turn:
            try:
                written = os.write(self._descriptor, line)
                if written < len(line):
                    raise OSError("No space left on device")
            except OSError:
                self.truncate(len(self.entries))
                raise
            self.entries.append(entry)
            self._ends.append((self._ends or [0])[-1] + len(line))

    def truncate(self, count: int) -> None:
        """Keep only the first entries."""
        del self.entries[count:], self._ends[count:]
        os.ftruncate(self._descriptor, (self._ends or [0])[-1])

    def remove(self) -> None:
        """Delete the file: the session is over."""
        self.path.unlink(missing_ok=True)
        self._removed = True

    def close(self) -> None:
        """Release the lock; an empty journal leaves no file behind."""
        if not self.entries and not self._removed:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(self._descriptor)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open_locked(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise RecordingFailedError(
                f"{path.parent} cannot be written to: {error.strerror}. Choose a path in a folder "
                "that exists and is yours."
            ) from error
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise RecordingExistsError(
                f"another process on {socket.gethostname()} or a machine that shares the folder is "
                f"recording to {path.with_suffix('')}; wait for it, or choose another path."
            ) from error
        # The session that held the lock may have ended and removed the file in between.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    parts = []
    os.lseek(descriptor, 0, os.SEEK_SET)
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
    return b"".join(parts)

"""One sentence for whatever a library raises on a file that is damaged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprcompare.errors import InvalidInputError, ReprcompareError


@contextmanager
def readable(path: str | Path, what: str) -> Iterator[None]:
    """Read a file within this context; wrap nothing but what touches the file.

    Libraries raise errors of many kinds for damaged content (zlib.error, BadZipFile, IndexError,
    UnicodeDecodeError ...), which only here all mean the same.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, with its article left out: ``"NWB file"``.

    Raises
    ------
    InvalidInputError
        If anything is raised but an error that is a sentence already.

    Examples
    --------
    >>> with readable("it.npz", "NumPy file"):
    ...     raise IndexError("out of range")
    Traceback (most recent call last):
    reprcompare.errors.InvalidInputError: it.npz is not a readable NumPy file (it is damaged, cut
    off or of another kind): out of range
    """
    try:
        yield
    except (ReprcompareError, MemoryError):
        raise
    except Exception as error:
        said = str(error).strip().splitlines()
        raise InvalidInputError(
            f"{path} is not a readable {what} (it is damaged, cut off or of another kind): "
            f"{said[0] if said else type(error).__name__}"
        ) from error

"""What can go wrong, said for people: what was wrong, what was expected, what to do."""

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral


class ReprcompareError(Exception):
    """The root of every error that this package raises on purpose."""


class InvalidInputError(ReprcompareError, ValueError):
    """An argument has a value that the function cannot work with."""


class UnknownNameError(InvalidInputError):
    """A name was asked for that does not exist; the message offers the nearest one."""


class UnknownLayerError(UnknownNameError):
    """A network has no layer of that name."""


class InvalidRecordingError(ReprcompareError, ValueError):
    """A data set or file does not follow the recording format."""


class UnfinishedRecordingError(InvalidRecordingError):
    """A recording session was interrupted and its file is not complete."""


class NewerFormatError(InvalidRecordingError):
    """A file was written by a later major version of the recording format."""


class RecordingExistsError(ReprcompareError, FileExistsError):
    """A path is taken by something that must not be overwritten silently."""


class RecordingFailedError(ReprcompareError, RuntimeError):
    """A recording session or a save had to stop; what was written before is kept."""


class LabelMismatchError(ReprcompareError, ValueError):
    """Two objects that must be joined by label do not carry the same labels."""


class NotIdentifiableError(ReprcompareError, ValueError):
    """The data cannot answer the question; the message says why."""


class UninformativeError(NotIdentifiableError):
    """Nothing was measured above chance, which never means that two systems differ."""


class MissingExtraError(ReprcompareError, ImportError):
    """An optional dependency is not installed; the message names the extra."""


class DownloadError(ReprcompareError, OSError):
    """A public data set could not be fetched, or what came is not what was expected."""


class ProtocolError(ReprcompareError, ValueError):
    """A protocol file is wrong; the message gives the place and the nearest valid name."""


def listing(names: Iterable[object], most: int = 5) -> str:
    """Name the first few of many, and say how many there are.

    Examples
    --------
    >>> listing(["conv1", "layer1", "layer2", "fc"], most=2)
    'conv1, layer1 ... (4)'
    >>> listing(["conv1", "fc"])
    'conv1, fc'
    """
    texts = [str(name) for name in names]
    if len(texts) <= most:
        return ", ".join(texts)
    return f"{', '.join(texts[:most])} ... ({len(texts)})"


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> str:
    """Write the sentence for a name that does not exist, with the nearest one that does.

    Examples
    --------
    >>> unknown_name("layer", "layer5", ["conv1", "layer4"], "ResNet")
    "no layer 'layer5' in ResNet; did you mean 'layer4'? Known: conv1, layer4"
    """
    names = [str(item) for item in known]
    near = get_close_matches(str(name), names, n=1, cutoff=0.5)
    place = f" in {where}" if where else ""
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"no {kind} {name!r}{place}{hint} Known: {listing(names) or 'none'}"


def check_whole(name: str, value: object, least: int) -> int:
    """Return a whole number, or say what is wrong with it.

    Parameters
    ----------
    name
        Of the argument.
    value
        What was given.
    least
        The smallest that is allowed.

    Returns
    -------
    int

    Raises
    ------
    InvalidInputError
        If it is no whole number, or too small.

    Examples
    --------
    >>> check_whole("cv", 5, 2)
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidInputError(f"{name} must be a whole number, got {value!r}.")
    if value < least:
        raise InvalidInputError(f"{name} must be at least {least}, got {value}.")
    return int(value)

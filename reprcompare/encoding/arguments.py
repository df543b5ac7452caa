"""Numbers and devices that a caller gives: checked before anything is read or fitted."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name

PRECISIONS: Final = ("float32", "float64")
"""Of products with responses; decompositions are always in float64."""


def check_numbers(name: str, values: Sequence[float] | np.ndarray, expected: str) -> np.ndarray:
    """Return a list of finite numbers as an array of float64, shape (n,).

    Parameters
    ----------
    name
        Of the argument.
    values
        What was given.
    expected
        What each of them should be, in words.

    Raises
    ------
    InvalidInputError
        If it is no list of numbers, or empty.
    """
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
        raise InvalidInputError(f"{name} must be a list of {expected}, got {values!r}.")
    return found


def check_computation(precision: str, device: object) -> None:
    """Refuse a precision that is not offered, and a device that PyTorch does not have here.

    Parameters
    ----------
    precision
        A name in `PRECISIONS`.
    device
        Such as "cpu", "cuda" or "cuda:1"; it must compute in float64 as well.

    Raises
    ------
    UnknownNameError
        If there is no such precision.
    InvalidInputError
        If the device cannot be used, with what PyTorch says.
    """
    import torch

    if precision not in PRECISIONS:
        raise UnknownNameError(unknown_name("precision", precision, PRECISIONS))
    try:
        place = torch.device(device)  # type: ignore[call-overload]
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"no device {device!r}; give 'cpu', or 'cuda' ('cuda:0', 'cuda:1' ...) where PyTorch "
            "has a GPU."
        ) from error
    try:
        # What decompositions need; whatever is missing shows here and not in the middle of a fit.
        torch.zeros(1, dtype=torch.float64, device=place).cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        why = str(error).split("\n", 1)[0].split(". ", 1)[0].rstrip(".")
        raise InvalidInputError(
            f"device={str(place)!r} cannot be used here: PyTorch says '{why}'. Leave device out to "
            "compute on the processor."
        ) from error

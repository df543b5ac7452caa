"""Responses that stay in their file until they are used."""

from collections.abc import Callable, Hashable
from typing import Any, Final, Self

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

Key = tuple[int | slice | np.ndarray, ...]


class Stored(BackendArray):
    """An array in a file, of which only what is indexed is read, as float32.

    Parameters
    ----------
    shape
        Of the array.
    original
        Type of its numbers in the file.
    read
        Gives the part at a key: an integer, a slice or a sorted vector for every dimension, at most
        one of them a vector.

    Examples
    --------
    >>> stored = Stored((2, 3), np.dtype("int16"), np.arange(6).reshape(2, 3).__getitem__)
    >>> rows = stored.variable(("presentation", "neuroid"), {})
    >>> rows.isel(presentation=1).values.tolist()
    [3.0, 4.0, 5.0]
    """

    dtype: Final = np.dtype(np.float32)

    def __init__(
        self, shape: tuple[int, ...], original: np.dtype, read: Callable[[Key], np.ndarray]
    ) -> None:
        self.shape = shape
        self.original = original
        self._read = read

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        """Read a part; xarray calls this."""
        support = indexing.IndexingSupport.OUTER_1VECTOR
        part: np.ndarray = indexing.explicit_indexing_adapter(key, self.shape, support, self._part)
        return part

    def _part(self, key: Key) -> np.ndarray:
        return np.asarray(self._read(tuple(map(_contiguous, key))), dtype=self.dtype)

    def variable(self, dims: tuple[Hashable, ...], attrs: dict[str, object]) -> xr.Variable:
        """Return the lazy variable of a recording."""
        lazy: Any = indexing.CopyOnWriteArray(
            indexing.LazilyIndexedArray(self)  # type: ignore[arg-type]
        )
        return xr.Variable(dims, lazy, attrs)

    def stand_in(self) -> np.ndarray:
        """Return zeros of the same shape that take no memory, to check labels against."""
        return np.broadcast_to(np.float32(0), self.shape)

    @classmethod
    def of(cls, array: np.ndarray | xr.Variable) -> Self:
        """Wrap what can be indexed as it is: a memory-mapped array, a lazy variable."""
        part: Callable[[Key], Any] = array.__getitem__
        return cls(array.shape, array.dtype, part)


def _contiguous(key: int | slice | np.ndarray) -> int | slice | np.ndarray:
    """Turn the places of a region, which lie side by side, into a slice: files read that faster."""
    if isinstance(key, np.ndarray) and len(key) and key[-1] - key[0] + 1 == len(key):
        return slice(int(key[0]), int(key[-1]) + 1)
    return key

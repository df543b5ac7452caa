"""Work that was done once, found again by what it was made from."""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pooch

PACKAGE = Path(__file__).parents[1]


@functools.cache
def fingerprint(*rooms: str) -> str:
    """Return a hash of the source of rooms of this package.

    Results are kept under it, so that a change in the code that made them makes them anew.

    Parameters
    ----------
    *rooms
        Names of folders of the package; "" for all of it.
    """
    digest = hashlib.sha256()
    for room in rooms:
        for file in sorted((PACKAGE / room).rglob("*.py")):
            digest.update(file.relative_to(PACKAGE).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def key_of(**ingredients: Any) -> str:
    """Return the key of what is made from these ingredients.

    Examples
    --------
    >>> key_of(seed=1, layers=["a"]) == key_of(layers=["a"], seed=1)
    True
    >>> key_of(seed=1) == key_of(seed=2)
    False
    """
    text = json.dumps(ingredients, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Cache:
    """A folder of finished work.

    Parameters
    ----------
    folder
        Where; by default REPRCOMPARE_CACHE, or the user's cache folder.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        chosen = folder or os.environ.get("REPRCOMPARE_CACHE") or pooch.os_cache("reprcompare")
        self.folder = Path(chosen)

    def recording(self, key: str) -> Path:
        """Return where the recording of that key lies, or will lie."""
        folder = self.folder / "recordings"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{key}.nc"

    def tables(self, key: str, compute: Callable[[], Sequence[pd.DataFrame]]) -> list[pd.DataFrame]:
        """Return tables from the cache, or compute and keep them.

        Parameters
        ----------
        key
            From `key_of`.
        compute
            Makes the tables when they are not there, or cannot be read.
        """
        folder = self.folder / "tables"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{key}.json"
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return [pd.DataFrame(**table) for table in kept]
        except (OSError, ValueError, TypeError):
            tables = [table.reset_index(drop=True) for table in compute()]
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        text = json.dumps([table.to_dict("split") for table in tables], default=_plain)
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
        # Read back, so that a first and a second run give the same types.
        return [pd.DataFrame(**table) for table in json.loads(text)]


def _plain(value: Any) -> Any:
    """Turn numpy scalars into what JSON has."""
    return value.item()

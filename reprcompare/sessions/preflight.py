"""Before a session: how large the recording will be, and whether there is room for it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reprcompare.errors import RecordingFailedError

SPARE = 1 << 24
"""Bytes that labels may need besides the values."""


def check_room(path: Path, row_bytes: int, sizes: Mapping[str, int], compression: int) -> None:
    """Refuse to begin a session that the disk has no room for.

    Parameters
    ----------
    path
        Where the recording will be.
    row_bytes
        Bytes of the responses to one stimulus.
    sizes
        Sizes of the dimensions that rows run over; empty if the number of stimuli is not known.
    compression
        A compressed file needs room for the values beside it while it is made.

    Raises
    ------
    RecordingFailedError
        Saying what would fit.
    """
    if not sizes:
        return
    rows = int(np.prod(list(sizes.values()), dtype=np.int64))
    need = row_bytes * rows * (2 if compression else 1) + min(SPARE, row_bytes * rows)
    free = shutil.disk_usage(path.parent).free
    if need > free:
        raise RecordingFailedError(
            f"{path} needs {need / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free on the disk. "
            "Record fewer layers, reduce them (reduce='mean' pools over space, 'project' keeps "
            "distances, 'subset:1000' keeps so many neuroids), or choose another disk."
        )

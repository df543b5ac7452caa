"""Before a session: how large the recording will be, how long it takes, whether there is room."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, RecordingFailedError
from reprcompare.recording.layout import VALUE
from reprcompare.sessions.capture import Capture, TimeAxis
from reprcompare.sessions.images import Preprocess
from reprcompare.sessions.layers import choose_layers
from reprcompare.sessions.states import as_it_was
from reprcompare.sessions.stimuli import Batch, open_stimuli

LABEL_BYTES: Final = 16
"""Generous bytes of labels a neuroid; they are compressed."""

SUGGESTION: Final = (
    "Record fewer layers, or reduce them: reduce='mean' pools over space, 'project' keeps "
    "distances, 'subset:1000' keeps so many neuroids."
)


@dataclass(frozen=True)
class Estimate:
    """What a session will take.

    Attributes
    ----------
    layers : pandas.DataFrame
        Columns region, shape, neuroids, bytes (of the whole recording).
    n_presentations : int or None
        None if the number of stimuli is not known.
    row_bytes : int
        Bytes of the responses to one stimulus.
    batch_size : int
        Stimuli in a batch.
    seconds : float or None
        Time for all stimuli, from the time of one batch.
    compression : int
        Level of compression.
    """

    layers: pd.DataFrame
    n_presentations: int | None
    row_bytes: int
    batch_size: int
    seconds: float | None
    compression: int = 0

    @property
    def file_bytes(self) -> int | None:
        """Bytes of the file without compression."""
        if self.n_presentations is None:
            return None
        labels = LABEL_BYTES * int(self.layers["neuroids"].sum())
        return self.row_bytes * self.n_presentations + labels

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory beside those that the network itself needs."""
        return 3 * self.row_bytes * self.batch_size

    def __str__(self) -> str:
        n_neuroids = int(self.layers["neuroids"].sum())
        said = [f"{len(self.layers)} layers, {n_neuroids:,} neuroids"]
        if self.file_bytes is not None:
            said.append(f"{self.n_presentations:,} stimuli, {_size(self.file_bytes)} on disk")
        said.append(f"{_size(self.memory_bytes)} of memory beside the network")
        if self.seconds is not None:
            said.append(f"about {_duration(self.seconds)}")
        return "; ".join(said)

    def check(self, path: Path) -> None:
        """Refuse a session that disk or memory have no room for.

        Parameters
        ----------
        path
            Where the recording will be.

        Raises
        ------
        RecordingFailedError
            Saying what would fit.
        """
        memory = available_memory()
        if memory is not None and self.memory_bytes > memory:
            fits = max(1, int(memory / (3 * self.row_bytes)))
            raise RecordingFailedError(
                f"batches of {self.batch_size} need {_size(self.memory_bytes)} of memory, and "
                f"{_size(memory)} are free; batch_size={fits} would fit. {SUGGESTION}"
            )
        if self.file_bytes is None:
            return
        # A compressed file is made from the values, which lie beside it until it is complete.
        need = self.file_bytes * (2 if self.compression else 1)
        free = shutil.disk_usage(path.parent).free
        if need > free:
            raise RecordingFailedError(
                f"{path} needs {_size(need)}, and {_size(free)} are free on the disk. {SUGGESTION}"
            )


def estimate(
    regions: Sequence[Mapping],
    sizes: Sequence[int],
    *,
    n_presentations: int | None,
    output_bytes: int,
    batch_size: int,
    seconds_per_batch: float | None = None,
    compression: int = 0,
) -> Estimate:
    """Make an estimate from what the first forward pass showed.

    Parameters
    ----------
    regions
        As `Capture.describe` returns them.
    sizes
        Neuroids of each region after its reduction.
    n_presentations
        Stimuli times training steps, None if not known.
    output_bytes
        Bytes of the network's answer to one stimulus.
    batch_size, compression
        As in `record`.
    seconds_per_batch
        Time of a forward pass.
    """
    bins = regions[0]["bins"]
    table = pd.DataFrame(
        {
            "region": [entry["region"] for entry in regions],
            "shape": [tuple(entry["shape"]) for entry in regions],
            "neuroids": list(sizes),
        }
    )
    row_bytes = int(table["neuroids"].sum()) * bins * VALUE.itemsize + output_bytes
    table["bytes"] = table["neuroids"] * bins * VALUE.itemsize * (n_presentations or 1)
    seconds = None
    if seconds_per_batch is not None and n_presentations is not None:
        seconds = seconds_per_batch * n_presentations / batch_size
    return Estimate(table, n_presentations, row_bytes, batch_size, seconds, compression)


def preflight(
    network: nn.Module,
    stimuli: object,
    *,
    layers: str | Sequence[str] | None,
    stimulus_ids: Sequence[object] | np.ndarray | None = None,
    batch_size: int = 64,
    preprocess: Preprocess | None = None,
    reduce: str | Mapping[str, str] | None = None,
    time_axis: TimeAxis = None,
    seed: int = 0,
    device: str | torch.device | None = None,
) -> Estimate:
    """Estimate size and duration of a session without recording anything.

    Runs one batch twice: once to see what the layers return, once to take the time.

    Parameters
    ----------
    network, stimuli, layers, stimulus_ids, batch_size, preprocess, reduce, time_axis, seed, device
        As in `record`.

    Returns
    -------
    Estimate
        ``print(estimate)`` says it in words, ``estimate.layers`` by layer,
        ``estimate.check(path)`` compares it with the disk and the memory.

    Raises
    ------
    InvalidInputError
        If the stimuli can be read only once, or as `record` does.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
    >>> found = preflight(network, torch.zeros(4, 1, 8, 8), layers=None, stimulus_ids=list("abcd"))
    >>> found.layers[["region", "shape", "neuroids"]].values.tolist()
    [['0', (8, 6, 6), 288], ['1', (8, 6, 6), 288]]
    """
    source = open_stimuli(stimuli, stimulus_ids, None, preprocess)
    if not source.repeatable:
        raise InvalidInputError(
            "the stimuli can be read only once, so a pre-flight would use them up; give a data "
            "set, an array, or a list."
        )
    chosen = choose_layers(network, layers)
    with as_it_was(network, device, training=False) as place, Capture(
        network, chosen, time_axis
    ) as capture:  # fmt: skip
        batch = next(source.batches(0, batch_size))
        capture.expect(batch.count, None)
        forward(network, batch, place)
        regions = capture.describe()
        capture.plan(regions, reduce, seed, source.size)
        start = time.perf_counter()
        capture.expect(batch.count, None)
        forward(network, batch, place)
        seconds = (time.perf_counter() - start) * batch_size / batch.count
    sizes = [slot.reduction.size for slot in capture.slots]
    return estimate(
        regions, sizes, n_presentations=source.size, output_bytes=0, batch_size=batch_size,
        seconds_per_batch=seconds,
    )  # fmt: skip


def forward(network: nn.Module, batch: Batch, device: torch.device) -> object:
    """Run one batch, with its numbers in the type that the network computes in.

    Parameters
    ----------
    network
        The network.
    batch
        Its inputs.
    device
        Where the network is.
    """
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)

    def placed(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device, dtype) if tensor.is_floating_point() else tensor.to(device)

    inputs = batch.inputs
    if isinstance(inputs, dict):
        return network(**{name: placed(tensor) for name, tensor in inputs.items()})
    if isinstance(inputs, tuple):
        return network(*map(placed, inputs))
    return network(placed(inputs))


def available_memory() -> int | None:
    """Return the bytes of memory that can still be used, None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

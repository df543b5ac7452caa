"""Averages over repetitions, runs, sessions and time, of recordings of any size."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import xarray as xr
from scipy import sparse

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.measurement.parts import require_responses
from reprcompare.recording import presentation_key

REPEATS: Final = ("repetition", "run", "session")
"""Coordinates of presentations that may be averaged over."""

AXES: Final = ("time_bin", "training_step")
"""Dimensions that may be averaged over."""

BLOCK_BYTES: Final = 32 << 20
"""Activity is read in blocks of about this size, so that memory does not grow with the file."""


def average(recording: xr.Dataset, over: str | Iterable[str] = "repetition") -> xr.Dataset:
    """Average a recording over repetitions, runs, sessions, time or training.

    Presentations that agree in everything that names them, except for what is averaged over,
    become one. Missing values (NaN) are left out; where nothing was recorded NaN remains.

    Parameters
    ----------
    recording
        A recording; a lazy one is read block by block.
    over
        One or several of ``"repetition"``, ``"run"``, ``"session"``, ``"time_bin"``,
        ``"training_step"``. What the recording does not have counts as constant.

    Returns
    -------
    xarray.Dataset
        In order of first appearance, in memory. The coordinate `n_averaged` counts the
        presentations behind each new one; coordinates that vary within it are dropped.

    Raises
    ------
    UnknownNameError
        If `over` names anything else.
    InvalidInputError
        If the recording has no presentations or no neuroids.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.array([[1.0], [3.0], [5.0]]), stimulus_id=["a", "b", "a"],
    ...     region="IT", subject="monkey", presentation={"repetition": [0, 0, 1]})
    >>> average(it, "repetition").activity.values.ravel().tolist()
    [3.0, 3.0]
    """
    require_responses(recording, "averaging")
    if not recording["activity"].size:
        raise InvalidInputError(f"nothing is left to average: {dict(recording.sizes)}.")
    names = [over] if isinstance(over, str) else list(over)
    for name in names:
        if name not in REPEATS + AXES:
            raise UnknownNameError(unknown_name("thing to average over", name, REPEATS + AXES))
    for axis in AXES:
        if axis in names and axis in recording.dims:
            recording = _over_axis(recording, axis)
    repeats = [name for name in names if name in REPEATS and name in recording.coords]
    return _over_presentations(recording, repeats) if repeats else recording


def time_window(recording: xr.Dataset, start: float, end: float) -> xr.Dataset:
    """Average the time bins that lie wholly within a window.

    Parameters
    ----------
    recording
        A recording with the dimension `time_bin`.
    start, end
        Window in the unit of the time axis (ms for brains); bins within [start, end] count.

    Returns
    -------
    xarray.Dataset
        Without `time_bin`; the window that the bins cover is an attribute of `activity`.

    Raises
    ------
    InvalidInputError
        If there is no time axis, or no bin lies in the window.
    """
    require_responses(recording, "a time window")
    if "time_bin" not in recording.dims:
        raise InvalidInputError("the recording has no time axis (time_bin) to take a window from.")
    starts, ends = recording["time_bin_start"].values, recording["time_bin_end"].values
    inside = np.flatnonzero((starts >= start) & (ends <= end))
    if not len(inside):
        raise InvalidInputError(
            f"no time bin lies within {start} to {end}; the recording covers {starts.min()} to "
            f"{ends.max()} in {len(starts)} bins."
        )
    chosen = average(recording.isel(time_bin=inside), "time_bin")
    chosen["activity"].attrs["window"] = [float(starts[inside].min()), float(ends[inside].max())]
    return chosen


def _over_axis(recording: xr.Dataset, axis: str) -> xr.Dataset:
    """Average all variables that have this dimension, and drop its coordinates."""
    averaged = recording.drop_vars(
        [name for name, variable in recording.variables.items() if axis in variable.dims]
    )
    for name, variable in recording.data_vars.items():
        if axis in variable.dims:
            means = variable.mean(axis, keep_attrs=True)
            averaged[name] = means.astype(_mean_type(variable))
    return _noted(averaged[list(recording.data_vars)], [axis])


def _over_presentations(recording: xr.Dataset, repeats: list[str]) -> xr.Dataset:
    """Make one presentation of all that differ in nothing but the named coordinates."""
    key = presentation_key(recording)
    kept = key.droplevel([name for name in key.names if name in repeats])
    codes, groups = kept.factorize()
    first = np.unique(codes, return_index=True)[1]
    averaged = [name for name in ("activity", "output") if name in recording.data_vars]
    result = recording.drop_vars(averaged).isel(presentation=first)
    varying = [
        name
        for name, coordinate in recording.coords.items()
        if coordinate.dims == ("presentation",)
        and not np.array_equal(coordinate.values, coordinate.values[first][codes])
    ]
    result = result.drop_vars({*varying, *repeats})
    for name in averaged:
        result[name] = _group_means(recording[name], codes, len(groups))
    counts = np.bincount(codes, minlength=len(groups))
    result = result.assign_coords(n_averaged=("presentation", counts))
    order = [name for name in recording.data_vars if name in result.data_vars]
    return _noted(result[order], repeats)


def _group_means(variable: xr.DataArray, codes: np.ndarray, n_groups: int) -> xr.Variable:
    """Average a variable within groups of presentations, reading it block by block.

    Parameters
    ----------
    variable
        With the dimension `presentation`.
    codes : numpy.ndarray of int, shape (n_presentations,)
        Group of each presentation.
    n_groups
        Number of groups.

    Returns
    -------
    xarray.Variable
        Same dimensions; `presentation` has length `n_groups`.
    """
    front = variable.transpose("presentation", ...)
    means = np.empty((n_groups, *front.shape[1:]), dtype=_mean_type(variable))
    inner = int(np.prod(front.shape[2:]))
    columns = max(1, BLOCK_BYTES // (8 * n_groups * inner))
    for left in range(0, front.shape[1], columns):
        part = front[:, left : left + columns]
        means[:, left : left + columns] = _block_means(part, codes, n_groups)
    return xr.Variable(front.dims, means, variable.attrs).transpose(*variable.dims)


def _mean_type(variable: xr.DataArray) -> np.dtype:
    """Return the type that means are stored in; means of whole numbers are none."""
    return variable.dtype if variable.dtype.kind == "f" else np.dtype(np.float32)


def _block_means(part: xr.DataArray, codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Average within groups what is narrow enough to be summed in double precision at once."""
    width = int(np.prod(part.shape[1:]))
    rows = max(1, BLOCK_BYTES // (8 * width))
    sums = np.zeros((n_groups, width))
    counts = np.zeros((n_groups, width), dtype=np.int32)
    for start in range(0, len(codes), rows):
        members = codes[start : start + rows]
        block = part[start : start + rows].values.reshape(len(members), width).astype(float)
        present, local = np.unique(members, return_inverse=True)
        indicator = sparse.csr_matrix(
            (np.ones(len(members)), (local, np.arange(len(members)))),
            shape=(len(present), len(members)),
        )
        valid = ~np.isnan(block)
        sums[present] += indicator @ np.where(valid, block, 0.0)
        counts[present] += (indicator @ valid).astype(np.int32)
    means = np.full_like(sums, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(n_groups, *part.shape[1:])


def _noted(recording: xr.Dataset, over: list[str]) -> xr.Dataset:
    """Write what was averaged into the attributes of `activity`."""
    before = str(recording["activity"].attrs.get("averaged_over", ""))
    said = " ".join(dict.fromkeys([*before.split(), *over]))
    recording["activity"].attrs["averaged_over"] = said
    return recording

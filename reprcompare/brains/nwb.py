"""Neurodata Without Borders: spikes, fluorescence and field potentials, cut at the trials."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.brains.assembling import AS_FOUND, Naming, assemble, file_stem
from reprcompare.brains.optional import optional
from reprcompare.brains.readable import readable
from reprcompare.errors import InvalidInputError, UnknownNameError, listing, unknown_name

MEASURES: Final = {"rate": "Hz", "count": "spikes"}


def read_nwb(
    path: Path,
    naming: Naming = AS_FOUND,
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    signal: str = "units",
    measure: str = "rate",
    trials: str = "trials",
    align: str = "start_time",
) -> xr.Dataset:
    """Read responses to every trial from an NWB file.

    Parameters
    ----------
    path
        A file with a table of trials.
    naming
        What the caller says about names; `stimulus` and `labels` are columns of the trials.
    window
        (start, end) in ms around the time in the column `align`; the whole trial by default.
    bin_width
        Width in ms of bins into which the window is cut; one response a trial by default.
    signal
        ``"units"`` for spikes, or the name of a series (fluorescence, field potential ...), of
        which the mean over the window is taken.
    measure
        Of spikes: ``"rate"`` (Hz) or ``"count"``. The end of a window does not belong to it.
    trials
        Name of the table of trials, where it is another table of intervals.
    align
        Column with the time of each trial, in seconds, that the window counts from.

    Returns
    -------
    xarray.Dataset
        All other columns of trials and units are kept as coordinates. Trials outside the intervals
        in which a unit was observed are NaN.

    Raises
    ------
    MissingExtraError
        Without the extra ``[nwb]``.
    InvalidInputError
        If the file is damaged, holds no trials, or a window does not fit.
    UnknownNameError
        If there is no such signal, table or column.
    """
    if measure not in MEASURES:
        raise UnknownNameError(unknown_name("measure", measure, MEASURES))
    with _opened(path) as file:
        with readable(path, "NWB file"):
            rows = _trials(file, trials, path)
        edges = _edges(rows, window, bin_width, align, path)
        with readable(path, "NWB file"):
            if signal == "units":
                values, columns = _spikes(file, edges, measure, path)
                units, long_name = MEASURES[measure], f"spike {measure}"
            else:
                series = _series(file, signal, path)
                values, columns = _series_means(series, edges, path), _channels(series)
                units, long_name = str(series.unit or ""), f"mean of {signal}"
            columns["subject"] = getattr(file.subject, "subject_id", None)
            if file.session_id and "session" not in rows:
                rows["session"] = file.session_id
            identifier = str(file.identifier or file_stem(path))
    bins = None
    if bin_width is not None and window is not None:
        starts = np.arange(edges.shape[1] - 1) * bin_width + window[0]
        bins = [(float(start), float(start + bin_width)) for start in starts]
    recording = assemble(
        values if bins else values[:, :, 0],
        rows.drop(columns=[n for n in ("timeseries", "tags") if n in rows]),
        columns,
        source=str(path),
        naming=naming,
        time_bins=bins,
        ids_within_subject=True,
        identifier=identifier,
        units=units,
        long_name=long_name,
    )
    if window is not None:
        recording["activity"].attrs["window"] = [float(edge) for edge in window]
    return recording


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the file, and say in a sentence if it cannot be."""
    pynwb = optional("pynwb", "nwb", "NWB files")
    with readable(path, "NWB file"):
        io = pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True)
        file = io.read()
    try:
        yield file
    finally:
        io.close()


def _trials(file: Any, name: str, path: Path) -> pd.DataFrame:
    tables = {"trials": file.trials} if file.trials is not None else {}
    tables |= dict(file.intervals or {})
    if name not in tables:
        raise UnknownNameError(unknown_name("table of trials", name, tables, str(path)))
    rows = tables[name].to_dataframe().reset_index(drop=True)
    if rows.empty:
        raise InvalidInputError(f"{path}: the table {name!r} holds no trials.")
    return rows


def _edges(
    rows: pd.DataFrame,
    window: tuple[float, float] | None,
    bin_width: float | None,
    align: str,
    path: Path,
) -> np.ndarray:
    """Return the borders of all bins in seconds, shape (n_trials, n_bins + 1)."""
    if align not in rows:
        raise UnknownNameError(unknown_name("column of the trials", align, rows.columns, str(path)))
    if window is None:
        if bin_width is not None:
            raise InvalidInputError("bin_width needs a window: give window=(start, end) in ms.")
        borders = rows[["start_time", "stop_time"]].to_numpy(dtype=float)
    else:
        start, end = window
        if not start < end:
            raise InvalidInputError(f"a window must end after it starts, got {start} to {end} ms.")
        width = bin_width if bin_width is not None else end - start
        n_bins = (end - start) / width if width > 0 else 0
        if n_bins < 1 or abs(n_bins - round(n_bins)) > 1e-6:
            raise InvalidInputError(
                f"a window from {start} to {end} ms cannot be cut into bins of {width} ms; the "
                "width must divide it."
            )
        offsets = (start + width * np.arange(round(n_bins) + 1)) / 1000
        borders = rows[align].to_numpy(dtype=float)[:, None] + offsets
    if not np.isfinite(borders).all():
        missing = int((~np.isfinite(borders).all(axis=1)).sum())
        raise InvalidInputError(f"{path}: {missing} trials have no time in {align!r}.")
    if (np.diff(borders, axis=1) <= 0).any():
        backwards = int((np.diff(borders, axis=1) <= 0).any(axis=1).sum())
        raise InvalidInputError(f"{path}: {backwards} trials end when or before they begin.")
    return borders


def _spikes(
    file: Any, edges: np.ndarray, measure: str, path: Path
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return counts or rates, (n_trials, n_units, n_bins), and the table of units."""
    if file.units is None or not len(file.units):
        raise InvalidInputError(
            f"{path} holds no sorted units; name another signal with signal=: "
            f"{listing(_all_series(file)) or 'there is none'}."
        )
    values = np.empty((len(edges), len(file.units), edges.shape[1] - 1))
    observed = "obs_intervals" in file.units.colnames
    for unit in range(len(file.units)):
        times = np.sort(file.units.get_unit_spike_times(unit))
        values[:, unit] = np.diff(np.searchsorted(times, edges), axis=1)
        if observed:
            intervals = np.atleast_2d(file.units.get_unit_obs_intervals(unit))
            inside = (edges[:, :1] >= intervals[:, 0]) & (edges[:, -1:] <= intervals[:, 1])
            values[~inside.any(axis=1), unit] = np.nan
    if measure == "rate":
        values /= np.diff(edges, axis=1)[:, None, :]
    return values, _unit_table(file)


def _unit_table(file: Any) -> pd.DataFrame:
    """Return the simple columns of the units, and the location of their electrodes."""
    table = pd.DataFrame({"neuroid_id": [str(i) for i in file.units.id[:]]})
    for name in file.units.colnames:
        column = file.units[name]
        if hasattr(column, "target") or name == "electrode_group":  # ragged, or a reference
            continue
        values = np.asarray(column[:])
        if values.ndim == 1:
            table[name] = values
    if "electrodes" in file.units.colnames and not {"region", "area", "brain_area"} & set(table):
        table["region"] = [
            "+".join(dict.fromkeys(map(str, file.units["electrodes"][unit]["location"])))
            for unit in range(len(table))
        ]
    return table


def _all_series(file: Any) -> dict[str, Any]:
    """Return everything in the file that is a signal over time, by name."""
    return {
        item.name: item
        for item in file.objects.values()
        if hasattr(item, "data") and hasattr(item, "rate") and hasattr(item, "timestamps")
    }


def _series(file: Any, name: str, path: Path) -> Any:
    known = _all_series(file)
    if name not in known:
        raise UnknownNameError(unknown_name("signal", name, ["units", *known], str(path)))
    return known[name]


def _series_means(series: Any, edges: np.ndarray, path: Path) -> np.ndarray:
    """Average a series within every bin, reading only what the trials cover."""
    if series.timestamps is not None:
        samples = np.searchsorted(np.asarray(series.timestamps[:]), edges)
    else:
        # Half a microsample of slack, since start + k / rate is not exact.
        position = (edges - (series.starting_time or 0.0)) * series.rate
        samples = np.ceil(position - 1e-6).astype(int)
    length = series.data.shape[0]
    if samples.min() < 0 or samples.max() > length or (np.diff(samples, axis=1) < 1).any():
        raise InvalidInputError(
            f"{path}: a window or bin holds no sample of {series.name!r}, or reaches beyond its "
            f"{length} samples; choose another window or a wider bin."
        )
    width = 1 if len(series.data.shape) == 1 else series.data.shape[1]
    values = np.empty((len(edges), width, edges.shape[1] - 1))
    for trial, borders in enumerate(samples):
        block = np.asarray(series.data[borders[0] : borders[-1]], dtype=float).reshape(-1, width)
        sums = np.add.reduceat(block, borders[:-1] - borders[0], axis=0)
        values[trial] = (sums / np.diff(borders)[:, None]).T
    scale = float(getattr(series, "conversion", 1.0) or 1.0)
    return values * scale + float(getattr(series, "offset", 0.0) or 0.0)


def _channels(series: Any) -> pd.DataFrame:
    """Return what is known of the channels or cells of a series."""
    width = 1 if len(series.data.shape) == 1 else series.data.shape[1]
    table = pd.DataFrame({"neuroid_id": [str(i) for i in range(width)]})
    if hasattr(series, "electrodes"):
        electrodes = series.electrodes.to_dataframe()
        table["neuroid_id"] = [str(i) for i in electrodes.index]
        table["region"] = electrodes["location"].astype(str).to_numpy()
    elif hasattr(series, "rois"):
        table["neuroid_id"] = [str(i) for i in series.rois.to_dataframe().index]
        table["region"] = str(series.rois.table.imaging_plane.location)
    return table

"""rsatoolbox's data sets and RDMs, as objects and as HDF5 files, in both directions."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.data import Dataset, TemporalDataset, load_dataset
from rsatoolbox.rdm import RDMs, load_rdm

from reprcompare.brains.assembling import AS_FOUND, Naming, assemble, file_stem
from reprcompare.brains.readable import readable
from reprcompare.brains.travelling import (
    NOTE,
    label_columns,
    note,
    read_note,
    restored,
    with_levels,
    without_what_stays,
)
from reprcompare.errors import InvalidInputError, listing


def from_rsatoolbox(
    dataset: Dataset | TemporalDataset, naming: Naming = AS_FOUND, source: str = "the data set"
) -> xr.Dataset:
    """Make a recording of an rsatoolbox data set.

    Parameters
    ----------
    dataset
        Observations become presentations, channels neuroids; descriptors are recognised by their
        names. Time points become bins that reach to the next point, unless the descriptors
        `time_bin_start` and `time_bin_end` say otherwise.
    naming
        What the caller says about names, such as ``Naming(stimulus="conds")``. Subject and region
        may also be descriptors of the data set as a whole.
    source
        How messages call it.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    InvalidInputError
        If nothing names the stimuli.
    """
    whole = {name: str(value) for name, value in (dataset.descriptors or {}).items()}
    columns = _table(dataset.channel_descriptors, dataset.n_channel)
    for name in ("subject", "region", "roi"):
        if name in whole and name not in columns:
            columns[name] = whole[name]
    bins = _time_bins(dataset.time_descriptors) if isinstance(dataset, TemporalDataset) else None
    content = read_note(whole.get(NOTE))
    recording = assemble(
        np.asarray(dataset.measurements),
        with_levels(_table(dataset.obs_descriptors, dataset.n_obs), content["features"]),
        columns,
        source=source,
        naming=naming.with_labels(list(content["features"])),
        time_bins=bins,
        scales={name: described["scale"] for name, described in content["features"].items()},
        identifier=whole.get("identifier", ""),
        stimulus_set=whole.get("stimulus_set", ""),
    )
    return restored(recording, content)


def to_rsatoolbox(recording: xr.Dataset) -> Dataset | TemporalDataset:
    """Turn a recording into an rsatoolbox data set, to go on there.

    Parameters
    ----------
    recording
        A recording without the axis `training_step`. What has no place there, such as `output` and
        `effect`, is left out, which a warning and the attribute `preparation` say.

    Returns
    -------
    rsatoolbox.data.Dataset or TemporalDataset
        All coordinates and labels as descriptors; ``calc_rdm(data, descriptor="stimulus_id")``
        gives one RDM over all neuroids, so select a subject and region first.

    Raises
    ------
    InvalidInputError
        If the recording has an axis that data sets do not have.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(3), stimulus_id=list("abc"), region="IT", subject="monkey")
    >>> to_rsatoolbox(it).obs_descriptors["stimulus_id"].tolist()
    ['a', 'b', 'c']
    """
    whole = without_what_stays(recording, "an rsatoolbox data set")
    descriptors = {name: str(whole.attrs.get(name, "")) for name in ("identifier", "stimulus_set")}
    descriptors[NOTE] = note(whole)
    observations = _descriptors(whole, "presentation") | label_columns(whole)
    shared = {
        "descriptors": descriptors,
        "obs_descriptors": observations,
        "channel_descriptors": _descriptors(whole, "neuroid"),
    }
    activity = whole["activity"].values
    if "time_bin" not in whole.dims:
        return Dataset(activity, **shared)
    times = _descriptors(whole, "time_bin")
    return TemporalDataset(
        activity, **shared, time_descriptors={"time": times["time_bin_start"]} | times
    )


def read_rsatoolbox(path: Path, naming: Naming = AS_FOUND) -> xr.Dataset | RDMs:
    """Read an HDF5 file that rsatoolbox saved: a data set, or RDMs.

    Parameters
    ----------
    path
        A file with the ending .h5 or .hdf5. Pickles are not read: they could run code.
    naming
        What the caller says about names.

    Returns
    -------
    xarray.Dataset or rsatoolbox.rdm.RDMs
        RDMs get the descriptors subject, session and region where they are missing.

    Raises
    ------
    InvalidInputError
        If the file is damaged, was not saved by rsatoolbox, or carries no stimulus names.
    """
    with readable(path, "HDF5 file"):
        with h5py.File(path) as file:
            holds = set(file) | set(file.attrs)
        if "measurements" in holds:
            dataset = load_dataset(str(path), file_type="hdf5")
        elif "dissimilarities" in holds:
            rdms = load_rdm(str(path), file_type="hdf5")
        else:
            raise InvalidInputError(
                f"{path} is HDF5, but neither a data set nor RDMs saved by rsatoolbox; it holds "
                f"{', '.join(sorted(holds)) or 'nothing'}."
            )
    if "measurements" in holds:
        recording = from_rsatoolbox(dataset, naming, str(path))
        named = recording.attrs["identifier"] or file_stem(path)
        return recording.assign_attrs(identifier=named)
    return _complete(rdms, naming, path)


def _complete(rdms: RDMs, naming: Naming, path: Path) -> RDMs:
    """Give RDMs the descriptors that everything here relies on."""
    patterns = pd.DataFrame({n: list(v) for n, v in rdms.pattern_descriptors.items()})
    wanted = naming.stimulus or next(
        (n for n in ("stimulus_id", "stimulus", "conds", "condition", "name") if n in patterns), ""
    )
    if wanted not in patterns:
        raise InvalidInputError(
            f"{path}: nothing names the stimuli of the RDMs; found pattern descriptors "
            f"{', '.join(map(str, patterns))}. Name one with stimulus=."
        )
    names = [str(name) for name in patterns[wanted]]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidInputError(
            f"{path}: {wanted!r} names several patterns {listing(repeated, 3)}; stimuli of RDMs "
            "must differ. Name another pattern descriptor with stimulus=."
        )
    rdms.pattern_descriptors["stimulus_id"] = names
    defaults = {"subject": naming.subject, "region": naming.region, "session": None}
    for name, said in defaults.items():
        if said is not None or name not in rdms.rdm_descriptors:
            rdms.rdm_descriptors[name] = [said or ("1" if name == "session" else "unknown")]
            rdms.rdm_descriptors[name] *= rdms.n_rdm
        rdms.rdm_descriptors[name] = [str(value) for value in rdms.rdm_descriptors[name]]
    return rdms


def _descriptors(recording: xr.Dataset, dim: str) -> dict[str, np.ndarray]:
    return {
        str(name): coordinate.values
        for name, coordinate in recording.coords.items()
        if coordinate.dims == (dim,)
    }


def _table(descriptors: dict[str, object] | None, length: int) -> pd.DataFrame:
    """Return descriptors as a table; the running number that rsatoolbox adds is left out."""
    kept = {
        str(name): np.asarray(values)
        for name, values in (descriptors or {}).items()
        if str(name) != "index" and np.asarray(values).shape == (length,)
    }
    return pd.DataFrame(kept, index=range(length))


def _time_bins(descriptors: dict[str, object]) -> list[tuple[float, float]]:
    if "time_bin_start" in descriptors:
        starts, ends = (
            np.asarray(descriptors[f"time_bin_{edge}"], dtype=float) for edge in ("start", "end")
        )
    else:
        starts = np.asarray(descriptors["time"], dtype=float)
        step = np.diff(starts)
        ends = np.append(starts[1:], starts[-1] + (step[-1] if len(step) else 0.0))
    return list(zip(starts.tolist(), ends.tolist(), strict=True))

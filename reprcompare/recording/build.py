"""Make a recording from arrays and labels."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError
from reprcompare.recording import schema
from reprcompare.recording.labels import encode_labels
from reprcompare.recording.validation import validate_recording

Labels = Sequence[object] | np.ndarray | str


def build_recording(
    activity: np.ndarray,
    *,
    stimulus_id: Labels,
    region: Labels,
    subject: Labels,
    neuroid_id: Labels | None = None,
    presentation: Mapping[str, Labels] | None = None,
    neuroid: Mapping[str, Labels] | None = None,
    labels: pd.DataFrame | None = None,
    scales: Mapping[str, str] | None = None,
    time_bins: Sequence[tuple[float, float]] | None = None,
    training_steps: Sequence[int] | None = None,
    kind: str = "brain",
    identifier: str = "",
    stimulus_set: str = "",
    units: str = "",
    long_name: str = "",
    scaling: str = "raw",
    provenance: Mapping[str, object] | None = None,
) -> xr.Dataset:
    """Put an array and its labels into the recording format.

    Parameters
    ----------
    activity : array, shape ([n_steps,] n_presentations, n_neuroids[, n_time_bins])
        Responses; stored as float32, the original type in the attribute `original_dtype`.
    stimulus_id, region, subject
        Labels of the presentations, of the neuroids, of the neuroids; one string stands for all.
    neuroid_id
        Unique in the recording; ``subject.region.number`` by default.
    presentation, neuroid
        Further coordinates on those dimensions, such as ``{"session": ..., "repetition": ...}``.
    labels, scales
        Feature labels, a table indexed by stimulus id; see `encode_labels`.
    time_bins : sequence of (start, end)
        In ms for brains, in steps or tokens for networks; makes the last axis of `activity` time.
    training_steps
        Makes the first axis of `activity` training time.
    kind
        "network" or "brain".
    identifier, stimulus_set
        Names of the recording and of the stimuli that it was made with.
    units, long_name, scaling
        Attributes of `activity`.
    provenance
        Anything that can be written as JSON.

    Returns
    -------
    xarray.Dataset
        A valid recording in memory.

    Raises
    ------
    InvalidInputError
        If lengths do not fit.
    InvalidRecordingError
        If labels are not unique.

    Examples
    --------
    >>> it = build_recording(np.eye(2), stimulus_id=["a", "b"], region="IT", subject="monkey")
    >>> it.neuroid_id.values.tolist()
    ['monkey.IT.0', 'monkey.IT.1']
    """
    values = np.asarray(activity)
    if values.dtype.kind not in "biuf":
        raise InvalidInputError(f"activity must be real numbers, got {values.dtype}.")
    dims = ["presentation", "neuroid"]
    if training_steps is not None:
        dims.insert(0, "training_step")
    if time_bins is not None:
        dims.append("time_bin")
    if values.ndim != len(dims):
        raise InvalidInputError(
            f"activity has {values.ndim} dimensions {values.shape}, expected {len(dims)}: "
            f"({', '.join(dims)})."
        )
    sizes = dict(zip(dims, values.shape, strict=True))
    regions = _strings(region, sizes["neuroid"], "region")
    subjects = _strings(subject, sizes["neuroid"], "subject")
    if neuroid_id is None:
        within = pd.Series(np.zeros(len(regions))).groupby([subjects, regions]).cumcount()
        names: Labels = [f"{s}.{r}.{n}" for s, r, n in zip(subjects, regions, within, strict=True)]
    else:
        names = neuroid_id
    coords: dict[str, object] = {
        "stimulus_id": (
            "presentation",
            _strings(stimulus_id, sizes["presentation"], "stimulus_id"),
        ),
        "neuroid_id": ("neuroid", _strings(names, sizes["neuroid"], "neuroid_id")),
        "region": ("neuroid", regions),
        "subject": ("neuroid", subjects),
    }
    for dim, extra in (("presentation", presentation), ("neuroid", neuroid)):
        for name, given in (extra or {}).items():
            coords[name] = (dim, _coordinate(name, given, sizes[dim]))
    if training_steps is not None:
        coords["training_step"] = np.asarray(training_steps, dtype=np.int64)
    if time_bins is not None:
        edges = np.asarray(time_bins, dtype=float)
        coords["time_bin_start"] = ("time_bin", edges[:, 0])
        coords["time_bin_end"] = ("time_bin", edges[:, 1])
    attrs: dict[str, object] = {"units": units, "long_name": long_name, "scaling": scaling}
    if values.dtype != np.float32:
        attrs["original_dtype"] = str(values.dtype)
    dataset = xr.Dataset(
        {"activity": (dims, values.astype(np.float32, copy=False), attrs)},
        coords=coords,
        attrs={
            "reprcompare_format": schema.FORMAT,
            "kind": kind,
            "identifier": identifier,
            "stimulus_set": stimulus_set,
            "complete": 1,
            "provenance": json.dumps(dict(provenance or {}), sort_keys=True, default=str),
        },
    )
    if labels is not None:
        dataset = dataset.merge(
            encode_labels(labels, coords["stimulus_id"][1], scales)  # type: ignore[index]
        )
    return validate_recording(dataset)


def _strings(given: Labels, size: int, name: str) -> np.ndarray:
    """Return one string for each place; a single string stands for all of them."""
    if isinstance(given, str):
        return np.full(size, given)
    values = list(given)
    if len(values) != size:
        raise InvalidInputError(f"{name} has {len(values)} values, expected {size}.")
    if any(value is None or (isinstance(value, float) and np.isnan(value)) for value in values):
        raise InvalidInputError(f"{name} contains missing values; every place needs a label.")
    return np.array([str(value) for value in values], dtype=np.str_)


def _coordinate(name: str, given: Labels, size: int) -> np.ndarray:
    if name in schema.STRINGS or isinstance(given, str):
        return _strings(given, size, name)
    values = np.asarray(given)
    if values.shape != (size,):
        raise InvalidInputError(f"{name} has shape {values.shape}, expected ({size},).")
    return _strings(given, size, name) if values.dtype.kind in "UOT" else values

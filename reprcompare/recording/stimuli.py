"""Stimulus sets: stimuli with their ids and labels, as one labelled object."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, listing
from reprcompare.recording.labels import encode_labels


def check_stimulus_ids(stimulus_ids: Sequence[object] | np.ndarray, expected: int) -> np.ndarray:
    """Return stimulus ids as strings, or say what is wrong with them.

    Parameters
    ----------
    stimulus_ids
        One id a stimulus; numbers are turned into text.
    expected
        The number of stimuli.

    Returns
    -------
    numpy.ndarray of str, shape (n_stimuli,)

    Raises
    ------
    InvalidInputError
        If there are too few, too many, repeated, empty or missing ids.
    """
    raw = list(stimulus_ids)
    if any(item is None or (isinstance(item, float) and np.isnan(item)) for item in raw):
        raise InvalidInputError("stimulus_ids contain missing values; every stimulus needs an id.")
    ids = np.array([str(item) for item in raw], dtype=np.str_)
    if len(ids) != expected:
        raise InvalidInputError(f"{len(ids)} stimulus_ids were given for {expected} stimuli.")
    index = pd.Index(ids)
    if not index.is_unique:
        repeated = index[index.duplicated()].unique()
        raise InvalidInputError(
            f"stimulus_ids must be unique; repeated: {listing(repeated, 3)}. A stimulus that is "
            "shown several times to a network gives the same activity: show it once."
        )
    if (ids == "").any():
        raise InvalidInputError("stimulus_ids contain empty strings; every stimulus needs an id.")
    return ids


def stimulus_set(
    stimuli: np.ndarray,
    *,
    stimulus_ids: Sequence[object] | np.ndarray,
    labels: pd.DataFrame | None = None,
    scales: Mapping[str, str] | None = None,
    dims: Sequence[str] | None = None,
    identifier: str = "",
) -> xr.Dataset:
    """Bind stimuli to their ids and labels.

    Parameters
    ----------
    stimuli : array, shape (n_stimuli, ...)
        Vectors, images (height, width, channel as uint8, or as a network takes them), sequences.
    stimulus_ids
        One id a stimulus.
    labels
        One row a stimulus, indexed by stimulus id; see `encode_labels`.
    scales
        Scales of features where the inferred ones are wrong.
    dims
        Names of the dimensions after the first; ``axis_1, axis_2, ...`` by default.
    identifier
        Name of the stimulus set; a recording keeps it as `stimulus_set`.

    Returns
    -------
    xarray.Dataset
        `stimulus` (presentation, ...), coordinate `stimulus_id`, and `label` if labels were given.

    Raises
    ------
    InvalidInputError
        If ids are missing or repeated.
    LabelMismatchError
        If the label table lacks stimuli.
    """
    values = np.asarray(stimuli)
    if values.ndim == 0 or len(values) == 0:
        raise InvalidInputError("stimuli must be an array with at least one stimulus.")
    names = list(dims) if dims is not None else [f"axis_{i}" for i in range(1, values.ndim)]
    ids = check_stimulus_ids(stimulus_ids, len(values))
    dataset = xr.Dataset(
        {"stimulus": (("presentation", *names), values)},
        coords={"stimulus_id": ("presentation", ids)},
        attrs={"identifier": identifier},
    )
    if labels is not None:
        dataset = dataset.merge(encode_labels(labels, ids, scales))
    return dataset

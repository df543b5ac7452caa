"""What a recording carries that formats of other tools have no place for, as one text."""

import json
import warnings
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, listing
from reprcompare.measurement.parts import prepared
from reprcompare.recording import label_table, validate_recording

NOTE: Final = "reprcompare"
"""Name of the attribute or descriptor that holds the text."""

_ACTIVITY_DIMS: Final = {"presentation", "neuroid", "time_bin"}
_LABEL_PARTS: Final = {"label", "feature", "scale", "levels"}


def without_what_stays(recording: xr.Dataset, target: str) -> xr.Dataset:
    """Drop what the other format cannot hold, and say so.

    Parameters
    ----------
    recording
        A recording.
    target
        Name of the other format.

    Returns
    -------
    xarray.Dataset
        `activity`, `label` and the coordinates of presentations, neuroids and time. What is left
        out (such as `output` and `effect`) is named in the attribute `preparation`, which travels
        along, and in a UserWarning.

    Raises
    ------
    InvalidInputError
        If the recording has the axis `training_step`, or a feature is called like a coordinate.
    """
    validate_recording(recording)
    if "training_step" in recording.dims:
        raise InvalidInputError(
            f"{target} has no axis 'training_step'; select one step, or write several files."
        )
    features = [str(name) for name in recording["feature"].values] if "label" in recording else []
    clashing = [name for name in features if name in recording.coords]
    if clashing:
        raise InvalidInputError(
            f"{target} keeps labels beside the coordinates of presentations, and the recording has "
            f"both a feature and a coordinate called {listing(clashing)}; rename one of them."
        )
    kept = {"activity", *(_LABEL_PARTS if "label" in recording else ())}
    kept |= {str(n) for n, c in recording.coords.items() if set(c.dims) <= _ACTIVITY_DIMS}
    left = [str(name) for name in recording.variables if name not in kept]
    if not left:
        return recording
    said = f"left out {', '.join(left)}, for which {target} has no place"
    warnings.warn(f"{said}; save_recording keeps everything.", UserWarning, stacklevel=3)
    return prepared(recording.drop_vars(left), said)


def label_columns(recording: xr.Dataset) -> dict[str, np.ndarray]:
    """Return the label of every presentation as numbers or texts, by feature."""
    if "label" not in recording:
        return {}
    table = label_table(recording).loc[recording["stimulus_id"].values]
    columns = {str(name): table[name].to_numpy() for name in table.columns}
    return {n: v if v.dtype.kind == "f" else v.astype(np.str_) for n, v in columns.items()}


def note(recording: xr.Dataset) -> str:
    """Write down as JSON what the columns do not tell: attributes, scales and levels of labels."""
    features = {}
    if "label" in recording:
        described = recording["label"]
        features = {
            str(name): {"scale": str(scale), "levels": [x for x in str(levels).split("|") if x]}
            for name, scale, levels in zip(
                described["feature"].values,
                described["scale"].values,
                described["levels"].values,
                strict=True,
            )
        }
    content = {
        "attributes": recording.attrs,
        "activity": recording["activity"].attrs,
        "features": features,
    }
    return json.dumps(content, default=lambda value: np.asarray(value).tolist())


def read_note(text: object) -> dict[str, Any]:
    """Read what `note` wrote; of files by others, which have none, nothing."""
    return json.loads(str(text)) if text else {"attributes": {}, "activity": {}, "features": {}}


def with_levels(rows: pd.DataFrame, features: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Give columns of labels the order of their levels, which texts have lost."""
    named = {
        name: pd.Categorical(rows[name], described["levels"], described["scale"] == "ordinal")
        for name, described in features.items()
        if described["levels"]
    }
    return rows.assign(**named)


def restored(recording: xr.Dataset, content: Mapping[str, Any]) -> xr.Dataset:
    """Give a recording back the attributes that its note holds."""
    if not content["attributes"]:
        return recording
    result = recording.copy()
    result.attrs = dict(content["attributes"])
    result["activity"].attrs = dict(content["activity"])
    return result

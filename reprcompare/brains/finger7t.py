"""Finger presses in motor cortex: voxels of 7 subjects over runs, and models of hand use.

Ejaz, Hamada & Diedrichsen 2015, Nature Neuroscience 18, 1034.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs
from scipy.io import loadmat

from reprcompare.recording import build_recording

FINGERS: Final = ("thumb", "index", "middle", "ring", "little")

_FILE: Final = "data_recipe_finger7T.mat"
_REGION: Final = "M1"


def activity(files: Mapping[str, Path]) -> xr.Dataset:
    """Return the voxels of all subjects side by side.

    Parameters
    ----------
    files
        The files of the catalogue entry, by name.

    Returns
    -------
    xarray.Dataset
        Presentations are fingers in runs; in the runs that a subject did not do, its voxels are
        NaN. The labels are orthogonal contrasts: each finger against those after it.
    """
    content = loadmat(files[_FILE])
    subjects = [
        pd.DataFrame(patterns).set_index(
            pd.MultiIndex.from_arrays([np.ravel(run), np.ravel(finger)], names=["run", "finger"])
        )
        for patterns, finger, run in zip(
            content["Y"].ravel(),
            content["condVec"].ravel(),
            content["partVec"].ravel(),
            strict=True,
        )
    ]
    joined = pd.concat(subjects, axis=1).sort_index()
    names = [f"subject-{number}" for number in range(1, len(subjects) + 1)]
    runs, fingers = (joined.index.get_level_values(level) for level in ("run", "finger"))
    return build_recording(
        joined.to_numpy(),
        stimulus_id=[FINGERS[finger - 1] for finger in fingers],
        region=_REGION,
        subject=np.repeat(names, [patterns.shape[1] for patterns in subjects]),
        presentation={"run": [str(run) for run in runs]},
        labels=contrasts(),
        long_name="activity estimate (GLM) of one finger in one run",
        provenance={"file": _FILE},
    )


def contrasts() -> pd.DataFrame:
    """Return orthogonal contrasts between fingers (Helmert), one finger a row.

    Examples
    --------
    >>> contrasts().loc["thumb"].tolist(), contrasts().loc["little"].tolist()
    ([4.0, 0.0, 0.0, 0.0], [-1.0, -1.0, -1.0, -1.0])
    """
    after = np.arange(len(FINGERS) - 1, 0, -1.0)
    table = np.tril(-np.ones((len(FINGERS), len(after))), -1) + np.eye(len(FINGERS))[:, :-1] * after
    return pd.DataFrame(table, index=list(FINGERS), columns=[f"{f}_vs_later" for f in FINGERS[:-1]])


def models(files: Mapping[str, Path]) -> RDMs:
    """Return the model RDMs: muscle activity, natural hand use, somatotopy (squared distances)."""
    published = loadmat(files[_FILE], squeeze_me=True, struct_as_record=False)["Model"]
    names = [str(model.name) for model in published]
    return RDMs(
        np.stack([model.RDM for model in published]),
        dissimilarity_measure="squared euclidean",
        rdm_descriptors={"subject": names, "session": ["1"] * len(names), "region": names},
        pattern_descriptors={"stimulus_id": list(FINGERS)},
    )


PARTS: Final[dict[str, Callable[[Mapping[str, Path]], xr.Dataset | RDMs]]] = {
    "": activity,
    "models": models,
}
"""What can be loaded, by the name after the slash; the first is the recording."""

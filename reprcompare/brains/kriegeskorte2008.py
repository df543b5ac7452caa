"""92 object images with the RDMs of human and monkey IT, judgments and models.

Kriegeskorte et al. 2008, Neuron 60, 1126; Mur et al. 2013; Khaligh-Razavi & Kriegeskorte 2014.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs
from rsatoolbox.rdm import concat as join_rdms
from scipy.io import loadmat

from reprcompare.recording import stimulus_set

Files = Mapping[str, Path]

NAME: Final = "kriegeskorte2008"

_SUPPLEMENT: Final = "Kriegeskorte_Neuron2008_supplementalData.mat"


def stimuli(files: Files) -> xr.Dataset:
    """Return the images as they were shown, with their labels.

    Animacy and animal are the same label, and equal face + body; only 6 of the possible
    combinations occur. Nothing is dropped here: what is collinear is the analysis' business.

    Parameters
    ----------
    files
        The files of the catalogue entry, by name.

    Returns
    -------
    xarray.Dataset
        `stimulus` (92, 175, 175, 3) uint8; `label` of animacy, face, body, human, animal, natural
        (binary) and category (nominal).
    """
    shown = _published(files, _SUPPLEMENT, "stimuli_92objs")
    ids = _stimulus_ids(files)
    categories = pd.Series([str(image.category) for image in shown], index=ids)
    labels = pd.DataFrame(
        {
            "animacy": ~categories.str.contains("inanimate"),
            "face": [bool(image.face) for image in shown],
            "body": categories.str.contains("bodypart"),
            "human": [bool(image.human) for image in shown],
            "animal": [bool(image.animal) for image in shown],
            "natural": [bool(image.natural) for image in shown],
            "category": categories.astype("category"),
        },
        index=ids,
    )
    return stimulus_set(
        np.stack([image.image for image in shown]),
        stimulus_ids=ids,
        labels=labels,
        dims=["height", "width", "colour"],
        identifier=NAME,
    )


def human(files: Files) -> RDMs:
    """Return the RDMs of human IT: 4 subjects x 2 sessions, subject by subject."""
    published = _published(files, "92_brainRDMs.mat", "RDMs")
    # Names read like "hIT | BE | Session: 1".
    names = [str(item.name).split(" | ") for item in published]
    return _labelled(
        np.stack([item.RDM for item in published]),
        files,
        measure="correlation",
        subject=[name[1] for name in names],
        session=[name[2].removeprefix("Session: ") for name in names],
        region=["human IT"] * len(names),
    )


def monkey(files: Files) -> RDMs:
    """Return the one RDM of monkey IT, 674 neurons of two animals pooled."""
    published = _published(files, _SUPPLEMENT, "RDMs_mIT_hIT_fig1")
    (rdm,) = (item.RDM for item in published if item.name == "mIT_674neurons")
    return _labelled(
        rdm[None],
        files,
        measure="correlation",
        subject=["monkeys"],
        session=["1"],
        region=["monkey IT"],
    )


def both(files: Files) -> RDMs:
    """Return human and monkey IT together."""
    return join_rdms([human(files), monkey(files)])


def behaviour(files: Files) -> RDMs:
    """Return the similarity judgments of 16 people."""
    published = _published(files, "92_behavRDMs.mat", "rdms_behav_92")
    return _labelled(
        np.stack([item.RDM for item in published]),
        files,
        measure="multi-arrangement",
        subject=[f"observer-{number}" for number in range(1, len(published) + 1)],
        session=["1"] * len(published),
        region=["behaviour"] * len(published),
    )


def models(files: Files) -> RDMs:
    """Return the RDMs of the published models; monkey IT, listed among them, is left to `monkey`.

    Each model's name is its `subject` and its `region`, so that none are averaged together.
    """
    published = _published(files, "92_modelRDMs.mat", "Models")
    kept = [item for item in published if item.name != "monkeyIT"]
    names = [str(item.name) for item in kept]
    return _labelled(
        np.stack([np.asarray(item.RDM, dtype=float) for item in kept]),
        files,
        measure="as published",
        subject=names,
        session=["1"] * len(names),
        region=names,
    )


PARTS: Final[dict[str, Callable[[Files], RDMs]]] = {
    "": both,
    "human": human,
    "monkey": monkey,
    "behaviour": behaviour,
    "models": models,
}
"""What can be loaded, by the name after the slash; the first is the whole."""


def _labelled(
    dissimilarities: np.ndarray,
    files: Files,
    *,
    measure: str,
    subject: list[str],
    session: list[str],
    region: list[str],
) -> RDMs:
    return RDMs(
        np.asarray(dissimilarities, dtype=float),
        dissimilarity_measure=measure,
        rdm_descriptors={"subject": subject, "session": session, "region": region},
        pattern_descriptors={"stimulus_id": _stimulus_ids(files)},
    )


def _stimulus_ids(files: Files) -> list[str]:
    """Return ids made of the published place and category; all files have the same order."""
    return [
        f"{place:02d}_{str(image.category).replace(' ', '_')}"
        for place, image in enumerate(_published(files, _SUPPLEMENT, "stimuli_92objs"), start=1)
    ]


def _published(files: Files, file: str, variable: str) -> np.ndarray:
    """Read an array of MATLAB structures, flat, with fields as attributes."""
    content = loadmat(
        files[file], squeeze_me=True, struct_as_record=False, variable_names=[variable]
    )
    return content[variable].ravel()

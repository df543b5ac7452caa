"""fMRI: one response estimate a volume (NIfTI) or map (CIFTI), with a table that names them."""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.brains.assembling import AS_FOUND, Naming, assemble, file_stem
from reprcompare.brains.optional import optional
from reprcompare.brains.readable import readable
from reprcompare.errors import InvalidInputError, listing

ENTITIES: Final = {"sub": "subject", "ses": "session", "run": "run"}
"""Parts of a BIDS file name and the coordinates that they become."""


def read_nifti(
    path: Path,
    naming: Naming = AS_FOUND,
    events: str | Path | pd.DataFrame | None = None,
    mask: str | Path | None = None,
    atlas: str | Path | None = None,
    atlas_labels: str | Path | pd.DataFrame | None = None,
) -> xr.Dataset:
    """Read response estimates (GLM betas), one volume a presentation.

    Parameters
    ----------
    path
        4-D NIfTI (x, y, z, presentation), or CIFTI whose maps are presentations. Subject, session
        and run are taken from its name if it is named as in BIDS (``sub-01_ses-2_run-3_...``).
    naming
        What the caller says about names; `stimulus` and `labels` are columns of `events`.
    events
        Table with a row for every volume, in their order (a BIDS events file will do); by default
        the file ``..._events.tsv`` of the run, beside the image or, of an image under
        ``derivatives/PIPELINE/``, in the raw data set.
    mask
        3-D image; voxels other than 0 are read. By default all that ever differ from 0.
    atlas
        3-D image of whole numbers that gives every voxel its region; 0 is left out.
    atlas_labels
        Table with the columns `index` and `name`, as in BIDS; numbers are used without.

    Returns
    -------
    xarray.Dataset
        Neuroids are voxels, named by their indices, with x, y, z in mm; or grayordinates, named by
        structure. Runs of one subject are joined by ``concat(..., "presentation")``, subjects by
        ``concat(..., "neuroid")``.

    Raises
    ------
    MissingExtraError
        Without the extra ``[fmri]``.
    InvalidInputError
        If a file is missing or damaged, or mask, atlas or events do not fit the image.
    """
    nibabel = optional("nibabel", "fmri", "NIfTI files")
    image = opened(nibabel, path)
    if isinstance(image, nibabel.Cifti2Image):
        values, columns = _grayordinates(image, path)
    else:
        values, columns = _voxels(nibabel, image, path, mask, atlas, atlas_labels)
    rows = _events(path, events)
    if len(rows) != len(values):
        raise InvalidInputError(
            f"{path} holds {len(values)} volumes, but its events name {len(rows)}; give a table "
            "with one row a volume with events=."
        )
    entities = dict(re.findall(r"([a-z]+)-([a-zA-Z0-9]+)", path.name))
    for entity, name in ENTITIES.items():
        if entity in entities and name != "subject":
            rows[name] = entities[entity]
    if "sub" in entities:
        columns["subject"] = f"sub-{entities['sub']}"
    return assemble(
        values,
        rows,
        columns,
        source=str(path),
        naming=naming,
        ids_within_subject=True,
        identifier=file_stem(path),
        long_name="response estimate",
    )


def opened(nibabel: Any, path: str | Path) -> Any:
    """Open an image; its values stay in the file."""
    with readable(path, "NIfTI or CIFTI file"):
        return nibabel.load(path)


def _voxels(
    nibabel: Any,
    image: Any,
    path: Path,
    mask: str | Path | None,
    atlas: str | Path | None,
    atlas_labels: str | Path | pd.DataFrame | None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return responses (n_volumes, n_voxels), read volume by volume, and the table of voxels."""
    if len(image.shape) != 4:
        raise InvalidInputError(
            f"{path} has shape {image.shape}; expected four dimensions, the last of which counts "
            "presentations."
        )
    inside = np.ones(image.shape[:3], dtype=bool)
    regions = None
    if mask is not None:
        inside &= _on_the_grid(nibabel, mask, image, path) != 0
    if atlas is not None:
        regions = np.round(_on_the_grid(nibabel, atlas, image, path)).astype(int)
        inside &= regions != 0
    if mask is None and atlas is None:
        inside = np.zeros(image.shape[:3], dtype=bool)
        for volume in _volumes(image, path):
            inside |= np.nan_to_num(volume) != 0
    if not inside.any():
        raise InvalidInputError(f"{path}: no voxel lies inside of mask and atlas; nothing to read.")
    values = np.stack([volume[inside].astype(np.float32) for volume in _volumes(image, path)])
    places = np.argwhere(inside)
    table = pd.DataFrame({"neuroid_id": ["-".join(map(str, place)) for place in places]})
    table[["x", "y", "z"]] = nibabel.affines.apply_affine(image.affine, places)
    if regions is not None:
        names = _region_names(atlas_labels)
        table["region"] = [names.get(code, str(code)) for code in regions[inside]]
    return values, table


def _volumes(image: Any, path: Path) -> Any:
    """Yield one volume after the other, so that only one lies in memory whole."""
    for index in range(image.shape[3]):
        with readable(path, f"NIfTI file from volume {index} of {image.shape[3]} on"):
            volume = np.asarray(image.dataobj[..., index])
        yield volume


def _on_the_grid(nibabel: Any, other: str | Path, image: Any, path: Path) -> np.ndarray:
    """Read a mask or atlas, and insist that its voxels are those of the image."""
    loaded = opened(nibabel, other)
    if loaded.shape[:3] != image.shape[:3] or not np.allclose(
        loaded.affine, image.affine, atol=1e-3
    ):
        raise InvalidInputError(
            f"{other} (shape {loaded.shape}) does not lie on the grid of {path} (shape "
            f"{image.shape[:3]}); resample it to the image first."
        )
    with readable(other, "NIfTI file"):
        return np.asarray(loaded.dataobj).reshape(image.shape[:3])


def _region_names(labels: str | Path | pd.DataFrame | None) -> dict[int, str]:
    if labels is None:
        return {}
    table = labels if isinstance(labels, pd.DataFrame) else _table(Path(labels))
    if not {"index", "name"} <= set(table.columns):
        raise InvalidInputError(
            f"the table of atlas labels has the columns {', '.join(map(str, table.columns))}; "
            "expected 'index' and 'name'."
        )
    return dict(zip(table["index"].astype(int), table["name"].astype(str), strict=True))


def _grayordinates(image: Any, path: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Return maps x grayordinates, with the structure of each as region."""
    with readable(path, "CIFTI file"):
        axis = image.header.get_axis(1)
        values = np.asarray(image.dataobj, dtype=np.float32)
    if not hasattr(axis, "vertex"):
        raise InvalidInputError(f"{path} has no axis of brain models (grayordinates).")
    table = pd.DataFrame({"region": [str(n).removeprefix("CIFTI_STRUCTURE_") for n in axis.name]})
    place = np.where(
        axis.vertex >= 0,
        axis.vertex.astype(str),
        np.array(["-".join(map(str, voxel)) for voxel in axis.voxel]),
    )
    table["neuroid_id"] = table["region"] + "." + place
    return values, table


def _events(path: Path, events: str | Path | pd.DataFrame | None) -> pd.DataFrame:
    if isinstance(events, pd.DataFrame):
        return events.reset_index(drop=True).copy()
    sources = [Path(events)] if events is not None else _events_files(path)
    source = next((place for place in sources if place.is_file()), None)
    if source is None:
        raise InvalidInputError(
            f"{path}: nothing names its volumes (looked for "
            f"{listing(sources, 4) or 'no events, since its name is none of BIDS'}). Give a table "
            "with one row a volume, events=."
        )
    return _table(source)


def _events_files(path: Path) -> list[Path]:
    """Return where BIDS puts the events of a run: beside it, or in the raw data it derives from."""
    stem = path.name.split(".")[0]
    parts = [part for part in stem.split("_") if part.partition("-")[0] in _OF_A_RUN]
    runs = [own for own in (stem.split("_")[:-1], parts) if own]
    names = dict.fromkeys("_".join([*own, "events.tsv"]) for own in runs)
    folders = [path.parent]
    steps = path.absolute().parent.parts
    if "derivatives" in steps:
        place = len(steps) - 1 - steps[::-1].index("derivatives")
        folders.append(Path(*steps[:place], *steps[place + 2 :]))
    return [folder / name for folder in folders for name in names]


_OF_A_RUN: Final = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run")
"""Parts of a BIDS name that the events of a run share with what is derived from it."""


def _table(path: Path) -> pd.DataFrame:
    with readable(path, "table"):
        return pd.read_csv(path, sep="," if path.suffix.lower() == ".csv" else "\t")

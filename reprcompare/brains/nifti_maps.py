"""Scores of voxels as NIfTI volumes, for flat maps and overlays in other tools."""

from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.brains.nifti import opened
from reprcompare.brains.optional import optional
from reprcompare.errors import InvalidInputError, listing


def write_nifti(scores: pd.Series, like: str | Path, path: str | Path) -> Path:
    """Write one number a voxel as a volume on the grid of an image.

    Parameters
    ----------
    scores
        Indexed by `neuroid_id` as `load_brain` names voxels, such as ``"sub-01.12-40-7"``; of one
        subject. For example ``result.table.set_index("neuroid_id")["r"]``.
    like
        The image that the voxels were read from, or another on its grid.
    path
        The file to write, ``.nii`` or ``.nii.gz``. Voxels without a score are NaN.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    MissingExtraError
        Without the extra ``[fmri]``.
    InvalidInputError
        If scores are no Series of numbers, names are no places in the image, are repeated, or are
        of several subjects, or the path cannot be written to or is that of `like`.
    """
    nibabel = optional("nibabel", "fmri", "NIfTI files")
    target = _target(path, like)
    if not isinstance(scores, pd.Series) or not pd.api.types.is_numeric_dtype(scores):
        raise InvalidInputError(
            "scores must be a Series of numbers indexed by neuroid_id, such as "
            f"result.table.set_index('neuroid_id')['r'], got a {type(scores).__name__}"
            + (f" of {scores.dtype}." if isinstance(scores, pd.Series) else ".")
        )
    image = opened(nibabel, like)
    if isinstance(image, nibabel.Cifti2Image):
        raise InvalidInputError(f"{like} is a CIFTI file; give an image of voxels.")
    names = pd.Series(scores.index.astype(str))
    parts = names.str.extract(r"^(?:(.*)\.)?(\d+)-(\d+)-(\d+)$")
    unknown = names[parts[3].isna()]
    if len(unknown):
        raise InvalidInputError(
            f"{listing(unknown, 3)} name no voxel (expected 'subject.i-j-k'); write scores of "
            "recordings that were read from NIfTI files."
        )
    subjects = parts[0].fillna("").unique()
    if len(subjects) > 1:
        raise InvalidInputError(
            f"the scores are of {len(subjects)} subjects ({listing(subjects, 3)}), whose voxels "
            "lie on grids of their own; write one file a subject."
        )
    places = parts[[1, 2, 3]].astype(int).to_numpy()
    shape = image.shape[:3]
    if (places >= shape).any() or parts.duplicated().any():
        raise InvalidInputError(
            f"the voxels of the scores lie outside of {like} (shape {shape}), or are repeated; "
            "give the image that they were read from, and one predictor's scores."
        )
    volume = np.full(shape, np.nan, dtype=np.float32)
    volume[tuple(places.T)] = scores.to_numpy(dtype=np.float32)
    nibabel.save(nibabel.Nifti1Image(volume, image.affine), target)
    return target


def _target(path: str | Path, like: str | Path) -> Path:
    """Return where to write, or say why that cannot be."""
    target = Path(path)
    if not target.name.endswith((".nii", ".nii.gz")):
        raise InvalidInputError(f"path must end in .nii or .nii.gz, got {str(path)!r}.")
    if not target.parent.is_dir():
        raise InvalidInputError(f"there is no folder {str(target.parent)!r} to write to; make it.")
    if target.exists() and Path(like).exists() and target.samefile(like):
        raise InvalidInputError(
            f"{target} is the image that the voxels were read from and would be lost; give another "
            "path."
        )
    return target

"""Folders of images as stimuli."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from reprcompare.errors import InvalidInputError, RecordingFailedError, listing

IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
Preprocess = Callable[[Any], Any]


def image_table(folder: Path) -> pd.DataFrame:
    """List the images of a folder with their labels.

    Parameters
    ----------
    folder
        Holds images, and optionally one CSV with the columns `filename`, `stimulus_id` (else the
        file's name without suffix) and labels.

    Returns
    -------
    pandas.DataFrame
        Indexed by stimulus id, with the column `filename` and the labels; in the order of the CSV,
        or by name.

    Raises
    ------
    InvalidInputError
        If there is no image, a file is missing, or the CSV has no column `filename`.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is no folder of images.")
    tables = sorted(folder.glob("*.csv"))
    if len(tables) > 1:
        raise InvalidInputError(
            f"{folder} holds {len(tables)} CSV files ({listing(p.name for p in tables)}); "
            "leave one that describes the images."
        )
    if not tables:
        names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        if not names:
            raise InvalidInputError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}).")
        return pd.DataFrame({"filename": names}, index=[Path(name).stem for name in names])
    with tables[0].open(newline="", encoding="utf-8-sig") as file:
        separator = csv.Sniffer().sniff(file.readline(), delimiters=",;\t").delimiter
    table = pd.read_csv(tables[0], sep=separator, dtype={"stimulus_id": str, "filename": str})
    if "filename" not in table:
        raise InvalidInputError(
            f"{tables[0].name} has no column 'filename' (it has {listing(table.columns)})."
        )
    missing = [name for name in table["filename"] if not (folder / str(name)).is_file()]
    if missing:
        raise InvalidInputError(
            f"{len(missing)} images of {tables[0].name} are not in the folder: {listing(missing)}."
        )
    if "stimulus_id" in table:
        return table.set_index("stimulus_id")
    return table.set_axis([Path(name).stem for name in table["filename"]], axis=0)


def read_image(path: Path, preprocess: Preprocess | None, name: str) -> Tensor:
    """Read one image as a tensor of shape (channels, height, width).

    Parameters
    ----------
    path
        An image file.
    preprocess
        Called with the PIL image; by default the image becomes floats from 0 to 1.
    name
        How messages call it.

    Raises
    ------
    RecordingFailedError
        If the file cannot be read as an image.
    """
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
            if preprocess is None:
                return scale_image(torch.from_numpy(np.array(image))[None])[0]
            made = torch.as_tensor(np.asarray(preprocess(image)))
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise RecordingFailedError(
            f"stimulus {str(name)!r} ({path.name}) could not be read: {error}. What was recorded "
            "before is kept; mend or remove it and call record again."
        ) from error
    return made[0] if made.ndim == 4 and len(made) == 1 else made


def scale_image(tensor: Tensor) -> Tensor:
    """Bring 8-bit images to floats from 0 to 1, channels first; leave anything else as it is.

    Parameters
    ----------
    tensor
        Shape (n, height, width, channels) or (n, channels, height, width) if it is of 8 bits.

    Examples
    --------
    >>> scale_image(torch.full((1, 8, 8, 3), 255, dtype=torch.uint8)).shape
    torch.Size([1, 3, 8, 8])
    """
    if tensor.dtype != torch.uint8 or tensor.ndim != 4:
        return tensor
    if tensor.shape[-1] in (1, 3, 4) and tensor.shape[1] not in (1, 3, 4):
        tensor = tensor.permute(0, 3, 1, 2).contiguous()
    return tensor.float() / 255

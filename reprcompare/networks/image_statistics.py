"""What any eye could tell images apart by: nuisance labels for comparisons with vision."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.baselines import LUMINANCE, V1Like

BACKGROUND = 0.02
"""Difference from the colour of the corners (range 1) above which a pixel belongs to an object."""


def image_statistics(images: np.ndarray, ids: list[str]) -> pd.DataFrame:
    """Compute simple statistics of images.

    Parameters
    ----------
    images : array, shape (n_images, height, width, 3)
        Red, green and blue, 0 to 255 or 0 to 1.
    ids
        Their stimulus ids.

    Returns
    -------
    pandas.DataFrame
        Indexed by stimulus id: `luminance` (mean brightness, ITU-R BT.601), `contrast` (standard
        deviation of brightness), `spatial_frequency` (mean frequency of the amplitude spectrum, in
        cycles per image), `area` (fraction of pixels that differ from the colour of the corners),
        `colour` (mean distance of pixels from grey), `v1_energy` (mean response of a bank of
        V1-like complex cells, see `V1Like`).

    Raises
    ------
    InvalidInputError
        If these are no colour images.

    Examples
    --------
    >>> grey = np.full((1, 32, 32, 3), 127.5)
    >>> image_statistics(grey, ["grey"])[["luminance", "contrast", "area"]].values.tolist()
    [[0.5, 0.0, 0.0]]
    """
    if images.ndim != 4 or images.shape[3] != 3 or len(images) != len(ids):
        raise InvalidInputError(
            f"images have shape {images.shape} with {len(ids)} ids; expected (images, height, "
            "width, 3) and one id each."
        )
    values = images.astype(float) / (255.0 if images.max() > 1 else 1.0)
    brightness = values @ np.array(LUMINANCE)
    corners = values[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    usual = np.median(corners, axis=1)[:, None, None]
    differs = np.abs(values - usual).max(axis=-1) > BACKGROUND
    return pd.DataFrame(
        {
            "luminance": brightness.mean(axis=(1, 2)),
            "contrast": brightness.std(axis=(1, 2)),
            "spatial_frequency": _mean_frequency(brightness),
            "area": differs.mean(axis=(1, 2)),
            "colour": np.linalg.norm(values - brightness[..., None], axis=-1).mean(axis=(1, 2)),
            "v1_energy": _v1_energy(values),
        },
        index=pd.Index([str(name) for name in ids], name="stimulus_id"),
    )


def _mean_frequency(brightness: np.ndarray) -> np.ndarray:
    """Mean of the radial frequency, weighted by amplitude, without the mean of the image."""
    height, width = brightness.shape[1:]
    amplitude = np.abs(np.fft.fft2(brightness - brightness.mean(axis=(1, 2), keepdims=True)))
    down, along = np.fft.fftfreq(height) * height, np.fft.fftfreq(width) * width
    radius = np.hypot(down[:, None], along[None, :])
    total = amplitude.sum(axis=(1, 2))
    return (amplitude * radius).sum(axis=(1, 2)) / np.where(total > 0, total, 1.0)


def _v1_energy(values: np.ndarray) -> np.ndarray:
    cells: nn.Module = V1Like(frequencies=(2, 4, 8, 16), size=64)
    found = []
    with torch.no_grad():
        for image in values:
            pixels = torch.as_tensor(image, dtype=torch.float32).permute(2, 0, 1)[None]
            found.append(float(cells(pixels).mean()))
    return np.array(found)

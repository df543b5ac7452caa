"""Statistics of images, on images of which they are known."""

import numpy as np
import pytest

from reprcompare.errors import InvalidInputError
from reprcompare.networks.image_statistics import image_statistics

SIZE = 64


def grating(cycles: int) -> np.ndarray:
    wave = 127.5 + 100 * np.cos(2 * np.pi * cycles * np.arange(SIZE) / SIZE)
    return np.broadcast_to(wave[None, :, None], (SIZE, SIZE, 3))


def test_a_grating_has_its_own_frequency_and_contrast():
    table = image_statistics(np.stack([grating(4), grating(12)]), ["low", "high"])
    np.testing.assert_allclose(table["spatial_frequency"], [4, 12], rtol=1e-6)
    np.testing.assert_allclose(table["contrast"], 100 / 255 / np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(table["luminance"], 0.5, atol=1e-6)
    assert (table["v1_energy"] > 0.005).all()


def test_area_and_colour_are_those_of_the_object():
    image = np.full((SIZE, SIZE, 3), 128.0)
    image[16:48, 16:48] = [255, 0, 0]
    grey = np.full((SIZE, SIZE, 3), 128.0)
    table = image_statistics(np.stack([image, grey]), ["red", "grey"])
    assert table.loc["red", "area"] == pytest.approx(0.25)
    red = np.array([1.0, 0, 0])
    expected = 0.25 * np.linalg.norm(red - 0.299)
    assert table.loc["red", "colour"] == pytest.approx(expected, abs=1e-6)
    assert table.loc["grey", ["area", "colour", "contrast"]].abs().max() < 1e-12


def test_grey_images_are_refused():
    with pytest.raises(InvalidInputError, match="width, 3"):
        image_statistics(np.zeros((2, 8, 8)), ["a", "b"])

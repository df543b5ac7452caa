import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError
from reprcompare.networks.baselines import Pixels, V1Like

FREQUENCIES = (2, 4, 8)
ORIENTATIONS = 8


def grating(frequency, angle, phase=0.0, size=64):
    """A full-contrast grating of so many cycles per image; angle 0 varies along the rows."""
    places = np.arange(size) / size
    x, y = np.meshgrid(places, places)
    wave = np.cos(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return torch.tensor(np.repeat(wave[None, None], 3, axis=1), dtype=torch.float32)


def energies(image, size=64):
    """Mean response of each frequency and orientation, shape (3, 8)."""
    network = V1Like(FREQUENCIES, ORIENTATIONS, size)
    flat = network(image)[0]
    counts = [ORIENTATIONS * f * f for f in FREQUENCIES]
    parts = torch.split(flat, counts)
    return torch.stack([part.view(ORIENTATIONS, -1).mean(1) for part in parts])


@pytest.mark.parametrize("frequency", [0, 1, 2])
@pytest.mark.parametrize("orientation", [0, 2, 5])
def test_a_grating_drives_the_cells_that_prefer_it_most(frequency, orientation):
    angle = orientation * np.pi / ORIENTATIONS
    response = energies(grating(FREQUENCIES[frequency], angle))
    assert divmod(int(response.argmax()), ORIENTATIONS) == (frequency, orientation)


@settings(max_examples=20, deadline=None)
@given(phase=st.floats(0, 2 * np.pi))
def test_complex_cells_do_not_see_phase(phase):
    network = V1Like((8,), ORIENTATIONS, 64)

    def central(image):  # the mirrored border does see phase
        return network(image).view(ORIENTATIONS, 8, 8)[0, 2:6, 2:6]

    torch.testing.assert_close(
        central(grating(8, 0.0, phase)), central(grating(8, 0.0)), rtol=0.01, atol=0
    )


def test_energy_is_the_root_of_a_quadrature_pairs_squares():
    """Against a plain convolution with a cosine and a sine Gabor at the image's centre."""
    size, frequency = 64, 4
    image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    weights = torch.tensor([0.299, 0.587, 0.114])
    bright = torch.einsum("nchw,c->nhw", image, weights)[0].numpy()
    bright = np.pad(bright, size // 4, mode="reflect")
    bright = bright - bright.mean()
    side = bright.shape[0]
    x = (np.arange(side) - side // 2) / size
    s = frequency * (1 / 3) / np.sqrt(2 * np.log(2))  # one octave at half amplitude
    envelope = np.exp(-2 * np.pi**2 * s**2 * (x[:, None] ** 2 + x[None] ** 2))
    scale = 2 * np.pi * s**2 / size**2
    even = scale * envelope * np.cos(2 * np.pi * frequency * x)[None]
    odd = scale * envelope * np.sin(2 * np.pi * frequency * x)[None]
    expected = np.hypot((bright * even).sum(), (bright * odd).sum())

    cells = V1Like((frequency,), 8, size).get_submodule(f"cycles_{frequency}")
    padded = torch.tensor(bright, dtype=torch.float32)[None, None]
    pair = torch.fft.ifft2(torch.fft.fft2(padded) * cells.filters)
    assert float(pair.abs()[0, 0, side // 2, side // 2]) == pytest.approx(expected, rel=1e-2)


def test_uniform_light_drives_nothing():
    assert V1Like()(torch.full((1, 3, 224, 224), 0.7)).abs().max() < 1e-5


def test_contrast_scales_and_brightness_shifts_out():
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    network = V1Like(FREQUENCIES, ORIENTATIONS, 64)
    torch.testing.assert_close(network(3 * image - 1), 3 * network(image), rtol=1e-3, atol=1e-5)


def test_one_frequency_can_be_recorded_alone():
    names = [name for name, _ in V1Like().named_children()]
    assert names == ["cycles_1", "cycles_2", "cycles_4", "cycles_8", "cycles_16", "cycles_32"]


def test_pixels_are_block_means():
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    expected = image.numpy().reshape(2, 3, 4, 2, 4, 2).mean((3, 5)).reshape(2, -1)
    np.testing.assert_allclose(Pixels(4)(image).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("network", [Pixels(4), V1Like((1,), 8, 16)])
def test_what_is_no_stack_of_images_is_refused(network):
    with pytest.raises(InvalidInputError, match="expected"):
        network(torch.zeros(3, 16, 16))


def test_frequencies_beyond_the_image_are_refused():
    with pytest.raises(InvalidInputError, match="64"):
        V1Like(frequencies=(1, 32), size=64)

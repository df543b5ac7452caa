"""Baselines that are recorded like any network: the image itself, and a bank of V1-like cells."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from reprcompare.errors import InvalidInputError

LUMINANCE: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""

_BANDWIDTH: Final = 1.0  # octaves at half amplitude, near the median of V1 cells


class Pixels(nn.Module):
    """The image as it is, averaged down to a small grid: what any retina-like code contains.

    Parameters
    ----------
    size
        Side of the grid in pixels.

    Examples
    --------
    >>> Pixels(size=4)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 48])
    """

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.size = size
        self.grid = nn.AdaptiveAvgPool2d(size)

    def forward(self, images: Tensor) -> Tensor:
        """Return an array of shape (n, channels * size * size) for images (n, channels, h, w)."""
        _check(images, self.size)
        return torch.flatten(self.grid(images), start_dim=1)


class V1Like(nn.Module):
    """A Gabor energy bank: complex cells of several orientations and spatial frequencies.

    Each cell sums the squares of a quadrature pair of Gabor filters and takes the root (Adelson &
    Bergen 1985); cells of one frequency f (in cycles per image) are pooled over a grid of f x f
    places, so that receptive fields scale with the wavelength, and orientations and frequencies are
    spaced as in the Gabor wavelet pyramid of Kay et al. (2008). Bandwidths follow macaque V1 (De
    Valois et al. 1982). There is no divisive normalisation. Stages are submodules named
    ``cycles_1``, ``cycles_2`` ..., so that one frequency can be recorded alone.

    Parameters
    ----------
    frequencies
        Spatial frequencies in cycles per image.
    n_orientations
        Orientations, equally spaced over half a turn.
    size
        Side in pixels to which images are brought first; at least four times the highest frequency.

    References
    ----------
    Adelson & Bergen 1985, J. Opt. Soc. Am. A 2, 284. De Valois, Albrecht & Thorell 1982, Vision
    Research 22, 545. Kay, Naselaris, Prenger & Gallant 2008, Nature 452, 352.

    Examples
    --------
    >>> V1Like(frequencies=(2, 4), n_orientations=8, size=32)(torch.zeros(5, 3, 64, 64)).shape
    torch.Size([5, 160])
    """

    def __init__(
        self,
        frequencies: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
        n_orientations: int = 8,
        size: int = 128,
    ) -> None:
        super().__init__()
        if not frequencies or min(frequencies) < 1 or size < 4 * max(frequencies):
            raise InvalidInputError(
                f"frequencies {frequencies} do not fit images of {size} pixels; expected at least "
                "one, from 1 cycle per image to a quarter of the size"
            )
        self.size = size
        for frequency in frequencies:
            cells = ComplexCells(frequency, n_orientations, size)
            self.add_module(f"cycles_{frequency}", cells)

    def forward(self, images: Tensor) -> Tensor:
        """Return (n, sum over frequencies of n_orientations * f * f) for images (n, 3, h, w)."""
        _check(images, 1)
        brightness = torch.tensordot(images, images.new_tensor(LUMINANCE), dims=([1], [0]))
        small = functional.interpolate(
            brightness[:, None], size=(self.size, self.size), mode="bilinear", antialias=True
        )
        # Mirrored borders keep the edge of the picture from being the strongest contour in it.
        margin = self.size // 4
        padded = functional.pad(small, (margin,) * 4, mode="reflect")
        spectrum = torch.fft.fft2(padded)
        responses = [torch.flatten(cells(spectrum), start_dim=1) for cells in self.children()]
        return torch.cat(responses, dim=1)


class ComplexCells(nn.Module):
    """All complex cells of one spatial frequency.

    Parameters
    ----------
    frequency
        Preferred frequency in cycles per image; also the number of places along each side.
    n_orientations
        Preferred orientations.
    size
        Side of the image in pixels, without its margins of a quarter on every side.
    """

    filters: Tensor

    def __init__(self, frequency: int, n_orientations: int, size: int) -> None:
        super().__init__()
        self.margin = size // 4
        self.size = size
        self.pool = nn.AdaptiveAvgPool2d(frequency)
        gains = gabor_spectra(frequency, n_orientations, size, size + 2 * self.margin)
        self.register_buffer("filters", gains, persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Return (n, n_orientations, f, f) for image spectra (n, 1, side, side)."""
        pairs = torch.fft.ifft2(spectrum * self.filters)
        inside = slice(self.margin, self.margin + self.size)
        energy = pairs.abs()[..., inside, inside]  # root of the even and odd responses' squares
        return self.pool(energy)


def gabor_spectra(frequency: float, n_orientations: int, size: int, padded: int) -> Tensor:
    r"""Return quadrature pairs of Gabor filters, as real gains in the frequency domain.

    A complex Gabor filter, whose real and imaginary parts are the even and the odd filter, is a
    single Gaussian around its preferred frequency:
    :math:`G(u) = \exp(-|u - u_0|^2 / 2 s^2)`, with :math:`s` set by the bandwidth in octaves. The
    gain at frequency zero is set to zero, so that uniform light gives no response.

    Parameters
    ----------
    frequency
        Preferred frequency in cycles per image.
    n_orientations
        Number of orientations.
    size, padded
        Side of the image, and of the padded image that is filtered, in pixels.

    Returns
    -------
    torch.Tensor
        Shape (n_orientations, padded, padded), in the order of `torch.fft.fftfreq`.
    """
    cycles = torch.fft.fftfreq(padded) * size
    vertical, horizontal = torch.meshgrid(cycles, cycles, indexing="ij")
    angles = torch.arange(n_orientations) * (torch.pi / n_orientations)
    along = frequency * torch.cos(angles)[:, None, None]
    down = frequency * torch.sin(angles)[:, None, None]
    octaves = 2.0**_BANDWIDTH
    width = frequency * (octaves - 1) / (octaves + 1) / (2 * torch.log(torch.tensor(2.0))).sqrt()
    gains = torch.exp(-((horizontal - along) ** 2 + (vertical - down) ** 2) / (2 * width**2))
    gains[:, 0, 0] = 0.0
    return gains


def _check(images: Tensor, smallest: int) -> None:
    """Refuse what is no stack of colour images."""
    if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < smallest:
        raise InvalidInputError(
            f"images have shape {tuple(images.shape)}; expected (images, 3, height, width) of at "
            f"least {smallest} pixels a side, as `preprocess` gives them"
        )

"""What layers are made of, by name: activation functions and normalisations."""

from collections.abc import Callable
from typing import Final

from torch import nn

from reprcompare.errors import UnknownNameError, unknown_name

ACTIVATIONS: Final[dict[str, type[nn.Module]]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "swish": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
}
"""Activation functions by name."""

NORMALISATIONS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "none": lambda n: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}
"""Normalisations of n units by name."""

IMAGE_NORMALISATIONS: Final[dict[str, Callable[[int], nn.Module]]] = {
    "none": lambda n: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "layer": lambda n: nn.GroupNorm(1, n),
    "group": lambda n: nn.GroupNorm(max(1, n // 8), n),
}
"""Normalisations of n channels of a map by name: ``layer`` is over all channels and places (Ba et
al. 2016), ``group`` over groups of eight channels (Wu & He 2018)."""


def activation(name: str) -> nn.Module:
    """Return a new activation function of that name.

    Raises
    ------
    UnknownNameError
        If there is none in `ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise UnknownNameError(unknown_name("activation", name, ACTIVATIONS))
    return ACTIVATIONS[name]()


def normalisation(name: str, n: int, of_images: bool = False) -> nn.Module:
    """Return a new normalisation of n units, or of n channels of maps.

    Raises
    ------
    UnknownNameError
        If there is none in `NORMALISATIONS` or `IMAGE_NORMALISATIONS`.
    """
    known = IMAGE_NORMALISATIONS if of_images else NORMALISATIONS
    if name not in known:
        raise UnknownNameError(unknown_name("normalisation", name, known))
    return known[name](n)

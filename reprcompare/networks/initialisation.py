"""Initial weights: schemes by name, and drawing them without touching the global random state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name


def _kaiming_normal(weight: Tensor) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


INITIALISATIONS: Final[dict[str, Callable[[Tensor], object] | None]] = {
    "uniform": None,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_normal": _kaiming_normal,
    "orthogonal": nn.init.orthogonal_,
}
"""Schemes by name. ``uniform`` is what torch draws by itself: weights and biases uniform in
±1 / sqrt(fan-in). The others draw the weights (Glorot & Bengio 2010; He et al. 2015; Saxe et al.
2014) and set the biases to zero."""


def initialise(network: nn.Module, scheme: str = "uniform", gain: float = 1.0) -> None:
    """Draw the weights of all linear and convolutional layers anew, from torch's random state.

    Parameters
    ----------
    network
        Freshly made; with the scheme ``uniform`` its weights stay the ones that torch drew.
    scheme
        A name in `INITIALISATIONS`.
    gain
        Factor of all weights (and, where the scheme does not set them to zero, biases).

    Raises
    ------
    UnknownNameError
        If there is no such scheme.
    InvalidInputError
        If the gain is not positive.

    Examples
    --------
    >>> layer = nn.Linear(100, 100)
    >>> initialise(layer, "xavier_normal", gain=2.0)
    >>> weight, bias = layer.weight.detach(), layer.bias.detach()
    >>> bool(abs(weight.std() - 0.2) < 0.01), float(bias.abs().max())
    (True, 0.0)
    """
    if scheme not in INITIALISATIONS:
        raise UnknownNameError(unknown_name("initialisation", scheme, INITIALISATIONS))
    if not gain > 0:
        raise InvalidInputError(f"gain must be above 0, got {gain}.")
    draw = INITIALISATIONS[scheme]
    with torch.no_grad():
        for module in network.modules():
            if not isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
                continue
            if draw is not None:
                draw(module.weight)
            module.weight *= gain
            if module.bias is not None:
                module.bias *= gain if draw is None else 0.0


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from a random state of one's own; the global one is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield

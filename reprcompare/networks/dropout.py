"""Dropout whose masks come from a generator of each network, so that a stack does not matter.

In a stack, torch would draw the masks of all networks from one stream, and a network's masks would
depend on its neighbours. Here they are drawn outside, from one generator a network, and handed to
the network as buffers.
"""

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError


class MaskedDropout(nn.Module):
    """Multiplies with a mask that is put in from outside, in training mode only.

    Parameters
    ----------
    p
        Probability that a unit is dropped.
    """

    mask: Tensor

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.shape: tuple[int, ...] | None = None
        self.register_buffer("mask", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some units dropped and the others scaled by 1 / (1 - p)."""
        if not self.training:
            return x
        if self.shape is None:
            self.shape = tuple(x.shape[1:])
        return x * self.mask


class Masks:
    """The dropout masks of a stack of networks.

    Parameters
    ----------
    skeleton
        The network that all are copies of; its dropout layers are replaced in place.
    seeds
        One a network.
    example : torch.Tensor, shape (1, ...)
        An input, from which the sizes of the masks are found out.
    arguments
        What else the network is called with in training.

    Raises
    ------
    InvalidInputError
        If the network holds a kind of dropout that has no masks of its own here.
    """

    def __init__(
        self, skeleton: nn.Module, seeds: list[int], example: Tensor, arguments: tuple[Tensor, ...]
    ) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._layers: dict[str, MaskedDropout] = {}
        for name, module in list(skeleton.named_modules()):
            for child_name, child in list(module.named_children()):
                if not isinstance(child, nn.modules.dropout._DropoutNd) or child.p == 0:
                    continue
                path = f"{name}.{child_name}" if name else child_name
                if type(child) is not nn.Dropout:
                    raise InvalidInputError(
                        f"the layer {path!r} is a {type(child).__name__}; networks are trained "
                        "with torch.nn.Dropout only."
                    )
                self._layers[path] = MaskedDropout(child.p)
                setattr(module, child_name, self._layers[path])
        if self._layers:
            modes = [(module, module.training) for module in skeleton.modules()]
            with torch.no_grad():
                skeleton.eval()
                for layer in self._layers.values():
                    layer.train()
                skeleton(example, *arguments)
            for module, mode in modes:
                module.training = mode
        unused = [name for name, layer in self._layers.items() if layer.shape is None]
        for name in unused:
            del self._layers[name]

    def draw(self, batch_size: int) -> dict[str, Tensor]:
        """Draw the masks of one step, by the name of the buffer, each (n_networks, batch, ...)."""
        drawn: dict[str, list[Tensor]] = {f"{name}.mask": [] for name in self._layers}
        for generator in self._generators:
            for name, layer in self._layers.items():
                assert layer.shape is not None
                kept = torch.rand(batch_size, *layer.shape, generator=generator) >= layer.p
                drawn[f"{name}.mask"].append(kept / (1 - layer.p))
        return {name: torch.stack(masks) for name, masks in drawn.items()}

    def keep(self, rows: list[int]) -> None:
        """Keep the generators of these networks only."""
        self._generators = [self._generators[row] for row in rows]

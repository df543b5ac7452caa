"""A vision transformer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.attention import Block
from reprcompare.networks.cnn import image_shape
from reprcompare.networks.initialisation import seeded


class VisionTransformer(nn.Module):
    """Patches of an image as tokens, beside one token that the answer is read from.

    Parameters
    ----------
    input_shape
        Of one stimulus, see `reprcompare.networks.cnn.image_shape`.
    n_outputs, patch_size, width, depth, heads, dropout
        See `vit`.

    References
    ----------
    Dosovitskiy et al. 2021, An image is worth 16x16 words, ICLR.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        patch_size: int,
        width: int,
        depth: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.image = channels, height, across = image_shape(input_shape)
        if height % patch_size or across % patch_size:
            raise InvalidInputError(
                f"patches of {patch_size} pixels do not fit an image of {height} x {across}."
            )
        self.patch_size = patch_size
        n_patches = (height // patch_size) * (across // patch_size)
        self.embed = nn.Linear(channels * patch_size**2, width)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, width))
        self.position = nn.Parameter(0.02 * torch.randn(n_patches + 1, width))
        for number in range(1, depth + 1):
            self.add_module(f"block{number}", Block(width, heads, causal=False, dropout=dropout))
        self.norm = nn.LayerNorm(width)
        self.pooled = nn.Identity()
        self.readout = nn.Linear(width, n_outputs)
        self.depth = depth

    def forward(self, x: Tensor) -> Tensor:
        """Map stimuli (n, *input_shape) to (n, n_outputs)."""
        channels, height, across = self.image
        size = self.patch_size
        grid = x.reshape(-1, channels, height // size, size, across // size, size)
        tokens = self.embed(grid.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))
        first = self.class_token.expand(len(tokens), 1, -1)
        tokens = torch.cat([first, tokens], dim=1) + self.position
        for number in range(1, self.depth + 1):
            tokens = self.get_submodule(f"block{number}")(tokens)
        return self.readout(self.pooled(self.norm(tokens[:, 0])))


def vit(
    input_shape: Sequence[int],
    n_outputs: int,
    patch_size: int = 2,
    width: int = 32,
    depth: int = 2,
    heads: int = 4,
    dropout: float = 0.0,
    seed: int = 0,
) -> VisionTransformer:
    """Make a vision transformer.

    Parameters
    ----------
    input_shape
        Of one stimulus, see `reprcompare.networks.cnn.image_shape`.
    n_outputs
        Number of output units.
    patch_size
        Side of a patch in pixels.
    width
        Size of a token.
    depth
        Number of blocks, the modules `block{i}`; the answer is read from the module `pooled`, the
        normalised last state of the class token.
    heads
        Of attention.
    dropout
        Probability that a unit of what a block adds is dropped in training.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Examples
    --------
    >>> vit((36,), 2)(torch.zeros(5, 36)).shape
    torch.Size([5, 2])
    """
    with seeded(seed):
        return VisionTransformer(input_shape, n_outputs, patch_size, width, depth, heads, dropout)

"""The block that transformers are made of."""

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError


class Attention(nn.Module):
    """Self-attention of several heads.

    Written out rather than taken from torch, whose fused kernels cannot be stacked.

    Parameters
    ----------
    width
        Size of a token.
    heads
        Number of heads; divides the width.
    causal
        Whether a token sees only itself and those before it.
    """

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        if width % heads:
            raise InvalidInputError(f"{heads} heads do not divide a width of {width}.")
        self.heads, self.causal = heads, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same."""
        n, tokens, width = x.shape
        parts = self.qkv(x).reshape(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / (width // self.heads) ** 0.5
        if self.causal:
            later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        mixed = scores.softmax(dim=-1) @ value
        return self.project(mixed.transpose(1, 2).reshape(n, tokens, width))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each normalised before and added to its input.

    Parameters
    ----------
    width, heads, causal
        See `Attention`.
    dropout
        Probability that a unit of what is added is dropped in training.
    """

    def __init__(self, width: int, heads: int, causal: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.drop1, self.drop2 = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, tokens, width) to the same."""
        x = x + self.drop1(self.attention(self.norm1(x)))
        return x + self.drop2(self.mlp(self.norm2(x)))

"""A decoder-only transformer that reads the input units and answers with a sequence of features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError, listing
from reprcompare.networks.attention import Block
from reprcompare.networks.initialisation import seeded


class Transformer(nn.Module):
    """Every input unit is a token; after a start token the features follow in a chosen order.

    In training the answers before the present one are given (teacher forcing); without answers it
    goes by its own, the most probable level of each feature. The first call of a block in such a
    pass sees the input units and the start token only: ``block1:0`` is what can be recorded before
    the first answer. The module `before_answer` is the normalised state of the start token, from
    which the first answer is read.

    Parameters
    ----------
    n_inputs, levels, feature_names, order, width, depth, heads, dropout
        See `transformer`.

    Attributes
    ----------
    order : list of str
        Features in the order in which they are answered.
    """

    teacher_forcing = True

    def __init__(
        self,
        n_inputs: int,
        levels: Sequence[int],
        feature_names: Sequence[str],
        order: Sequence[str],
        width: int,
        depth: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.order = list(order) or list(feature_names)
        if sorted(self.order) != sorted(feature_names):
            raise InvalidInputError(
                f"order is {listing(self.order, 20)}; expected each of the features once: "
                f"{listing(feature_names, 20)}."
            )
        self._slots = [list(feature_names).index(name) for name in self.order]
        self._levels = list(levels)
        self.n_levels = max(2, *levels)
        self.embed = nn.Linear(1, width)
        self.start = nn.Parameter(0.02 * torch.randn(1, width))
        # One more than there are levels: an answer that is not known.
        self.embed_answer = nn.Embedding(self.n_levels + 1, width)
        self.position = nn.Parameter(0.02 * torch.randn(n_inputs + len(levels), width))
        for number in range(1, depth + 1):
            self.add_module(f"block{number}", Block(width, heads, causal=True, dropout=dropout))
        self.norm = nn.LayerNorm(width)
        self.before_answer = nn.Identity()
        self.readout = nn.Linear(width, self.n_levels)
        self.depth = depth

    def forward(self, x: Tensor, answers: Tensor | None = None) -> Tensor:
        """Map stimuli (n, n_inputs), and in training their labels (n, n_features), to outputs.

        The outputs (n, n_outputs) are in the order of the features, not of the answers: the log
        odds of a feature of two levels, one logit a level of others.
        """
        tokens = self.embed(x.unsqueeze(-1))
        prompt = torch.cat([tokens, self.start.expand(len(x), 1, -1)], dim=1)
        found: list[Tensor] = []
        if answers is None:
            sequence = prompt
            for slot in self._slots:
                found.append(self._read(sequence, 1)[:, 0])
                level = found[-1][..., : self._levels[slot]].argmax(dim=-1)
                sequence = torch.cat([sequence, self.embed_answer(level).unsqueeze(1)], dim=1)
        else:
            given = answers[:, self._slots[:-1]].nan_to_num(self.n_levels).long()
            sequence = torch.cat([prompt, self.embed_answer(given)], dim=1)
            found = list(self._read(sequence, len(self._slots)).unbind(dim=1))
        outputs: list[Tensor] = [x] * len(found)
        for slot, logits in zip(self._slots, found, strict=True):
            n = self._levels[slot]
            outputs[slot] = logits[:, :n] if n > 2 else logits[:, 1:2] - logits[:, 0:1]
        return torch.cat(outputs, dim=1)

    def _read(self, sequence: Tensor, n: int) -> Tensor:
        """Return the logits (n_stimuli, n, n_levels) that are read from the last n tokens."""
        states = sequence + self.position[: sequence.shape[1]]
        for number in range(1, self.depth + 1):
            states = self.get_submodule(f"block{number}")(states)
        states = self.norm(states)[:, -n:]
        return self.readout(
            torch.cat([self.before_answer(states[:, 0])[:, None], states[:, 1:]], 1)
        )


def transformer(
    n_inputs: int,
    levels: Sequence[int],
    feature_names: Sequence[str],
    order: Sequence[str] = (),
    width: int = 32,
    depth: int = 2,
    heads: int = 4,
    dropout: float = 0.0,
    seed: int = 0,
) -> Transformer:
    """Make a decoder-only transformer.

    Parameters
    ----------
    n_inputs
        Number of input units, each of which is a token.
    levels, feature_names
        Number of levels and name of every feature, in the order of the outputs.
    order
        Names of the features in the order in which they are answered; that of `feature_names` where
        empty.
    width
        Size of a token.
    depth
        Number of blocks, the modules `block{i}`.
    heads
        Of attention.
    dropout
        Probability that a unit of what a block adds is dropped in training.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Examples
    --------
    >>> network = transformer(16, (2, 2), ("easy", "hard"), order=("hard", "easy"))
    >>> network(torch.zeros(5, 16)).shape
    torch.Size([5, 2])
    """
    with seeded(seed):
        return Transformer(n_inputs, levels, feature_names, order, width, depth, heads, dropout)

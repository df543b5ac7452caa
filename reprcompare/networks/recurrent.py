"""Recurrent networks that read the input units one after the other."""

import torch
from torch import Tensor, nn

from reprcompare.networks.initialisation import seeded


class Recurrent(nn.Module):
    """Gated cells that read one input unit a step; the answer is read from the last state.

    The cells are those of torch written out, since its own cannot be stacked: for the LSTM
    (Hochreiter & Schmidhuber 1997, with forget gates) and the GRU (Cho et al. 2014) see the
    formulas in `torch.nn.LSTM` and `torch.nn.GRU`.

    Parameters
    ----------
    gates
        4 for the LSTM, 3 for the GRU.
    n_outputs, width
        See `lstm`.
    """

    def __init__(self, gates: int, n_outputs: int, width: int) -> None:
        super().__init__()
        self.gates, self.width = gates, width
        self.from_input = nn.Linear(1, gates * width)
        self.from_state = nn.Linear(width, gates * width)
        bound = width**-0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        self.states = nn.Identity()
        self.last = nn.Identity()
        self.readout = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map stimuli (n, n_inputs) to (n, n_outputs)."""
        driven = self.from_input(x.unsqueeze(-1))
        state = torch.zeros_like(x[:, :1]).expand(-1, self.width)
        cell = state
        states = []
        for step in range(x.shape[1]):
            own = self.from_state(state)
            if self.gates == 4:
                into, forget, new, out = (driven[:, step] + own).chunk(4, dim=-1)
                cell = forget.sigmoid() * cell + into.sigmoid() * new.tanh()
                state = out.sigmoid() * cell.tanh()
            else:
                reset, update, new = driven[:, step].chunk(3, dim=-1)
                reset_own, update_own, new_own = own.chunk(3, dim=-1)
                keep = (update + update_own).sigmoid()
                new = (new + (reset + reset_own).sigmoid() * new_own).tanh()
                state = (1 - keep) * new + keep * state
            states.append(state)
        self.states(torch.stack(states, dim=1))
        return self.readout(self.last(state))


def lstm(n_inputs: int, n_outputs: int, width: int = 64, seed: int = 0) -> Recurrent:
    """Make a network of LSTM cells.

    Parameters
    ----------
    n_inputs, n_outputs
        Numbers of input units, which are read one a step, and of output units.
    width
        Number of cells. The module `last` is their state after the last input unit, `states` those
        after every one, (steps, width) a stimulus.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Examples
    --------
    >>> lstm(16, 2)(torch.zeros(5, 16)).shape
    torch.Size([5, 2])
    """
    with seeded(seed):
        return Recurrent(4, n_outputs, width)


def gru(n_inputs: int, n_outputs: int, width: int = 64, seed: int = 0) -> Recurrent:
    """Make a network of gated recurrent units.

    Parameters
    ----------
    n_inputs, n_outputs, width, seed
        As for `lstm`.

    Examples
    --------
    >>> gru(16, 2)(torch.zeros(5, 16)).shape
    torch.Size([5, 2])
    """
    with seeded(seed):
        return Recurrent(3, n_outputs, width)

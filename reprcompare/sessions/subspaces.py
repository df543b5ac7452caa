"""Find the subspace of a region that carries a feature.

Distributed alignment search (Geiger et al. 2024, arXiv 2303.02536): an orthonormal basis is learned
by gradient such that exchanging the activity in its span, and nothing else, makes the network
answer as wanted. It starts from closed forms, and the number of dimensions is chosen on stimuli
that took no part in learning it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reprcompare.sessions.interventions import Bench, Exchange
from reprcompare.sessions.stimuli import Inputs

Loss = Callable[[Tensor, Tensor], Tensor]
"""From answers (n, n_responses) and the rows they belong to, to the loss of each, shape (n,)."""

GOOD_ENOUGH = 0.01
"""Loss below which no further dimension is tried: answers are off by a tenth of their change."""

FINISHED = GOOD_ENOUGH / 10
"""Loss below which a basis is not improved further."""

LOOK = 20
"""Steps between two looks at the loss, which must have fallen by a twentieth since the last one."""

WORTH = 0.9
"""A larger subspace must bring the loss below this fraction of that of the smaller one."""


@dataclass(frozen=True)
class Search:
    """How a subspace is searched for.

    Attributes
    ----------
    dimensions
        Numbers of dimensions that are tried, in rising order; those beyond the size of the region
        are left out.
    steps
        Steps of the optimiser for each number, at most: it ends when nothing is left to gain.
    rate
        Learning rate (Adam), relative to the size of the entries of a unit vector.
    batch_size
        Stimuli in a step.
    held_out
        Fraction of the stimuli that choose the number of dimensions.
    """

    dimensions: Sequence[int] = (1, 2, 4, 8, 16)
    steps: int = 100
    rate: float = 0.3
    batch_size: int = 128
    held_out: float = 0.25


@dataclass(frozen=True)
class Subspace:
    """A subspace that was found.

    Attributes
    ----------
    basis : tensor, shape (n_units, n_dimensions)
        Orthonormal columns.
    loss : float
        On the stimuli that chose the number of dimensions.
    """

    basis: Tensor
    loss: float


def find_subspace(
    on: Bench,
    inputs: Inputs,
    region: str,
    difference: Tensor,
    states: Tensor,
    target: Tensor,
    loss: Loss,
    rows: Tensor,
    search: Search,
    generator: torch.Generator,
) -> Subspace:
    """Learn a subspace whose exchange makes the network answer as wanted.

    Parameters
    ----------
    on
        The network.
    inputs
        The stimuli that are shown.
    region
        Where activity is exchanged.
    difference : tensor, shape (n_stimuli, n_units)
        States of the other run less those of this one, from which the search starts.
    states : tensor, shape (n_stimuli, n_units)
        States of the other run.
    target : tensor, shape (n_stimuli, n_responses)
        Change of the answers that is wanted, which gives a second start.
    loss
        What is to become small.
    rows
        Stimuli that may be used.
    search
        How.
    generator
        Of the order of the stimuli.

    Returns
    -------
    Subspace
        The smallest one that is not worse by much than a larger one.
    """
    shuffled = rows[torch.randperm(len(rows), generator=generator).to(rows.device)]
    n_held = max(1, round(search.held_out * len(shuffled)))
    held, used = shuffled[:n_held], shuffled[n_held:]
    best: Subspace | None = None
    n_units = difference.shape[1]
    for size in sorted({min(size, n_units) for size in search.dimensions}):
        learner = _Learner(on, inputs, region, states, loss)
        starts = _starts(difference[used], target[used], size)
        start = min(starts, key=lambda basis: learner.value(basis, used))
        basis = learner.learn(start, used, search, generator)
        found = Subspace(basis, learner.value(basis, held))
        if best is None or found.loss < WORTH * best.loss:
            best = found
        if best.loss < GOOD_ENOUGH:
            break
    assert best is not None
    return best


class _Learner:
    def __init__(self, on: Bench, inputs: Inputs, region: str, states: Tensor, loss: Loss) -> None:
        self.on, self.inputs, self.region = on, inputs, region
        self.states, self.loss = states, loss

    def value(self, basis: Tensor, rows: Tensor) -> float:
        """Return the mean loss over some stimuli."""
        parts = []
        with torch.no_grad():
            for chunk in rows.split(self.on.batch_size):
                answers = self.on.answers(
                    self.inputs, chunk, self.region, Exchange(self.states, basis)
                )
                parts.append(self.loss(answers, chunk))
        return float(torch.cat(parts).mean())

    def learn(
        self, start: Tensor, rows: Tensor, search: Search, generator: torch.Generator
    ) -> Tensor:
        """Improve a basis by gradient; the best one met on the way is returned."""
        if self.value(start, rows) < FINISHED:
            return start
        weights = start.clone().requires_grad_(True)
        rate = search.rate / len(start) ** 0.5
        optimiser = torch.optim.Adam([weights], lr=rate)
        recent, before = 0.0, float("inf")
        for step in range(search.steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / search.steps))
            order = torch.randperm(len(rows), generator=generator)[: search.batch_size]
            batch = rows[order.to(rows.device)]
            with torch.enable_grad():
                basis = torch.linalg.qr(weights).Q
                exchange = Exchange(self.states, basis)
                answers = self.on.answers(self.inputs, batch, self.region, exchange)
                value = self.loss(answers, batch).mean()
                if not value.requires_grad:
                    # Nothing after the region depends on it, so that every subspace is as good.
                    return start
                (weights.grad,) = torch.autograd.grad(value, [weights])
            optimiser.step()
            recent += float(value) / LOOK
            if (step + 1) % LOOK == 0:
                if recent < FINISHED or recent > 0.95 * before:
                    break
                recent, before = 0.0, recent
        learned = torch.linalg.qr(weights.detach()).Q
        # Adam has no guarantee to end below where it began.
        return min(start, learned, key=lambda basis: self.value(basis, rows))


def _starts(difference: Tensor, target: Tensor, size: int) -> list[Tensor]:
    """Return bases to start from: the largest displacements, and what goes with the answers."""
    working = difference.double()
    displacement = torch.linalg.svd(working, full_matrices=False).Vh.T
    together = torch.linalg.svd(working.T @ target.double(), full_matrices=False).U
    ordered = [displacement, torch.cat([together, displacement], dim=1)]
    n_units = difference.shape[1]
    filled = [torch.cat([x, torch.eye(n_units, size).to(x)], dim=1) for x in ordered]
    return [_orthonormal(columns, size).to(difference.dtype) for columns in filled]


def _orthonormal(columns: Tensor, size: int) -> Tensor:
    """Return the first directions that columns span, in their order."""
    kept: list[Tensor] = []
    for column in columns.T:
        for other in (*kept, *kept):
            column = column - (other @ column) * other
        length = column.norm()
        if length > 1e-6:
            kept.append(column / length)
        if len(kept) == size:
            break
    return torch.stack(kept, dim=1)

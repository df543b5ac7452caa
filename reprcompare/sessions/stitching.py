"""Model stitching: whether the activity of one network can stand in for that of another."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.sessions.interventions import Exchange, bench, count_of
from reprcompare.sessions.stimuli import Inputs

RIDGE = 1e-3
"""Penalty of the map, as a fraction of the mean variance of the activity that it starts from."""


@dataclass(frozen=True)
class Stitched:
    """What became of a network's decisions.

    Attributes
    ----------
    agreement : float
        How often the stitched network decides as it did by itself, on stimuli that took no part in
        fitting the map; mean over responses.
    chance : float
        The same with the other activity shuffled over stimuli.
    recovered : float
        (agreement - chance) / (1 - chance).
    """

    agreement: float
    chance: float
    recovered: float


def stitch(
    network: nn.Module,
    region: str,
    stimuli: Inputs,
    activity: np.ndarray,
    *,
    n_folds: int = 2,
    seed: int = 0,
    batch_size: int = 256,
) -> Stitched:
    """Put another system's activity, linearly mapped, in the place of a region's own.

    A ridge regression from the other activity to that of the region is fitted on some stimuli, and
    the network goes on from the mapped activity on others. It needs no labels. A high value says
    that what the later layers use can be read linearly from the other activity, not that the other
    system uses it: stitching is directed, and lenient towards systems that keep everything.

    Parameters
    ----------
    network
        The network whose later layers answer; decisions are the signs of its answers.
    region
        Where its activity is replaced.
    stimuli
        What both were shown, in the same order.
    activity : array, shape (n_stimuli, n_neuroids)
        Of the other system.
    n_folds, seed
        Parts of the stimuli: maps are fitted on all but one.
    batch_size
        Stimuli in a forward pass.

    Returns
    -------
    Stitched

    Raises
    ------
    InvalidInputError
        If the stimuli are not as many as the rows of activity.

    References
    ----------
    Bansal, Nakkiran & Barak (2021), NeurIPS.

    Examples
    --------
    >>> network = nn.Sequential(nn.Identity(), nn.Linear(2, 1, bias=False))
    >>> x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    >>> stitch(network, "0", x, 3 * x.numpy() + 1).agreement
    1.0
    """
    n = count_of(stimuli)
    if len(activity) != n:
        raise InvalidInputError(f"got {n} stimuli and {len(activity)} rows of activity.")
    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(n) % n_folds)
    with bench(network, None, batch_size) as on:
        answers, own = on.run(stimuli, region)
        assert own is not None
        wanted = (answers > 0).cpu().numpy()

        def agreement(other: np.ndarray) -> float:
            mapped = _mapped(other, own.double().cpu().numpy(), fold)
            states = torch.as_tensor(mapped, dtype=own.dtype, device=own.device)
            given = on.run(stimuli, region, Exchange(states))[0]
            return float(((given > 0).cpu().numpy() == wanted).mean())

        reached = agreement(np.asarray(activity, dtype=float))
        chance = agreement(np.asarray(activity, dtype=float)[rng.permutation(n)])
    return Stitched(reached, chance, (reached - chance) / max(1 - chance, 1e-12))


def _mapped(other: np.ndarray, own: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Map activity to that of the region by ridge regression on the other folds."""
    mapped = np.empty_like(own)
    for k in np.unique(fold):
        train, test = fold != k, fold == k
        mean = other[train].mean(axis=0)
        x = other[train] - mean
        inner = x.T @ x
        inner += RIDGE * np.trace(inner) / len(inner) * np.eye(len(inner))
        target = own[train].mean(axis=0)
        weights = np.linalg.solve(inner, x.T @ (own[train] - target))
        mapped[test] = target + (other[test] - mean) @ weights
    return mapped

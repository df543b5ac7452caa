"""Interchange-intervention accuracy: whether a region carries a variable of an algorithm."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError
from reprcompare.sessions.interventions import Exchange, bench, count_of
from reprcompare.sessions.stimuli import Inputs
from reprcompare.sessions.subspaces import Search, find_subspace


@dataclass(frozen=True)
class Interchange:
    """How often a network answers as an algorithm does when one variable is exchanged.

    Attributes
    ----------
    accuracy, low, high : float
        On pairs that took no part in learning the subspace; 95 % over pairs.
    whole : float
        The same when the whole state of the region is exchanged.
    untouched : float
        The same when nothing is exchanged: how often base and wanted answers agree anyway.
    dimensions : int
        Of the largest subspace.
    n_pairs : int
    """

    accuracy: float
    low: float
    high: float
    whole: float
    untouched: float
    dimensions: int
    n_pairs: int


def interchange_accuracy(
    network: nn.Module,
    region: str,
    base: Inputs,
    source: Inputs,
    wanted: np.ndarray,
    *,
    search: Search | None = None,
    n_folds: int = 2,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device | None = None,
) -> Interchange:
    """Exchange a learned subspace between runs, and compare decisions with what they should be.

    The accuracy of interchange interventions (Geiger et al. 2021, arXiv 2106.02997), with the
    subspace learned by distributed alignment search on other pairs than those tested.

    Parameters
    ----------
    network
        Any network with binary decisions: the signs of what it returns.
    region
        Where activity is exchanged.
    base, source
        Stimuli, as the network takes them: row i of `source` is where the variable of row i of
        `base` is taken from.
    wanted : array of 0, 1 and NaN, shape (n_pairs, n_responses)
        What the algorithm decides for `base` with that variable set to its value for `source`;
        NaN for decisions that do not matter.
    search
        How the subspace is searched for.
    n_folds, seed, batch_size, device
        As in `role`.

    Returns
    -------
    Interchange

    Raises
    ------
    InvalidInputError
        If pairs, decisions and responses do not go together, or pairs are too few for the folds.

    Examples
    --------
    >>> network = nn.Sequential(nn.Identity(), nn.Linear(2, 1, bias=False))
    >>> _ = nn.init.ones_(network[1].weight)
    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(16, 1)
    >>> found = interchange_accuracy(network, "0", x, -x, (x[:, :1] < 0).numpy())
    >>> found.accuracy, found.whole, found.untouched
    (1.0, 1.0, 0.0)
    """
    n_pairs = count_of(base)
    right = torch.as_tensor(np.asarray(wanted, dtype=np.float32).reshape(len(wanted), -1))
    if count_of(source) != n_pairs or len(right) != n_pairs:
        raise InvalidInputError(
            f"got {n_pairs} base stimuli, {count_of(source)} source stimuli and {len(right)} rows "
            "of wanted decisions; give one of each for every pair."
        )
    if n_folds < 2 or n_pairs < 4 * n_folds:
        raise InvalidInputError(
            f"{n_pairs} pairs in {n_folds} folds are too few; n_folds must be 2 or more, with 4 "
            "pairs or more in each."
        )
    rng = np.random.default_rng(seed)
    folds = torch.as_tensor(rng.permutation(np.arange(n_pairs) % n_folds))
    generator = torch.Generator().manual_seed(seed)
    with bench(network, device, batch_size) as on:
        torch.manual_seed(seed)
        right, folds = right.to(on.device), folds.to(on.device)
        before, own = on.run(base, region)
        _, other = on.run(source, region)
        assert own is not None
        assert other is not None
        if right.shape[1] != before.shape[1]:
            raise InvalidInputError(
                f"wanted has {right.shape[1]} columns, the network {before.shape[1]} responses."
            )
        known = ~torch.isnan(right)
        signs = torch.where(known, 2 * right - 1, 0.0)

        def loss(given: Tensor, rows: Tensor) -> Tensor:
            missed = nn.functional.softplus(-signs[rows] * given) * known[rows]
            return missed.sum(dim=1) / known[rows].sum(dim=1).clamp_min(1)

        exchanged = other.clone()
        dimensions = 0
        for fold in range(n_folds):
            train, test = (folds != fold).nonzero()[:, 0], (folds == fold).nonzero()[:, 0]
            basis = find_subspace(
                on, base, region, other - own, other, signs - torch.sign(before), loss, train,
                search or Search(), generator,
            ).basis  # fmt: skip
            exchanged[test] = own[test] + ((other[test] - own[test]) @ basis) @ basis.T
            dimensions = max(dimensions, basis.shape[1])

        def correct(given: Tensor) -> np.ndarray:
            hits = ((given > 0) == (right > 0.5)) & known
            share = hits.sum(dim=1).double() / known.sum(dim=1)
            return share[known.any(dim=1)].cpu().numpy()

        hits = correct(on.run(base, region, Exchange(exchanged))[0])
        whole = correct(on.run(base, region, Exchange(other))[0])
    reach = stats.t.ppf(0.975, len(hits) - 1) * hits.std(ddof=1) / np.sqrt(len(hits))
    accuracy = float(hits.mean())
    return Interchange(
        accuracy, accuracy - reach, accuracy + reach, float(whole.mean()),
        float(correct(before).mean()), dimensions, len(hits),
    )  # fmt: skip

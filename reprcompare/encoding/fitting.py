"""Nested cross-validation: settings chosen inside of training rows, predictions outside of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reprcompare.encoding.folds import Folds
from reprcompare.encoding.spectral import FILTERS, losses, predictions
from reprcompare.encoding.systems import System, Systems

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Fit:
    """Held-out predictions of all rows, and what was chosen for them.

    Attributes
    ----------
    predicted : array, shape (n_rows, n_targets)
        Each row by the model of the outer fold that holds it out.
    by_group : array, shape (n_groups, n_rows, n_targets), or None
        The parts of `predicted`, less the mean, that come from each group.
    setting : array, shape (n_folds, n_targets)
        Chosen penalty, or number of components.
    weight : array, shape (n_folds, n_groups, n_targets)
        Chosen weights of the groups.
    inner_r2 : array, shape (n_folds, n_targets)
        R2 of the choice in the inner folds, which choices between candidates go by.
    columns : list of arrays, shape (n_delays x p, n_targets)
        Weights of every group's columns, averaged over outer folds; empty if not asked for.
    """

    predicted: np.ndarray
    by_group: np.ndarray | None
    setting: np.ndarray
    weight: np.ndarray
    inner_r2: np.ndarray
    columns: list[np.ndarray]


@dataclass(frozen=True)
class Search:
    """What is searched inside of the training rows.

    Attributes
    ----------
    filters
        A name in `FILTERS`.
    settings : array, shape (n_settings,)
        Penalties or numbers of components, strongest regularisation first: ties go to it.
    weights : array, shape (n_iter, n_groups)
        Weights of groups to try.
    """

    filters: str
    settings: np.ndarray
    weights: np.ndarray


def fit(
    systems: Systems,
    targets: np.ndarray,
    folds: Folds,
    search: Search,
    *,
    by_group: bool = False,
    columns: bool = False,
    precision: str = "float32",
    device: str = "cpu",
) -> Fit:
    """Fit and predict by nested cross-validation.

    Parameters
    ----------
    systems
        Predictors.
    targets : array, shape (n_rows, n_targets)
        Responses.
    folds, search
        What is held out, and what is tried.
    by_group, columns
        Whether to return the parts of groups, and the weights of columns.
    precision, device
        Of the products with targets; decompositions are always in float64.

    Returns
    -------
    Fit
    """
    import torch

    dtype = getattr(torch, precision)
    responses = torch.as_tensor(np.ascontiguousarray(targets), dtype=dtype, device=device)
    n, n_targets = responses.shape
    n_groups = search.weights.shape[1]
    result = Fit(
        np.empty((n, n_targets), dtype=precision),
        np.empty((n_groups, n, n_targets), dtype=precision) if by_group else None,
        np.empty((folds.number, n_targets)),
        np.empty((folds.number, n_groups, n_targets)),
        np.empty((folds.number, n_targets)),
        [],
    )
    for number in range(folds.number):
        training = folds.outer != number
        system = systems(training)
        train, held = _rows(training, device), _rows(~training, device)
        choice = _choose(system, responses, folds.inner[number], search, dtype)
        result.inner_r2[number] = choice.r2
        result.setting[number] = search.settings[choice.setting.cpu().numpy()]
        result.weight[number] = search.weights[choice.weight.cpu().numpy()].T
        mean = responses[train].mean(dim=0)
        rows, trained = held.cpu().numpy(), train.cpu().numpy()
        dual = np.zeros((n_groups, n, n_targets), dtype=precision) if columns else None
        for index in choice.weight.unique().tolist():
            mine = torch.nonzero(choice.weight == index).ravel()
            own = responses[train][:, mine] - mean[mine]
            weights = search.weights[index]
            split = system.split(train, held, weights, dtype)
            settings = (choice.setting[mine], search.settings, FILTERS[search.filters])
            places = mine.cpu().numpy()
            predicted = predictions(split, own, *settings)
            result.predicted[np.ix_(rows, places)] = (predicted + mean[mine]).cpu().numpy()
            if result.by_group is not None:
                parts = system.held_by_group(split, train, held, weights)
                for group, coordinates in enumerate(parts):
                    part = predictions(split, own, *settings, held=coordinates.to(dtype))
                    result.by_group[group][np.ix_(rows, places)] = part.cpu().numpy()
            if dual is not None:
                # Held-out coordinates of kernel rows k are k V; the unit kernel gives coefficients.
                value = predictions(split, own, *settings, held=split.vectors).cpu().numpy()
                for group, weight in enumerate(weights):
                    dual[group][np.ix_(trained, places)] = weight * value
        if dual is not None:
            found = [system.back(g, part) / folds.number for g, part in enumerate(dual)]
            before = result.columns or [np.zeros_like(part) for part in found]
            result.columns[:] = [a + b for a, b in zip(before, found, strict=True)]
    return result


@dataclass(frozen=True)
class _Choice:
    """Index of the setting and of the weights of each target, and its R2 in the inner folds."""

    setting: "Tensor"
    weight: "Tensor"
    r2: np.ndarray


def _choose(
    system: System, responses: "Tensor", inner: np.ndarray, search: Search, dtype: "torch.dtype"
) -> _Choice:
    """Choose by the mean squared error in the inner folds."""
    import torch

    device, n_targets = responses.device, responses.shape[1]
    best = torch.full((n_targets,), torch.inf, dtype=torch.float64, device=device)
    setting = torch.zeros(n_targets, dtype=torch.int64, device=device)
    weight = torch.zeros_like(setting)
    spread = torch.zeros_like(best)
    numbers = range(int(inner.max()) + 1)
    for index, weights in enumerate(search.weights):
        total = torch.zeros((n_targets, len(search.settings)), dtype=torch.float64, device=device)
        for number in numbers:
            train = _rows((inner >= 0) & (inner != number), device)
            held = _rows(inner == number, device)
            split = system.split(train, held, weights, dtype)
            mean = responses[train].mean(dim=0)
            own, other = responses[train] - mean, responses[held] - mean
            total += losses(split, own, other, search.settings, FILTERS[search.filters])
            if index == 0:
                spread += other.double().square().mean(dim=0)
        least, place = total.min(dim=1)
        better = least < best
        best = torch.where(better, least, best)
        setting = torch.where(better, place, setting)
        weight = torch.where(better, torch.full_like(weight, index), weight)
    r2 = 1 - best / spread.clamp(min=1e-300)
    return _Choice(setting, weight, r2.cpu().numpy())


def _rows(chosen: np.ndarray, device: "str | torch.device") -> "Tensor":
    import torch

    return torch.as_tensor(np.flatnonzero(chosen), device=device)


def group_weights(n_groups: int, n_iter: int, seed: int = 0) -> np.ndarray:
    """Draw weights of groups for banded ridge regression.

    Equal weights come first, then every group alone, then draws from Dirichlet distributions of
    concentration 0.1 and 1 in turn (Dupre la Tour et al. 2022, NeuroImage 264).

    Parameters
    ----------
    n_groups
    n_iter
        Draws, beside the first ones.
    seed

    Returns
    -------
    numpy.ndarray, shape (1 + n_groups + n_iter, n_groups)
        Rows sum to 1; one row where there is one group.

    Examples
    --------
    >>> group_weights(2, 0).tolist()
    [[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]
    """
    if n_groups == 1:
        return np.ones((1, 1))
    random = np.random.default_rng(seed)
    drawn = [
        random.dirichlet(np.full(n_groups, (0.1, 1.0)[number % 2])) for number in range(n_iter)
    ]
    return np.concatenate(
        [np.full((1, n_groups), 1 / n_groups), np.eye(n_groups), *[drawn] * bool(drawn)]
    )

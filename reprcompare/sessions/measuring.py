"""Measure what exchanging and erasing a feature in one region does to a network's answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from reprcompare.errors import InvalidInputError, listing
from reprcompare.recording import reported_features
from reprcompare.sessions.effects import Effect, dependence, first_slope, flips, normalised, ratio
from reprcompare.sessions.erasure import erase
from reprcompare.sessions.interventions import Bench, Displacement, Exchange
from reprcompare.sessions.nulls import matched_directions, off_manifold, shuffled_steps
from reprcompare.sessions.pairs import Pairs, Shown
from reprcompare.sessions.subspaces import Search, find_subspace

FEWEST = 16
"""Stimuli with a counterfactual that are needed: a quarter of half of them chooses dimensions."""


MANY_LEVELS = 12
"""Labels with more values than this are numbers, not levels."""


@dataclass(frozen=True)
class Reports:
    """Which feature each response reports.

    Attributes
    ----------
    features
        One name a response, '' for none. A feature with several responses has one for each of its
        levels, in their order, and decides for the largest.
    """

    features: list[str]

    def level(self, response: int, feature: str) -> int | None:
        """Return the level of a feature that a response stands for, None if it is of no level."""
        own = [place for place, name in enumerate(self.features) if name == feature]
        return own.index(response) if response in own and len(own) > 1 else None

    def directions(self, feature: str, pairs: Pairs) -> np.ndarray:
        """Return the direction of every response's change towards the counterfactual.

        Returns
        -------
        numpy.ndarray, shape (n_stimuli, n_responses)
            1 where the feature rises (or the level that the response stands for comes), -1 where it
            falls; NaN where nothing counts.
        """
        levels = [self.level(place, feature) for place in range(len(self.features))]
        return np.stack([pairs.direction(level) for level in levels], axis=1)

    def decisions(self, answers: np.ndarray) -> np.ndarray:
        """Return what answers decide: a sign, or the largest of several responses.

        Parameters
        ----------
        answers : array, shape (n_stimuli, n_responses)

        Returns
        -------
        numpy.ndarray of int, of the same shape
        """
        decided = (answers > 0).astype(int)
        for name in set(self.features) - {""}:
            own = [place for place, other in enumerate(self.features) if other == name]
            if len(own) > 1:
                decided[:, own] = answers[:, own].argmax(axis=1)[:, None]
        return decided


@dataclass(frozen=True)
class Answers:
    """What the network answers to the stimuli, and what its answers are measured by.

    Attributes
    ----------
    base : tensor, shape (n_stimuli, n_responses)
        Answers to the stimuli.
    other : dict of such tensors
        Answers to the counterfactuals, by feature.
    whole : array, shape (n_stimuli, n_responses)
        Change of each response that the counterfactual of its feature makes, in its direction.
    spread : array, shape (n_responses,)
        Standard deviation of each response over stimuli.
    unit : array, shape (n_responses,)
        What a change is divided by.
    reports
        Which feature each response reports.
    """

    base: Tensor
    other: dict[str, Tensor]
    whole: np.ndarray
    spread: np.ndarray
    unit: np.ndarray
    reports: Reports


@dataclass(frozen=True)
class Settings:
    """How effects are measured; `notes` collects what could not be."""

    search: Search
    n_folds: int
    n_null: int
    seed: int
    notes: dict[str, None] = field(default_factory=dict)


def answer(
    on: Bench,
    shown: Shown,
    recording: xr.Dataset,
    responses: Sequence[str] | None,
    settings: Settings,
) -> Answers:
    """Show stimuli and counterfactuals, and find the unit in which effects are measured."""
    base, _ = on.run(shown.inputs)
    other = {name: on.run(pairs.inputs)[0] for name, pairs in shown.pairs.items()}
    reports = Reports(_reported(recording, responses, base.shape[1]))
    changes = {
        name: reports.directions(name, pairs) * _numbers(other[name] - base)
        for name, pairs in shown.pairs.items()
        if len(pairs.usable)
    }
    if not changes:
        raise InvalidInputError(
            f"no counterfactual differs in its feature ({listing(shown.pairs)}), so that there is "
            "nothing to exchange."
        )
    whole = np.full(base.shape, np.nan)
    for place, name in enumerate(reports.features):
        if name not in changes:
            # A response that reports nothing known is measured by what moves it most.
            name = max(changes, key=lambda n: abs(np.nanmean(changes[n][:, place])))
        whole[:, place] = changes[name][:, place]
    spread = _numbers(base).std(axis=0, ddof=1)
    for place in np.flatnonzero(spread < 1e-12).tolist():
        settings.notes[
            f"response {place} is the same for all stimuli: nothing has a role in it"
        ] = None
    unit = np.maximum(np.abs(np.nanmean(whole, axis=0)), spread)
    return Answers(base, other, whole, spread, np.where(unit > 0, unit, np.nan), reports)


def measure(
    on: Bench,
    shown: Shown,
    answers: Answers,
    region: str,
    states: Tensor,
    name: str,
    pairs: Pairs,
    settings: Settings,
) -> dict[str, np.ndarray]:
    """Measure the effects of one feature in one region, on all responses."""
    usable = pairs.usable
    if len(usable) < FEWEST:
        settings.notes[
            f"{name!r} has {len(usable)} counterfactuals that differ in it, too few to learn and "
            f"to test a subspace ({FEWEST})"
        ] = None
        return {}
    _, others = on.run(pairs.inputs, region)
    assert others is not None
    target = answers.other[name] - answers.base
    rng = np.random.default_rng([settings.seed, shown.features.index(name)])
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    folds = rng.permutation(np.arange(len(usable)) % settings.n_folds)
    learned = others.clone()
    still = torch.zeros(settings.n_null, *states.shape, dtype=states.dtype, device=states.device)
    shuffled, random = still, still.clone()
    erased = torch.full_like(answers.base, torch.nan)
    dimensions, distances = [], []

    scale = torch.as_tensor(1 / np.nan_to_num(answers.unit, nan=np.inf)).to(answers.base)
    directions = answers.reports.directions(name, pairs)

    def loss(given: Tensor, rows: Tensor) -> Tensor:
        return ((given - answers.other[name][rows]) * scale).square().sum(dim=1)

    def change(given: Tensor) -> np.ndarray:
        return directions * _numbers(given - answers.base)

    for fold in range(settings.n_folds):
        train = torch.as_tensor(usable[folds != fold], device=states.device)
        test = torch.as_tensor(usable[folds == fold], device=states.device)
        subspace = find_subspace(
            on, shown.inputs, region, others - states, others, target, loss, train,
            settings.search, generator,
        )  # fmt: skip
        basis = subspace.basis
        step = ((others[test] - states[test]) @ basis) @ basis.T
        learned[test] = states[test] + step
        shuffled[:, test] = shuffled_steps(step, settings.n_null, generator)
        random[:, test] = matched_directions(
            states[train], others[test] - states[test], step, basis.shape[1], settings.n_null,
            generator,
        )  # fmt: skip
        dimensions.append(basis.shape[1])
        distances.append(
            off_manifold(learned[test], others[test], torch.cat([states[train], others[train]]))
        )
        erased[test] = _erased(on, shown, region, states, name, train, test)
    after, _ = on.run(shown.inputs, region, Exchange(learned))
    swapped, _ = on.run(shown.inputs, region, Exchange(others))
    found = normalised(change(after), answers.whole, answers.spread)
    lost = _lost(shown, name, pairs, answers, erased)
    decisions = [
        answers.reports.decisions(_numbers(given)[usable])
        for given in (answers.base, after, answers.other[name])
    ]
    measured = {
        "effect": found.estimate,
        "effect_low": found.low,
        "effect_high": found.high,
        "effect_whole": ratio(change(swapped), answers.whole, answers.spread),
        "effect_flip": flips(*decisions),
        "effect_erasure": lost.estimate,
        "effect_erasure_low": lost.low,
        "effect_erasure_high": lost.high,
        "effect_dimensions": np.array(max(dimensions)),
        "effect_off_manifold": np.array(np.mean(distances)),
    }
    for variable, steps in (("effect_null", shuffled), ("effect_random", random)):
        if settings.n_null:
            given = [on.run(shown.inputs, region, Displacement(vectors))[0] for vectors in steps]
            null = [ratio(change(one), answers.whole, answers.spread) for one in given]
            measured[variable] = np.quantile(null, 0.95, axis=0)
    return measured


def _erased(
    on: Bench,
    shown: Shown,
    region: str,
    states: Tensor,
    name: str,
    train: Tensor,
    test: Tensor,
) -> Tensor:
    """Return the answers to test stimuli after erasing a feature, as it is read on the others."""
    place = shown.features.index(name)
    labels = [_columns(values) for values in np.nan_to_num(shown.labels).T]
    rest = [columns for other, columns in enumerate(labels) if other != place]
    own, others = (
        torch.as_tensor(np.concatenate([np.empty((len(states), 0)), *parts], axis=1)).to(states)
        for parts in ([labels[place]], rest)
    )
    erasure = erase(states[train], own[train], others[train])
    answers, _ = on.run(shown.inputs, region, erasure)
    return answers[test]


def _lost(shown: Shown, name: str, pairs: Pairs, answers: Answers, erased: Tensor) -> Effect:
    """Return the loss of the answers' dependence on a feature, given the others, in their unit."""
    rows = pairs.usable
    rest = [_columns(shown.labels[rows, f]) for f, n in enumerate(shown.features) if n != name]
    lost = _numbers(answers.base - erased)[rows]
    slopes = np.empty(lost.shape[1])
    without = np.empty(answers.base.shape)
    for place in range(lost.shape[1]):
        before, after = pairs.values(answers.reports.level(place, name))
        design = np.column_stack([before[rows], np.ones(len(rows)), *rest])
        slope, left = first_slope(design, lost[:, place])
        moved = np.abs(after - before)[rows]
        n_moved = (moved > 0).sum()
        # A stimulus without a counterfactual leaves the slope as it is.
        without[:, place] = slopes[place] = slope * moved.sum() / n_moved
        without[rows, place] = left * (moved.sum() - moved) / (n_moved - (moved > 0))
    return dependence(slopes, without, answers.whole, answers.spread)


def _columns(values: np.ndarray) -> np.ndarray:
    """Code a feature for regression: few levels one by one, numbers as they are."""
    levels = np.unique(values)
    if len(levels) > MANY_LEVELS:
        return values[:, None]
    return (values[:, None] == levels[1:]).astype(float)


def _numbers(answers: Tensor) -> np.ndarray:
    return answers.double().cpu().numpy()


def _reported(
    recording: xr.Dataset, responses: Sequence[str] | None, n_responses: int
) -> list[str]:
    """Return the feature that each response reports, '' for none."""
    if responses is not None:
        if len(responses) != n_responses:
            raise InvalidInputError(
                f"responses names {len(responses)} features, the network has {n_responses} "
                "responses; give one name for each, '' where it reports none."
            )
        return [str(name) for name in responses]
    known = {
        place: name for name, places in reported_features(recording).items() for place in places
    }
    return [known.get(place, "") for place in range(n_responses)]

"""The causal role of features, measured by interchange interventions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from tqdm import tqdm

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.networks import weights_sha256
from reprcompare.recording import check_structure, labels_of, reported_features
from reprcompare.recording.provenance import provenance_of
from reprcompare.sessions.effects import flips, normalised
from reprcompare.sessions.erasure import erase
from reprcompare.sessions.images import Preprocess
from reprcompare.sessions.interventions import Bench, Displacement, Exchange, bench
from reprcompare.sessions.nulls import matched_directions, off_manifold
from reprcompare.sessions.pairs import Pairs, Shown, bring_together
from reprcompare.sessions.subspaces import Search, find_subspace

FEWEST = 16
"""Stimuli with a counterfactual that are needed: a quarter of half of them chooses dimensions."""

BY_RESPONSE = (
    *("effect", "effect_low", "effect_high", "effect_null"),
    *("effect_whole", "effect_flip", "effect_erasure"),
)
BY_FEATURE = ("effect_dimensions", "effect_off_manifold")


@dataclass
class _Answers:
    """What the network answers to the stimuli, and what its answers are measured by."""

    base: Tensor
    other: dict[str, Tensor]
    whole: np.ndarray
    spread: np.ndarray
    unit: Tensor


@dataclass(frozen=True)
class _Settings:
    search: Search
    n_folds: int
    n_null: int
    seed: int
    notes: dict[str, None] = field(default_factory=dict)


def role(
    network: nn.Module,
    recording: xr.Dataset,
    stimuli: object,
    counterfactuals: Mapping[str, object],
    *,
    regions: str | Sequence[str] | None = None,
    subject: str | None = None,
    responses: Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    search: Search | None = None,
    n_folds: int = 2,
    n_null: int = 20,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Measure what each region of a network contributes to its answers through each feature.

    Every stimulus is shown while the activity of one region, in one subspace, is taken from the
    run of a counterfactual stimulus that differs in one feature. The subspace is learned on other
    stimuli than those that the effect is measured on; all stimuli are used for both in turn.

    Parameters
    ----------
    network
        The network that was recorded. It is left as it was.
    recording
        Its recording: regions, labels, and which response reports which feature.
    stimuli
        As for `record`; with the ids of the recording where they carry none.
    counterfactuals
        By feature: for every stimulus one that differs in this feature and, as far as it is
        labelled, in nothing else. Stimulus sets with labels and the coordinate
        `counterfactual_of`, or arrays with a row for every stimulus.
    regions
        Regions to intervene on, all of the recording by default.
    subject
        Which subject of the recording the network is, if there are several.
    responses
        The feature that each response reports, '' for none; by default what the recording says.
    preprocess
        As in `record`.
    search
        How subspaces are searched for.
    n_folds
        Parts into which stimuli are divided: each is measured with subspaces learned on the others.
    n_null
        Random subspaces with which each effect is compared; 0 leaves `effect_null` out.
    seed
        Of folds, orders and random subspaces.
    batch_size
        Stimuli in a forward pass.
    device
        Where to run; where the network is by default.
    progress
        Show a bar if the terminal can.

    Returns
    -------
    xarray.Dataset
        The recording with, by subject, region, feature and response:

        - `effect`, `effect_low`, `effect_high`: mean change of the response towards the
          counterfactual, 1 being the change that the counterfactual stimulus itself makes in the
          response that reports its feature; 95 % over stimuli;
        - `effect_null`: 95th percentile of the effects of random subspaces of the same number of
          dimensions, drawn by the variance of the activity, that move it equally far;
        - `effect_whole`: the same effect when the whole state of the region is exchanged;
        - `effect_flip`: how often the decision (the sign of the response) becomes that of the
          counterfactual, where the two differ;
        - `effect_erasure`: the part of the response's dependence on the feature that is lost when
          what is linearly readable of the feature, beyond the other features, is erased;

        and by subject, region and feature `effect_dimensions` of the subspace and
        `effect_off_manifold`, how far exchanged states lie from natural ones (1: as far as natural
        ones from each other). What the data could not support is NaN, with the reason in the
        attribute `notes` of `effect`.

    Raises
    ------
    InvalidInputError, LabelMismatchError, UnknownNameError
        If network, recording, stimuli and counterfactuals do not belong together.
    """
    if not isinstance(network, nn.Module):
        raise InvalidInputError(
            f"network is a {type(network).__name__}, expected a torch.nn.Module."
        )
    check_structure(recording)
    owner = _subject(recording, subject)
    _check_weights(network, recording)
    chosen = _regions(recording, regions)
    if n_folds < 2 or n_null < 0:
        raise InvalidInputError(
            f"n_folds must be 2 or more and n_null 0 or more, got {n_folds} and {n_null}."
        )
    shown = bring_together(recording, stimuli, counterfactuals, preprocess)
    settings = _Settings(search or Search(), n_folds, n_null, seed)
    settings.notes.update(dict.fromkeys(shown.notes.values()))
    with bench(network, device, batch_size) as on:
        torch.manual_seed(seed)
        answers = _answers(on, shown, recording, responses, settings)
        n_responses = answers.base.shape[1]
        found = {
            name: np.full((len(chosen), len(shown.features), n_responses), np.nan)
            for name in BY_RESPONSE
        } | {name: np.full((len(chosen), len(shown.features)), np.nan) for name in BY_FEATURE}
        bar = tqdm(
            total=len(chosen) * len(shown.pairs),
            desc=f"role {owner}",
            unit="subspace",
            disable=None if progress else True,
        )
        with bar:
            for r, region in enumerate(chosen):
                _, states = on.run(shown.inputs, region)
                assert states is not None
                for name, pairs in shown.pairs.items():
                    measured = _measure(on, shown, answers, region, states, name, pairs, settings)
                    for variable, values in measured.items():
                        found[variable][r, shown.features.index(name)] = values
                    bar.update()
    attrs = {
        "long_name": "effect of interchange interventions",
        "notes": "; ".join(settings.notes),
        "method": json.dumps({**asdict(settings.search), "n_folds": n_folds, "n_null": n_null,
                              "seed": seed, "n_stimuli": len(shown.ids)}),
    }  # fmt: skip
    return _stored(recording, owner, chosen, shown.features, found, attrs)


def _answers(
    on: Bench,
    shown: Shown,
    recording: xr.Dataset,
    responses: Sequence[str] | None,
    settings: _Settings,
) -> _Answers:
    """Show stimuli and counterfactuals, and find the unit in which effects are measured."""
    base, _ = on.run(shown.inputs)
    other = {name: on.run(pairs.inputs)[0] for name, pairs in shown.pairs.items()}
    n_responses = base.shape[1]
    reported = _reported(recording, responses, n_responses)
    changes = {
        name: pairs.direction[:, None] * (other[name] - base).double().cpu().numpy()
        for name, pairs in shown.pairs.items()
        if not np.isnan(pairs.change).all()
    }
    if not changes:
        raise InvalidInputError(
            f"no counterfactual differs in its feature ({listing(shown.pairs)}), so that there is "
            "nothing to exchange."
        )
    whole = np.full(base.shape, np.nan)
    for place in range(n_responses):
        name = reported[place]
        if name not in changes:
            # A response that reports nothing known is measured by what moves it most.
            name = max(changes, key=lambda n: abs(np.nanmean(changes[n][:, place])))
        whole[:, place] = changes[name][:, place]
    spread = base.double().std(dim=0).cpu().numpy()
    for place in np.flatnonzero(spread < 1e-12).tolist():
        settings.notes[
            f"response {place} is the same for all stimuli: nothing has a role in it"
        ] = None
    unit = np.maximum(np.abs(np.nanmean(whole, axis=0)), spread)
    return _Answers(
        base, other, whole, spread, torch.as_tensor(np.where(unit > 0, unit, 1.0)).to(base)
    )


def _measure(
    on: Bench,
    shown: Shown,
    answers: _Answers,
    region: str,
    states: Tensor,
    name: str,
    pairs: Pairs,
    settings: _Settings,
) -> dict[str, np.ndarray]:
    """Measure the effects of one feature in one region, on all responses."""
    usable = np.flatnonzero(~np.isnan(pairs.change))
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
    moved = torch.zeros(settings.n_null, *states.shape, dtype=states.dtype, device=states.device)
    erased = torch.full_like(answers.base, torch.nan)
    dimensions, distances = [], []

    def loss(given: Tensor, rows: Tensor) -> Tensor:
        wanted = answers.other[name][rows]
        return ((given - wanted) / answers.unit).square().sum(dim=1)

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
        moved[:, test] = matched_directions(
            states[train], others[test] - states[test], step, basis.shape[1], settings.n_null,
            generator,
        )  # fmt: skip
        dimensions.append(basis.shape[1])
        distances.append(
            off_manifold(learned[test], others[test], torch.cat([states[train], others[train]]))
        )
        erased[test] = _erased(on, shown, region, states, name, train, test)
    rows = torch.as_tensor(usable, device=states.device)

    def change(given: Tensor) -> np.ndarray:
        return pairs.direction[:, None] * (given - answers.base).double().cpu().numpy()

    after, _ = on.run(shown.inputs, region, Exchange(learned))
    swapped, _ = on.run(shown.inputs, region, Exchange(others))
    effect = normalised(change(after), answers.whole, answers.spread)
    found = {
        "effect": effect.estimate,
        "effect_low": effect.low,
        "effect_high": effect.high,
        "effect_whole": normalised(change(swapped), answers.whole, answers.spread).estimate,
        "effect_flip": flips(
            *(part[rows].cpu().numpy() for part in (answers.base, after, answers.other[name]))
        ),
        "effect_erasure": _lost(shown, name, pairs, answers, erased, usable),
        "effect_dimensions": np.array(max(dimensions)),
        "effect_off_manifold": np.array(np.mean(distances)),
    }
    if settings.n_null:
        null = [
            normalised(
                change(on.run(shown.inputs, region, Displacement(vectors))[0]),
                answers.whole,
                answers.spread,
            ).estimate
            for vectors in moved
        ]
        found["effect_null"] = np.quantile(null, 0.95, axis=0)
    return found


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
    labels = torch.as_tensor(np.nan_to_num(shown.labels), device=states.device)
    place = shown.features.index(name)
    rest = [other for other in range(len(shown.features)) if other != place]
    erasure = erase(states[train], labels[train][:, [place]], labels[train][:, rest])
    answers, _ = on.run(shown.inputs, region, erasure)
    return answers[test]


def _lost(
    shown: Shown,
    name: str,
    pairs: Pairs,
    answers: _Answers,
    erased: Tensor,
    usable: np.ndarray,
) -> np.ndarray:
    """Return the loss of the answers' dependence on a feature, given the others, in their unit."""
    place = shown.features.index(name)
    design = np.column_stack([shown.labels, np.ones(len(shown.labels))])[usable]
    after = (answers.base - erased).double().cpu().numpy()[usable]
    slope = np.linalg.lstsq(design, after, rcond=None)[0][place]
    size = np.abs(pairs.change[usable]).mean()
    return slope * size / answers.unit.double().cpu().numpy()


def _subject(recording: xr.Dataset, subject: str | None) -> str:
    known = labels_of(recording, "subject")
    if subject is None and len(known) > 1:
        raise InvalidInputError(
            f"the recording has {len(known)} subjects ({listing(known, 3)}); say with subject= "
            "which one the network is."
        )
    if subject is not None and subject not in known:
        raise UnknownNameError(unknown_name("subject", subject, known, "the recording"))
    return subject or known[0]


def _check_weights(network: nn.Module, recording: xr.Dataset) -> None:
    """Notice that a recording was made with other weights, where it says with which."""
    session = provenance_of(recording).get("session", {})
    recorded = session.get("weights_sha256") if isinstance(session, dict) else None
    alone = len(labels_of(recording, "subject")) == 1 and "training_step" not in recording.dims
    if recorded and alone and recorded != weights_sha256(network):
        raise LabelMismatchError(
            "the network has other weights than the one that was recorded (their checksums "
            "differ); load the weights of the recording, or record the network again."
        )


def _regions(recording: xr.Dataset, regions: str | Sequence[str] | None) -> list[str]:
    known = labels_of(recording, "region")
    asked = known if regions is None else [regions] if isinstance(regions, str) else list(regions)
    for name in asked:
        if name not in known:
            raise UnknownNameError(unknown_name("region", name, known, "the recording"))
    return [name for name in known if name in asked]


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
    places = {place: name for name, place in reported_features(recording).items()}
    return [places.get(place, "") for place in range(n_responses)]


def _stored(
    recording: xr.Dataset,
    subject: str,
    regions: list[str],
    features: list[str],
    found: Mapping[str, np.ndarray],
    attrs: Mapping[str, object],
) -> xr.Dataset:
    """Return the recording with what was found; what it held of other subjects stays."""
    n_responses = found["effect"].shape[2]
    responses = (
        recording["response"].values
        if "response" in recording.coords and recording.sizes["response"] == n_responses
        else np.array([str(place) for place in range(n_responses)])
    )
    coords = {
        "by_subject": [subject],
        "by_region": regions,
        "feature": features,
        "response": responses,
    }
    dims = tuple(coords)
    made = xr.Dataset(
        {name: (dims[: values.ndim + 1], values[None]) for name, values in found.items()},
        coords=coords,
    )
    earlier = recording[[name for name in found if name in recording]]
    whole = {
        "by_subject": labels_of(recording, "subject"),
        "by_region": labels_of(recording, "region"),
        "feature": list(dict.fromkeys([*_coordinate(recording, "feature"), *features])),
    }
    made = made.combine_first(earlier).reindex(whole)
    made["effect"].attrs = dict(attrs)
    rest = recording.drop_vars(list(earlier.data_vars))
    return rest.merge(made, join="outer", combine_attrs="override", compat="no_conflicts")


def _coordinate(recording: xr.Dataset, name: str) -> list[str]:
    return [str(value) for value in recording[name].values] if name in recording.coords else []

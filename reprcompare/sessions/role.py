"""The causal role of features, measured by interchange interventions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
import xarray as xr
from torch import nn
from tqdm import tqdm

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.networks import weights_sha256
from reprcompare.recording import check_structure, labels_of
from reprcompare.recording.provenance import provenance_of
from reprcompare.sessions.images import Preprocess
from reprcompare.sessions.interventions import bench
from reprcompare.sessions.measuring import Settings, answer, measure
from reprcompare.sessions.pairs import bring_together
from reprcompare.sessions.subspaces import Search

BY_RESPONSE = (
    *("effect", "effect_low", "effect_high", "effect_null"),
    *("effect_random", "effect_whole", "effect_flip"),
    *("effect_erasure", "effect_erasure_low", "effect_erasure_high"),
)
BY_FEATURE = ("effect_dimensions", "effect_off_manifold")


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
        `counterfactual_of`; or, for features of two values, arrays with a row for every stimulus,
        or folders of images named as the stimuli.
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
        Draws of each kind with which effects are compared; with 0 there is no such comparison.
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
        - `effect_null`: 95th percentile of the effects when every state is moved by the step of
          another one, which has the same direction, variance and length but leads nowhere;
        - `effect_random`: 95th percentile of the effects of random subspaces of the same number of
          dimensions, drawn by the variance of the activity, that move it equally far; where it is
          as large as `effect`, most of the region carries the feature, not this subspace alone;
        - `effect_whole`: the same effect when the whole state of the region is exchanged;
        - `effect_flip`: how often the decision (the sign of the response) becomes that of the
          counterfactual, where the two differ;
        - `effect_erasure`: the part of the response's dependence on the feature that is lost when
          what is linearly readable of the feature, beyond the other features, is erased, and
          `effect_erasure_low`, `effect_erasure_high`: 95 % over stimuli, the erasure given;

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
    settings = Settings(search or Search(), n_folds, n_null, seed)
    settings.notes.update(dict.fromkeys(shown.notes.values()))
    with bench(network, device, batch_size) as on:
        torch.manual_seed(seed)
        answers = answer(on, shown, recording, responses, settings)
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
                    measured = measure(on, shown, answers, region, states, name, pairs, settings)
                    for variable, values in measured.items():
                        found[variable][r, shown.features.index(name)] = values
                    bar.update()
    attrs = {
        "long_name": "effect of interchange interventions",
        "notes": "; ".join(settings.notes),
        "method": json.dumps({**asdict(settings.search), "n_folds": n_folds, "n_null": n_null,
                              "seed": seed, "n_stimuli": len(shown.ids)}),
    }  # fmt: skip
    reports = answers.reports.features
    return _stored(recording, owner, chosen, shown.features, reports, found, attrs)


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


def _stored(
    recording: xr.Dataset,
    subject: str,
    regions: list[str],
    features: list[str],
    reports: list[str],
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
    joined = rest.merge(made, join="outer", combine_attrs="override", compat="no_conflicts")
    if not any(reports) or joined.sizes["response"] != len(reports):
        return joined
    return joined.assign_coords(response_feature=("response", np.array(reports, dtype=np.str_)))


def _coordinate(recording: xr.Dataset, name: str) -> list[str]:
    return [str(value) for value in recording[name].values] if name in recording.coords else []

"""What is compared: recordings or RDMs, brought to the same stimuli by label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.comparison.controls import with_controls
from reprcompare.errors import InvalidInputError, NotIdentifiableError, listing
from reprcompare.geometry import (
    NAN_POLICIES,
    FlexibleModel,
    Subjects,
    by_region,
    complete_stimuli,
    join,
    rdm,
    stimulus_ids,
    take_stimuli,
)

Source: TypeAlias = xr.Dataset | RDMs | FlexibleModel


@dataclass(frozen=True)
class Joined:
    """Models and brain on the same stimuli.

    Attributes
    ----------
    stimulus_ids : array of str, shape (n_stimuli,)
    models : dict of name to list of Subjects
        One entry a region of the model; its subjects are networks.
    brain : list of Subjects
        One entry a region.
    dropped : dict of name to list of str
        Stimuli that were left out, by the object that had them; under "undefined" those that went
        because of NaN dissimilarities.
    fits : dict of name to str
        How flexible models are fitted; their "networks" are components.
    sources : dict of name to Source
        What the models are made of, and under "" the brain.
    """

    stimulus_ids: np.ndarray
    models: dict[str, list[Subjects]]
    brain: list[Subjects]
    dropped: dict[str, list[str]]
    fits: dict[str, str]
    sources: dict[str, Source]


def join_inputs(
    models: Mapping[str, Source] | Sequence[Source] | Source,
    brain: Source,
    metric: str = "correlation",
    nan: str = "raise",
    controls: Sequence[str] = (),
    seed: int = 0,
    untrained: Mapping[str, Source] | None = None,
) -> Joined:
    """Bring models and brain to RDMs of the same stimuli.

    Parameters
    ----------
    models
        Recordings or RDMs by name, a list of them, or one.
    brain
        A recording or RDMs.
    metric
        For recordings; see `rdm`.
    nan
        "raise", or "drop" to leave out stimuli with undefined dissimilarities.
    controls, seed, untrained
        See `with_controls`.

    Returns
    -------
    Joined

    Raises
    ------
    InvalidInputError
        If something is neither a recording nor RDMs, or dissimilarities are NaN and may not be.
    LabelMismatchError
        If RDMs carry no stimulus ids, or share too few.
    """
    if nan not in NAN_POLICIES:
        raise InvalidInputError(f"nan must be one of {listing(NAN_POLICIES)}, got {nan!r}.")
    sources = _named(models)
    if controls or untrained:
        sources = with_controls(sources, controls, seed, untrained)
    fits = {name: one.fit for name, one in sources.items() if isinstance(one, FlexibleModel)}
    named = {name: _as_rdms(one, name, metric) for name, one in sources.items()}
    if not named:
        raise InvalidInputError("there are no models to compare.")
    brain_rdms = _as_rdms(brain, "the brain", metric)
    parts = [("the brain", brain_rdms), *named.items()]
    ids, positions = join(parts)
    kept = set(ids)
    dropped = {name: [x for x in stimulus_ids(rdms, name) if x not in kept] for name, rdms in parts}
    joined = Joined(
        ids,
        {
            name: _components(rdms, where) if name in fits else _taken(rdms, where, name)
            for (name, rdms), where in zip(parts[1:], positions[1:], strict=True)
        },
        _taken(brain_rdms, positions[0], "the brain"),
        {name: gone for name, gone in dropped.items() if gone},
        fits,
        {"": brain, **sources},
    )
    return _without_nan(joined, nan)


def _named(models: Mapping[str, Source] | Sequence[Source] | Source) -> dict[str, Source]:
    if isinstance(models, Mapping) and not isinstance(models, xr.Dataset):
        return {str(name): one for name, one in models.items()}
    if isinstance(models, xr.Dataset | FlexibleModel):
        return {_name_of(models, "model"): models}
    if isinstance(models, RDMs):
        return _named_rdms(models)
    if not isinstance(models, Iterable):
        raise InvalidInputError(
            "models must be a mapping of names to recordings or RDMs, a list of them, or one; got "
            f"{type(models).__name__}."
        )
    result: dict[str, Source] = {}
    for number, one in enumerate(models, start=1):
        name = _name_of(one, f"model {number}")
        result[name if name not in result else f"{name} ({number})"] = one
    return result


def _named_rdms(models: RDMs) -> dict[str, Source]:
    """Split one RDMs object by its descriptor model or name; without one it is one model."""
    for descriptor in ("model", "name"):
        if descriptor in models.rdm_descriptors:
            names = [str(x) for x in models.rdm_descriptors[descriptor]]
            return {
                name: models.subset(descriptor, models.rdm_descriptors[descriptor][k])
                for k, name in enumerate(names)
                if name not in names[:k]
            }
    return {_name_of(models, "model"): models}


def _name_of(one: Source, default: str) -> str:
    if isinstance(one, xr.Dataset):
        return str(one.attrs.get("identifier") or default)
    if isinstance(one, RDMs):
        return str(one.descriptors.get("recording") or default)
    return default


def _as_rdms(one: Source, name: str, metric: str) -> RDMs:
    if isinstance(one, RDMs):
        return one
    if isinstance(one, FlexibleModel):
        return one.components
    if isinstance(one, xr.Dataset):
        return rdm(one, metric=metric)
    raise InvalidInputError(
        f"{name} must be a recording (xarray.Dataset) or rsatoolbox RDMs, got {type(one).__name__}."
    )


def _taken(rdms: RDMs, positions: np.ndarray, name: str) -> list[Subjects]:
    return [
        replace(part, vectors=take_stimuli(part.vectors, positions))
        for part in by_region(rdms, name)
    ]


def _components(rdms: RDMs, positions: np.ndarray) -> list[Subjects]:
    names = [str(k) for k in range(rdms.n_rdm)]
    return [Subjects("", names, take_stimuli(rdms.get_vectors(), positions), [1] * rdms.n_rdm)]


def _without_nan(joined: Joined, nan: str) -> Joined:
    named = [(name, part) for name, parts in joined.models.items() for part in parts]
    named += [("the brain", part) for part in joined.brain]
    undefined = [
        f"{name} {part.region}".strip() for name, part in named if np.isnan(part.vectors).any()
    ]
    if not undefined:
        return joined
    if nan == "raise":
        raise InvalidInputError(
            f"dissimilarities are NaN in {listing(undefined)} (a pattern without variance, a "
            "neuroid with missing values, or a pair that was not measured); leave those stimuli "
            "out with nan='drop', such neuroids with reprcompare.measurement.drop_missing, or use "
            "another metric."
        )
    keep = complete_stimuli(np.concatenate([part.vectors for _, part in named]))
    if keep.sum() < 4:
        raise NotIdentifiableError(
            f"after leaving out stimuli with NaN dissimilarities in {listing(undefined)}, "
            f"{int(keep.sum())} of {len(keep)} are left; at least 4 are needed."
        )
    where = np.flatnonzero(keep)

    def cut(part: Subjects) -> Subjects:
        return replace(part, vectors=take_stimuli(part.vectors, where))

    return replace(
        joined,
        stimulus_ids=joined.stimulus_ids[keep],
        models={name: [cut(part) for part in parts] for name, parts in joined.models.items()},
        brain=[cut(part) for part in joined.brain],
        dropped=joined.dropped | {"undefined": [str(x) for x in joined.stimulus_ids[~keep]]},
    )

"""Controls: models that should not describe the brain, to hold scores against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.errors import InvalidInputError, unknown_name
from reprcompare.geometry import FlexibleModel

Recorded: TypeAlias = xr.Dataset | RDMs | FlexibleModel


def permuted_labels(model: Recorded, rng: np.random.Generator) -> Recorded:
    """Give every stimulus of a recording or RDMs the responses to another.

    Repetitions of a stimulus stay together, and so do the components of a flexible model.
    """
    if isinstance(model, FlexibleModel):
        return replace(model, components=permuted_labels(model.components, rng))
    if isinstance(model, RDMs):
        copy = model.copy()
        ids = np.asarray(copy.pattern_descriptors["stimulus_id"])
        copy.pattern_descriptors["stimulus_id"] = list(rng.permutation(ids))
        return copy
    ids = model["stimulus_id"].values.astype(str)
    names, codes = np.unique(ids, return_inverse=True)
    shuffled = rng.permutation(names)[codes.reshape(-1)]
    return model.assign_coords(stimulus_id=(model["stimulus_id"].dims, shuffled))


def matched_noise(model: Recorded, rng: np.random.Generator) -> Recorded:
    """Replace responses by Gaussian noise with the mean and spread of every neuroid.

    Raises
    ------
    InvalidInputError
        For RDMs, which have no neuroids.
    """
    if not isinstance(model, xr.Dataset):
        raise InvalidInputError(
            "noise of equal dimension needs the recording of a model, got its RDMs; give the "
            "recording, or leave 'noise' out of controls."
        )
    activity = model["activity"]
    mean, spread = activity.mean("presentation"), activity.std("presentation")
    noise = xr.zeros_like(activity) + rng.normal(size=activity.shape)
    return model.assign(activity=(mean + spread * noise).transpose(*activity.dims))


CONTROLS: dict[str, tuple[str, Callable[[Recorded, np.random.Generator], Recorded]]] = {
    "permuted": ("labels permuted", permuted_labels),
    "noise": ("noise of equal dimension", matched_noise),
}


def with_controls(
    models: dict[str, Recorded],
    controls: Sequence[str],
    seed: int = 0,
    untrained: Mapping[str, Recorded] | None = None,
) -> dict[str, Recorded]:
    """Add controls beside every model.

    Parameters
    ----------
    models
        Recordings or RDMs by name.
    controls
        Names of ``CONTROLS``: "permuted", "noise".
    seed
    untrained
        By name of the model, a recording or RDMs of the same network before training; see
        `reprcompare.networks.untrained`.

    Returns
    -------
    dict
        Every model, followed by its controls, named "model (untrained)", "model (labels permuted)".

    Raises
    ------
    UnknownNameError, InvalidInputError

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> net = build_recording(np.eye(3), stimulus_id=list("abc"), region="fc", subject="net")
    >>> list(with_controls({"net": net}, ["noise"]))
    ['net', 'net (noise of equal dimension)']
    """
    unknown = [name for name in controls if name not in CONTROLS]
    if unknown:
        raise InvalidInputError(unknown_name("control", unknown[0], CONTROLS))
    before = untrained or {}
    strangers = [name for name in before if name not in models]
    if strangers:
        raise InvalidInputError(unknown_name("model", strangers[0], models))
    rng = np.random.default_rng(seed)
    result: dict[str, Recorded] = {}
    for name, model in models.items():
        result[name] = model
        if name in before:
            result[f"{name} (untrained)"] = before[name]
        for control in controls:
            label, make = CONTROLS[control]
            result[f"{name} ({label})"] = make(model, rng)
    return result

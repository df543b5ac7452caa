"""What every comparator says about two networks: the field's, the corrected ones, the baselines.

All take the same two things, a list of sides (one a layer) each; scores are means over layers that
stand at the same place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from reprcompare.comparison import CORRECTIONS
from reprcompare.comparison.sides import Side
from reprcompare.errors import NotIdentifiableError, UninformativeError
from reprcompare.geometry import (
    cka,
    dissimilarities,
    find_comparator,
    linear_predictivity,
    procrustes,
    standardise,
)
from reprcompare.sessions import stitch

PEARSON, SPEARMAN = find_comparator("correlation"), find_comparator("spearman")


@dataclass(frozen=True)
class Measured:
    """One network, or what an instrument saw of it.

    Attributes
    ----------
    patterns : list of arrays, each (n_repetitions, n_stimuli, n_neuroids)
        One a layer.
    labels : dict of list name to table
        Label lists, each a row a stimulus.
    answers : array, shape (n_stimuli, n_responses)
    accuracy : array
        Bare accuracy profile: of every feature of the problem, chance where it is not answered.
    recording : xarray.Dataset
        With `effect`; its regions are the layers' names.
    network, stimuli, layers
        For stitching; None for what an instrument saw.
    profile : array
        Interchange accuracies of the listed inputs.
    """

    name: str
    patterns: list[np.ndarray]
    labels: dict[str, pd.DataFrame]
    answers: np.ndarray
    accuracy: np.ndarray
    recording: xr.Dataset | None = None
    network: nn.Module | None = None
    stimuli: torch.Tensor | None = None
    layers: Sequence[str] = ()
    profile: np.ndarray = field(default_factory=lambda: np.empty(0))

    @cached_property
    def means(self) -> list[np.ndarray]:
        """Mean patterns of every layer; silent neuroids left out."""
        found = []
        for patterns in self.patterns:
            mean = patterns.mean(axis=0).astype(float)
            found.append(mean[:, np.ptp(mean, axis=0) > 0])
        return found

    @cached_property
    def standard(self) -> dict[str, list[np.ndarray]]:
        """RDMs in the form in which a score is an inner product."""
        forms = {
            "RSA, squared Euclidean": ("squared_euclidean", PEARSON),
            "RSA, correlation": ("correlation", SPEARMAN),
        }
        return {
            name: [
                standardise(dissimilarities([mean], metric)[None], comparator)[0]
                for mean in self.means
            ]
            for name, (metric, comparator) in forms.items()
        }

    @cached_property
    def sides(self) -> dict[str, list[Side]]:
        """Sides by label list, as `rc.compare` lays them out."""
        empty = np.zeros(len(self.answers) * (len(self.answers) - 1) // 2)
        names = list(self.layers) or ["layer"] * len(self.patterns)
        return {
            listed: [
                Side(
                    layer, self.name, empty, table, patterns=patterns,
                    outputs=self.answers, recording=self.recording,
                )
                for layer, patterns in zip(names, self.patterns, strict=True)
            ]
            for listed, table in self.labels.items()
        }  # fmt: skip


Comparison = Callable[[Measured, Measured], float]


def _over_layers(compare: Callable[[np.ndarray, np.ndarray], float]) -> Comparison:
    def score(a: Measured, b: Measured) -> float:
        return float(np.mean([compare(x, y) for x, y in zip(a.means, b.means, strict=True)]))

    return score


def _rsa(name: str) -> Comparison:
    def score(a: Measured, b: Measured) -> float:
        pairs = zip(a.standard[name], b.standard[name], strict=True)
        return float(np.mean([np.vdot(x, y) for x, y in pairs]))

    return score


def _corrected(name: str, listed: str) -> Comparison:
    """Make a comparator of a correction; NaN where it abstains in any layer.

    The residual may find a layer uninformative: it holds main effects alone, and the other layers
    are scored. A list that is not identifiable in one layer is wrong for all of them.
    """

    def score(a: Measured, b: Measured) -> float:
        found = []
        for x, y in zip(a.sides[listed], b.sides[listed], strict=True):
            try:
                found.append(SCORES[name](x, y))
            except NotIdentifiableError as error:
                if name != "residual" or not isinstance(error, UninformativeError):
                    return np.nan
        return float(np.mean(found)) if found else np.nan

    return score


SCORES: dict[str, Callable[[Side, Side], float]] = {
    name: (lambda a, b, one=one: one.score(a, b, PEARSON, ()).score)
    for name, one in CORRECTIONS.items()
}


def _decodability(a: Measured, b: Measured) -> float:
    """Four (or more) numbers a layer: how well each listed feature is decoded."""
    found = [
        -np.abs(x.decodability - y.decodability).mean()
        for x, y in zip(a.sides["complete"], b.sides["complete"], strict=True)
    ]
    return float(np.mean(found))


def _accuracy(a: Measured, b: Measured) -> float:
    return -float(np.abs(a.accuracy - b.accuracy).mean())


def _agreement(a: Measured, b: Measured) -> float:
    """Fraction of equal decisions, over the responses that both give."""
    n = min(a.answers.shape[1], b.answers.shape[1])
    return float(((a.answers[:, :n] > 0) == (b.answers[:, :n] > 0)).mean())


def _predictivity(x: np.ndarray, y: np.ndarray) -> float:
    return (linear_predictivity(x, y) + linear_predictivity(y, x)) / 2


def _stitched(a: Measured, b: Measured) -> float:
    """How much of each network's decisions survives on the other's activity, both ways."""
    if a.network is None or b.network is None:
        return np.nan
    assert a.stimuli is not None
    assert b.stimuli is not None
    found = [
        stitch(one.network, layer, one.stimuli, other.means[k]).recovered
        for one, other in ((a, b), (b, a))
        for k, layer in enumerate(one.layers)
    ]
    return float(np.mean(found))


def _interchanged(a: Measured, b: Measured) -> float:
    """Overlap of which listed inputs are variables of their own, layer by layer."""
    if not len(a.profile) or not len(b.profile):
        return np.nan
    most = np.maximum(a.profile, b.profile).sum()
    return float(np.minimum(a.profile, b.profile).sum() / most) if most > 0 else np.nan


BASELINES: dict[str, Comparison] = {
    "decodability numbers": _decodability,
    "accuracy profile": _accuracy,
    "output agreement": _agreement,
}
PLAIN: dict[str, Comparison] = {
    "RSA, squared Euclidean": _rsa("RSA, squared Euclidean"),
    "RSA, correlation": _rsa("RSA, correlation"),
    "CKA": _over_layers(cka),
    "Procrustes": _over_layers(lambda x, y: -procrustes(x, y)),
    "linear predictivity": _over_layers(_predictivity),
    "whitened": _corrected("whitened", "none"),
}
LABEL_FREE: dict[str, Comparison] = {"stitching": _stitched}
CORRECTED = ("role", "contrasts", "residual", "predictivity", "equalised")


def comparators(
    lists: Sequence[str], corrections: Sequence[str] = CORRECTED
) -> dict[str, Comparison]:
    """Return all comparators; corrections once for every label list."""
    corrected = {
        f"{name} ({listed})": _corrected(name, listed)
        for listed in lists
        for name in corrections
        # The costliest comparator, and the list matters to it only through which features it has.
        if name != "predictivity" or listed in ("complete", "answers")
    }
    return (
        BASELINES | PLAIN | LABEL_FREE | corrected | {"interchange of listed inputs": _interchanged}
    )

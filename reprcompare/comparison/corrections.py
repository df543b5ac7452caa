"""The corrections: what each does to a comparison, what it assumes, and how far it can be trusted.

A correction takes two sides and gives the plain score beside its own, with what every feature
contributes to both. What the data do not support is raised as NotIdentifiableError, which the table
turns into NaN with the reason.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from reprcompare.audit import (
    COVERED,
    agreement,
    balanced_predictivity,
    covered_outputs,
    profile_agreement,
)
from reprcompare.comparison.sides import Side
from reprcompare.errors import NotIdentifiableError, UnknownNameError, listing, unknown_name
from reprcompare.geometry import Comparator, feature_contributions, unbiased_hsic, whitened_gram
from reprcompare.geometry import standardise as _standardise

REST = "(not explained)"
"""Stands for what no feature accounts for, in tables of contributions."""


@dataclass(frozen=True)
class Corrected:
    """What a correction found for two sides.

    Attributes
    ----------
    plain, score
    plain_parts, parts : dict of feature to float
        Contributions to both.
    """

    plain: float
    score: float
    plain_parts: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Correction:
    """One way to correct a comparison.

    Attributes
    ----------
    name, label
    compute
        Two sides, the comparator, and the nuisance features, to what was found.
    assumes, trust
        In words.
    """

    name: str
    label: str
    compute: Callable[[Side, Side, Comparator, Sequence[str]], Corrected]
    assumes: str
    trust: str


def _plain(a: Side, b: Side, comparator: Comparator) -> tuple[float, dict[str, float]]:
    """Score of the RDMs as they are, split among the features where there are labels."""
    if not a.labels.shape[1] or comparator.family not in ("linear", "rank"):
        if comparator.family not in ("linear", "rank"):
            return np.nan, {}
        pair = _standardise(np.stack([a.rdm, b.rdm]), comparator)
        return float(np.vdot(pair[0], pair[1])), {}
    score, parts = feature_contributions(a.rdm, b.rdm, a.feature_rdms, comparator)
    return score, dict(zip(a.design.names, map(float, parts), strict=True))


def _role(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    for side in (a, b):
        covered = np.nan if side.outputs is None else covered_outputs(side.outputs, side.labels)
        if covered < COVERED:
            raise NotIdentifiableError(
                f"not identifiable: main effects of the labels explain {covered:.2f} of the "
                f"answers of {side.subject}, less than {COVERED:g}; the list is incomplete, or "
                "names features in a form in which they are not used."
            )
    names = a.design.names
    first, second = _joined_gates(a.gates, b.gates, names)
    score, parts = profile_agreement(first, second, a.design)
    if np.isnan(score):
        raise NotIdentifiableError(
            "uninformative: no labelled feature has a role in either side; nothing follows about "
            "whether they compute the same."
        )
    plain, plain_parts = _plain(a, b, comparator)
    return Corrected(plain, score, plain_parts, dict(zip(names, map(float, parts), strict=True)))


def _joined_gates(
    a: pd.DataFrame, b: pd.DataFrame, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Bring two role matrices to the same features and responses.

    Responses are joined by name where all are shared; otherwise a feature counts by its largest
    effect, since different outputs cannot be told to mean the same.
    """
    for gates in (a, b):
        missing = [name for name in names if name not in gates.index]
        missing += [name for name in names if name in gates.index and gates.loc[name].isna().all()]
        if missing:
            raise NotIdentifiableError(
                f"not identifiable: no role was measured of {listing(missing)}; leave these labels "
                "out, or intervene on them."
            )
    if set(a.columns) == set(b.columns):
        return a.loc[names].fillna(0).to_numpy(), b.loc[names, a.columns].fillna(0).to_numpy()
    return a.loc[names].max(axis=1).to_numpy(), b.loc[names].max(axis=1).to_numpy()


def _contrasts(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    score, parts = agreement(a.contrasts, b.contrasts)
    if np.isnan(score):
        raise NotIdentifiableError(
            "uninformative: the main effects of a side do not agree between halves of the stimuli."
        )
    plain, plain_parts = _plain(a, b, comparator)
    return Corrected(
        plain, score, plain_parts, dict(zip(a.design.names, map(float, parts), strict=True))
    )


def _equalised(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    score, parts = profile_agreement(a.decodability, b.decodability, a.design)
    if np.isnan(score):
        raise NotIdentifiableError("uninformative: no feature is decoded above chance.")
    plain, plain_parts = _plain(a, b, comparator)
    return Corrected(
        plain, score, plain_parts, dict(zip(a.design.names, map(float, parts), strict=True))
    )


def _partial(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    if not nuisance:
        raise NotIdentifiableError(
            "not identifiable: partialling needs nuisance=, the labels to take out."
        )
    names = a.design.names
    places = [names.index(name) for name in nuisance if name in names]
    score, parts = feature_contributions(a.rdm, b.rdm, a.feature_rdms, comparator, places)
    plain, plain_parts = _plain(a, b, comparator)
    return Corrected(plain, score, plain_parts, dict(zip(names, map(float, parts), strict=True)))


def _disattenuated(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    if not comparator.centred or comparator.family not in ("linear", "rank"):
        raise NotIdentifiableError(
            f"not identifiable: the {comparator.label} of unrelated RDMs is not 0, so it cannot be "
            "divided by a reliability."
        )
    halves = [_standardise(np.stack(side.halves), comparator) for side in (a, b)]
    reliabilities = [_reliability(side, own) for side, own in zip((a, b), halves, strict=True)]
    plain, plain_parts = _plain(a, b, comparator)
    # RDMs of half the repetitions on both lines of the fraction: noise of an RDM does not fall as
    # one over the number of repetitions, so the usual step from half to whole would overcorrect.
    shared = float(np.mean([np.vdot(one, two) for one in halves[0] for two in halves[1]]))
    score = shared / float(np.sqrt(np.prod(reliabilities)))
    factor = score / plain if plain else np.nan
    return Corrected(
        plain, score, plain_parts, {name: part * factor for name, part in plain_parts.items()}
    )


def _reliability(side: Side, halves: np.ndarray) -> float:
    """Score between the RDMs of half the repetitions; 1 where there are none."""
    score = float(np.vdot(halves[0], halves[1]))
    # Two standard errors of a correlation of as many values as there are stimuli: pairs share them.
    if score <= 2 / np.sqrt(len(side.labels)):
        raise NotIdentifiableError(
            f"uninformative: the RDM of {side.region} of {side.subject} is not reliable over "
            f"repetitions (split halves correlate by {score:.2f})."
        )
    return score


def _predictivity(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    found = balanced_predictivity(a.activity, b.activity, a.design)
    names = a.design.names
    return Corrected(
        found.plain,
        found.balanced,
        dict(zip(names, map(float, found.plain_parts), strict=True)),
        dict(zip(names, map(float, found.balanced_parts), strict=True)),
    )


def _whitened(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Corrected:
    none = np.empty((len(a.labels), 0))
    first, second = (whitened_gram(side.repeated, none) for side in (a, b))
    own = unbiased_hsic(first, first) * unbiased_hsic(second, second)
    if own <= 0:
        raise NotIdentifiableError("uninformative: whitened activity has no common structure.")
    plain, _ = _plain(a, b, comparator)
    return Corrected(plain, unbiased_hsic(first, second) / float(np.sqrt(own)))


_ALL = (
    Correction(
        "role", "agreement of causal roles", _role,
        "The labels name every feature that the answers depend on, in the form in which it is "
        "used, and the interventions moved that feature alone.",
        "Follows what features do, not how large they are; needs interventions on both sides.",
    ),
    Correction(
        "contrasts", "agreement of cross-validated main effects", _contrasts,
        "Features act by their main effects; what varies between stimuli of the same features is "
        "noise, of which only the part between stimuli normalises (trial noise is taken off). "
        "Squared effects s enter as s / (1 + s), signed and without noise bias; in RDMs, whose "
        "directions are not known, the noise is that of all directions together.",
        "Far less dependent on share than RSA, but not free of it; does not tell used from unused.",
    ),
    Correction(
        "equalised", "agreement of decodability", _equalised,
        "Whatever a linear decoder reads is represented; strength is discarded.",
        "A diagnostic only: features that are decodable but not used count in full.",
    ),
    Correction(
        "partial", "partial correlation of RDMs", _partial,
        "Nuisance features act on dissimilarities as their label RDMs do, additively.",
        "Takes out what is named and linear in its RDM, nothing else.",
    ),
    Correction(
        "disattenuated", "score over the root of reliabilities", _disattenuated,
        "Repetitions have independent noise; a side without repetitions is free of it.",
        "Removes measurement noise, not bias: two biased systems stay as unlike as they are.",
    ),
    Correction(
        "predictivity", "predictivity balanced over features, both directions", _predictivity,
        "Every feature that a side carries linearly matters equally.",
        "Removes the weight of variance; does not tell used from unused.",
    ),
    Correction(
        "whitened", "unbiased alignment after whitening", _whitened,
        "All directions of variance matter equally, down to a floor.",
        "Needs no labels; raises what is small, be it a hard feature or an unused one.",
    ),
)  # fmt: skip

CORRECTIONS: dict[str, Correction] = {one.name: one for one in _ALL}


def find_corrections(names: str | Sequence[str]) -> list[Correction]:
    """Return corrections by name.

    Raises
    ------
    UnknownNameError
    """
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked:
        if name not in CORRECTIONS:
            raise UnknownNameError(unknown_name("correction", name, CORRECTIONS))
    return [CORRECTIONS[name] for name in asked]

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
    ACCOUNTED,
    COVERED,
    IN_FORM,
    agreement,
    balanced_predictivity,
    profile_agreement,
)
from reprcompare.comparison.sides import Side
from reprcompare.errors import (
    NotIdentifiableError,
    UninformativeError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.geometry import Comparator, feature_contributions, standardise, unbiased_hsic

REST = "(not explained)"
"""Stands for what no feature accounts for, in tables of contributions."""


@dataclass(frozen=True)
class Scored:
    """A score of two sides.

    Attributes
    ----------
    score : float
    parts : dict of feature to float
        What each feature contributes; empty without labels.
    """

    score: float
    parts: dict[str, float] = field(default_factory=dict)


Score = Callable[[Side, Side, Comparator, Sequence[str]], Scored]
"""Two sides, the comparator and the nuisance features, to a score."""


def _named(score: float, parts: np.ndarray, names: list[str]) -> Scored:
    return Scored(float(score), dict(zip(names, map(float, parts), strict=True)))


def _rsa(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    """Score of the RDMs as they are, split among the features where there are labels."""
    if comparator.family not in ("linear", "rank"):
        return Scored(np.nan)
    if not a.labels.shape[1]:
        pair = standardise(np.stack([a.rdm, b.rdm]), comparator)
        return Scored(float(np.vdot(pair[0], pair[1])))
    return _named(*feature_contributions(a.rdm, b.rdm, a.feature_rdms, comparator), a.design.names)


@dataclass(frozen=True)
class Correction:
    """One way to correct a comparison.

    Attributes
    ----------
    name, label
    score
        The corrected score.
    assumes, trust
        In words.
    plain
        What it corrects.
    """

    name: str
    label: str
    score: Score
    assumes: str
    trust: str
    plain: Score = _rsa


def _role(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    _check_covered(a, b)
    for side in (a, b):
        side.check_located()
    first, second = _joined_gates(a.gates, b.gates, a.design.names)
    score, parts = profile_agreement(first, second, a.design)
    if np.isnan(score):
        raise UninformativeError(
            "uninformative: no labelled feature has a role in either side; nothing follows about "
            "whether they compute the same."
        )
    return _named(score, parts, a.design.names)


def _check_covered(*sides: Side) -> None:
    """Refuse labels that do not account for the answers, where a side has stored any.

    Then what is labelled is not what the side computes, whatever can be read from its activity; an
    untrained network is the extreme case.
    """
    for side in sides:
        if side.covered < COVERED:
            raise NotIdentifiableError(
                f"not identifiable: main effects of the labels explain {side.covered:.2f} of the "
                f"answers of {side.subject}, less than {COVERED:g}; the list is incomplete, or "
                "names features in a form in which they are not used."
            )


def _check_listed(*sides: Side) -> None:
    """Refuse labels that do not name what the sides start from, as far as the data can tell.

    What main effects leave is then no step of a computation, but what the list lacks.
    """
    _check_covered(*sides)
    for side in sides:
        found = side.accounted
        # Comparisons with NaN are false: what cannot be checked is not refused.
        if found.of_rest < ACCOUNTED:
            raise UninformativeError(
                f"uninformative: combinations of the labels predict {found.of_rest:.2f} of what "
                f"their main effects leave of {side.region} of {side.subject}, less than "
                f"{ACCOUNTED:.2f}; either the list lacks what the region depends on, or the region "
                "holds nothing but main effects and noise."
            )
        if found.in_form < IN_FORM:
            raise NotIdentifiableError(
                f"not identifiable: main effects are {found.in_form:.2f} of what the labels "
                f"predict of {side.region} of {side.subject}, less than {IN_FORM:.2f}; the list "
                "names features in a form in which they are not represented."
            )


def _check_carried(*sides: Side) -> None:
    """Refuse sides whose activity shows no main effect at all, where that can be tested."""
    for side in sides:
        try:
            _ = side.contrasts
        except UninformativeError:
            raise
        except NotIdentifiableError:
            continue


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


def _contrasts(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    _check_covered(a, b)
    score, parts = agreement(a.contrasts, b.contrasts)
    if np.isnan(score):
        raise UninformativeError(
            "uninformative: the main effects of a side do not agree between halves of the stimuli."
        )
    return _named(score, parts, a.design.names)


def _equalised(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    _check_covered(a, b)
    _check_carried(a, b)
    score, parts = profile_agreement(a.decodability, b.decodability, a.design)
    if np.isnan(score):
        raise UninformativeError("uninformative: no feature is decoded above chance.")
    return _named(score, parts, a.design.names)


def _partial(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    if not nuisance:
        raise NotIdentifiableError(
            "not identifiable: partialling needs nuisance=, the labels to take out."
        )
    names = a.design.names
    places = [names.index(name) for name in nuisance if name in names]
    return _named(*feature_contributions(a.rdm, b.rdm, a.feature_rdms, comparator, places), names)


def _disattenuated(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    if not comparator.centred or comparator.family not in ("linear", "rank"):
        raise NotIdentifiableError(
            f"not identifiable: the {comparator.label} of unrelated RDMs is not 0, so it cannot be "
            "divided by a reliability."
        )
    for side in (a, b):
        if not side.repeats:
            raise NotIdentifiableError(
                f"not identifiable: {side.region} of {side.subject} has no repetitions, so that "
                "its noise is not known; only a recorded network counts as free of it. With "
                "several subjects, `table` has the score over the root of the reliability between "
                "them."
            )
    halves = [standardise(np.stack(side.halves), comparator) for side in (a, b)]
    reliabilities = [_reliability(side, own) for side, own in zip((a, b), halves, strict=True)]
    # RDMs of half the repetitions on both lines of the fraction: noise of an RDM does not fall as
    # one over the number of repetitions, so the usual step from half to whole would overcorrect.
    shared = float(np.mean([np.vdot(one, two) for one in halves[0] for two in halves[1]]))
    score = shared / float(np.sqrt(np.prod(reliabilities)))
    plain = _rsa(a, b, comparator, nuisance)
    factor = score / plain.score if plain.score else np.nan
    return Scored(score, {name: part * factor for name, part in plain.parts.items()})


def _reliability(side: Side, halves: np.ndarray) -> float:
    """Score between the RDMs of half the repetitions; 1 where there are none."""
    score = float(np.vdot(halves[0], halves[1]))
    # Two standard errors of a correlation of as many values as there are stimuli: pairs share them.
    if score <= 2 / np.sqrt(len(side.labels)):
        raise UninformativeError(
            f"uninformative: the RDM of {side.region} of {side.subject} is not reliable over "
            f"repetitions (split halves correlate by {score:.2f})."
        )
    return score


def _predictivity(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    _check_covered(a, b)
    _check_carried(a, b)
    found = balanced_predictivity(a.activity, b.activity, a.design)
    return _named(found.balanced, found.balanced_parts, a.design.names)


def _plain_predictivity(
    a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]
) -> Scored:
    found = balanced_predictivity(a.activity, b.activity, a.design)
    return _named(found.plain, found.plain_parts, a.design.names)


def _whitened(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    own = unbiased_hsic(a.whitened, a.whitened) * unbiased_hsic(b.whitened, b.whitened)
    if own <= 0:
        raise UninformativeError("uninformative: whitened activity has no common structure.")
    return Scored(unbiased_hsic(a.whitened, b.whitened) / float(np.sqrt(own)))


def _alignment(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Unbiased alignment (CKA) of two sides, each given as two halves of its repetitions.

    Lengths are products of the halves, whose noise is independent, so that noise does not lower it.
    """
    own = unbiased_hsic(*a) * unbiased_hsic(*b)
    if unbiased_hsic(*a) <= 0 or own <= 0:
        return np.nan
    return sum(unbiased_hsic(x, y) for x in a for y in b) / 4 / float(np.sqrt(own))


def _cka(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    return Scored(_alignment(a.grams, b.grams))


def _residual(a: Side, b: Side, comparator: Comparator, nuisance: Sequence[str]) -> Scored:
    _check_listed(a, b)
    score = _alignment(a.beyond, b.beyond)
    if np.isnan(score):
        raise UninformativeError(
            "uninformative: the labelled features leave nothing reliable in a side."
        )
    return Scored(score)


_ALL = (
    Correction(
        "role", "agreement of causal roles", _role,
        "The labels name every feature that the answers depend on, in the form in which it is "
        "used, and the interventions moved that feature alone.",
        "Follows what features do, not how large they are; needs interventions on both sides.",
    ),
    Correction(
        "contrasts", "agreement of cross-validated main effects", _contrasts,
        "The labels account for the answers, where these are stored (checked). Features act by "
        "their main effects; what varies between stimuli of the same features is "
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
        "residual", "alignment of what main effects of the labels leave", _residual,
        "The labels name what both sides are known to share or to differ in, such as inputs and "
        "outputs; what is left is how they get from the one to the other. Checked: main effects "
        "account for the answers, where these are stored; where labels have few levels, their "
        "combinations predict a third of what main effects leave, and main effects are a third of "
        "all that they predict.",
        "May follow unlisted intermediate variables: it did in one benchmark and not in another "
        "(METHODS.md), so it is no evidence of how something is computed. Says nothing about the "
        "listed features, and takes unused variation for computation.",
        plain=_cka,
    ),
    Correction(
        "partial", "partial correlation of RDMs", _partial,
        "Nuisance features act on dissimilarities as their label RDMs do, additively.",
        "Takes out what is named and linear in its RDM, nothing else.",
    ),
    Correction(
        "disattenuated", "score over the root of reliabilities", _disattenuated,
        "Repetitions have independent noise; a recorded network without repetitions is free of it.",
        "Removes measurement noise, not bias: two biased systems stay as unlike as they are.",
    ),
    Correction(
        "predictivity", "predictivity balanced over features, both directions", _predictivity,
        "Every feature that a side carries linearly matters equally.",
        "Removes the weight of variance; does not tell used from unused.",
        plain=_plain_predictivity,
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

    Parameters
    ----------
    names
        One or several of `CORRECTIONS`.

    Returns
    -------
    list of Correction
        In the order of the names.

    Raises
    ------
    UnknownNameError
        With the nearest name that there is.
    """
    asked = [names] if isinstance(names, str) else list(names)
    for name in asked:
        if name not in CORRECTIONS:
            raise UnknownNameError(unknown_name("correction", name, CORRECTIONS))
    return [CORRECTIONS[name] for name in asked]

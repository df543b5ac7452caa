"""The upper noise ceiling without the noise of the tested subject in it.

Cross-validated dissimilarities are made of pairs of folds, so two halves of the folds give two RDMs
of a subject with independent noise; their product says how much of the subject's RDM is signal.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry.comparators import Comparator, double_centred
from reprcompare.geometry.rdm import CROSSVALIDATED, Precision, fold_codes, rdm

SPLITS = 10
FEWEST_FOLDS = 4
"""A half is cross-validated itself, and needs two."""


def split_rdms(
    recording: xr.Dataset,
    metric: str = "crossnobis",
    folds: str | None = None,
    precision: Precision = "residuals",
    seed: int = 0,
) -> Iterator[tuple[RDMs, RDMs]]:
    """Compute RDMs from two halves of the folds of a recording, in several splits.

    Parameters
    ----------
    recording, metric, folds, precision
        As for `rdm`; the metric is a cross-validated one.
    seed
        Chooses ten splits where there are more.

    Yields
    ------
    first, second : rsatoolbox.rdm.RDMs
        Of every subject and region.

    Raises
    ------
    InvalidInputError
        If the metric is not cross-validated.
    NotIdentifiableError
        For fewer than four folds.
    """
    if metric not in CROSSVALIDATED:
        raise InvalidInputError(
            f"halves of folds are for cross-validated metrics ({', '.join(CROSSVALIDATED)}), got "
            f"{metric!r}."
        )
    name, codes = fold_codes(recording, folds)
    n_folds = int(codes.max()) + 1
    if n_folds < FEWEST_FOLDS:
        raise NotIdentifiableError(
            f"the cross-validated ceiling needs at least {FEWEST_FOLDS} folds, two for each half; "
            f"{name} has {n_folds}."
        )
    for half in _halves(n_folds, np.random.default_rng(seed)):
        first = np.isin(codes, half)
        one, other = (
            rdm(
                recording.isel(presentation=np.flatnonzero(part)),
                metric,
                folds=name,
                precision=precision,
            )
            for part in (first, ~first)
        )
        yield one, other


def _halves(n_folds: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Choose up to ten different halves, none the complement of another."""
    size = n_folds // 2
    every = [half for half in combinations(range(n_folds), size) if 2 * size < n_folds or 0 in half]
    if len(every) <= SPLITS:
        return every
    return [every[k] for k in rng.choice(len(every), SPLITS, replace=False)]


def crossvalidated_upper(
    brains: np.ndarray, halves: Sequence[tuple[np.ndarray, np.ndarray]], comparator: Comparator
) -> float:
    r"""Estimate how the true mean RDM of these subjects would score.

    With h the mean product of the unit-length RDMs of two subjects, and w that of a subject with
    itself without its noise (the product of two halves, at the length of the whole), the score of
    the noise-free mean is :math:`\sqrt{((n - 1) h + w) / n}`. It is on the scale of the scores, not
    below the lower bound for subjects that share anything, and around zero for pure noise, where
    the plain upper bound is not.

    Parameters
    ----------
    brains : array, shape (n_subjects, n_pairs)
        From all folds.
    halves : sequence of pairs of arrays of the same shape
        From `split_rdms`; subjects with NaN are left out of a split.
    comparator
        Of the family "linear".

    Returns
    -------
    float
        Minus the root where the mean product is negative; NaN for one subject, or without halves.

    Raises
    ------
    InvalidInputError
        For other comparators, whose scores are not proportional to an RDM.
    """
    if comparator.family != "linear":
        raise InvalidInputError(
            f"a cross-validated ceiling needs a linear comparator, got the {comparator.label}."
        )
    n = len(brains)
    if n < 2 or not halves:
        return np.nan
    forms = _form(brains, comparator)
    lengths = np.linalg.norm(forms, axis=1)
    unit = forms / lengths[:, None]
    between = (unit.sum(axis=0) ** 2).sum() - n
    within = [
        (_form(one, comparator) * _form(other, comparator)).sum(axis=1) / lengths**2
        for one, other in halves
    ]
    mean = (between + n * np.nanmean(within)) / n**2
    return float(np.sign(mean) * np.sqrt(np.abs(mean)))


def _form(rdms: np.ndarray, comparator: Comparator) -> np.ndarray:
    """RDMs in the form in which their inner product is the numerator of the score."""
    if comparator.centred:
        rdms = rdms - rdms.mean(axis=1, keepdims=True)
    return double_centred(rdms).reshape(len(rdms), -1) if comparator.whitened else rdms

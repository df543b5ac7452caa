"""The noise ceiling: how well subjects are described by each other."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from reprcompare.geometry.comparators import Comparator
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.geometry.influence import influences
from reprcompare.geometry.products import scorer


@dataclass(frozen=True)
class Ceiling:
    """Bounds on the score that a model can reach with these subjects.

    Attributes
    ----------
    lower
        Mean score of every subject with the mean of the others. A model that knows what subjects
        share reaches it.
    upper
        The same with the mean of all subjects. It contains the subject itself, so it lies above
        zero for pure noise; see `upper_null`.
    upper_null, lower_null
        What the bounds would be for as many subjects of pure noise, by permuting the stimuli of
        every subject; for the lower one that is the value of unrelated RDMs. NaN if there is one
        subject.
    n_subjects
    """

    lower: float
    upper: float
    n_subjects: int
    upper_null: float
    lower_null: float


def noise_ceiling(
    brains: np.ndarray, comparator: Comparator, n_permutations: int = 100, seed: int = 0
) -> Ceiling:
    """Compute the noise ceiling of a group of subjects.

    Parameters
    ----------
    brains : array, shape (n_subjects, n_pairs)
        One RDM a subject: sessions of one subject are averaged before.
    comparator
    n_permutations
        For `upper_null` and `lower_null`; 0 leaves them NaN.
    seed

    Returns
    -------
    Ceiling
        With NaN bounds for one subject.

    References
    ----------
    Nili et al. (2014), PLoS Computational Biology 10(4).

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> y = np.random.default_rng(0).random((3, 45))
    >>> noise_ceiling(y, COMPARATORS["correlation"]).upper > 0.4
    True
    """
    n_subjects = len(brains)
    if n_subjects < 2:
        return Ceiling(np.nan, np.nan, n_subjects, np.nan, np.nan)
    lower, upper = _bounds(brains, comparator)
    rng = np.random.default_rng(seed)
    n = count_stimuli(brains.shape[1])
    known = comparator.unrelated
    nulls = []
    for _ in range(n_permutations):
        shuffled = np.stack([permute_stimuli(one, rng.permutation(n)) for one in brains])
        nulls.append(_bounds(shuffled, comparator, lower=known is None))
    lower_null, upper_null = np.mean(nulls, axis=0) if nulls else (np.nan, np.nan)
    if nulls and known is not None:
        lower_null = known
    return Ceiling(lower, upper, n_subjects, float(upper_null), float(lower_null))


def permute_stimuli(vector: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Reorder the stimuli of one RDM in condensed form.

    Parameters
    ----------
    vector : array, shape (n_pairs,)
        The RDM.
    order : array of int, shape (n_stimuli,)
        Which stimulus comes to each place.

    Returns
    -------
    numpy.ndarray, shape (n_pairs,)

    Examples
    --------
    >>> permute_stimuli(np.array([1.0, 2, 3]), np.array([1, 0, 2]))
    array([1., 3., 2.])
    """
    n = len(order)
    rows, columns = np.triu_indices(n, 1)
    i, j = np.sort([order[rows], order[columns]], axis=0)
    return vector[i * n - i * (i + 1) // 2 + j - i - 1]


def pooling_form(brains: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Bring RDMs (n, n_pairs) to the scale on which subjects are averaged, as rsatoolbox does.

    Ranks for rank comparators; otherwise divided by their length, after removing the mean where the
    comparator does.

    Parameters
    ----------
    brains : array, shape (n, n_pairs)
        RDMs, one a subject.
    comparator
        On whose scale they are averaged.

    Returns
    -------
    numpy.ndarray, shape (n, n_pairs)
    """
    if comparator.family in ("rank", "sign"):
        return rankdata(brains, axis=1)
    if comparator.family == "matrix":
        return np.asarray(brains, dtype=float)
    centred = brains - brains.mean(axis=1, keepdims=True) if comparator.centred else brains
    lengths = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    return centred / np.where(lengths > 0, lengths, 1.0)


def _bounds(
    brains: np.ndarray, comparator: Comparator, *, lower: bool = True
) -> tuple[float, float]:
    pooled, score = pooling_form(brains, comparator), scorer(brains, comparator)
    total = pooled.sum(axis=0)
    upper = float(score(total[None]).mean())
    if not lower:
        return np.nan, upper
    folds = [score((total - own)[None])[0, s] for s, own in enumerate(pooled)]
    return float(np.mean(folds)), upper


@dataclass(frozen=True)
class CeilingTerms:
    r"""The lower ceiling as a mean over pairs of subjects and pairs of stimuli.

    With h the mean product of the unit-length RDMs of two different subjects, the mean cosine of a
    subject and the mean of the others is close to

    .. math:: g(h) = h \sqrt{\frac{n - 1}{1 + (n - 2) h}},

    so a pair of subjects moves the ceiling by g'(h) times the deviation of its product from h.

    Attributes
    ----------
    mean
        The lower ceiling.
    influence : array, shape (n_pairs,)
        Of every pair of stimuli, with mean zero.
    unit : array, shape (n_subjects, n_pairs)
        RDMs at unit length, as they are averaged.
    average : array, shape (n_pairs,)
        Products of the RDMs of two subjects, times n_pairs; mean over all pairs of subjects.
    slope
        g'(h), on the scale of the comparator.
    without : array, shape (n_subjects,), or None
        The lower ceiling of the others, without each subject; None for comparators of matrices.
    """

    mean: float
    influence: np.ndarray
    unit: np.ndarray
    average: np.ndarray
    slope: float
    without: np.ndarray | None

    def of_pairs(self, subject: int) -> np.ndarray:
        """Return the terms of a subject with those after it, (n_subjects - 1 - subject, n_pairs).

        Over all pairs of subjects their mean is the lower ceiling plus the influence.
        """
        products = self.unit.shape[1] * self.unit[subject] * self.unit[subject + 1 :]
        return self.mean + self.influence + self.slope * (products - self.average)


def ceiling_terms(brains: np.ndarray, comparator: Comparator) -> CeilingTerms:
    """Decompose the lower ceiling over pairs of subjects and pairs of stimuli.

    Parameters
    ----------
    brains : array, shape (n_subjects, n_pairs)
        At least two subjects.
    comparator

    Returns
    -------
    CeilingTerms
        Ranks are taken as fixed in the part that belongs to subjects.
    """
    n, n_pairs = brains.shape
    pooled = pooling_form(brains, comparator)
    total = pooled.sum(axis=0)
    folds = [
        next(influences((total - own)[None], one[None], comparator))
        for own, one in zip(pooled, brains, strict=True)
    ]
    mean = float(np.mean([score[0] for score, _ in folds]))
    unit = pooled - pooled.mean(axis=1, keepdims=True) if comparator.centred else pooled
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    average = n_pairs * (unit.sum(axis=0) ** 2 - (unit**2).sum(axis=0)) / (n * (n - 1))
    h = float(average.mean())
    length = 1 + (n - 2) * h
    slope = np.sqrt(n - 1) * (1 + (n - 2) * h / 2) / length**1.5
    cosine = h * np.sqrt((n - 1) / length)
    if comparator.family == "sign" and cosine > 0:
        slope *= mean / cosine
    influence = np.mean([own[0] for _, own in folds], axis=0)
    without = (
        None if comparator.family == "matrix" or n < 3 else _without(brains, pooled, comparator)
    )
    return CeilingTerms(mean, influence, unit, average, float(slope), without)


def _without(brains: np.ndarray, pooled: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Lower ceiling of the others, without each subject."""
    n, total = len(brains), pooled.sum(axis=0)
    sums, score = np.zeros(n), scorer(brains, comparator)
    for s in range(n - 1):
        after = slice(s + 1, None)
        found = score(total - pooled[s] - pooled[after])
        # The fold of s belongs to the ceiling without t, and the other way round.
        sums[after] += found[:, s]
        sums[s] += np.diagonal(found[:, after]).sum()
    return sums / (n - 1)

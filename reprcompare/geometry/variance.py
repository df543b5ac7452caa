r"""The variance of a score over new subjects, new stimuli, or both.

A score is a mean over subjects and over pairs of stimuli. Two of its terms are independent only if
they share neither a subject nor a stimulus, so

.. math:: \mathrm{Var}(\hat\theta) = E[\hat\theta^2] - E[\hat\theta]^2,

and the second part is estimated without bias by the mean product of terms that share nothing. For
stimuli this is the variance of a U-statistic; a bootstrap or a jackknife of the stimuli counts the
part that belongs to single pairs three times or twice, which is why they are too cautious for
unrelated RDMs (the same two-factor argument as in Schuett et al. 2023, eLife 12:e82566, eq. 20,
carried to pairs). In econometrics the estimator is known as dyadic and multiway clustering
(Cameron, Gelbach & Miller 2011; Aronow, Samii & Assenova 2015).

The lower noise ceiling is a mean over *pairs* of subjects, and is treated over subjects as scores
are over stimuli: see `pair_variance`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

RESAMPLED = ("both", "stimuli", "subjects")
FLOOR = 0.6
"""A variance over stimuli or pairs of subjects is at least this part of that of independent pairs.

With few stimuli the unbiased estimate is itself so variable that a test on it rejects too often
when it happens to be small. Chosen on simulations with 20 stimuli (benchmarks/results).
"""


@dataclass(frozen=True)
class Variance:
    """The variance of a score and its parts.

    Attributes
    ----------
    total
        Over what was asked for.
    subjects, stimuli
        Over new subjects with the same stimuli; over new stimuli with the same subjects.
    df
        Degrees of freedom of `total` (Satterthwaite).
    """

    total: float
    subjects: float
    stimuli: float
    df: float


def score_variance(terms: np.ndarray, n_stimuli: int, over: str = "both") -> Variance:
    """Estimate the variance of a mean over subjects and pairs of stimuli.

    Parameters
    ----------
    terms : array, shape (n_subjects, n_pairs)
        Score of every subject plus the influence of every pair on it.
    n_stimuli
        n_pairs is n_stimuli * (n_stimuli - 1) / 2; at least 4.
    over
        "both", "stimuli" or "subjects".

    Returns
    -------
    Variance

    Examples
    --------
    >>> score_variance(np.array([[1.0] * 6, [3.0] * 6]), 4, over="subjects").total
    1.0
    """
    terms = terms - terms.mean()
    n_subjects = len(terms)
    by_subject = terms.mean(axis=1)
    subjects = float(by_subject.var(ddof=1) / n_subjects) if n_subjects > 1 else 0.0
    if over == "subjects":
        return Variance(subjects, subjects, 0.0, n_subjects - 1)
    mean = terms.mean(axis=0)
    over_stimuli, independent = _over_dyads(mean, n_stimuli)
    # Terms are centred at the estimate itself, which costs one stimulus.
    stimuli = max(over_stimuli, FLOOR * independent) * n_stimuli / (n_stimuli - 1)
    if over == "stimuli" or n_subjects == 1:
        return Variance(stimuli, subjects, stimuli, n_stimuli - 1)
    shared = subjects + over_stimuli - _over_both(terms, n_stimuli)
    return _both(subjects, stimuli, shared, n_subjects, n_stimuli)


def pair_variance(
    blocks: Iterable[np.ndarray],
    n_subjects: int,
    n_stimuli: int,
    over: str = "both",
    without: np.ndarray | None = None,
) -> Variance:
    """Estimate the variance of a mean over pairs of subjects and pairs of stimuli.

    Two terms are independent if their pairs share neither a subject nor a stimulus. A jackknife of
    the subjects, or the derivative by the weight of a subject, counts what belongs to single pairs
    of subjects twice; where subjects differ little that is most of the variance.

    Parameters
    ----------
    blocks : iterable of n_subjects - 1 arrays, shapes (n_subjects - 1 - s, n_pairs)
        Terms of the pairs of subject s = 0, 1, 2 ... with those after it.
    n_subjects
        At least 4: any two pairs of three subjects share one.
    n_stimuli, over
        As for `score_variance`.
    without : array, shape (n_subjects,), optional
        The estimate itself without each of the subjects. The terms are linear; what the jackknife
        of the estimate has more or less than theirs is added to the variance over subjects.

    Returns
    -------
    Variance

    Examples
    --------
    >>> alike = [np.ones((3 - s, 6)) for s in range(3)]
    >>> pair_variance(alike, 4, 4).total
    0.0
    """
    by_subject, means, own = np.empty((0, 0)), [], 0.0
    for s, block in enumerate(blocks):
        if not len(by_subject):
            by_subject = np.zeros((n_subjects, block.shape[1]))
        by_subject[s] += block.sum(axis=0)
        by_subject[s + 1 :] += block
        means.append(block.mean(axis=1))
        own += float(_disjoint(block, n_stimuli).sum())
    of_pairs = np.concatenate(means)
    mean, n_dyads = float(of_pairs.mean()), len(of_pairs)
    over_subjects, independent = _over_dyads(of_pairs - mean, n_subjects)
    curved = 0.0
    if without is not None:
        rest = of_pairs.sum() - _members(n_subjects) @ of_pairs
        linear = rest / (n_dyads - n_subjects + 1)
        curved = _jackknife(without) - _jackknife(linear)
    subjects = max(over_subjects + curved, FLOOR * independent)
    if over == "subjects":
        return Variance(subjects, subjects, 0.0, n_subjects - 1)
    everyone = by_subject.sum(axis=0) / 2
    over_stimuli, independent = _over_dyads(everyone / n_dyads - mean, n_stimuli)
    stimuli = max(over_stimuli, FLOOR * independent) * n_stimuli / (n_stimuli - 1)
    if over == "stimuli":
        return Variance(stimuli, subjects, stimuli, n_stimuli - 1)
    together = float(_disjoint(everyone[None], n_stimuli)[0])
    products = together - float(_disjoint(by_subject, n_stimuli).sum()) + own
    n_disjoint = _disjoint_dyads(n_subjects) * _disjoint_dyads(n_stimuli)
    over_both = mean**2 - products / n_disjoint
    shared = over_subjects + over_stimuli - over_both
    return _both(subjects, stimuli, shared, n_subjects, n_stimuli)


def _jackknife(without: np.ndarray) -> float:
    n = len(without)
    return float((n - 1) * without.var())


def _both(
    subjects: float, stimuli: float, shared: float, n_subjects: int, n_stimuli: int
) -> Variance:
    """Add variances over subjects and stimuli, less what both contain; Satterthwaite's df."""
    total = max(subjects + stimuli - max(shared, 0.0), subjects, stimuli)
    freedom = subjects**2 / (n_subjects - 1) + stimuli**2 / (n_stimuli - 1)
    df = total**2 / freedom if freedom > 0 else float(n_stimuli - 1)
    return Variance(total, subjects, stimuli, df)


def _over_dyads(terms: np.ndarray, n: int) -> tuple[float, float]:
    """Variance of a mean of centred terms of all pairs of n things, and as if independent."""
    unbiased = -_disjoint(terms[None], n)[0] / _disjoint_dyads(n)
    return float(unbiased), float((terms**2).mean() / len(terms))


def _disjoint_dyads(n: int) -> float:
    """Return how many ordered pairs of pairs of n things share none."""
    return n * (n - 1) * (n - 2) * (n - 3) / 4


def _over_both(terms: np.ndarray, n: int) -> float:
    n_subjects = len(terms)
    n_disjoint = n_subjects * (n_subjects - 1) * _disjoint_dyads(n)
    everyone = _disjoint(terms.sum(axis=0)[None], n)[0]
    return float(-(everyone - _disjoint(terms, n).sum()) / n_disjoint)


def _disjoint(terms: np.ndarray, n: int) -> np.ndarray:
    """Sum the products of all ordered pairs of terms (k, n_pairs) that share no stimulus."""
    by_stimulus = _members(n) @ terms.T
    return terms.sum(axis=1) ** 2 - (by_stimulus**2).sum(axis=0) + (terms**2).sum(axis=1)


@lru_cache(maxsize=8)
def _members(n: int) -> sparse.csr_array:
    """Which pairs (columns) every one of n things (rows) belongs to."""
    pairs = np.stack(np.triu_indices(n, 1))
    n_pairs = pairs.shape[1]
    columns = np.tile(np.arange(n_pairs), 2)
    return sparse.csr_array((np.ones(2 * n_pairs), (pairs.ravel(), columns)), shape=(n, n_pairs))

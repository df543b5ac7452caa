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
"""

from dataclasses import dataclass

import numpy as np

RESAMPLED = ("both", "stimuli", "subjects")
FLOOR = 0.6
"""The variance over stimuli is not taken below this part of that of independent pairs.

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
    over_stimuli = _over_stimuli(mean, n_stimuli)
    # Terms are centred at the estimate itself, which costs one stimulus.
    independent = float((mean**2).mean() / len(mean))
    stimuli = max(over_stimuli, FLOOR * independent) * n_stimuli / (n_stimuli - 1)
    stimuli_df = n_stimuli - 1
    if over == "stimuli" or n_subjects == 1:
        return Variance(stimuli, subjects, stimuli, stimuli_df)
    shared = max(subjects + over_stimuli - _over_both(terms, n_stimuli), 0.0)
    total = max(subjects + stimuli - shared, subjects, stimuli)
    freedom = subjects**2 / (n_subjects - 1) + stimuli**2 / stimuli_df
    df = total**2 / freedom if freedom > 0 else float(stimuli_df)
    return Variance(total, subjects, stimuli, df)


def _over_stimuli(terms: np.ndarray, n: int) -> float:
    n_disjoint = len(terms) * (n - 2) * (n - 3) / 2
    return float(-_disjoint(terms[None], n)[0] / n_disjoint)


def _over_both(terms: np.ndarray, n: int) -> float:
    n_subjects = len(terms)
    n_disjoint = n_subjects * (n_subjects - 1) * terms.shape[1] * (n - 2) * (n - 3) / 2
    everyone = _disjoint(terms.sum(axis=0)[None], n)[0]
    return float(-(everyone - _disjoint(terms, n).sum()) / n_disjoint)


def _disjoint(terms: np.ndarray, n: int) -> np.ndarray:
    """Sum the products of all ordered pairs of terms (k, n_pairs) that share no stimulus."""
    rows, columns = np.triu_indices(n, 1)
    by_stimulus = np.stack(
        [
            np.bincount(rows, weights=row, minlength=n)
            + np.bincount(columns, weights=row, minlength=n)
            for row in terms
        ]
    )
    return terms.sum(axis=1) ** 2 - (by_stimulus**2).sum(axis=1) + (terms**2).sum(axis=1)

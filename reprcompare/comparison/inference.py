"""Scores of models with their intervals and tests, on RDMs that are already joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from reprcompare.geometry import (
    CeilingTerms,
    Comparator,
    Variance,
    influences,
    pair_variance,
    predict_held_out,
    score_variance,
)

CONFIDENCE = 0.95
FEWEST_FOR_CEILING = 4
"""The ceiling is a mean over pairs of subjects, and any two pairs of three subjects share one."""


@dataclass(frozen=True)
class Scored:
    """One class of networks against the subjects of one brain region.

    Attributes
    ----------
    scores : array, shape (n_networks, n_subjects)
    terms : array, shape (n_subjects, n_pairs)
        Score plus influence, averaged over networks.
    """

    scores: np.ndarray
    terms: np.ndarray

    @property
    def score(self) -> float:
        """Mean over networks and subjects."""
        return float(self.scores.mean())

    @property
    def networks(self) -> Variance | None:
        """Variance of the score over new networks of the class; None for one network."""
        means = self.scores.mean(axis=1)
        if len(means) == 1:
            return None
        return Variance(float(means.var(ddof=1) / len(means)), 0.0, 0.0, len(means) - 1)


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes
    ----------
    value, se, low, high
    df
        Of Student's t, by Satterthwaite.
    """

    value: float
    se: float
    low: float
    high: float
    df: float

    def p(self, alternative: str = "two-sided") -> float:
        """Return the p value of the null hypothesis that the true value is zero.

        Parameters
        ----------
        alternative
            "two-sided", "less" or "greater".
        """
        t = self.value / self.se if self.se > 0 else np.nan
        tails = {
            "two-sided": 2 * stats.t.sf(abs(t), self.df),
            "less": stats.t.cdf(t, self.df),
            "greater": stats.t.sf(t, self.df),
        }
        return float(tails[alternative])


def score_models(
    models: Sequence[np.ndarray], brains: np.ndarray, comparator: Comparator
) -> list[Scored]:
    """Score models against subjects.

    Parameters
    ----------
    models : sequence of arrays, each of shape (n_networks, n_pairs)
    brains : array, shape (n_subjects, n_pairs)
    comparator

    Returns
    -------
    list of Scored
    """
    results = influences(np.concatenate(models), brains, comparator)
    scored = []
    for networks in models:
        terms, scores = np.zeros_like(brains, dtype=float), []
        for _ in networks:
            score, influence = next(results)
            scores.append(score)
            terms += (score[:, None] + influence) / len(networks)
        scored.append(Scored(np.array(scores), terms))
    return scored


def score_flexible(
    components: np.ndarray, brains: np.ndarray, fit: str, comparator: Comparator, seed: int = 0
) -> Scored:
    """Score a flexible model by its predictions for held-out stimuli and subjects.

    Parameters
    ----------
    components : array, shape (n_components, n_pairs)
    brains : array, shape (n_subjects, n_pairs)
    fit, comparator, seed
        As for `predict_held_out`.
    """
    predicted = predict_held_out(components, brains, fit, comparator, seed)
    found = [
        next(influences(own[None], brain[None], comparator))
        for own, brain in zip(predicted, brains, strict=True)
    ]
    scores = np.array([[score[0] for score, _ in found]])
    return Scored(scores, scores.T + np.concatenate([influence for _, influence in found]))


def transformed(scores: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Bring scores of subjects to a scale on which they are tested: Fisher's z of correlations."""
    return np.arctanh(scores) if comparator.bounded else scores


def wilcoxon(differences: np.ndarray, alternative: str) -> float:
    """Signed-rank test over subjects that a difference is zero; exact up to 50 of them.

    Examples
    --------
    >>> wilcoxon(np.array([0.1, 0.3, 0.2, 0.5]), "greater")
    0.0625
    """
    if not np.isfinite(differences).all() or not differences.any():
        return np.nan
    return float(stats.wilcoxon(differences, alternative=alternative).pvalue)


def reliability(vectors: np.ndarray, comparator: Comparator) -> float:
    """Mean score between different subjects, or networks, of one region; NaN for one.

    For comparators that centre this is the reliability of one RDM as a measure of what all share.
    """
    if len(vectors) < 2:
        return np.nan
    scores = np.array([score for score, _ in influences(vectors, vectors, comparator)])
    return float(scores[~np.eye(len(vectors), dtype=bool)].mean())


def disattenuated(score: float, brain: float, model: float, comparator: Comparator) -> float:
    """Divide a score by the root of the reliabilities of both sides (Spearman 1904).

    Parameters
    ----------
    score
    brain, model
        Reliability of one subject and of one network; NaN for a single network, which is then
        taken as free of noise.
    comparator

    Returns
    -------
    float
        NaN where the comparator does not centre, or a reliability is not positive or not known.

    Examples
    --------
    >>> from reprcompare.geometry import COMPARATORS
    >>> disattenuated(0.4, 0.64, float("nan"), COMPARATORS["correlation"])
    0.5
    """
    side = 1.0 if np.isnan(model) else model
    if not comparator.centred or np.isnan(brain) or min(brain, side) <= 0:
        return np.nan
    return float(score / np.sqrt(brain * side))


def score_interval(one: Scored, n_stimuli: int, over: str) -> Interval:
    """Interval of a score over new subjects, stimuli or both, and new networks if several."""
    return _interval(one.score, score_variance(one.terms, n_stimuli, over), [one.networks])


def difference_interval(a: Scored, b: Scored, n_stimuli: int, over: str) -> Interval:
    """Interval of the difference between two models, measured on the same subjects and stimuli."""
    variance = score_variance(a.terms - b.terms, n_stimuli, over)
    return _interval(a.score - b.score, variance, [a.networks, b.networks])


def ceiling_interval(
    one: Scored, bound: CeilingTerms, n_stimuli: int, over: str
) -> Interval | None:
    """Interval of the difference between a model and the lower noise ceiling.

    The ceiling is the score of a mean of other subjects, so it varies as a mean over pairs of
    subjects does, and so does the difference.

    Parameters
    ----------
    one
    bound
        From `ceiling_terms`.
    n_stimuli, over
        As for `score_variance`.

    Returns
    -------
    Interval, or None
        None for fewer than four subjects, any two pairs of which share one.
    """
    n_subjects = len(bound.unit)
    if n_subjects < FEWEST_FOR_CEILING:
        return None
    terms = one.terms
    blocks = ((terms[s] + terms[s + 1 :]) / 2 - bound.of_pairs(s) for s in range(n_subjects - 1))
    without = None
    if bound.without is not None:
        scores = one.scores.mean(axis=0)
        without = (scores.sum() - scores) / (n_subjects - 1) - bound.without
    variance = pair_variance(blocks, n_subjects, n_stimuli, over, without)
    return _interval(one.score - bound.mean, variance, [one.networks])


def _interval(value: float, variance: Variance, networks: Sequence[Variance | None]) -> Interval:
    parts = [variance, *(one for one in networks if one)]
    parts = [part for part in parts if part.total > 0]
    if not parts:
        return Interval(value, np.nan, np.nan, np.nan, np.nan)
    total = sum(part.total for part in parts)
    df = total**2 / sum(part.total**2 / part.df for part in parts)
    se = float(np.sqrt(total))
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, df)) * se
    return Interval(value, se, value - reach, value + reach, float(df))

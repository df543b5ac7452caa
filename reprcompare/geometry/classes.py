"""How alike classes of networks are, plain and corrected for differences between seeds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.errors import InvalidInputError
from reprcompare.geometry.comparators import find_comparator
from reprcompare.geometry.products import score_rdms


@dataclass(frozen=True)
class ClassScores:
    """Scores between classes of networks.

    Attributes
    ----------
    classes : pandas.DataFrame
        One row a pair of classes (a class with itself too): first, second, score (mean over pairs
        of different networks) and disattenuated (divided by the geometric mean of the scores within
        the two classes), each with low and high at 95 %, n_networks.
    networks : pandas.DataFrame
        One row a network and class: class, number, other, score (mean with the networks of the
        other class, itself left out).
    """

    classes: pd.DataFrame
    networks: pd.DataFrame


def class_scores(
    rdms: Mapping[str, np.ndarray], comparator: str = "correlation", level: float = 0.95
) -> ClassScores:
    """Compare the RDMs of classes of networks, seed by seed.

    A score between networks of two classes is limited by how much two networks of one class differ.
    Dividing by that, as Spearman (1904) did, tells what is left when seeds are averaged out.
    Intervals are those of a jackknife over networks, within classes.

    Parameters
    ----------
    rdms : mapping of str to array, shape (n_networks, n_pairs)
        By class; at least 2 networks each.
    comparator
        A name in `COMPARATORS`.
    level
        Of the intervals.

    Returns
    -------
    ClassScores
        Every class with every other, and with itself.

    Raises
    ------
    InvalidInputError
        If a class has fewer than 2 networks.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.standard_normal(4950), rng.standard_normal((8, 4950))
    >>> found = class_scores({"a": signal + noise[:4], "b": signal + noise[4:]})
    >>> found.classes.set_index(["first", "second"]).loc[("a", "b")].round(1)[
    ...     ["score", "disattenuated"]].tolist()
    [0.5, 1.0]
    """
    for name, values in rdms.items():
        if len(values) < 2:
            raise InvalidInputError(
                f"class {name!r} has {len(values)} networks; scores between seeds need at least 2."
            )
    stacked = np.concatenate([np.asarray(values, dtype=float) for values in rdms.values()])
    scores = score_rdms(stacked, stacked, find_comparator(comparator))
    np.fill_diagonal(scores, np.nan)
    member = np.repeat(list(rdms), [len(values) for values in rdms.values()])
    networks = [
        {
            "class": member[i],
            "number": int(np.flatnonzero(member == member[i]).searchsorted(i)),
            "other": other,
            "score": float(np.nanmean(scores[i, member == other])),
        }
        for i in range(len(member))
        for other in rdms
    ]
    names = list(rdms)
    rows = []
    for number, first in enumerate(names):
        for second in names[number:]:
            plain = _interval(partial(_mean, scores, member, first, second), member, level)
            clean = _interval(partial(_clean, scores, member, first, second), member, level)
            rows.append((first, second, *plain, *clean, *_sizes(member, first, second)))
    columns = ["first", "second", "score", "score_low", "score_high"]
    columns += ["disattenuated", "disattenuated_low", "disattenuated_high"]
    columns += ["n_first", "n_second"]
    return ClassScores(pd.DataFrame(rows, columns=columns), pd.DataFrame(networks))


def _mean(
    scores: np.ndarray, member: np.ndarray, first: str, second: str, kept: np.ndarray
) -> float:
    rows, columns = kept & (member == first), kept & (member == second)
    return float(np.nanmean(scores[np.ix_(rows, columns)]))


def _clean(
    scores: np.ndarray, member: np.ndarray, first: str, second: str, kept: np.ndarray
) -> float:
    own = _mean(scores, member, first, first, kept), _mean(scores, member, second, second, kept)
    if min(own) <= 0:
        return np.nan
    return _mean(scores, member, first, second, kept) / float(np.sqrt(own[0] * own[1]))


def _interval(
    statistic: Callable[..., float], member: np.ndarray, level: float
) -> tuple[float, float, float]:
    """Return a statistic with its interval by a jackknife over networks, within classes."""
    everyone = np.ones(len(member), dtype=bool)
    estimate = statistic(everyone)
    variance, smallest = 0.0, len(member)
    for name in np.unique(member):
        own = np.flatnonzero(member == name)
        if len(own) < 3:
            return estimate, np.nan, np.nan
        without = np.array([statistic(everyone & (np.arange(len(member)) != i)) for i in own])
        if np.ptp(without) > 0:
            smallest = min(smallest, len(own))
        variance += (len(own) - 1) / len(own) * float(np.square(without - without.mean()).sum())
    reach = float(stats.t.ppf((1 + level) / 2, smallest - 1) * np.sqrt(variance))
    return estimate, estimate - reach, estimate + reach


def _sizes(member: np.ndarray, first: str, second: str) -> tuple[int, int]:
    return int((member == first).sum()), int((member == second).sum())

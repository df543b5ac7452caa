"""What a linear classifier that is trained on few stimuli makes of a representation.

Two questions of Lampinen, Chan & Hermann 2024 (arXiv 2405.05847): how many labelled stimuli a
feature takes to be learned downstream, and which feature a classifier follows when its few stimuli
do not tell two features apart.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprcompare.audit.decodability import RIDGE
from reprcompare.errors import InvalidInputError


@dataclass(frozen=True)
class Downstream:
    """What downstream classifiers do.

    Attributes
    ----------
    learning : pandas.DataFrame
        n_training, feature, accuracy (on stimuli of which none was trained, mean over draws).
    conflict : pandas.DataFrame
        n_training, feature, rival, preference: how often a classifier that was trained on stimuli
        in which both features agree follows the feature, and not the rival, where they disagree.
    """

    learning: pd.DataFrame
    conflict: pd.DataFrame


def downstream(
    patterns: np.ndarray,
    labels: pd.DataFrame,
    *,
    n_training: Sequence[int] = (8, 16, 32, 64, 128),
    n_draws: int = 50,
    seed: int = 0,
) -> Downstream:
    """Train linear classifiers on few stimuli and test them on the others.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    labels
        One row a stimulus, one column a feature; features of two levels, 0 and 1.
    n_training
        Numbers of stimuli that a classifier is trained on, half of each level.
    n_draws
        Random choices of these stimuli.
    seed
        Of the choices.

    Returns
    -------
    Downstream

    Raises
    ------
    InvalidInputError
        If a feature has other levels, or there are too few stimuli to choose from.

    Examples
    --------
    >>> labels = pd.DataFrame({"a": [0, 0, 1, 1] * 8, "b": [0, 1, 0, 1] * 8})
    >>> strong_a = labels.to_numpy() * [3.0, 1.0]
    >>> found = downstream(strong_a, labels, n_training=[8])
    >>> found.conflict.set_index("feature").preference.round(1).to_dict()
    {'a': 1.0, 'b': 0.0}
    """
    values = labels.to_numpy(dtype=float)
    if not np.isin(values, (0, 1)).all():
        raise InvalidInputError(
            "downstream classifiers are for features of two levels, 0 and 1; choose such features."
        )
    rng = np.random.default_rng(seed)
    learning, conflict = [], []
    names = [str(name) for name in labels.columns]
    for n in n_training:
        for column, name in enumerate(names):
            target = values[:, column]
            scores = []
            for _ in range(n_draws):
                rows = _choose(target, np.ones(len(target), dtype=bool), n, rng)
                rest = np.setdiff1d(np.arange(len(target)), rows)
                answers = _answers(patterns, rows, target)
                scores.append(float((answers[rest] == target[rest]).mean()))
            learning.append((n, name, float(np.mean(scores))))
        for first, second in itertools.combinations(range(len(names)), 2):
            agree = values[:, first] == values[:, second]
            follows = []
            for _ in range(n_draws):
                rows = _choose(values[:, first], agree, n, rng)
                answers = _answers(patterns, rows, values[:, first])
                follows.append(float((answers == values[:, first])[~agree].mean()))
            preference = float(np.mean(follows))
            conflict.append((n, names[first], names[second], preference))
            conflict.append((n, names[second], names[first], 1 - preference))
    return Downstream(
        pd.DataFrame(learning, columns=["n_training", "feature", "accuracy"]),
        pd.DataFrame(conflict, columns=["n_training", "feature", "rival", "preference"]),
    )


def _choose(target: np.ndarray, able: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Choose n stimuli, half of each level."""
    chosen = []
    for level in (0, 1):
        found = np.flatnonzero(able & (target == level))
        if len(found) < n // 2 or n < 2:
            raise InvalidInputError(
                f"a classifier cannot be trained on {n} stimuli: {len(found)} can stand for "
                f"a level, and at least {max(n // 2, 1)} are needed."
            )
        chosen.append(rng.choice(found, n // 2, replace=False))
    return np.concatenate(chosen)


def _answers(patterns: np.ndarray, rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the answers of a ridge classifier trained on some rows, for all stimuli."""
    centre = patterns[rows].mean(axis=0)
    x = patterns[rows] - centre
    y = 2 * target[rows] - 1
    inner = x @ x.T
    # As for decodability: a fraction of the mean eigenvalue over neuroids.
    penalty = RIDGE * max(np.trace(inner) / x.shape[1], 1e-12)
    weights = x.T @ np.linalg.solve(inner + penalty * np.eye(len(rows)), y - y.mean())
    return ((patterns - centre) @ weights + y.mean() > 0).astype(float)

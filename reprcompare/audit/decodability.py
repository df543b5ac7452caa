"""Decodability: how well a feature is read from activity by a linear decoder."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

from reprcompare.recording import columns_of

RIDGE = 0.1
"""Ridge penalty, as a fraction of the mean eigenvalue of the neuroids' covariance. Fixed, so that
the permuted labels go through exactly what the true ones do."""


@dataclass(frozen=True)
class Decoding:
    """A cross-validated decoding score and what permuted labels reach.

    Attributes
    ----------
    score
        Balanced accuracy of a feature with levels, r2 (squared correlation times its sign) of a
        continuous one.
    chance
        Mean score with permuted labels.
    p
        One-sided permutation p value, at least 1 / (n_permutations + 1).
    """

    score: float
    chance: float
    p: float


def decode(
    patterns: np.ndarray,
    feature: pd.Series,
    *,
    n_folds: int = 10,
    n_permutations: int = 200,
    seed: int = 0,
) -> Decoding:
    """Decode a feature with ridge regression, cross-validated over stimuli.

    The held-out predictions of all folds follow in closed form from the hat matrix H of the whole
    set, y_f - (I - H_ff)^-1 (y_f - H_f y), so that permutations cost one matrix product together.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
        One row a stimulus; average repetitions first.
    feature : length n_stimuli
        Levels (text, categories, two values) are classified, other numbers are regressed.
    n_folds
        Folds, stratified by level.
    n_permutations
        Permutations of the labels over stimuli: of levels within folds, so that every permutation
        has as many of each level in every fold as the true labels have, of numbers over all.
    seed
        Of folds and permutations.

    Returns
    -------
    Decoding
        NaN if a level has fewer than two stimuli.
    """
    rng = np.random.default_rng(seed)
    numeric = pd.api.types.is_numeric_dtype(feature) and feature.nunique() > 2
    codes, levels = pd.factorize(feature, sort=True)
    n = len(feature)
    if numeric:
        folds = rng.permutation(np.arange(n) % n_folds)
    else:
        counts = np.bincount(codes)
        if len(counts) < 2 or counts.min() < 2:
            return Decoding(np.nan, np.nan, np.nan)
        folds = _stratified_folds(codes, min(n_folds, int(counts.min())), rng)
    # Folds are stratified by the true levels. If levels were permuted across folds, a fold with too
    # many of one would be predicted by a set with too few, and the null would be too low.
    blocks = np.zeros(n, dtype=int) if numeric else folds
    orders = [np.arange(n), *(_permuted_within(blocks, rng) for _ in range(n_permutations))]
    target = columns_of(feature) if numeric else np.eye(len(levels))[codes]
    shuffled = np.stack([target[order] for order in orders], axis=1)
    predicted = held_out_decoding(patterns, shuffled.reshape(n, -1), folds).reshape(shuffled.shape)
    if numeric:
        scores = _signed_r2(predicted[..., 0], shuffled[..., 0])
    else:
        truth = np.stack([codes[order] for order in orders], axis=1)
        scores = _balanced_accuracy(predicted.argmax(axis=-1), truth, len(levels))
    null = scores[1:]
    return Decoding(
        float(scores[0]),
        float(null.mean()) if len(null) else np.nan,
        float((1 + (null >= scores[0] - 1e-12).sum()) / (1 + len(null))) if len(null) else np.nan,
    )


def _stratified_folds(codes: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    folds = np.empty(len(codes), dtype=int)
    for code in np.unique(codes):
        places = rng.permutation(np.flatnonzero(codes == code))
        folds[places] = np.arange(len(places)) % n_folds
    return folds


def _permuted_within(blocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    order = np.empty(len(blocks), dtype=int)
    order[np.argsort(blocks, kind="stable")] = np.lexsort((rng.random(len(blocks)), blocks))
    return order


def held_out_decoding(patterns: np.ndarray, targets: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Predict each stimulus from the other folds, for many targets (n_stimuli, n_targets).

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    targets : array, shape (n_stimuli, n_targets)
    folds : array of int, shape (n_stimuli,)
    """
    # Scaling to the mean variance keeps the penalty meaningful for any unit of activity.
    n = len(patterns)
    centred = patterns - patterns.mean(axis=0)
    if n > centred.shape[1]:
        inner = centred.T @ centred
        penalty = RIDGE * max(np.trace(inner) / len(inner), 1e-12)
        hat = centred @ linalg.solve(
            inner + penalty * np.eye(len(inner)), centred.T, assume_a="pos"
        )
    else:
        inner = centred @ centred.T
        penalty = RIDGE * max(np.trace(inner) / len(inner), 1e-12)
        hat = linalg.solve(inner + penalty * np.eye(n), inner, assume_a="pos")
    hat += 1 / n
    residual = targets - hat @ targets
    predicted = np.empty_like(targets)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        room = np.eye(len(rows)) - hat[np.ix_(rows, rows)]
        predicted[rows] = targets[rows] - linalg.solve(room, residual[rows])
    return predicted


def _balanced_accuracy(answers: np.ndarray, truth: np.ndarray, n_levels: int) -> np.ndarray:
    recalls = [
        ((answers == level) & (truth == level)).sum(axis=0) / (truth == level).sum(axis=0)
        for level in range(n_levels)
    ]
    return np.mean(recalls, axis=0)


def _signed_r2(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    x, y = predicted - predicted.mean(axis=0), truth - truth.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (x * y).sum(axis=0) / np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum(axis=0))
    return np.nan_to_num(r * np.abs(r))

"""Linear predictivity in which every feature counts once, whatever its share of the variance."""

from dataclasses import dataclass

import numpy as np

from reprcompare.audit.contrasts import Design
from reprcompare.audit.decodability import held_out_decoding
from reprcompare.errors import UninformativeError
from reprcompare.geometry import predict_linearly

N_FOLDS = 10
CHANCE = 2.0
"""A feature counts as carried when its decoded values correlate with it by more than this many
standard errors of a correlation of 0."""


@dataclass(frozen=True)
class Predictivity:
    """Predictivity with and without correction.

    Attributes
    ----------
    plain
        Variance of the second side that the first predicts, weighted by variance.
    balanced
        Mean over features that either side carries, and over both directions.
    plain_parts, balanced_parts : arrays, shape (n_features,)
        What each feature contributes; the balanced ones add up to `balanced`.
    """

    plain: float
    balanced: float
    plain_parts: np.ndarray
    balanced_parts: np.ndarray


def balanced_predictivity(
    x: np.ndarray, y: np.ndarray, design: Design, seed: int = 0
) -> Predictivity:
    """Predict one region from another, by neuroid and by feature.

    For every feature the activity of one side is read out by a linear decoder (held-out values),
    and the other side predicts this read-out. So a feature that fills a tenth of the variance
    counts as much as one that fills half of it; and predicting runs in both directions, since a
    region that carries more features predicts one that carries fewer for free.

    Parameters
    ----------
    x, y : arrays, shape (n_stimuli, p) and (n_stimuli, q)
        Activity of the two sides, averaged over repetitions.
    design
        Of the features.
    seed
        Of the folds.

    Returns
    -------
    Predictivity
        In fractions of variance.

    Raises
    ------
    UninformativeError
        If neither side carries any of the features.
    """
    folds = np.random.default_rng(seed).permutation(len(x)) % N_FOLDS
    read = [held_out_decoding(side, design.columns, folds) for side in (x, y)]
    carried = [_carried(one, design) for one in read]
    counted = carried[0] | carried[1]
    if not counted.any():
        raise UninformativeError(
            "uninformative: no feature can be decoded from either side above chance."
        )
    forth = _explained(x, read[1], design, seed) * carried[1]
    back = _explained(y, read[0], design, seed) * carried[0]
    parts = np.where(counted, (forth + back) / 2, 0.0) / counted.sum()
    predicted, baseline = predict_linearly(x, y, seed=seed)
    total = np.square(y - baseline).sum()
    return Predictivity(
        float(1 - np.square(y - predicted).sum() / total) if total > 0 else np.nan,
        float(parts.sum()),
        _by_feature(y - baseline, y - predicted, design) / total,
        parts,
    )


def _carried(read: np.ndarray, design: Design) -> np.ndarray:
    """Tell which features the decoded values (n_stimuli, n_columns) follow."""
    centred = read - read.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0) * np.sqrt(len(read))
    r = np.einsum("ij,ij->j", centred, design.columns) / np.where(lengths > 0, lengths, np.inf)
    above = r > CHANCE / np.sqrt(len(read))
    return np.array([above[design.owner == f].any() for f in range(len(design.names))])


def _explained(x: np.ndarray, target: np.ndarray, design: Design, seed: int) -> np.ndarray:
    """Return the variance of each feature's read-out that X predicts, never below 0."""
    predicted, baseline = predict_linearly(x, target, seed=seed)
    error, total = (
        np.array([values[design.owner == f].sum() for f in range(len(design.names))])
        for values in (
            np.square(target - predicted).sum(axis=0),
            np.square(target - baseline).sum(axis=0),
        )
    )
    return np.maximum(1 - error / np.where(total > 0, total, np.inf), 0.0)


def _by_feature(total: np.ndarray, error: np.ndarray, design: Design) -> np.ndarray:
    """Say how much less is left along each feature, in the order of the features."""
    parts, taken = [], np.empty((len(total), 0))
    for f in range(len(design.names)):
        own = design.columns[:, design.owner == f] / np.sqrt(len(total))
        own, _ = np.linalg.qr(own - taken @ (taken.T @ own))
        parts.append(np.square(own.T @ total).sum() - np.square(own.T @ error).sum())
        taken = np.concatenate([taken, own], axis=1)
    return np.array(parts)

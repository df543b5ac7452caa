"""What a region is like as a whole: its dimensionality, and how selective its neuroids are."""

import numpy as np
import pandas as pd

from reprcompare.audit.share import row_products


def participation_ratio(patterns: np.ndarray) -> float:
    """Return the dimensionality of patterns: (sum of eigenvalues)² / sum of squared eigenvalues.

    Of the covariance over stimuli; d for d independent directions of equal variance. Noise and few
    stimuli change it, so compare only what was measured alike.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)

    Returns
    -------
    float
        From 1 to the number of neuroids; NaN where nothing varies.

    Examples
    --------
    >>> participation_ratio(np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]))
    2.0
    """
    centred = patterns - patterns.mean(axis=0)
    # The smaller of the two matrices of inner products has the same eigenvalues.
    inner = centred.T @ centred if len(patterns) > patterns.shape[1] else centred @ centred.T
    squares = float(np.square(inner).sum())
    return float(np.trace(inner) ** 2 / squares) if squares > 0 else float("nan")


def reliable_fraction(patterns: np.ndarray) -> float:
    """Return the fraction of a single measurement's variance that repeats.

    Parameters
    ----------
    patterns : array, shape (n_repetitions, n_stimuli, n_neuroids)
        NaN for a single repetition.

    Returns
    -------
    float
        1 without noise, 0 on average for noise alone; NaN where nothing varies.
    """
    if len(patterns) < 2:
        return float("nan")
    centred = patterns - patterns.mean(axis=1, keepdims=True)
    total = float(np.square(centred).sum() / len(patterns))
    return float(row_products(centred).sum() / total) if total > 0 else float("nan")


def selectivity(explained: pd.DataFrame) -> pd.Series:
    """Return how selective every neuroid is for one feature.

    Parameters
    ----------
    explained
        One row a neuroid, one column a feature: the fraction of the neuroid's variance that the
        feature explains.

    Returns
    -------
    pandas.Series
        The largest fraction divided by the sum of all, those below 0 taken as 0: 1 for a neuroid
        that carries one feature alone, 1 / n_features for one that carries all equally, NaN for one
        that carries none.

    Examples
    --------
    >>> selectivity(pd.DataFrame({"a": [0.5, 0.3, 0.0], "b": [0.0, 0.1, -0.1]})).tolist()
    [1.0, 0.75, nan]
    """
    positive = explained.clip(lower=0).fillna(0)
    total = positive.sum(axis=1)
    return (positive.max(axis=1) / total).where(total > 0)

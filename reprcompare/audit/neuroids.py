"""What single neuroids and principal components carry of a feature."""

import numpy as np
import pandas as pd

from reprcompare.audit.design import Basis


def explained_by_neuroid(patterns: np.ndarray, basis: Basis) -> np.ndarray:
    """Return the fraction of each neuroid's variance that a feature explains, chance taken off.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    basis
        Of the feature.

    Returns
    -------
    numpy.ndarray, shape (n_neuroids,)
        NaN for neuroids that do not vary.
    """
    centred = patterns - patterns.mean(axis=0)
    total = np.square(centred).sum(axis=0)
    explained = np.square(basis.vectors.T @ centred).sum(axis=0)
    n = len(patterns)
    # Rounding of a constant in float32 is not variance.
    silent = total <= 1e-12 * np.square(patterns).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = 1 - (1 - explained / total) * (n - 1) / (n - 1 - basis.rank)
    return np.where(silent, np.nan, fraction)


def density(explained: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the fraction of all neuroids in which a feature explains more than each threshold.

    Parameters
    ----------
    explained : array, shape (n_neuroids,)
        From `explained_by_neuroid`; silent neuroids (NaN) count as carrying nothing.
    thresholds : array, shape (n_thresholds,)

    Returns
    -------
    numpy.ndarray, shape (n_thresholds,)

    Examples
    --------
    >>> density(np.array([0.9, 0.2, np.nan, 0.0]), np.array([0.1, 0.5]))
    array([0.5 , 0.25])
    """
    return (np.nan_to_num(explained)[None, :] > np.asarray(thresholds)[:, None]).mean(axis=1)


def components(
    patterns: np.ndarray, bases: dict[str, Basis], n_components: int = 10
) -> pd.DataFrame:
    """Say which feature each principal component carries.

    Parameters
    ----------
    patterns : array, shape (n_stimuli, n_neuroids)
    bases
        Of every feature.
    n_components
        How many components, largest variance first.

    Returns
    -------
    pandas.DataFrame
        component (from 1), variance (fraction of the total), feature, r2 (of the component's scores
        with the feature).
    """
    centred = patterns - patterns.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    power = np.square(singular)
    if power.sum() == 0:
        return pd.DataFrame(columns=["component", "variance", "feature", "r2"])
    rows = [
        (number + 1, power[number] / power.sum(), name, r2[number])
        for name, basis in bases.items()
        for r2 in [np.square(basis.vectors.T @ left).sum(axis=0)]
        for number in range(min(n_components, int((power > 1e-12 * power[0]).sum())))
    ]
    return pd.DataFrame(rows, columns=["component", "variance", "feature", "r2"])

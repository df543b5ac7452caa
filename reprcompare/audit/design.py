"""Design matrices of features: what it means to regress on a label."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reprcompare.errors import InvalidInputError, listing
from reprcompare.recording import columns_of


@dataclass(frozen=True)
class Basis:
    """An orthonormal basis of what one or several features can explain beyond the mean.

    Attributes
    ----------
    vectors : array, shape (n_stimuli, rank)
        Orthonormal, each of mean 0.
    """

    vectors: np.ndarray

    @property
    def rank(self) -> int:
        """Degrees of freedom beside the mean."""
        return self.vectors.shape[1]

    @property
    def leverage(self) -> np.ndarray:
        """Diagonal of the hat matrix with the mean, shape (n_stimuli,)."""
        return 1 / len(self.vectors) + np.square(self.vectors).sum(axis=1)

    def residual(self, values: np.ndarray) -> np.ndarray:
        """Return what the mean and the features leave of values (n_stimuli, n)."""
        centred = values - values.mean(axis=0)
        return centred - self.vectors @ (self.vectors.T @ centred)


def basis_of(table: pd.DataFrame) -> Basis:
    """Return the basis that the columns of a label table span together.

    Parameters
    ----------
    table
        One row a stimulus, one column a feature; no missing values.

    Returns
    -------
    Basis
        Orthonormal and centred; its rank is the number of contrasts between levels.

    Raises
    ------
    InvalidInputError
        If labels are missing.

    Examples
    --------
    >>> basis_of(pd.DataFrame({"kind": ["a", "b", "c", "a"]})).rank
    2
    """
    missing = table.columns[table.isna().any()]
    if len(missing):
        raise InvalidInputError(
            f"labels of {listing(missing)} are missing for some stimuli; drop these stimuli first."
        )
    parts = [columns_of(table[name]) for name in table.columns]
    design = np.concatenate([np.empty((len(table), 0)), *parts], axis=1)
    centred = design - design.mean(axis=0)
    scale = np.linalg.norm(centred, axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    if centred.shape[1] == 0:
        return Basis(np.empty((len(table), 0)))
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    return Basis(left[:, singular > 1e-8 * singular[0]])

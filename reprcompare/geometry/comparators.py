"""The comparators: how similar two RDMs are, with what each one means."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name


@dataclass(frozen=True)
class Comparator:
    """One way of comparing RDMs.

    Attributes
    ----------
    name
        As `compare` knows it.
    label
        For axes and sentences.
    low, high
        Its range; `high` is reached by identical RDMs.
    unrelated
        Its value for unrelated RDMs when labels are exchangeable, or None if that depends on the
        RDMs (then it is found by permuting labels).
    rsatoolbox
        The `method` of `rsatoolbox.rdm.compare` with the same value, but for `sign`.
    family
        "linear", "rank", "sign" or "matrix": how it is computed.
    centred, whitened, tied
        Whether the mean is removed, whether dissimilarities are whitened, and whether ties count
        against a model no less than wrong orders (rho-a, tau-a), so that no preference is given to
        models that predict ties.
    sign
        -1 where rsatoolbox returns a distance: here similar RDMs always have the higher value.
    says
        What it is sensitive to, in words.
    """

    name: str
    label: str
    low: float
    high: float
    unrelated: float | None
    rsatoolbox: str
    family: str
    centred: bool = True
    whitened: bool = False
    tied: bool = False
    sign: int = 1
    says: str = ""

    @property
    def bounded(self) -> bool:
        """Whether it is a correlation, so that Fisher's z applies."""
        return self.low == -1


_ALL = (
    Comparator(
        "cosine", "cosine similarity", -1, 1, None, "cosine", "linear", centred=False,
        says="sensitive to the ratio of dissimilarities and to the zero point; far above 0 for "
        "unrelated RDMs unless dissimilarities are cross-validated",
    ),
    Comparator(
        "correlation", "Pearson correlation", -1, 1, 0, "corr", "linear",
        says="linear relation of dissimilarities",
    ),
    Comparator(
        "whitened_cosine", "whitened cosine similarity", -1, 1, None, "cosine_cov", "linear",
        centred=False, whitened=True,
        says="cosine after removing the covariance between dissimilarities that share a stimulus; "
        "equals linear CKA for squared Euclidean distances",
    ),
    Comparator(
        "whitened_correlation", "whitened Pearson correlation", -1, 1, 0, "corr_cov", "linear",
        whitened=True,
        says="Pearson correlation after removing the covariance between dissimilarities that share "
        "a stimulus",
    ),
    Comparator(
        "spearman", "Spearman correlation", -1, 1, 0, "spearman", "rank",
        says="monotonic relation; favours models that predict tied dissimilarities",
    ),
    Comparator(
        "rho-a", "rank correlation rho-a", -1, 1, 0, "rho-a", "rank", tied=True,
        says="monotonic relation; the expectation of Spearman's correlation when ties are broken "
        "at random, so models that predict ties are not favoured",
    ),
    Comparator(
        "tau-a", "Kendall's tau-a", -1, 1, 0, "tau-a", "sign", tied=True,
        says="share of concordant minus discordant pairs of dissimilarities, ties count as neither",
    ),
    Comparator(
        "tau-b", "Kendall's tau-b", -1, 1, 0, "tau-b", "sign",
        says="as tau-a, rescaled for ties; favours models that predict tied dissimilarities",
    ),
    Comparator(
        "bures", "Bures similarity", 0, 1, None, "bures", "matrix", centred=False,
        says="overlap of the kernels that belong to the RDMs (normalised fidelity); squared "
        "Euclidean dissimilarities expected",
    ),
    Comparator(
        "bures_distance", "negative squared Bures distance", -np.inf, 0, None, "bures_metric",
        "matrix", centred=False, sign=-1,
        says="how far the kernels that belong to the RDMs lie apart, scale included; squared "
        "Euclidean dissimilarities expected",
    ),
    Comparator(
        "riemann", "negative Riemannian distance", -np.inf, 0, None, "neg_riem_dist", "matrix",
        centred=False,
        says="affine-invariant distance of the second moments, the model free in signal and noise",
    ),
)  # fmt: skip

COMPARATORS: dict[str, Comparator] = {one.name: one for one in _ALL}
_ALIASES = {one.rsatoolbox: one.name for one in _ALL} | {
    "pearson": "correlation",
    "kendall": "tau-b",
}


def find_comparator(name: str) -> Comparator:
    """Return a comparator by its name, or by the name that rsatoolbox gives it.

    Parameters
    ----------
    name
        In `COMPARATORS`, or rsatoolbox's, such as ``"corr_cov"``.

    Returns
    -------
    Comparator

    Raises
    ------
    UnknownNameError
        With the nearest name that there is.

    Examples
    --------
    >>> find_comparator("corr_cov").name
    'whitened_correlation'
    """
    known = COMPARATORS.get(_ALIASES.get(name, name))
    if known is None:
        raise UnknownNameError(unknown_name("comparator", name, COMPARATORS))
    return known


def standardise(rdms: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Bring RDMs into the form in which their score is a plain inner product.

    Parameters
    ----------
    rdms : array, shape (n_rdms, n_pairs)
    comparator
        Of the family "linear" or "rank".

    Returns
    -------
    numpy.ndarray, shape (n_rdms, n_stimuli, n_stimuli)
        Symmetric matrices; the sum of the elementwise product of two is their score. The diagonal
        is zero unless the comparator is whitened. A constant RDM gives zeros.

    Raises
    ------
    InvalidInputError
        If the comparator is of another family.
    """
    if comparator.family not in ("linear", "rank"):
        raise InvalidInputError(f"{comparator.label} is not an inner product of RDMs.")
    vectors = np.asarray(rdms, dtype=float)
    if comparator.family == "rank":
        vectors = rankdata(vectors, axis=1)
    if comparator.centred:
        vectors = vectors - vectors.mean(axis=1, keepdims=True)
    if comparator.whitened:
        matrices = double_centred(vectors)
    else:
        matrices = np.stack([squareform(v, checks=False) for v in vectors])
    if comparator.tied:
        n_pairs = vectors.shape[1]
        return matrices / np.sqrt((n_pairs**3 - n_pairs) / 6)
    norms = np.linalg.norm(matrices, axis=(1, 2))
    # What is left of a constant RDM after centring is rounding, and must not be scaled up to 1.
    constant = norms <= 1e-12 * np.linalg.norm(rdms, axis=1)
    return matrices / np.where(constant, np.inf, norms)[:, None, None]


def double_centred(rdms: np.ndarray) -> np.ndarray:
    """Turn RDMs (n_rdms, n_pairs) into double-centred matrices (n_rdms, n_stimuli, n_stimuli).

    The inner product of two of them is that of the whitened RDMs: for independent and equal noise
    of the patterns the two differ by a constant factor (Diedrichsen et al. 2020).
    """
    matrices = np.stack([squareform(v, checks=False) for v in np.asarray(rdms, dtype=float)])
    matrices -= matrices.mean(axis=1, keepdims=True)
    matrices -= matrices.mean(axis=2, keepdims=True)
    return matrices

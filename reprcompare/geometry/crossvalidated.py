"""Cross-validated dissimilarities: noise that is independent between folds adds no distance."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg.blas import dtrmm

from reprcompare.errors import InvalidInputError, NotIdentifiableError, listing
from reprcompare.geometry.dissimilarity import shrink_rates


def crossnobis(
    patterns: np.ndarray,
    stimulus: np.ndarray,
    fold: np.ndarray,
    precision: np.ndarray | Sequence[np.ndarray] | None = None,
    n_stimuli: int | None = None,
) -> np.ndarray:
    r"""Cross-validated squared Mahalanobis distances between stimuli.

    With :math:`K_{ij}` the mean inner product of a presentation of stimulus i and one of stimulus j
    over all pairs that lie in *different* folds,
    :math:`d_{ij} = (K_{ii} + K_{jj} - 2 K_{ij}) / p`. Pairs within a fold never enter, so a fold
    may hold any number of presentations of each stimulus. The estimate is unbiased and may be
    negative.

    Parameters
    ----------
    patterns : array, shape (n_presentations, n_neuroids)
    stimulus : array of int, shape (n_presentations,)
        Codes 0 ... n_stimuli - 1.
    fold : array of int, shape (n_presentations,)
        Codes 0 ... n_folds - 1; at least two.
    precision
        Noise precision, (n_neuroids, n_neuroids); or one for the mean of every fold, in which case
        two folds are compared under the inverse of their mean covariance, as in rsatoolbox;
        the identity by default.
    n_stimuli
        By default the highest code + 1; more if the last ones were not presented.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli * (n_stimuli - 1) / 2,)
        NaN where a stimulus was not shown in two folds.

    References
    ----------
    Walther et al. (2016), NeuroImage 137; Diedrichsen et al. (2020), arXiv:2007.02789.

    Examples
    --------
    >>> x = np.array([[0.0, 0], [2, 0], [0, 0], [4, 0]])
    >>> crossnobis(x, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    array([4.])
    """
    n_stimuli, n_folds = n_stimuli or int(stimulus.max()) + 1, int(fold.max()) + 1
    if n_folds < 2:
        raise NotIdentifiableError(
            "cross-validated dissimilarities need at least two folds (runs, sessions or "
            "repetitions), got one; use metric='mahalanobis' or record repetitions."
        )
    sums, counts = _fold_sums(patterns, stimulus, fold, n_stimuli, n_folds)
    if precision is not None and not isinstance(precision, np.ndarray):
        products, weights = _between_folds(sums, counts, precision)
    else:
        if precision is not None:
            sums = _whitened(sums.reshape(-1, sums.shape[-1]), precision).reshape(sums.shape)
        total, flat = sums.sum(axis=1), sums.reshape(n_stimuli, -1)
        products = total @ total.T - flat @ flat.T
        n = counts.sum(axis=1)
        weights = np.outer(n, n) - counts @ counts.T
    with np.errstate(invalid="ignore", divide="ignore"):
        kernel = np.where(weights > 0, products / weights, np.nan)
    return _distances(kernel, patterns.shape[1])


def poisson_cv(
    patterns: np.ndarray, stimulus: np.ndarray, fold: np.ndarray, n_stimuli: int | None = None
) -> np.ndarray:
    r"""Cross-validated symmetrised Kullback-Leibler divergence between Poisson rates.

    For every fold, with :math:`\lambda` from the other folds and :math:`\mu` from this one,
    :math:`\sum_k (\lambda_{ik} - \lambda_{jk})(\log \mu_{ik} - \log \mu_{jk}) / p`; the mean over
    folds. Rates are drawn towards 1 as in rsatoolbox.

    Parameters
    ----------
    patterns, stimulus, fold, n_stimuli
        As for `crossnobis`; rates, not negative.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli * (n_stimuli - 1) / 2,)

    Raises
    ------
    NotIdentifiableError
        If there is one fold only, or a stimulus is missing in a fold.

    References
    ----------
    Schuett et al. (2023), eLife 12:e82566.
    """
    n_stimuli, n_folds = n_stimuli or int(stimulus.max()) + 1, int(fold.max()) + 1
    sums, counts = _fold_sums(patterns, stimulus, fold, n_stimuli, n_folds)
    if n_folds < 2 or (counts == 0).any():
        missing = np.flatnonzero((counts == 0).any(axis=1))
        raise NotIdentifiableError(
            f"poisson_cv needs every stimulus in each of at least two folds; got {n_folds} folds, "
            f"stimuli missing in some: {listing(missing) or 'none'}."
        )
    total, n = sums.sum(axis=1), counts.sum(axis=1)
    kernel = np.zeros((n_stimuli, n_stimuli))
    for k in range(n_folds):
        train = shrink_rates((total - sums[:, k]) / (n - counts[:, k])[:, None])
        test = np.log(shrink_rates(sums[:, k] / counts[:, k, None]))
        kernel += (train @ test.T + test @ train.T) / 2
    return _distances(kernel / n_folds, patterns.shape[1])


def _fold_sums(
    patterns: np.ndarray, stimulus: np.ndarray, fold: np.ndarray, n_stimuli: int, n_folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum (n_stimuli, n_folds, p) and number (n_stimuli, n_folds) of presentations."""
    cell = stimulus * n_folds + fold
    n_cells, n = n_stimuli * n_folds, len(patterns)
    member = sparse.csr_array((np.ones(n), (cell, np.arange(n))), shape=(n_cells, n))
    sums = member @ np.asarray(patterns, dtype=float)
    counts = np.bincount(cell, minlength=n_cells).astype(float)
    return sums.reshape(n_stimuli, n_folds, -1), counts.reshape(n_stimuli, n_folds)


def _between_folds(
    sums: np.ndarray, counts: np.ndarray, precisions: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Products between folds when every fold has its own noise."""
    n_folds = sums.shape[1]
    if len(precisions) != n_folds:
        raise InvalidInputError(
            f"expected one precision for each of {n_folds} folds, got {len(precisions)}."
        )
    covariances = [np.linalg.inv(p) for p in precisions]
    products = np.zeros((len(sums), len(sums)))
    weights = np.zeros_like(products)
    for f in range(n_folds):
        for g in range(f + 1, n_folds):
            mean = np.linalg.inv((covariances[f] + covariances[g]) / 2)
            one = sums[:, f] @ mean @ sums[:, g].T
            products += one + one.T
            n = np.outer(counts[:, f], counts[:, g])
            weights += n + n.T
    return products, weights


def _whitened(patterns: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Multiply patterns (n, p) by L, with L L' = precision; its rank may be deficient."""
    try:
        root = np.linalg.cholesky(precision)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(precision)
        return patterns @ (vectors * np.sqrt(np.maximum(values, 0)))
    # The triangular product takes half the time of the full one.
    return np.ascontiguousarray(dtrmm(1.0, root, patterns.T, trans_a=1, lower=1).T)


def whiten(patterns: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Transform patterns (n, p) so that their Euclidean distances are Mahalanobis distances.

    Raises
    ------
    InvalidInputError
        If `precision` is not (p, p).
    """
    p = patterns.shape[1]
    if precision.shape != (p, p):
        raise InvalidInputError(
            f"the precision must be {p} x {p}, one row a neuroid, got {precision.shape}."
        )
    return _whitened(patterns, precision)


def _distances(kernel: np.ndarray, n_neuroids: int) -> np.ndarray:
    rows, columns = np.triu_indices(len(kernel), 1)
    diagonal = np.diag(kernel)
    both = kernel[rows, columns] + kernel[columns, rows]
    return (diagonal[rows] + diagonal[columns] - both) / n_neuroids

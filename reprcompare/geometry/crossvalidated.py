"""Cross-validated dissimilarities: noise that is independent between folds adds no distance."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse
from scipy.linalg.blas import dtrmm

from reprcompare.errors import InvalidInputError, NotIdentifiableError, listing
from reprcompare.geometry.dissimilarity import product, shrink_rates


def crossnobis(
    pieces: np.ndarray | Iterable[np.ndarray],
    stimulus: np.ndarray,
    fold: np.ndarray,
    precision: np.ndarray | Sequence[np.ndarray] | None = None,
    n_stimuli: int | None = None,
    device: str | None = None,
) -> np.ndarray:
    r"""Cross-validated squared Mahalanobis distances between stimuli.

    With :math:`K_{ij}` the mean inner product of a presentation of stimulus i and one of stimulus j
    over all pairs that lie in *different* folds,
    :math:`d_{ij} = (K_{ii} + K_{jj} - 2 K_{ij}) / p`. Pairs within a fold never enter, so a fold
    may hold any number of presentations of each stimulus. The estimate is unbiased and may be
    negative.

    With X the sums over presentations, the sum over pairs of different folds is
    :math:`(\sum_f X_f)(\sum_f X_f)^T - \sum_f X_f X_f^T`: no pair of folds is ever formed.

    Parameters
    ----------
    pieces : array, shape (n_presentations, n_neuroids), or iterable of pieces of its neuroids
        Several pieces are read one after the other, so that they need not fit in memory together;
        with `precision` they are put together first.
    stimulus : array of int, shape (n_presentations,)
        Codes 0 ... n_stimuli - 1.
    fold : array of int, shape (n_presentations,)
        Codes 0 ... n_folds - 1; at least two.
    precision
        Noise precision, (n_neuroids, n_neuroids); or one for the mean of every fold, in which case
        two folds are compared under the inverse of their mean covariance, as in rsatoolbox;
        the identity by default. See `residual_products` for the precision of the residuals.
    n_stimuli
        By default the highest code + 1; more if the last ones were not presented.
    device
        A torch device for the products; numpy by default.

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
    folds = Folds(stimulus, fold, n_stimuli)
    pieces = [pieces] if isinstance(pieces, np.ndarray) else pieces
    if precision is not None:
        patterns = np.concatenate([np.asarray(piece, dtype=float) for piece in pieces], axis=1)
        if not isinstance(precision, np.ndarray):
            products, weights = _between_folds(folds, patterns, precision)
            return distances(_mean_products(products, weights), patterns.shape[1])
        pieces = [whiten(patterns, precision)]
    products, n_neuroids = np.zeros((folds.n_stimuli, folds.n_stimuli)), 0
    for piece in pieces:
        sums = folds.sums(piece)
        total = sums.sum(axis=0)
        products += product(total, total, device)
        for own in sums:
            products -= product(own, own, device)
        n_neuroids += piece.shape[1]
    return distances(_mean_products(products, folds.pairs()), n_neuroids)


def crossnobis_of_products(
    products: np.ndarray,
    stimulus: np.ndarray,
    fold: np.ndarray,
    n_neuroids: int,
    n_stimuli: int | None = None,
) -> np.ndarray:
    """Cross-validated distances from the inner products of single presentations.

    Parameters
    ----------
    products : array, shape (n_presentations, n_presentations)
        For example from `residual_products`.
    stimulus, fold, n_stimuli
        As for `crossnobis`.
    n_neuroids

    Returns
    -------
    numpy.ndarray, shape (n_stimuli * (n_stimuli - 1) / 2,)

    Examples
    --------
    >>> x = np.array([[0.0], [2], [0], [4]])
    >>> crossnobis_of_products(x @ x.T, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 1)
    array([8.])
    """
    folds = Folds(stimulus, fold, n_stimuli)
    different = fold[:, None] != fold
    between = folds.by_stimulus(folds.by_stimulus(np.where(different, products, 0.0)).T)
    return distances(_mean_products(between, folds.pairs()), n_neuroids)


def poisson_cv(
    pieces: np.ndarray | Iterable[np.ndarray],
    stimulus: np.ndarray,
    fold: np.ndarray,
    n_stimuli: int | None = None,
    device: str | None = None,
) -> np.ndarray:
    r"""Cross-validated symmetrised Kullback-Leibler divergence between Poisson rates.

    For every fold, with :math:`\lambda` from the other folds and :math:`\mu` from this one,
    :math:`\sum_k (\lambda_{ik} - \lambda_{jk})(\log \mu_{ik} - \log \mu_{jk}) / p`; the mean over
    folds. Rates are drawn towards 1 as in rsatoolbox.

    Parameters
    ----------
    pieces, stimulus, fold, n_stimuli, device
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
    folds = Folds(stimulus, fold, n_stimuli)
    n = folds.counts
    if (n == 0).any():
        missing = np.flatnonzero((n == 0).any(axis=0))
        raise NotIdentifiableError(
            f"poisson_cv needs every stimulus in each of {len(n)} folds; stimuli missing in some: "
            f"{listing(missing)}."
        )
    kernel, n_neuroids = np.zeros((folds.n_stimuli, folds.n_stimuli)), 0
    for piece in [pieces] if isinstance(pieces, np.ndarray) else pieces:
        sums = folds.sums(piece)
        total = sums.sum(axis=0)
        for own, times in zip(sums, n, strict=True):
            train = shrink_rates((total - own) / (n.sum(axis=0) - times)[:, None])
            test = np.log(shrink_rates(own / times[:, None]))
            one = product(train, test, device)
            kernel += (one + one.T) / 2
        n_neuroids += piece.shape[1]
    return distances(kernel / len(n), n_neuroids)


class Folds:
    """Which presentation showed which stimulus, in which of several independent folds.

    Attributes
    ----------
    n_stimuli
    counts : array, shape (n_folds, n_stimuli)
        Number of presentations.
    """

    def __init__(self, stimulus: np.ndarray, fold: np.ndarray, n_stimuli: int | None = None):
        self.n_stimuli = n_stimuli or int(stimulus.max()) + 1
        n_folds = int(fold.max()) + 1
        if n_folds < 2:
            raise NotIdentifiableError(
                "cross-validated dissimilarities need at least two folds (runs, sessions or "
                "repetitions), got one; use metric='mahalanobis' or record repetitions."
            )
        self._stimulus, self._cell = stimulus, fold * self.n_stimuli + stimulus
        counts = np.bincount(self._cell, minlength=n_folds * self.n_stimuli)
        self.counts = counts.reshape(n_folds, self.n_stimuli).astype(float)

    def sums(self, patterns: np.ndarray) -> np.ndarray:
        """Add up presentations (n_presentations, p) to (n_folds, n_stimuli, p)."""
        patterns = np.ascontiguousarray(patterns, dtype=float)
        n_cells = self.counts.size
        if len(patterns) == n_cells and (self._cell == np.arange(n_cells)).all():
            sums = patterns
        elif (self.counts == 1).all():
            sums = patterns[np.argsort(self._cell)]
        else:
            sums = _add_up(patterns, self._cell, n_cells)
        return sums.reshape(*self.counts.shape, -1)

    def by_stimulus(self, patterns: np.ndarray) -> np.ndarray:
        """Add up presentations (n_presentations, p) to (n_stimuli, p)."""
        return _add_up(patterns, self._stimulus, self.n_stimuli)

    def pairs(self) -> np.ndarray:
        """Return how many pairs of presentations of two stimuli lie in different folds, (n, n)."""
        n = self.counts.sum(axis=0)
        return np.outer(n, n) - self.counts.T @ self.counts


def _add_up(patterns: np.ndarray, code: np.ndarray, n_codes: int) -> np.ndarray:
    n = len(patterns)
    member = sparse.csr_array((np.ones(n), (code, np.arange(n))), shape=(n_codes, n))
    return np.asarray(member @ patterns)


def _between_folds(
    folds: Folds, patterns: np.ndarray, precisions: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Products between folds when every fold has its own noise."""
    counts, sums = folds.counts, folds.sums(patterns)
    if len(precisions) != len(sums):
        raise InvalidInputError(
            f"expected one precision for each of {len(sums)} folds, got {len(precisions)}."
        )
    covariances = [np.linalg.inv(p) for p in precisions]
    products = np.zeros((folds.n_stimuli, folds.n_stimuli))
    weights = np.zeros_like(products)
    for f in range(len(sums)):
        for g in range(f + 1, len(sums)):
            mean = np.linalg.inv((covariances[f] + covariances[g]) / 2)
            one = sums[f] @ mean @ sums[g].T
            products += one + one.T
            n = np.outer(counts[f], counts[g])
            weights += n + n.T
    return products, weights


def _mean_products(products: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Divide sums of products by the number of pairs; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weights > 0, products / weights, np.nan)


def whiten(patterns: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Transform patterns (n, p) so that their Euclidean distances are Mahalanobis distances.

    They are multiplied by L, with L L' = `precision`, the rank of which may be deficient.

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
    try:
        root = np.linalg.cholesky(precision)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(precision)
        return patterns @ (vectors * np.sqrt(np.maximum(values, 0)))
    # The root is triangular, so half of the product is left.
    transposed = np.ascontiguousarray(patterns, dtype=float).T
    return np.asarray(dtrmm(1.0, root, transposed, side=0, lower=1, trans_a=1)).T


def distances(kernel: np.ndarray, n_neuroids: int) -> np.ndarray:
    """Turn inner products (n, n), symmetric, into mean squared distances of all pairs."""
    diagonal = np.diag(kernel)
    squared = diagonal[:, None] + diagonal - 2 * kernel
    return squared[np.triu_indices(len(kernel), 1)] / n_neuroids

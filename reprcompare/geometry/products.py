"""Inner products of RDMs in many resamples of the stimuli at once.

A resample of stimuli is a vector of counts m. The pair (i, j) then occurs m_i m_j times, and the
pairs of a stimulus with its own copies are left out, as rsatoolbox does. So no RDM is ever copied:
every sum over a resample is a weighted sum over the original pairs, and all resamples together are
one matrix product.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rsatoolbox.rdm import compare as compare_rdms
from scipy.spatial.distance import squareform

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry.comparators import Comparator, standardise
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.geometry.kendall import concordance, dense_ranks
from reprcompare.geometry.resampled_kendall import resampled_concordance

COLUMN_BYTES = 128 * 2**20
"""How much of the products of pairs of RDMs is held at a time."""
MANY = 16
"""From so many resamples on, Kendall's concordance is computed for all of them together."""


@dataclass
class Products:
    """Inner products of RDMs in every resample.

    Attributes
    ----------
    cross : array, shape (n_resamples, n_models, n_brains)
    brains : array, shape (n_resamples, n_brains, n_brains)
    models : array, shape (n_resamples, n_models)
        Of every model with itself.
    pooling : array, shape (n_resamples, n_brains)
        Length by which the RDM of a subject is divided before RDMs are averaged.
    ceiling_of_ties : array, shape (n_resamples,), or None
        For rho-a and tau-a, the product that counts as 1.
    """

    cross: np.ndarray
    brains: np.ndarray
    models: np.ndarray
    pooling: np.ndarray
    ceiling_of_ties: np.ndarray | None = None

    def scores(self) -> np.ndarray:
        """Return the score of every model with every brain, (n_resamples, n_models, n_brains)."""
        if self.ceiling_of_ties is not None:
            return self.cross / self.ceiling_of_ties[:, None, None]
        own = np.einsum("bss->bs", self.brains)
        lengths = np.sqrt(self.models[:, :, None] * own[:, None, :])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(lengths > 0, self.cross / lengths, 0.0)


def resampled_products(
    models: np.ndarray,
    brains: np.ndarray,
    counts: np.ndarray,
    comparator: Comparator,
    used: np.ndarray | None = None,
) -> Products:
    """Compute inner products of models and brains in every resample of the stimuli.

    Parameters
    ----------
    models, brains : arrays, shapes (n_models, n_pairs), (n_brains, n_pairs)
        RDMs of the same stimuli.
    counts : array, shape (n_resamples, n_stimuli)
        How often every stimulus occurs in a resample.
    comparator
        Of any family but "matrix".
    used : array of bool, shape (n_resamples, n_brains), optional
        Which brains are needed in a resample; tau, which takes long, is not computed for others.

    Returns
    -------
    Products

    Raises
    ------
    InvalidInputError
        If the comparator has no inner product.

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> x = np.array([[1.0, 2, 3]])
    >>> once = np.ones((1, 3))
    >>> resampled_products(x, -x, once, COMPARATORS["correlation"]).scores().round(6)
    array([[[-1.]]])
    """
    if comparator.family == "matrix":
        raise InvalidInputError(
            f"{comparator.label} has no inner product; resample it with other tools, or choose "
            "another comparator."
        )
    models, brains, counts = (np.asarray(x, dtype=float) for x in (models, brains, counts))
    if comparator.family == "sign":
        return _sign(models, brains, counts, comparator, used)
    family = _linear if comparator.family == "linear" else _rank
    return family(models, brains, counts, comparator)


def score_rdms(models: np.ndarray, brains: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Score models against brains by any comparator.

    Parameters
    ----------
    models, brains : arrays, shapes (n_models, n_pairs), (n_brains, n_pairs)
    comparator

    Returns
    -------
    numpy.ndarray, shape (n_models, n_brains)

    Raises
    ------
    NotIdentifiableError
        If the comparator needs kernels that can be inverted, and these cannot.
    """
    if comparator.family == "matrix":
        try:
            return comparator.sign * np.asarray(compare_rdms(models, brains, comparator.rsatoolbox))
        except np.linalg.LinAlgError as error:
            raise NotIdentifiableError(
                f"the {comparator.label} needs RDMs whose kernel can be inverted, such as squared "
                "Euclidean distances of patterns with at least as many neuroids as stimuli; use "
                "another metric or comparator."
            ) from error
    once = np.ones((1, count_stimuli(brains.shape[1])))
    return resampled_products(models, brains, once, comparator).scores()[0]


def scorer(brains: np.ndarray, comparator: Comparator) -> Callable[[np.ndarray], np.ndarray]:
    """Prepare brains once, to score many RDMs against them one after the other.

    Parameters
    ----------
    brains : array, shape (n_brains, n_pairs)
        RDMs.
    comparator
        Any.

    Returns
    -------
    callable
        From RDMs (n_models, n_pairs) to what `score_rdms` returns.

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> x = np.array([[1.0, 2, 3]])
    >>> scorer(x, COMPARATORS["spearman"])(-x).round(6)
    array([[-1.]])
    """
    if comparator.family not in ("linear", "rank"):
        return lambda rdms: score_rdms(rdms, brains, comparator)
    unit = standardise(brains, comparator).reshape(len(brains), -1)
    return lambda rdms: standardise(rdms, comparator).reshape(len(rdms), -1) @ unit.T


def _linear(
    models: np.ndarray, brains: np.ndarray, counts: np.ndarray, comparator: Comparator
) -> Products:
    n_models, n_brains = len(models), len(brains)
    both = np.concatenate([models, brains])
    left, right = _columns(n_models, n_brains)
    sums, products, total = _weighted_sums(both, left, right, counts)
    own = products[:, (left == right)]
    plain = own
    if comparator.centred:
        products = products - sums[:, left] * sums[:, right] / total[:, None]
        plain = products[:, (left == right)]
    if comparator.whitened:
        means = sums / total[:, None] if comparator.centred else np.zeros_like(sums)
        products = products - _additive_part(both, means, counts, left, right)
    cross = products[:, : n_models * n_brains].reshape(-1, n_models, n_brains)
    shared = products[:, n_models * n_brains + n_models :]
    rows, columns = np.triu_indices(n_brains)
    among = np.empty((len(counts), n_brains, n_brains))
    among[:, rows, columns] = shared
    among[:, columns, rows] = shared
    return Products(
        cross,
        among,
        products[:, n_models * n_brains : n_models * n_brains + n_models],
        np.sqrt(plain[:, n_models:]),
    )


def _columns(n_models: int, n_brains: int) -> tuple[np.ndarray, np.ndarray]:
    """Which RDMs are multiplied: models with brains, models with themselves, brains with brains."""
    model, brain = np.arange(n_models), n_models + np.arange(n_brains)
    rows, columns = np.triu_indices(n_brains)
    left = np.concatenate([np.repeat(model, n_brains), model, brain[rows]])
    right = np.concatenate([np.tile(brain, n_models), model, brain[columns]])
    return left, right


def _weighted_sums(
    rdms: np.ndarray, left: np.ndarray, right: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted sums of RDMs (b, k), of their products (b, columns), and of the weights (b,)."""
    n_pairs = rdms.shape[1]
    sums = np.zeros((len(counts), len(rdms)))
    products = np.zeros((len(counts), len(left)))
    total = np.zeros(len(counts))
    rows, columns = np.triu_indices(counts.shape[1], 1)
    step = max(64, COLUMN_BYTES // (8 * (len(left) + 2 * len(counts))))
    for start in range(0, n_pairs, step):
        piece = slice(start, start + step)
        weights = counts[:, rows[piece]] * counts[:, columns[piece]]
        values = rdms[:, piece]
        sums += weights @ values.T
        products += weights @ (values[left] * values[right]).T
        total += weights.sum(axis=1)
    return sums, products, total


def _additive_part(
    rdms: np.ndarray, means: np.ndarray, counts: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    r"""Return the part of the products that double centring takes away.

    In a resample the double-centred matrix is the residual of the additive model
    :math:`a_i + a_j`, fitted to all entries but those between copies of one stimulus. With counts m
    and weighted row sums r the fit is closed: :math:`a_i = (r_i - T) / c_i`,
    :math:`c_i = n - 2 m_i + 2`, :math:`T = \sum_i m_i a_i`, and the fitted part of the product of
    two RDMs is :math:`2 \sum_i m_i a_i r'_i`, here halved because every pair counts once.
    """
    n = counts.sum(axis=1, keepdims=True)
    freedom = n - 2 * counts + 2
    with np.errstate(invalid="ignore", divide="ignore"):
        inverse = np.where(freedom > 0, 1 / freedom, np.nan)
    matrices = np.stack([squareform(v, checks=False) for v in rdms])
    fitted = np.empty((len(counts), len(left)))
    step = max(1, COLUMN_BYTES // (8 * len(rdms) * counts.shape[1]))
    for start in range(0, len(counts), step):
        b = slice(start, start + step)
        m, inv = counts[b, None, :], inverse[b, None, :]
        row_sums = np.einsum("kij,bj->bki", matrices, counts[b], optimize=True)
        row_sums = row_sums - means[b, :, None] * (n[b, :, None] - m)
        shared = (m * inv * row_sums).sum(-1) / (1 + (m * inv).sum(-1))
        additive = m * inv * (row_sums - shared[:, :, None])
        fitted[b] = np.matmul(additive, row_sums.transpose(0, 2, 1))[:, left, right]
    return fitted


def _rank(
    models: np.ndarray, brains: np.ndarray, counts: np.ndarray, comparator: Comparator
) -> Products:
    both = np.concatenate([models, brains])
    n_models = len(models)
    dense = np.stack([dense_ranks(v) for v in both])
    rows, columns = np.triu_indices(counts.shape[1], 1)
    cross = np.empty((len(counts), n_models, len(brains)))
    among = np.empty((len(counts), len(brains), len(brains)))
    own = np.empty((len(counts), n_models))
    total = np.empty(len(counts))
    for b, m in enumerate(counts):
        weights = m[rows] * m[columns]
        ranks = weighted_ranks(dense, weights)
        total[b] = weights.sum()
        ranks -= (total[b] + 1) / 2
        weighted = ranks * weights
        cross[b] = weighted[:n_models] @ ranks[n_models:].T
        among[b] = weighted[n_models:] @ ranks[n_models:].T
        own[b] = np.einsum("ij,ij->i", weighted[:n_models], ranks[:n_models])
    ties = (total**3 - total) / 12 if comparator.tied else None
    return Products(cross, among, own, np.ones((len(counts), len(brains))), ties)


def weighted_ranks(dense: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return mid-ranks of values that occur several times.

    Parameters
    ----------
    dense : array of int, shape (n_rdms, n_pairs)
        Ranks 0, 1, 2 ... without gaps.
    weights : array, shape (n_pairs,)
        How often every pair occurs; 0 leaves it out.

    Returns
    -------
    numpy.ndarray, shape (n_rdms, n_pairs)

    Examples
    --------
    >>> weighted_ranks(np.array([[0, 1, 1, 2]]), np.array([2.0, 1, 1, 0]))[0, :3]
    array([1.5, 3.5, 3.5])
    """
    ranks = np.empty(dense.shape)
    for k, row in enumerate(dense):
        in_group = np.bincount(row, weights=weights)
        ranks[k] = (np.cumsum(in_group) - in_group / 2 + 0.5)[row]
    return ranks


def _sign(
    models: np.ndarray,
    brains: np.ndarray,
    counts: np.ndarray,
    comparator: Comparator,
    used: np.ndarray | None,
) -> Products:
    """Signs of differences are compared: their inner product is concordance, with itself no ties.

    Copies of a pair are tied in every RDM, so they add nothing. Products of different brains are
    not needed by any ceiling of ranks, and are NaN; so are those with itself if ties count.
    """
    weights = pair_weights(counts)
    total = weights.sum(axis=1)
    among = np.full((len(counts), len(brains), len(brains)), np.nan)
    own = np.full((len(counts), len(models)), np.nan)
    if not comparator.tied:
        among[:, np.arange(len(brains)), np.arange(len(brains))] = _without_ties(brains, weights)
        own = _without_ties(models, weights)
    if len(counts) >= MANY:
        cross = resampled_concordance(models, brains, weights, used)
    else:
        cross = _concordance_one_by_one(models, brains, weights)
    return Products(
        cross,
        among,
        own,
        np.ones((len(counts), len(brains))),
        total * (total - 1) if comparator.tied else None,
    )


def pair_weights(counts: np.ndarray) -> np.ndarray:
    """Return how often every pair of different stimuli occurs: (b, n) to (b, n (n - 1) / 2)."""
    rows, columns = np.triu_indices(counts.shape[1], 1)
    return counts[:, rows] * counts[:, columns]


def _without_ties(rdms: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted number of ordered pairs of elements that are not tied, (b, k)."""
    result = np.empty((len(weights), len(rdms)))
    for k, one in enumerate(rdms):
        dense = dense_ranks(one)
        for b, w in enumerate(weights):
            result[b, k] = w.sum() ** 2 - (np.bincount(dense, weights=w) ** 2).sum()
    return result


def _concordance_one_by_one(
    models: np.ndarray, brains: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Repeat elements as often as they occur: quicker than products for few resamples."""
    result = np.empty((len(weights), len(models), len(brains)))
    for b, w in enumerate(weights.astype(np.int64)):
        x, y = np.repeat(models, w, axis=1), np.repeat(brains, w, axis=1)
        result[b] = [[concordance(one, other).sum() for other in y] for one in x]
    return result

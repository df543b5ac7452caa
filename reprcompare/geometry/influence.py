"""How much every pair of stimuli moves a score.

The influence of a pair is the derivative of the score when the pair gets a little more weight,
times the number of pairs; a score varies over stimuli like the mean of its influences. For rank
comparators this includes that a pair shifts the ranks of all others.
"""

import numpy as np
from scipy.stats import rankdata

from reprcompare.errors import InvalidInputError
from reprcompare.geometry.comparators import Comparator, double_centred
from reprcompare.geometry.kendall import concordance


def influences(
    model: np.ndarray, brains: np.ndarray, comparator: Comparator
) -> tuple[np.ndarray, np.ndarray]:
    """Score one RDM against several, with the influence of every pair of stimuli.

    A score is a product G(x, y) of two RDMs, divided by the root of G(x, x) G(y, y) or, for rho-a
    and tau-a, by its value without ties. G is homogeneous in the weights of the pairs, so it is the
    sum of its gradient divided by its degree.

    Parameters
    ----------
    model : array, shape (n_pairs,)
    brains : array, shape (n_brains, n_pairs)
    comparator
        Of any family but "matrix".

    Returns
    -------
    scores : array, shape (n_brains,)
    influence : array, shape (n_brains, n_pairs)
        With mean zero over pairs.

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> x = np.array([1.0, 2, 3])
    >>> scores, influence = influences(x, x[None], COMPARATORS["correlation"])
    >>> scores, bool(np.allclose(influence, 0))
    (array([1.]), True)
    """
    if comparator.family not in _GRADIENTS:
        raise InvalidInputError(f"influences are not defined for {comparator.label}.")
    gradient, degree = _GRADIENTS[comparator.family]
    model, brains = np.asarray(model, dtype=float), np.asarray(brains, dtype=float)
    n_pairs = len(model)
    cross = gradient(model, brains, comparator)
    product = cross.sum(axis=1) / degree
    if comparator.tied:
        without_ties = {"rank": (n_pairs**3 - n_pairs) / 12, "sign": n_pairs * (n_pairs - 1.0)}
        full = without_ties[comparator.family]
        scores = product / full
        return scores, n_pairs * cross / full - degree * scores[:, None]
    own = gradient(model, model[None], comparator)[0]
    others = np.stack([gradient(brain, brain[None], comparator)[0] for brain in brains])
    lengths = np.sqrt(own.sum() * others.sum(axis=1)) / degree
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = np.where(lengths > 0, product / lengths, 0.0)
        relative = degree * (own / own.sum() + others / others.sum(axis=1, keepdims=True)) / 2
        influence = n_pairs * (cross / lengths[:, None] - scores[:, None] * relative)
    return scores, np.where(lengths[:, None] > 0, influence, 0.0)


def _linear(x: np.ndarray, others: np.ndarray, comparator: Comparator) -> np.ndarray:
    both = np.concatenate([x[None], others])
    if comparator.centred:
        both = both - both.mean(axis=1, keepdims=True)
    if not comparator.whitened:
        return both[0] * both[1:]
    matrices = double_centred(both)
    return by_pair(matrices[0] * matrices[1:])


def by_pair(products: np.ndarray) -> np.ndarray:
    """Sum symmetric matrices (k, n, n) into pairs; a diagonal entry is shared by its n - 1 pairs.

    Examples
    --------
    >>> by_pair(np.array([[[2.0, 1], [1, 2]]]))
    array([[6.]])
    """
    n = products.shape[1]
    rows, columns = np.triu_indices(n, 1)
    diagonal = np.einsum("kii->ki", products) / (n - 1)
    return 2 * products[:, rows, columns] + diagonal[:, rows] + diagonal[:, columns]


def _rank(x: np.ndarray, others: np.ndarray, comparator: Comparator) -> np.ndarray:
    u = rankdata(x) - (len(x) + 1) / 2
    v = rankdata(others, axis=1) - (len(x) + 1) / 2
    shifted = np.stack([_above(row, u[None])[0] for row in v])
    return u * v + _above(u, v) + shifted


def _above(order_by: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum for every pair the values (k, n) of those that stand above it, and half of its ties."""
    order = np.argsort(order_by, kind="stable")
    sorted_by = order_by[order]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values[:, order], axis=1)], axis=1)
    below = sums[:, np.searchsorted(sorted_by, order_by, side="left")]
    up_to = sums[:, np.searchsorted(sorted_by, order_by, side="right")]
    return sums[:, -1:] - (below + up_to) / 2


def _sign(x: np.ndarray, others: np.ndarray, comparator: Comparator) -> np.ndarray:
    return np.stack([2.0 * concordance(x, other) for other in others])


_GRADIENTS = {"linear": (_linear, 1), "rank": (_rank, 3), "sign": (_sign, 2)}
"""Gradient of the product by the weight of every pair, and its degree."""

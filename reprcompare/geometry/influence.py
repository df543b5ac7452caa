"""How much every pair of stimuli moves a score.

The influence of a pair is the derivative of the score when the pair gets a little more weight,
times the number of pairs; a score varies over stimuli like the mean of its influences. For rank
comparators this includes that a pair shifts the ranks of all others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reprcompare.geometry.comparators import Comparator, double_centred
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.geometry.kendall import concordance
from reprcompare.geometry.products import score_rdms


@dataclass(frozen=True)
class Ordered:
    """Values in rising order, with the runs of equal ones.

    Attributes
    ----------
    order : array of int, shape (n,)
        Sorts the values.
    first, last : arrays of int, shape (n,)
        How many values lie below, and below or level, in the original order.
    centred : array, shape (n,)
        Mid-ranks minus their mean.
    """

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray
    centred: np.ndarray


def ordered(values: np.ndarray) -> Ordered:
    """Sort values (n,) once, for everything that depends on their order.

    Examples
    --------
    >>> ordered(np.array([3.0, 1, 3])).centred
    array([ 0.5, -1. ,  0.5])
    """
    n = len(values)
    order = np.argsort(values)
    in_order = values[order]
    starts = np.concatenate([[0], np.flatnonzero(in_order[1:] != in_order[:-1]) + 1])
    sizes = np.diff(np.append(starts, n))
    first, last = np.empty(n, dtype=np.intp), np.empty(n, dtype=np.intp)
    first[order] = np.repeat(starts, sizes)
    last[order] = np.repeat(starts + sizes, sizes)
    return Ordered(order, first, last, (first + last) / 2 - n / 2)


def influences(
    models: np.ndarray, brains: np.ndarray, comparator: Comparator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Score RDMs against others, with the influence of every pair of stimuli.

    A score is a product G(x, y) of two RDMs, divided by the root of G(x, x) G(y, y) or, for rho-a
    and tau-a, by its value without ties. G is homogeneous in the weights of the pairs, so it is the
    sum of its gradient divided by its degree.

    Parameters
    ----------
    models : array, shape (n_models, n_pairs)
    brains : array, shape (n_brains, n_pairs)
    comparator
        For the family "matrix" the influence is that of leaving out each stimulus, spread over its
        pairs; this is slow.

    Yields
    ------
    scores : array, shape (n_brains,)
        Of one model after the other.
    influence : array, shape (n_brains, n_pairs)
        With mean zero over pairs.

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> x = np.array([[1.0, 2, 3]])
    >>> scores, influence = next(influences(x, x, COMPARATORS["correlation"]))
    >>> scores, bool(np.allclose(influence, 0))
    (array([1.]), True)
    """
    if comparator.family == "matrix":
        yield from (_jackknife(row, brains, comparator) for row in np.asarray(models, dtype=float))
        return
    family = _FAMILIES[comparator.family]
    n_pairs = brains.shape[1]
    ys = family.prepare(np.asarray(brains, dtype=float), comparator)
    own_y = None if comparator.tied else np.stack([family.gradient(y, y) for y in ys])
    for row in np.asarray(models, dtype=float):
        x = family.prepare(row[None], comparator)[0]
        cross = np.stack([family.gradient(x, y) for y in ys])
        product = cross.sum(axis=1) / family.degree
        if own_y is None:
            scores = product / family.without_ties(n_pairs)
            cross *= n_pairs / family.without_ties(n_pairs)
            yield scores, cross - family.degree * scores[:, None]
        else:
            yield _normalised(cross, product, family.gradient(x, x), own_y, family.degree)


def _jackknife(
    model: np.ndarray, brains: np.ndarray, comparator: Comparator
) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and influences a_i + a_j that give every stimulus the effect of leaving it out."""
    n = count_stimuli(len(model))
    rows, columns = np.triu_indices(n, 1)
    scores = score_rdms(model[None], brains, comparator)[0]
    moved = np.empty((len(brains), n))
    for i in range(n):
        rest = (rows != i) & (columns != i)
        moved[:, i] = score_rdms(model[None, rest], brains[:, rest], comparator)[0] - scores
    moved -= moved.mean(axis=1, keepdims=True)
    effect = -moved * (n - 1) / 2
    return scores, effect[:, rows] + effect[:, columns]


def _normalised(
    cross: np.ndarray, product: np.ndarray, own_x: np.ndarray, own_y: np.ndarray, degree: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and influences of products that are divided by the lengths of both RDMs."""
    sum_x, sum_y = own_x.sum(), own_y.sum(axis=1, keepdims=True)
    lengths = np.sqrt(sum_x * sum_y[:, 0]) / degree
    if not (lengths > 0).all():
        return np.zeros_like(product), np.zeros_like(cross)
    scores = product / lengths
    relative = degree / 2 * (own_x / sum_x + own_y / sum_y)
    return scores, cross.shape[1] * (cross / lengths[:, None] - scores[:, None] * relative)


@dataclass(frozen=True)
class _Family:
    """How the gradient of a product is computed.

    `prepare` brings RDMs (k, n_pairs) to a list of k, `gradient` takes two of them to (n_pairs,).
    """

    prepare: Callable[[np.ndarray, Comparator], list]
    gradient: Callable[..., np.ndarray]
    degree: int
    without_ties: Callable[[int], float]


def _prepare_linear(rdms: np.ndarray, comparator: Comparator) -> list:
    if comparator.centred:
        rdms = rdms - rdms.mean(axis=1, keepdims=True)
    return list(double_centred(rdms) if comparator.whitened else rdms)


def _linear(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x * y if x.ndim == 1 else by_pair(x * y)


def by_pair(products: np.ndarray) -> np.ndarray:
    """Sum a symmetric matrix (n, n) into pairs; a diagonal entry is shared by its n - 1 pairs.

    Examples
    --------
    >>> by_pair(np.array([[2.0, 1], [1, 2]]))
    array([6.])
    """
    n = len(products)
    rows, columns = np.triu_indices(n, 1)
    diagonal = np.diagonal(products) / (n - 1)
    return 2 * products[rows, columns] + diagonal[rows] + diagonal[columns]


def _prepare_rank(rdms: np.ndarray, comparator: Comparator) -> list:
    return [ordered(one) for one in rdms]


def _rank(x: Ordered, y: Ordered) -> np.ndarray:
    return x.centred * y.centred + _above(x, y.centred) + _above(y, x.centred)


def _above(by: Ordered, values: np.ndarray) -> np.ndarray:
    """Sum for every pair the values of those that stand above it, and half of its ties."""
    sums = np.concatenate([[0.0], np.cumsum(values[by.order])])
    return sums[-1] - (sums[by.first] + sums[by.last]) / 2


def _prepare_sign(rdms: np.ndarray, comparator: Comparator) -> list:
    return list(rdms)


def _sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 2.0 * concordance(x, y)


_FAMILIES = {
    "linear": _Family(_prepare_linear, _linear, 1, lambda n: 1.0),
    "rank": _Family(_prepare_rank, _rank, 3, lambda n: (n**3 - n) / 12),
    "sign": _Family(_prepare_sign, _sign, 2, lambda n: n * (n - 1.0)),
}

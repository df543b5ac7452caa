r"""Main-effect contrasts: what every feature adds to the activity of a region, free of noise bias.

Activity is regressed on all features together, :math:`Y = 1 b_0 + X B + E`, and only on their main
effects, so that the number of parameters grows with the number of features and not with that of
their combinations. What matters is the matrix of inner products of the effects,
:math:`G = B \Sigma^{-1} B'`. Stimuli are split into folds; effects are estimated in every fold, and
products are taken between different folds alone. A fold shares neither stimuli nor trials with
another, so variation between stimuli of the same features (exemplars) and trial noise add nothing
on average: estimates are signed, and negative as often as positive where there is no effect.

Since :math:`B_k = P_k Y` is linear in the activity, products of effects follow from inner products
of stimuli, and activity and RDMs go through one formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from reprcompare.audit.design import Basis, basis_of
from reprcompare.errors import NotIdentifiableError, listing

FOLDS = 8
"""Folds of stimuli; an even number, so that two halves can be told apart."""

FEWEST_FOLDS = 4


@dataclass(frozen=True)
class Design:
    """Features coded together.

    Attributes
    ----------
    names : list of str
        The features that can be told apart.
    columns : array, shape (n_stimuli, n_columns)
        Orthogonal within a feature, of mean 0 and mean square 1.
    owner : array of int, shape (n_columns,)
        Which feature each column belongs to.
    dropped : list of str
        Features that are constant, or collinear with those named before them.
    """

    names: list[str]
    columns: np.ndarray
    owner: np.ndarray
    dropped: list[str]

    @property
    def overlap(self) -> np.ndarray:
        """Mean products of columns, shape (n_columns, n_columns); identity if all are crossed."""
        return self.columns.T @ self.columns / len(self.columns)

    def block(self, matrix: np.ndarray) -> np.ndarray:
        """Sum a matrix over the columns of features: (q, q) to (n_features, n_features)."""
        member = np.eye(len(self.names))[self.owner]
        return member.T @ matrix @ member


@dataclass(frozen=True)
class Contrasts:
    """The main effects of one region.

    Attributes
    ----------
    design : Design
    products : array, shape (n_folds, n_columns, n_folds, n_columns)
        Products of the effects in one fold and another.
    """

    design: Design
    products: np.ndarray

    def gram(self, folds: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Return mean products between different folds, shape (n_columns, n_columns).

        Parameters
        ----------
        folds
            Those to use; all by default.
        """
        chosen = np.arange(len(self.products)) if folds is None else np.asarray(folds)
        part = self.products[chosen][:, :, chosen]
        within = np.einsum("kqkr->qr", part)
        n = len(chosen)
        return (part.sum(axis=(0, 2)) - within) / (n * (n - 1))

    @property
    def strength(self) -> np.ndarray:
        """Squared size of every feature's effect, shape (n_features,); may be negative."""
        return np.diag(self.design.block(np.diag(np.diag(self.gram()))))

    @cached_property
    def squared_length(self) -> float:
        """Squared length of X G X', without the bias that squaring noise has."""
        everything = range(len(self.products))
        overlap = self.design.overlap
        lengths = []
        for others in combinations(everything[1:], len(everything) // 2 - 1):
            half = [0, *others]
            rest = [k for k in everything if k not in half]
            one, two = self.gram(half) @ overlap, self.gram(rest) @ overlap
            lengths.append(np.sum(one * two.T))
        return float(np.mean(lengths))

    def p_carried(self, n_flips: int = 999, seed: int = 0) -> float:
        """Test whether the region carries any of the features' main effects at all.

        Without an effect the estimates of every fold are as likely to have the one sign as the
        other; signs are flipped at random.

        Parameters
        ----------
        n_flips
            Random draws of signs.
        seed

        Returns
        -------
        float
            One-sided p value.
        """
        own = np.einsum("kqlq->qkl", self.products).copy()
        own[:, np.arange(own.shape[1]), np.arange(own.shape[1])] = 0
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n_flips, *own.shape[:2]))
        null = np.einsum("fqk,qkl,fql->f", signs, own, signs, optimize=True)
        return float((1 + (null >= own.sum()).sum()) / (1 + n_flips))

    def saturated(self, noise: float = 1.0) -> "Contrasts":
        r"""Let effects saturate: a squared size s becomes :math:`s / (1 + s)`.

        For whitened activity that is the variance that the feature explains along its own
        direction. An effect ten times its noise then hardly counts for more than one three times
        its noise, as it hardly tells more to whatever reads the region.

        Parameters
        ----------
        noise
            Variance of the noise, 1 for whitened activity.
        """
        weight = 1 / np.sqrt(1 + np.maximum(self.strength, 0) / noise)
        columns = weight[self.design.owner]
        return Contrasts(
            self.design, self.products * columns[:, None, None] * columns[None, None, :] / noise
        )


def design_of(labels: pd.DataFrame) -> Design:
    """Code features for the regression, and drop what cannot be told apart.

    Parameters
    ----------
    labels
        One row a stimulus, one column a feature; no missing values.

    Returns
    -------
    Design
        Columns of mean 0 and mean square 1, and the names of features that had to go.

    Raises
    ------
    NotIdentifiableError
        If no feature varies.

    Examples
    --------
    >>> labels = pd.DataFrame({"a": [0, 0, 1, 1], "not_a": [1, 1, 0, 0], "b": [0, 1, 0, 1]})
    >>> design_of(labels).names, design_of(labels).dropped
    (['a', 'b'], ['not_a'])
    """
    names: list[str] = []
    dropped: list[str] = []
    bases: list[Basis] = []
    rank = 0
    for name in labels.columns:
        own = basis_of(labels[[name]])
        together = basis_of(labels[[*names, name]]).rank
        if own.rank == 0 or together < rank + own.rank:
            dropped.append(str(name))
            continue
        names.append(str(name))
        bases.append(own)
        rank = together
    if not names:
        raise NotIdentifiableError(
            f"not identifiable: none of the labels ({listing(labels.columns)}) varies over the "
            "stimuli."
        )
    return Design(
        names,
        np.concatenate([basis.vectors for basis in bases], axis=1) * np.sqrt(len(labels)),
        np.repeat(np.arange(len(names)), [basis.rank for basis in bases]),
        dropped,
    )


def contrasts_of_gram(gram: np.ndarray, design: Design, seed: int = 0) -> Contrasts:
    """Estimate the products of main effects from inner products of stimuli.

    Parameters
    ----------
    gram : array, shape (n_stimuli, n_stimuli)
        Inner products of patterns, whitened or not, centred or not; of an RDM, `gram_of_rdm`.
    design
        Of the features, over the same stimuli.
    seed
        Of the folds.

    Returns
    -------
    Contrasts
        Of every feature of the design, signed and without the bias of noise.

    Raises
    ------
    NotIdentifiableError
        If there are too few stimuli to estimate all effects in four folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = pd.DataFrame({"a": np.arange(64) % 2, "b": np.arange(64) // 2 % 2})
    >>> activity = labels.to_numpy() @ np.array([[2.0, 0], [0, 1]]) + rng.normal(size=(64, 2))
    >>> found = contrasts_of_gram(activity @ activity.T, design_of(labels))
    >>> found.strength.round(1)
    array([1.1, 0.4])
    """
    n, q = design.columns.shape
    n_folds = min(FOLDS, n // (2 * (q + 1)) // 2 * 2)
    if n_folds < FEWEST_FOLDS:
        raise NotIdentifiableError(
            f"not identifiable: {n} stimuli are too few to estimate the effects of "
            f"{listing(design.names)} ({q} columns) in {FEWEST_FOLDS} folds; at least "
            f"{2 * FEWEST_FOLDS * (q + 1)} are needed, or fewer features."
        )
    fold = _balanced_folds(design.columns, n_folds, seed)
    solvers = np.zeros((n_folds, q, n))
    for k in range(n_folds):
        rows = np.flatnonzero(fold == k)
        with_mean = np.column_stack([np.ones(len(rows)), design.columns[rows]])
        if np.linalg.matrix_rank(with_mean) <= q:
            raise NotIdentifiableError(
                f"not identifiable: in one of {n_folds} folds of stimuli the features "
                f"{listing(design.names)} cannot be told apart (a level is too rare); leave out "
                "rare features, or merge rare levels."
            )
        solvers[k][:, rows] = np.linalg.pinv(with_mean)[1:]
    flat = solvers.reshape(n_folds * q, n)
    return Contrasts(design, (flat @ gram @ flat.T).reshape(n_folds, q, n_folds, q))


def agreement(a: Contrasts, b: Contrasts) -> tuple[float, np.ndarray]:
    """Compare two regions by the distances that the main effects make between stimuli.

    The score is the cosine of the kernels X G X', whose squared lengths are taken as the product of
    two halves of the folds, so that noise does not lower it.

    Parameters
    ----------
    a, b
        Of one design, with the same folds.

    Returns
    -------
    score : float
        NaN if the halves of a side do not agree with each other.
    contributions : array, shape (n_features,)
        Of each feature; they add up to the score.
    """
    overlap = a.design.overlap
    left, right = a.gram() @ overlap, b.gram() @ overlap
    lengths = (a.squared_length, b.squared_length)
    if min(lengths) <= 0:
        return np.nan, np.full(len(a.design.names), np.nan)
    shared = a.design.block(left * right.T) / np.sqrt(lengths[0] * lengths[1])
    return float(shared.sum()), (shared.sum(axis=0) + shared.sum(axis=1)) / 2


def profile_agreement(a: np.ndarray, b: np.ndarray, design: Design) -> tuple[float, np.ndarray]:
    """Compare two regions by one weight a feature, such as its role, instead of its strength.

    The score is the cosine of the kernels that the weighted features make, so that features which
    overlap in the stimuli count as overlapping.

    Parameters
    ----------
    a, b : arrays, shape (n_features,) or (n_features, n_responses)
        Weights; responses are different things that a feature may have a role in.
    design
        Of the features.

    Returns
    -------
    score : float
        NaN if both sides have no weight at all, 0 if one has none.
    contributions : array, shape (n_features,)

    Examples
    --------
    >>> labels = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> score, parts = profile_agreement(np.array([1, 0]), np.array([1, 1]), design_of(labels))
    >>> round(score, 3), parts.round(3)
    (0.707, array([0.707, 0.   ]))
    """
    first, second = (np.reshape(side, (len(design.names), -1)).astype(float) for side in (a, b))
    overlap = design.block(np.square(design.overlap))
    lengths = [np.sum(side * (overlap @ side)) for side in (first, second)]
    if max(lengths) <= 0:
        return np.nan, np.full(len(first), np.nan)
    if min(lengths) <= 0:
        return 0.0, np.zeros(len(first))
    shared = (first @ second.T) * overlap / np.sqrt(lengths[0] * lengths[1])
    return float(shared.sum()), (shared.sum(axis=0) + shared.sum(axis=1)) / 2


def _balanced_folds(columns: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Deal stimuli to folds so that every combination of features is spread over them."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(columns))
    shuffled = columns[order]
    order = order[np.lexsort(shuffled.T[::-1])]
    fold = np.empty(len(columns), dtype=int)
    fold[order] = np.arange(len(columns)) % n_folds
    return fold

"""Is a model related to the brain at all? Permutation of the stimulus labels."""

from dataclasses import dataclass

import numpy as np

from reprcompare.geometry.comparators import COMPARATORS, Comparator, standardise
from reprcompare.geometry.variance import FLOOR


@dataclass(frozen=True)
class Unrelated:
    """What scores of an unrelated model look like.

    Attributes
    ----------
    p
        One-sided: share of permutations with a statistic at least as large as the observed one.
    mean
        Mean score of permuted models: the value for unrelated RDMs.
    """

    p: float
    mean: float


def unrelated_test(
    model: np.ndarray,
    brains: np.ndarray,
    comparator: Comparator,
    n_permutations: int = 1000,
    seed: int | np.random.Generator = 0,
) -> Unrelated:
    r"""Test whether a model is unrelated to the brains, by permuting its stimulus labels.

    The statistic is the mean score minus its mean over all permutations, divided by an estimate of
    its standard error over subjects and stimuli. When the stimuli are exchangeable under the null
    (the model's responses say nothing about the brains' responses) the level is exact for any
    number of subjects and stimuli and any comparator; the division keeps it asymptotically right
    when scores vary between subjects around the value of unrelated RDMs.

    Parameters
    ----------
    model : array, shape (n_pairs,), or (n_networks, n_pairs)
        Several RDMs of networks of one class are permuted together and their scores averaged.
    brains : array, shape (n_subjects, n_pairs)
    comparator
        Kendall's tau is tested through rho-a, Bures and Riemann through the whitened correlation:
        the null hypothesis is the same, and thousands of permutations are feasible.
    n_permutations
    seed

    Returns
    -------
    Unrelated

    References
    ----------
    Mantel (1967), Cancer Research 27; DiCiccio & Romano (2017), JASA 112 (studentisation).

    Examples
    --------
    >>> from reprcompare.geometry.comparators import COMPARATORS
    >>> x = np.random.default_rng(0).random(45)
    >>> unrelated_test(x, x[None], COMPARATORS["correlation"], 99).p
    0.01
    """
    tested = tested_through(comparator)
    # The mean of standardised RDMs has the mean of the scores, so networks of a class are pooled.
    x = standardise(np.atleast_2d(model), tested).mean(axis=0)
    y = standardise(brains, tested)
    rng = np.random.default_rng(seed)
    n = len(x)
    centre = _mean_over_permutations(x, y.mean(axis=0))
    observed = _statistic(x, y, centre)
    mean = y.mean(axis=0)
    flat = y.reshape(len(y), -1)
    exceeded = 1
    for _ in range(n_permutations):
        order = rng.permutation(n)
        permuted = x[np.ix_(order, order)]
        exceeded += int(_statistic(permuted, y, centre, mean, flat) >= observed)
    null = centre if comparator.unrelated is None else comparator.unrelated
    if comparator.family == "matrix":
        null = np.nan
    return Unrelated(exceeded / (n_permutations + 1) if n_permutations else np.nan, null)


def tested_through(comparator: Comparator) -> Comparator:
    """Return the comparator on which labels are permuted.

    Parameters
    ----------
    comparator
        With which scores are computed.

    Returns
    -------
    Comparator
        Itself, unless its permutations would take too long.

    Examples
    --------
    >>> tested_through(COMPARATORS["tau-a"]).name
    'rho-a'
    """
    names = {"sign": "rho-a", "matrix": "whitened_correlation"}
    return COMPARATORS[names.get(comparator.family, comparator.name)]


def _mean_over_permutations(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over all permutations of the inner product of symmetric matrices (n, n)."""
    n = len(x)
    diagonals = np.trace(x) * np.trace(y) / n
    rest = (x.sum() - np.trace(x)) * (y.sum() - np.trace(y)) / (n * (n - 1))
    return float(diagonals + rest)


def _statistic(
    x: np.ndarray,
    y: np.ndarray,
    centre: float,
    mean: np.ndarray | None = None,
    flat: np.ndarray | None = None,
) -> float:
    """Score of x (n, n) minus `centre`, over its standard error over subjects and stimuli."""
    mean = y.mean(axis=0) if mean is None else mean
    flat = y.reshape(len(y), -1) if flat is None else flat
    n, n_subjects = len(x), len(y)
    products = x * mean
    score = products.sum()
    n_pairs = n * (n - 1) // 2
    diagonal = np.diagonal(products)
    by_stimulus = 2 * n_pairs * (products.sum(axis=1) - diagonal)
    total = by_stimulus.sum() / 2
    average = total / n_pairs
    squares = 2 * n_pairs**2 * (np.vdot(products, products) - diagonal @ diagonal)
    spread = squares - n_pairs * average**2
    shared = ((by_stimulus - (n - 1) * average) ** 2).sum()
    stimuli = (shared - spread) / (n_pairs * (n - 2) * (n - 3) / 2)
    stimuli = max(stimuli, FLOOR * spread / n_pairs**2)
    subjects = 0.0
    if n_subjects > 1:
        subjects = (flat @ x.reshape(-1)).var(ddof=1) / n_subjects
    return (score - centre) / np.sqrt(stimuli + subjects) if stimuli + subjects > 0 else 0.0

"""Bootstrap over subjects and stimuli, all resamples in one product."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reprcompare.geometry.comparators import Comparator
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.geometry.kendall import dense_ranks
from reprcompare.geometry.products import (
    Products,
    resampled_products,
    score_rdms,
    weighted_ranks,
)

WEIGHT_BYTES = 256 * 2**20
"""How many weights of pairs of stimuli are held at a time."""


@dataclass(frozen=True)
class Bootstrap:
    """Scores and noise ceilings of resamples.

    Attributes
    ----------
    scores : array, shape (n_draws, n_models)
        Mean over the subjects of a resample.
    lower, upper : arrays, shape (n_draws,)
        Noise ceiling of the resample; NaN where it was not asked for or holds one subject only.
    """

    scores: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def draw_counts(n: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw bootstrap resamples of n things as counts.

    Parameters
    ----------
    n, n_draws
        How many things, and how many resamples of them.
    rng
        Where chance comes from.

    Returns
    -------
    numpy.ndarray of int, shape (n_draws, n)
        Every row sums to n.

    Examples
    --------
    >>> draw_counts(5, 2, np.random.default_rng(0)).sum(axis=1)
    array([5, 5])
    """
    return rng.multinomial(n, np.full(n, 1 / n), size=n_draws)


def bootstrap_scores(
    models: np.ndarray,
    brains: np.ndarray,
    comparator: Comparator,
    stimuli: np.ndarray,
    subjects: np.ndarray,
    *,
    ceiling: bool = False,
) -> Bootstrap:
    """Evaluate models in given resamples of stimuli and subjects.

    Equal to `rsatoolbox.inference.eval_bootstrap` with the same resamples, ceiling included.

    Parameters
    ----------
    models, brains : arrays, shapes (n_models, n_pairs), (n_subjects, n_pairs)
    comparator
        Of any family but "matrix".
    stimuli, subjects : arrays, shapes (n_draws, n_stimuli), (n_draws, n_subjects)
        How often each occurs; ones where that factor is not resampled.
    ceiling
        Whether the noise ceiling of every resample is computed, too.

    Returns
    -------
    Bootstrap
    """
    scores, lower, upper = [], [], []
    for piece in _pieces(len(stimuli), brains.shape[1]):
        products = resampled_products(
            models, brains, stimuli[piece], comparator, subjects[piece] > 0
        )
        weights = subjects[piece] / subjects[piece].sum(axis=1, keepdims=True)
        scores.append(np.einsum("bms,bs->bm", products.scores(), weights))
        bounds = np.full((2, len(weights)), np.nan)
        if ceiling:
            family = _pooled_products if comparator.family == "linear" else _pooled_ranks
            bounds = family(brains, stimuli[piece], subjects[piece], comparator, products)
        lower.append(bounds[0])
        upper.append(bounds[1])
    return Bootstrap(np.concatenate(scores), np.concatenate(lower), np.concatenate(upper))


def bootstrap_errors(
    models: Sequence[np.ndarray],
    brains: np.ndarray,
    comparator: Comparator,
    over: str,
    n_draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Estimate standard errors by bootstrap, corrected for both factors.

    Parameters
    ----------
    models : sequence of arrays, each of shape (n_networks, n_pairs)
        Scores of networks of one class are averaged.
    brains : array, shape (n_subjects, n_pairs)
    comparator
        Of any family but "matrix".
    over
        "both", "stimuli" or "subjects".
    n_draws
    rng

    Returns
    -------
    numpy.ndarray, shape (n_models,)

    See Also
    --------
    two_factor_variance : the correction.
    """
    n_stimuli, n_subjects = count_stimuli(brains.shape[1]), len(brains)
    stimuli = draw_counts(n_stimuli, n_draws, rng)
    subjects = draw_counts(n_subjects, n_draws, rng) / n_subjects
    stacked = np.concatenate(models)
    first = np.cumsum([0, *(len(one) for one in models[:-1])])
    sizes = np.array([len(one) for one in models])[:, None]

    def by_class(scores: np.ndarray) -> np.ndarray:
        return np.add.reduceat(scores, first, axis=1) / sizes

    observed = by_class(score_rdms(stacked, brains, comparator)[None])[0]
    over_subjects = (subjects @ observed.T).var(axis=0, ddof=1)
    if over == "subjects":
        return np.sqrt(over_subjects * n_subjects / (n_subjects - 1))
    both, alone = [], []
    for piece in _pieces(n_draws, brains.shape[1]):
        products = resampled_products(stacked, brains, stimuli[piece], comparator)
        scores = by_class(products.scores())
        both.append(np.einsum("bms,bs->bm", scores, subjects[piece]))
        alone.append(scores.mean(axis=2))
    over_both, over_stimuli = (np.concatenate(x).var(axis=0, ddof=1) for x in (both, alone))
    if over == "stimuli":
        return np.sqrt(over_stimuli * n_stimuli / (n_stimuli - 1))
    return np.sqrt(
        two_factor_variance(over_both, over_subjects, over_stimuli, n_subjects, n_stimuli)
    )


def _pieces(n_draws: int, n_pairs: int) -> Iterator[slice]:
    """Split resamples so that the weights of all pairs in them are held."""
    step = max(1, WEIGHT_BYTES // (8 * n_pairs))
    return (slice(start, start + step) for start in range(0, n_draws, step))


def _pooled_products(
    brains: np.ndarray,
    stimuli: np.ndarray,
    subjects: np.ndarray,
    comparator: Comparator,
    products: Products,
) -> np.ndarray:
    """Ceilings (2, b) of comparators for which the mean RDM need not be formed.

    With A the products of subjects at unit length and c their counts, a subject's product with the
    mean of the others is (A c)_s - c_s A_ss, and the squared length of that mean is
    c'Ac - 2 c_s (A c)_s + c_s^2 A_ss.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = products.brains / (products.pooling[:, :, None] * products.pooling[:, None, :])
        own = np.einsum("bss->bs", unit)
        c = subjects
        everyone = np.einsum("bst,bt->bs", unit, c)
        length = (everyone * c).sum(axis=1, keepdims=True)
        upper = everyone / np.sqrt(length * own)
        others = length - 2 * c * everyone + c**2 * own
        lower = (everyone - c * own) / np.sqrt(others * own)
    return _over_present(lower, upper, subjects)


def _over_present(lower: np.ndarray, upper: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Mean over the different subjects of a resample; NaN for one alone."""
    present = subjects > 0
    n = present.sum(axis=1)
    means = np.stack([np.where(present, x, 0).sum(axis=1) / n for x in (lower, upper)])
    means[:, n < 2] = np.nan
    return means


def _pooled_ranks(
    brains: np.ndarray,
    stimuli: np.ndarray,
    subjects: np.ndarray,
    comparator: Comparator,
    products: Products,
) -> np.ndarray:
    """Ceilings (2, b) of rank comparators: ranks are averaged, and the mean is ranked again."""
    dense = np.stack([dense_ranks(v) for v in brains])
    rows, columns = np.triu_indices(stimuli.shape[1], 1)
    once = np.ones((1, stimuli.shape[1]))
    lower, upper = np.zeros(subjects.shape), np.zeros(subjects.shape)
    for b, (m, c) in enumerate(zip(stimuli, subjects, strict=True)):
        ranks = weighted_ranks(dense, (m[rows] * m[columns]).astype(float))
        total = c @ ranks
        for s in np.flatnonzero(c):
            folds = np.stack([total - c[s] * ranks[s], total]) if c[s] < c.sum() else total[None]
            found = resampled_products(folds, brains[s][None], m[None] * once, comparator)
            lower[b, s], upper[b, s] = found.scores()[0][[0, -1], 0]
    return _over_present(lower, upper, subjects)


def two_factor_variance(
    both: np.ndarray, subjects: np.ndarray, stimuli: np.ndarray, n_subjects: int, n_stimuli: int
) -> np.ndarray:
    r"""Combine the variances of three bootstraps into the variance over subjects and stimuli.

    .. math:: \hat\sigma^2 = \frac{S}{S-1}\sigma^2_S + \frac{N}{N-1}\sigma^2_N
        - \frac{SN}{(S-1)(N-1)} (\sigma^2_{SN} - \sigma^2_S - \sigma^2_N),

    not below either corrected part and not above the uncorrected two-factor bootstrap.

    Parameters
    ----------
    both, subjects, stimuli : arrays of one shape
        Variances of bootstraps over both factors, subjects alone, stimuli alone.
    n_subjects, n_stimuli

    Returns
    -------
    numpy.ndarray

    References
    ----------
    Schuett et al. (2023), eLife 12:e82566.

    Examples
    --------
    >>> two_factor_variance(np.array([3.0]), np.array([1.0]), np.array([1.0]), 5, 11)
    array([1.25])
    """
    s, n = n_subjects / (n_subjects - 1), n_stimuli / (n_stimuli - 1)
    combined = s * subjects + n * stimuli - s * n * (both - subjects - stimuli)
    return np.minimum(np.maximum(combined, np.maximum(s * subjects, n * stimuli)), both)

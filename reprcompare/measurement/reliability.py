"""How much of a response repeats: per neuroid and per region, with the definition beside it."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import f as f_distribution
from scipy.stats import t as student

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.measurement.parts import Part, parts, require_responses, stimulus_means

SPLIT_HALF: Final = (
    "Pearson correlation over stimuli of the means of two halves of the repetitions, averaged over "
    "random splits, corrected to all repetitions (Spearman-Brown); interval by jackknife over "
    "stimuli on Fisher's z"
)
NOISE_CEILING: Final = (
    "signal variance / (signal variance + noise variance x mean of 1 / repetitions): the largest "
    "r2 with the mean over repetitions (NCSNR; Allen et al. 2022); interval from the F "
    "distribution of the ratio of variances (Shrout & Fleiss 1979)"
)
REGION: Final = (
    "sum of signal variances / variance of means over repetitions, summed over neuroids; interval "
    "by bootstrap over stimuli"
)


def spearman_brown(reliability: np.ndarray | float, factor: np.ndarray | float) -> np.ndarray:
    """Predict the reliability of a measurement that is `factor` times as long.

    Parameters
    ----------
    reliability
        Of the shorter measurement.
    factor
        Ratio of the lengths; below 1 for a part of the measurement.

    Returns
    -------
    numpy.ndarray
        Of the shape that the two broadcast to.

    References
    ----------
    Spearman (1910), Brown (1910), British Journal of Psychology 3.

    Examples
    --------
    >>> round(float(spearman_brown(0.5, 2)), 3)
    0.667
    """
    r = np.asarray(reliability, dtype=float)
    return factor * r / (1 + (factor - 1) * r)


def split_half(
    recording: xr.Dataset,
    within: str | None = None,
    n_splits: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate the reliability of every neuroid by splitting the repetitions in halves.

    Where stimuli were repeated unequally often, every split uses as many presentations of each as
    the rarest one has.

    Parameters
    ----------
    recording
        A recording with at least two repetitions of every stimulus.
    within
        As for `noise_ceiling`.
    n_splits
        Random splits that are averaged.
    confidence
        Of the interval over stimuli.
    seed
        Of the splits.

    Returns
    -------
    pandas.DataFrame
        One neuroid a row: subject, region, neuroid_id, reliability (of the mean over
        `n_repetitions`), ci_low, ci_high, n_repetitions, definition. Neuroids that never vary get
        NaN; a border far below 0 is what Spearman-Brown makes of a negative correlation.

    Raises
    ------
    NotIdentifiableError
        If a stimulus was not repeated, or there are fewer than three stimuli.
    InvalidInputError
        If a number is out of range.

    References
    ----------
    Efron 1981, Nonparametric estimates of standard error: the jackknife, the bootstrap and other
    methods, Biometrika 68, 589.
    """
    _require_interval(confidence, n_splits)
    random = np.random.default_rng(seed)
    rows = []
    for part in _parts_within(recording, within):
        part.require_repeats()
        n = int(part.counts.min())
        half = n // 2
        total = np.zeros(len(part.neuroids))
        left_out = np.zeros((len(part.counts), len(part.neuroids)))
        for _ in range(n_splits):
            whole, without = _correlations(*_halves(part, half, random))
            total += whole
            left_out += without
        low, high = _jackknife_interval(total / n_splits, left_out / n_splits, confidence)
        corrected = {
            name: spearman_brown(r, n / half)
            for name, r in (("reliability", total / n_splits), ("ci_low", low), ("ci_high", high))
        }
        rows.append(_table(recording, part, **corrected, n_repetitions=n))
    return pd.concat(rows, ignore_index=True).assign(definition=SPLIT_HALF)


def noise_ceiling(
    recording: xr.Dataset, within: str | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Estimate signal, noise and the largest reachable r2 of every neuroid.

    Noise variance is the variance of repetitions around their stimulus mean; signal variance the
    variance of stimulus means without the noise that is left in them. Both estimates are unbiased,
    so the signal variance of a neuroid without signal is negative as often as positive; the
    ceiling counts it as 0 then.

    Parameters
    ----------
    recording
        A recording with repetitions.
    within
        A coordinate such as ``"run"`` whose blocks may differ by an offset of every neuroid, which
        is then neither signal nor noise. By default such drift counts as noise.
    confidence
        Of the interval of the ceiling, which is exact for normal responses and equally many
        repetitions, and approximate otherwise.

    Returns
    -------
    pandas.DataFrame
        One neuroid a row: subject, region, neuroid_id, signal_variance, noise_variance, ncsnr
        (ratio of standard deviations, single trial), ceiling_r2, ci_low and ci_high (of
        ceiling_r2), definition.

    Raises
    ------
    NotIdentifiableError
        If nothing was repeated, or there are fewer than three stimuli.
    InvalidInputError
        If the confidence is out of range.

    References
    ----------
    Allen et al. 2022, A massive 7T fMRI dataset to bridge cognitive neuroscience and artificial
    intelligence, Nature Neuroscience 25, 116 (Methods, noise ceiling). Shrout & Fleiss 1979,
    Intraclass correlations, Psychological Bulletin 86, 420 (interval). Thomas & Hultquist 1978,
    Interval estimation for the unbalanced case, Annals of Statistics 6, 582.
    """
    _require_interval(confidence)
    rows = []
    for part in _parts_within(recording, within):
        signal, noise = _variances(part)
        remaining = (1 / part.counts).mean() * noise
        positive = np.maximum(signal, 0)
        quantiles = f_distribution.ppf(
            [(1 + confidence) / 2, (1 - confidence) / 2], len(part.counts) - 1, part.freedom
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            ncsnr = np.sqrt(positive / noise)
            ceiling = positive / (positive + remaining)
            low, high = (np.maximum(1 - q * remaining / (signal + remaining), 0) for q in quantiles)
        rows.append(
            _table(
                recording,
                part,
                signal_variance=signal,
                noise_variance=noise,
                ncsnr=ncsnr,
                ceiling_r2=ceiling,
                ci_low=low,
                ci_high=high,
            )
        )
    return pd.concat(rows, ignore_index=True).assign(definition=NOISE_CEILING)


def region_reliability(
    recording: xr.Dataset,
    within: str | None = None,
    n_bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate which fraction of a region's variance over stimuli is signal.

    Parameters
    ----------
    recording
        A recording with repetitions.
    within
        As for `noise_ceiling`.
    n_bootstrap
        Draws of stimuli for the interval.
    confidence
        Of the interval.
    seed
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        One region of a subject a row: subject, region, reliability, ci_low, ci_high, n_neuroids,
        n_stimuli, definition.

    Raises
    ------
    NotIdentifiableError
        If nothing was repeated, or there are fewer than three stimuli.
    """
    _require_interval(confidence, n_bootstrap)
    random = np.random.default_rng(seed)
    tail = (1 - confidence) / 2
    rows = []
    for part in _parts_within(recording, within):
        n = len(part.counts)
        draws = random.multinomial(n, np.full(n, 1 / n), size=n_bootstrap).astype(float)
        low, high = np.nanquantile(_pooled(part, draws), [tail, 1 - tail])
        rows.append(
            {
                "subject": part.subject,
                "region": part.region,
                "reliability": float(_pooled(part, np.ones((1, n)))[0]),
                "ci_low": low,
                "ci_high": high,
                "n_neuroids": len(part.neuroids),
                "n_stimuli": n,
                "definition": REGION,
            }
        )
    return pd.DataFrame(rows)


def _pooled(part: Part, weights: np.ndarray) -> np.ndarray:
    """Reliability of a region for draws of its stimuli.

    Parameters
    ----------
    part
        Subject and region.
    weights : array, shape (n_draws, n_stimuli)
        How often each stimulus was drawn.

    Returns
    -------
    numpy.ndarray, shape (n_draws,)
        NaN where a draw holds no repetition or no variance.
    """
    # Offsets of blocks take freedom from all stimuli alike.
    left = part.freedom / (part.freedom + part.offsets)
    means = part.means()
    means = means - means.mean(axis=0)
    within = np.bincount(part.stimulus, (part.residuals() ** 2).sum(axis=1))
    n = weights.sum(axis=1)
    lengths = weights @ (means**2).sum(axis=1)
    centres = np.concatenate(
        [((w @ means) ** 2).sum(axis=1) for w in np.array_split(weights, 1 + len(weights) // 100)]
    )
    # A draw repeats stimuli, so its variance is on average that of all by (n - 1) / n.
    distinct = (weights == 1).all(axis=1)
    total = (lengths - centres / n) / (n - 1) * np.where(distinct, 1.0, n / (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = (weights @ within) / (weights @ (part.counts - 1)) / left
        noise *= weights @ (1 / part.counts)
        return np.where(total > 0, 1 - noise / n / total, np.nan)


def _variances(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return unbiased signal and noise variances of single trials, each of shape (p,)."""
    noise = (part.residuals() ** 2).sum(axis=0) / part.freedom
    return part.means().var(axis=0, ddof=1) - noise * (1 / part.counts).mean(), noise


def _parts_within(recording: xr.Dataset, within: str | None) -> Iterator[Part]:
    """Yield parts that tell signal from noise, without the offsets of blocks."""
    require_responses(recording, "reliability")
    if within is not None and within not in recording.coords:
        raise UnknownNameError(unknown_name("coordinate", within, map(str, recording.coords)))
    for part in parts(recording):
        _require_stimuli(part)
        if part.counts.max() < 2:
            part.require_repeats()
        if within is None:
            yield part
        else:
            yield part.without_offsets(recording[within].values[part.presentations])


def _require_interval(confidence: float, n_draws: int = 1) -> None:
    if not 0 < confidence < 1 or n_draws < 1:
        raise InvalidInputError(
            f"expected a confidence between 0 and 1 and at least one split or draw, got "
            f"{confidence} and {n_draws}."
        )


def _require_stimuli(part: Part) -> None:
    if len(part.counts) < 3:
        raise NotIdentifiableError(
            f"{part.subject}, {part.region}: reliability over stimuli needs at least three stimuli,"
            f" got {len(part.counts)}."
        )


def _halves(part: Part, half: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return stimulus means of two disjoint random draws of `half` presentations of each."""
    order = random.permutation(len(part.stimulus))
    order = order[np.argsort(part.stimulus[order], kind="stable")]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(part.counts) - part.counts, part.counts)
    picks = (order[rank < half], order[(rank >= half) & (rank < 2 * half)])
    first, second = (stimulus_means(part.activity[p], part.stimulus[p]) for p in picks)
    return first, second


def _correlations(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlate columns, of all stimuli and without each one in turn.

    Parameters
    ----------
    first, second : array, shape (n_stimuli, p)

    Returns
    -------
    numpy.ndarray, shape (p,)
        NaN for columns that do not vary.
    numpy.ndarray, shape (n_stimuli, p)
        The correlations that leave out one stimulus.
    """
    n = len(first)
    a, b = (x - x.mean(axis=0) for x in (first, second))
    # Leaving out stimulus i moves the mean: sum of squares S becomes S - n / (n - 1) a_i^2.
    away = n / (n - 1)
    products, squares_a, squares_b = a * b, a**2, b**2
    with np.errstate(invalid="ignore", divide="ignore"):
        cross, of_a, of_b = (x.sum(axis=0) for x in (products, squares_a, squares_b))
        whole = cross / np.sqrt(of_a * of_b)
        rest = (of_a - away * squares_a) * (of_b - away * squares_b)
        return whole, (cross - away * products) / np.sqrt(rest)


def _jackknife_interval(
    whole: np.ndarray, left_out: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the borders of a correlation, (p,), from those without each stimulus, (n, p)."""
    n = len(left_out)
    # Without any noise the correlation is 1, where Fisher's z has no value.
    z, without = (np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15)) for r in (whole, left_out))
    error = np.sqrt((n - 1) * without.var(axis=0)) * student.ppf((1 + confidence) / 2, n - 1)
    return np.tanh(z - error), np.tanh(z + error)


def _table(recording: xr.Dataset, part: Part, **columns: np.ndarray | int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": part.subject,
            "region": part.region,
            "neuroid_id": recording["neuroid_id"].values[part.neuroids],
        }
        | columns
    )

"""Preparation that leaves a recording a recording: missing values, scaling, noise, selection."""

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.measurement.parts import Part, parts, prepared, require_responses
from reprcompare.measurement.reliability import noise_ceiling

LARGEST_COVARIANCE: Final = 20_000
"""Neuroids of a region beyond which their covariance would not fit into memory."""


def drop_missing(recording: xr.Dataset) -> xr.Dataset:
    """Drop presentations that nobody saw, and neuroids with gaps in what their subject saw.

    Parameters
    ----------
    recording
        A recording in which NaN (or an infinite value) stands for what was not measured.

    Returns
    -------
    xarray.Dataset
        What is left; what was dropped is said in the attribute `preparation`. Presentations that
        one subject saw and another did not stay, with NaN for the latter.

    Raises
    ------
    InvalidInputError
        If nothing would be left.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.array([[1, 2.0], [3, np.nan]]), stimulus_id=["a", "b"],
    ...                      region="IT", subject="monkey")
    >>> dropped = drop_missing(it)
    >>> dropped.sizes["neuroid"], dropped.attrs["preparation"]
    (1, '["dropped 1 of 2 neuroids with missing values: monkey.IT.1"]')
    """
    require_responses(recording, "dropping neuroids")
    axes = [axis for axis in ("training_step", "time_bin") if axis in recording.dims]
    activity = recording["activity"].transpose("presentation", "neuroid", *axes).values
    finite = np.isfinite(activity).reshape(*activity.shape[:2], -1)
    whole, any_value = finite.all(axis=2), finite.any(axis=2)
    shown = np.zeros_like(whole)
    for subject in pd.unique(recording["subject"].values):
        mine = recording["subject"].values == subject
        shown[:, mine] = any_value[:, mine].any(axis=1, keepdims=True)
    kept = (whole | ~shown).all(axis=0) & shown.any(axis=0)
    seen = shown[:, kept].any(axis=1)
    if not kept.any():
        raise InvalidInputError(
            "every neuroid has missing values in presentations that its subject saw; nothing "
            "would be left. Drop presentations first, or average over repetitions."
        )
    result = recording.isel(presentation=np.flatnonzero(seen), neuroid=np.flatnonzero(kept))
    if not kept.all():
        names = listing(recording["neuroid_id"].values[~kept], 3)
        dropped = f"{(~kept).sum()} of {kept.size} neuroids with missing values: {names}"
        result = prepared(result, f"dropped {dropped}")
    if not seen.all():
        dropped = f"{(~seen).sum()} of {seen.size} presentations without any value"
        result = prepared(result, f"dropped {dropped}")
    return result


def zscore(recording: xr.Dataset, within: str | Iterable[str] = "run") -> xr.Dataset:
    """Centre and scale every neuroid to mean 0 and variance 1 within each run or session.

    Parameters
    ----------
    recording
        A recording; missing values stay missing.
    within
        Coordinates of presentations whose combinations are scaled separately; those that the
        recording does not have count as constant, so without any the whole is scaled at once.

    Returns
    -------
    xarray.Dataset
        Neuroids that do not vary within a run are 0 there.

    Raises
    ------
    UnknownNameError
        If `within` is no coordinate that names presentations.
    """
    require_responses(recording, "z-scoring")
    names = [within] if isinstance(within, str) else list(within)
    known = ("run", "session", "split")
    for name in names:
        if name not in known:
            raise UnknownNameError(unknown_name("coordinate to scale within", name, known))
    present = [name for name in names if name in recording.coords]
    order = recording["activity"].dims
    activity = recording["activity"].transpose("presentation", ...)
    scaled = activity.values.astype(float)
    codes = np.zeros(len(scaled), dtype=int)
    if present:
        codes = pd.MultiIndex.from_arrays([recording[name].values for name in present]).factorize()[
            0
        ]
    for code in range(codes.max() + 1):
        rows = codes == code
        scaled[rows] = _standardised(scaled[rows])
    values = xr.Variable(activity.dims, scaled).transpose(*order).values
    said = f"z-scored within {' and '.join(present) or 'the recording'}"
    return prepared(recording, said, values, scaling=said)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Scale along the first axis, leaving NaN out; all-NaN columns stay NaN."""
    valid = ~np.isnan(values)
    counts = np.maximum(valid.sum(axis=0), 1)
    centred = values - np.where(valid, values, 0.0).sum(axis=0) / counts
    deviation = np.sqrt((np.where(valid, centred, 0.0) ** 2).sum(axis=0) / counts)
    # Rounding leaves a constant column with a deviation that is tiny, but not 0.
    flat = deviation <= 1e-7 * np.abs(np.where(valid, values, 0.0)).max(axis=0)
    return np.where(flat, 0.0 * centred, centred / np.where(flat, 1.0, deviation))


def normalise_noise(recording: xr.Dataset, method: str = "multivariate") -> xr.Dataset:
    """Scale activity so that noise between repetitions has variance 1, or is white as well.

    Noise is what repetitions of a stimulus leave around its mean, estimated for each subject and
    region. Multivariate normalisation multiplies patterns by the inverse root of the noise
    covariance, shrunk towards a multiple of the identity by the amount of Ledoit & Wolf (2004).

    Parameters
    ----------
    recording
        A recording with repetitions of (some) stimuli.
    method
        ``"univariate"`` divides every neuroid by the standard deviation of its noise;
        ``"multivariate"`` whitens.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    UnknownNameError
        If there is no such method.
    NotIdentifiableError
        If nothing was repeated.
    InvalidInputError
        If values are missing, or a region is too large for its covariance.

    References
    ----------
    Walther et al. 2016, NeuroImage 137, 188. Ledoit & Wolf 2004, J. Multivariate Analysis 88, 365.
    """
    if method not in _NORMALISATIONS:
        raise UnknownNameError(unknown_name("noise normalisation", method, _NORMALISATIONS))
    require_responses(recording, "noise normalisation")
    activity = np.full(recording["activity"].shape, np.nan, dtype=np.float32)
    for part in parts(recording):
        if part.counts.max() < 2:
            part.require_repeats()
        activity[np.ix_(part.presentations, part.neuroids)] = _NORMALISATIONS[method](part)
    said = f"{method} noise normalisation"
    return prepared(recording, said, activity, scaling=said)


def select_reliable(recording: xr.Dataset, threshold: float = 0.1, seed: int = 0) -> xr.Dataset:
    """Keep neuroids that are reliable in one half of the repetitions, and return the other half.

    Selection and later analysis so never use the same trials.

    Parameters
    ----------
    recording
        A recording with at least three repetitions of every stimulus.
    threshold
        Smallest `ceiling_r2` of the selecting half (see `noise_ceiling`) that is kept.
    seed
        Of the split.

    Returns
    -------
    xarray.Dataset
        The presentations that did not take part in the selection.

    Raises
    ------
    NotIdentifiableError
        If a stimulus has fewer than three repetitions, or no neuroid is reliable enough.
    """
    require_responses(recording, "reliability")
    stimulus = pd.factorize(recording["stimulus_id"].values)[0]
    fewest = int(np.bincount(stimulus).min())
    if fewest < 3:
        raise NotIdentifiableError(
            f"a stimulus was shown {fewest} time(s); selecting neuroids on independent data needs "
            "three repetitions of every stimulus, two to select and one to keep."
        )
    order = np.random.default_rng(seed).permutation(len(stimulus))
    rank = pd.Series(stimulus[order]).groupby(stimulus[order]).cumcount().to_numpy()
    selecting = np.empty(len(stimulus), dtype=bool)
    selecting[order] = rank < np.maximum(2, np.bincount(stimulus)[stimulus[order]] // 2)
    table = noise_ceiling(recording.isel(presentation=np.flatnonzero(selecting)))
    kept = table.set_index("neuroid_id").loc[recording["neuroid_id"].values, "ceiling_r2"]
    places = np.flatnonzero(kept.to_numpy() >= threshold)
    if not len(places):
        raise NotIdentifiableError(
            f"no neuroid reaches a noise ceiling of {threshold} (r2); the best has "
            f"{kept.max():.3f}."
        )
    chosen = recording.isel(presentation=np.flatnonzero(~selecting), neuroid=places)
    return prepared(
        chosen,
        f"kept {len(places)} of {len(kept)} neuroids with ceiling_r2 >= {threshold} in "
        f"{selecting.sum()} other presentations (seed {seed})",
    )


def _univariate(part: Part) -> np.ndarray:
    freedom = len(part.stimulus) - len(part.counts)
    deviation = np.sqrt((part.residuals() ** 2).sum(axis=0) / freedom)
    if (deviation == 0).any():
        raise InvalidInputError(
            f"{part.subject}, {part.region}: {(deviation == 0).sum()} neuroids have no noise at "
            "all (silent, or copies instead of repetitions); drop them first."
        )
    return part.activity / deviation


def _multivariate(part: Part) -> np.ndarray:
    from rsatoolbox.data.noise import cov_from_residuals  # takes a second: averaging needs none

    if len(part.neuroids) > LARGEST_COVARIANCE:
        raise InvalidInputError(
            f"{part.subject}, {part.region}: the covariance of {len(part.neuroids):,} neuroids is "
            f"too large (at most {LARGEST_COVARIANCE:,}); select some, or use 'univariate'."
        )
    freedom = len(part.stimulus) - len(part.counts)
    covariance = cov_from_residuals(part.residuals(), dof=freedom, method="shrinkage_eye")
    values, vectors = np.linalg.eigh(covariance)
    return part.activity @ (vectors / np.sqrt(values)) @ vectors.T


_NORMALISATIONS: Final[dict[str, Callable[[Part], np.ndarray]]] = {
    "univariate": _univariate,
    "multivariate": _multivariate,
}

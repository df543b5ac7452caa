"""From a recording to RDMs: one for every subject and region, labelled."""

import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.geometry.crossvalidated import (
    crossnobis,
    crossnobis_of_products,
    distances,
    poisson_cv,
    whiten,
)
from reprcompare.geometry.dissimilarity import MEASURES, dissimilarities
from reprcompare.geometry.residual import residual_precision, residual_products
from reprcompare.measurement import shown
from reprcompare.recording import check_structure, select

CROSSVALIDATED = ("crossnobis", "poisson_cv")
METRICS = (*MEASURES, *CROSSVALIDATED)
FOLDS = ("run", "session", "repetition")
PIECE_BYTES = 256 * 2**20
"""How much activity is held at a time, as float64."""

Precision = str | np.ndarray | Sequence[np.ndarray] | None


def rdm(
    recording: xr.Dataset,
    metric: str = "correlation",
    region: str | Iterable[str] | None = None,
    subject: str | Iterable[str] | None = None,
    folds: str | None = None,
    precision: Precision = "residuals",
    device: str | None = None,
) -> RDMs:
    """Compute representational dissimilarity matrices.

    Presentations of one stimulus (repetitions, runs, sessions) are averaged; cross-validated
    metrics use them as folds. The activity is read in pieces of neuroids, so a recording may be
    larger than memory; only a precision that is given, or estimated for fewer neuroids than there
    are presentations, is held beside its region.

    Parameters
    ----------
    recording
        A recording; a lazy one is read piece by piece.
    metric
        "correlation" (1 - r), "cosine", "squared_euclidean" (mean over neuroids), "euclidean" (its
        root), "mahalanobis" (squared), "crossnobis", "poisson", "poisson_cv", "hamming", "jaccard".
    region, subject
        Name, names or pattern; everything by default.
    folds
        For cross-validated metrics, the coordinate that tells independent measurements apart; by
        default the first of run, session, repetition that has at least two values.
    precision
        For "mahalanobis" and "crossnobis", the noise precision (n_neuroids, n_neuroids);
        "residuals" estimates it from the presentations around the mean of their stimulus, shrunk
        towards the diagonal; None is the identity (for patterns that are prewhitened). A list is
        one precision for every fold.
    device
        A torch device for the products; numpy by default.

    Returns
    -------
    rsatoolbox.rdm.RDMs
        One RDM for every subject and region (and training step or time bin, where there are any) in
        the order of the recording. `pattern_descriptors`: stimulus_id, in order of first
        presentation. `rdm_descriptors`: subject, session, region, n_neuroids. `descriptors`: what
        was done with repetitions and noise. With a warning where no dissimilarity is defined.

    Raises
    ------
    UnknownNameError
        If the metric, region, subject or fold does not exist.
    NotIdentifiableError
        If the recording has no repetitions and the metric needs them.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(3), stimulus_id=list("abc"), region="IT", subject="monkey")
    >>> rdm(it, metric="squared_euclidean").dissimilarities
    array([[0.667, 0.667, 0.667]])
    """
    find_metric(metric)
    check_structure(recording)
    recording = select(recording, region=region, subject=subject)
    ids = recording["stimulus_id"].values.astype(str)
    stimulus, names = pd.factorize(ids)
    if len(names) < 2:
        raise InvalidInputError(f"an RDM needs at least two stimuli, got {len(names)}.")
    crossvalidated = metric in CROSSVALIDATED
    fold_name, fold = (
        fold_codes(recording, folds) if crossvalidated else ("", np.zeros_like(stimulus))
    )

    rows, described = [], []
    for labels, activity in _parts(recording):
        # Subjects need not have done the same runs: what one did not do is NaN, and left out.
        seen = shown(activity)
        here = stimulus[seen]
        if len(seen) < len(stimulus):
            activity = activity.isel(presentation=seen)
        rows.append(_row(activity, here, fold[seen], len(names), metric, precision, device))
        described.append(labels)
    table = pd.DataFrame(described)
    table["session"] = _session(recording)
    undefined = [row for row, values in zip(described, rows, strict=True) if np.isnan(values).all()]
    if undefined:
        places = listing([f"{row['subject']} {row['region']}" for row in undefined])
        warnings.warn(
            f"no dissimilarity is defined in {places}. One neuroid with missing activity makes all "
            "of them NaN: reprcompare.measurement.drop_missing leaves such neuroids out.",
            UserWarning,
            stacklevel=2,
        )
    return RDMs(
        rows[0][None] if len(rows) == 1 else np.stack(rows),
        dissimilarity_measure=MEASURES[metric].label if metric in MEASURES else metric,
        descriptors={
            "recording": str(recording.attrs.get("identifier", "")),
            "metric": metric,
            "repetitions": _said(crossvalidated, fold_name, len(ids) > len(names)),
            "noise": _noise_said(metric, precision),
        },
        rdm_descriptors={str(name): table[name].tolist() for name in table},
        pattern_descriptors={"stimulus_id": [str(name) for name in names]},
    )


def find_metric(name: str) -> str:
    """Return the name of a dissimilarity, if there is one of that name.

    Parameters
    ----------
    name
        One of `METRICS`.

    Returns
    -------
    str

    Raises
    ------
    UnknownNameError
        With the nearest name that there is.

    Examples
    --------
    >>> find_metric("crossnobis")
    'crossnobis'
    """
    if name not in METRICS:
        raise UnknownNameError(unknown_name("dissimilarity", name, METRICS))
    return name


def _parts(recording: xr.Dataset) -> Iterator[tuple[dict[str, object], xr.DataArray]]:
    """Yield (labels, activity[presentation, neuroid]) of every subject, region, step and bin."""
    activity = recording["activity"]
    owner = pd.MultiIndex.from_arrays(
        [recording["subject"].values.astype(str), recording["region"].values.astype(str)]
    )
    codes, owners = pd.factorize(owner)
    other = [dim for dim in ("training_step", "time_bin") if dim in activity.dims]
    for code, (subject, region) in enumerate(owners):
        places = np.flatnonzero(codes == code)
        where: slice | np.ndarray = places
        if places[-1] - places[0] + 1 == len(places):
            where = slice(int(places[0]), int(places[-1]) + 1)
        part = activity.isel(neuroid=where)
        labels = {"subject": subject, "region": region, "n_neuroids": len(places)}
        for index in np.ndindex(*(activity.sizes[dim] for dim in other)):
            place = dict(zip(other, index, strict=True))
            here = {dim: _name_of(activity, dim, at) for dim, at in place.items()}
            yield labels | here, part.isel(place).transpose("presentation", "neuroid")


def _name_of(activity: xr.DataArray, dim: str, at: int) -> object:
    coordinate = "time_bin_start" if dim == "time_bin" else dim
    return activity[coordinate].values[at].item() if coordinate in activity.coords else at


def _pieces(activity: xr.DataArray) -> Iterator[np.ndarray]:
    n, p = activity.shape
    width = max(1, PIECE_BYTES // (8 * n))
    for start in range(0, p, width):
        piece = activity.isel(neuroid=slice(start, start + width)).values
        yield np.ascontiguousarray(piece, dtype=float)


def _average(patterns: np.ndarray, stimulus: np.ndarray, n_stimuli: int) -> np.ndarray:
    """Average the presentations of each stimulus: (n_presentations, p) to (n_stimuli, p).

    A stimulus that was not presented has NaN.
    """
    counts = np.bincount(stimulus, minlength=n_stimuli)
    if len(patterns) == n_stimuli and (counts == 1).all():
        return patterns[np.argsort(stimulus)]
    present = np.flatnonzero(counts)
    order = np.argsort(stimulus, kind="stable")
    first = np.searchsorted(stimulus[order], present)
    means = np.full((n_stimuli, patterns.shape[1]), np.nan)
    means[present] = np.add.reduceat(patterns[order], first, axis=0) / counts[present, None]
    return means


def _row(
    activity: xr.DataArray,
    stimulus: np.ndarray,
    fold: np.ndarray,
    n_stimuli: int,
    metric: str,
    precision: Precision,
    device: str | None,
) -> np.ndarray:
    """Dissimilarities of one region, read in pieces of its neuroids."""
    pieces: Iterable[np.ndarray] = _pieces(activity)
    if metric == "poisson_cv":
        return poisson_cv(pieces, stimulus, fold, n_stimuli, device)
    if metric in ("mahalanobis", "crossnobis") and isinstance(precision, str):
        if precision != "residuals":
            raise InvalidInputError(
                f"precision must be 'residuals', None or an array, got {precision!r}."
            )
        if activity.sizes["neuroid"] > len(stimulus):
            products, n_neuroids = residual_products(pieces, stimulus, device)
            if metric == "crossnobis":
                return crossnobis_of_products(products, stimulus, fold, n_neuroids, n_stimuli)
            half = _average(products, stimulus, n_stimuli)
            return distances(_average(half.T, stimulus, n_stimuli), n_neuroids)
        # With fewer neuroids than presentations they are held, and so is their precision.
        patterns = np.concatenate(list(pieces), axis=1)
        precision, pieces = residual_precision(patterns, stimulus), [patterns]
    if metric == "crossnobis":
        assert not isinstance(precision, str)
        return crossnobis(pieces, stimulus, fold, precision, n_stimuli, device)
    means: Iterable[np.ndarray] = (_average(piece, stimulus, n_stimuli) for piece in pieces)
    if metric == "mahalanobis" and precision is not None:
        means = [whiten(np.concatenate(list(means), axis=1), np.asarray(precision))]
    return dissimilarities(means, metric, device)


def fold_codes(recording: xr.Dataset, name: str | None) -> tuple[str, np.ndarray]:
    """Return the coordinate that tells independent measurements apart, and its codes 0, 1 ...

    Raises
    ------
    InvalidInputError, NotIdentifiableError
        If there is no such coordinate, or none has two values.
    """
    candidates = [c for c in FOLDS if c in recording.coords]
    if name is not None and name not in recording.coords:
        raise InvalidInputError(unknown_name("coordinate", name, candidates))
    for candidate in [name] if name is not None else candidates:
        codes, values = pd.factorize(recording[candidate].values.astype(str))
        if len(values) > 1:
            return candidate, codes
    raise NotIdentifiableError(
        "a cross-validated metric needs independent measurements of the same stimuli: none of "
        f"{', '.join(FOLDS)} has two values; use metric='correlation', or record repetitions."
    )


def _session(recording: xr.Dataset) -> str:
    if "session" not in recording.coords:
        return ""
    values = pd.unique(recording["session"].values.astype(str))
    return str(values[0]) if len(values) == 1 else "all"


def _said(crossvalidated: bool, fold: str, repeated: bool) -> str:
    if crossvalidated:
        return f"cross-validated over {fold}"
    return "averaged" if repeated else "none"


def _noise_said(metric: str, precision: Precision) -> str:
    if metric not in ("mahalanobis", "crossnobis"):
        return ""
    if isinstance(precision, str):
        return "residual precision, shrunk towards the diagonal"
    return "identity" if precision is None else "given precision"

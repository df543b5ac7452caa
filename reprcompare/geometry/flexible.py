"""Models with parameters: weighted, selected or interpolated RDMs, only ever cross-validated."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs
from scipy.optimize import nnls

from reprcompare.errors import InvalidInputError, NotIdentifiableError, unknown_name
from reprcompare.geometry.ceiling import pooling_form
from reprcompare.geometry.comparators import Comparator, double_centred
from reprcompare.geometry.dissimilarity import count_stimuli
from reprcompare.geometry.rdm import rdm
from reprcompare.recording import encode_labels

FOLDS = 5
FEWEST_PER_FOLD = 2


@dataclass(frozen=True)
class FlexibleModel:
    """Component RDMs that are combined to fit the brain.

    Attributes
    ----------
    components : rsatoolbox.rdm.RDMs
        With `pattern_descriptors['stimulus_id']`.
    fit
        "nonnegative" (weights at least zero), "ridge" (any weights, shrunk), "selection" (the one
        component that fits best), "interpolation" (between two components that stand side by side).
    """

    components: RDMs
    fit: str = "nonnegative"

    def __post_init__(self) -> None:
        if self.fit not in FITS:
            raise InvalidInputError(unknown_name("fit", self.fit, FITS))
        if self.fit == "interpolation" and self.components.n_rdm < 2:
            raise InvalidInputError("interpolation needs at least two components, got one.")


def feature_rdms(labels: pd.DataFrame) -> RDMs:
    """Make one RDM a feature from labels, as components or as models.

    Parameters
    ----------
    labels
        Indexed by stimulus id, one column a feature. Binary and nominal features differ by 0 or 1;
        ordinal and continuous ones by the absolute difference of their values.

    Returns
    -------
    rsatoolbox.rdm.RDMs
        With `rdm_descriptors['name']`, the features.

    Examples
    --------
    >>> labels = pd.DataFrame({"animal": [1, 1, 0], "size": [0.5, 2.0, 3.0]}, index=list("abc"))
    >>> feature_rdms(labels).dissimilarities
    array([[0. , 1. , 1. ],
           [1.5, 2.5, 1. ]])
    """
    ids = [str(name) for name in labels.index]
    encoded = encode_labels(labels, ids)
    rows, columns = np.triu_indices(len(ids), 1)
    values, scales = encoded["label"].values, encoded["scale"].values
    differences = np.abs(values[rows] - values[columns]).T
    nominal = np.isin(scales, ("binary", "nominal"))
    differences[nominal] = np.where(
        np.isnan(differences[nominal]), np.nan, differences[nominal] > 0
    )
    names = [str(name) for name in encoded["feature"].values]
    return RDMs(
        differences,
        rdm_descriptors={
            "name": names,
            "subject": names,
            "session": [""] * len(names),
            "region": [""] * len(names),
        },
        pattern_descriptors={"stimulus_id": ids},
    )


def component_rdms(recording: xr.Dataset, n_components: int = 10) -> RDMs:
    """Make one RDM of every principal component of a recording, as components of a model.

    Weighted by at least zero they are the squared distances after stretching the axes of the
    population, which asks whether a brain weighs the same dimensions differently (as in
    Khaligh-Razavi & Kriegeskorte 2014).

    Parameters
    ----------
    recording
        Of one subject and region.
    n_components
        At most the number of stimuli less one.

    Returns
    -------
    rsatoolbox.rdm.RDMs
        Squared differences, mean over neuroids; added up over all components they are the squared
        Euclidean RDM. With `rdm_descriptors['name']`.

    Raises
    ------
    InvalidInputError
        If the recording holds several subjects or regions.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> line = build_recording(np.array([[0.0, 0], [3, 4], [6, 8]]), stimulus_id=list("abc"),
    ...                        region="IT", subject="monkey")
    >>> component_rdms(line, 1).dissimilarities.round(6)
    array([[12.5, 50. , 12.5]])
    """
    whole = rdm(recording, "squared_euclidean")
    if whole.n_rdm != 1:
        raise InvalidInputError(
            f"components are those of one subject and region, got {whole.n_rdm}; select one, for "
            "example with select(recording, region=...)."
        )
    kernel = double_centred(-whole.dissimilarities / 2)[0]
    values, vectors = np.linalg.eigh(kernel)
    kept = slice(-1, -1 - min(n_components, len(kernel) - 1), -1)
    scores = (vectors * np.sqrt(np.maximum(values, 0)))[:, kept]
    rows, columns = np.triu_indices(len(kernel), 1)
    names = [f"component {k + 1}" for k in range(scores.shape[1])]
    owner = {
        key: whole.rdm_descriptors[key] * len(names) for key in ("subject", "session", "region")
    }
    return RDMs(
        ((scores[rows] - scores[columns]) ** 2).T,
        dissimilarity_measure=whole.dissimilarity_measure,
        rdm_descriptors={"name": names, **owner},
        pattern_descriptors={"stimulus_id": whole.pattern_descriptors["stimulus_id"]},
    )


def predict_held_out(
    components: np.ndarray,
    brains: np.ndarray,
    fit: str,
    comparator: Comparator,
    seed: int = 0,
) -> np.ndarray:
    """Predict every pair of stimuli with weights fitted to other stimuli and other subjects.

    Stimuli are split into five folds. A pair in folds f and g is predicted by weights fitted to the
    pairs among the stimuli of all other folds, in the mean RDM of the other subjects; with one
    subject in its own RDM.

    Parameters
    ----------
    components : array, shape (n_components, n_pairs)
    brains : array, shape (n_subjects, n_pairs)
    fit
        One of ``FITS``.
    comparator
        Decides how subjects are averaged and whether the mean is free.
    seed
        Of the split.

    Returns
    -------
    numpy.ndarray, shape (n_subjects, n_pairs)

    Raises
    ------
    NotIdentifiableError
        For fewer than ten stimuli.
    """
    n = count_stimuli(brains.shape[1])
    if n < FOLDS * FEWEST_PER_FOLD:
        raise NotIdentifiableError(
            f"a flexible model is cross-validated over {FOLDS} folds of stimuli and needs at least "
            f"{FOLDS * FEWEST_PER_FOLD}, got {n}; use a fixed model."
        )
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    rows, columns = np.triu_indices(n, 1)
    first, second = np.sort([fold[rows], fold[columns]], axis=0)
    pooled = pooling_form(brains, comparator)
    total = pooled.sum(axis=0)
    predicted = np.empty_like(pooled)
    for s, own in enumerate(pooled):
        target = total - own if len(pooled) > 1 else own
        for f in range(FOLDS):
            for g in range(f, FOLDS):
                train = ~np.isin(fold[rows], (f, g)) & ~np.isin(fold[columns], (f, g))
                test = (first == f) & (second == g)
                weights = fit_weights(
                    components[:, train], target[train], fit, centred=comparator.centred
                )
                predicted[s, test] = weights @ components[:, test]
    return predicted


def fit_weights(
    components: np.ndarray, target: np.ndarray, fit: str, *, centred: bool = True
) -> np.ndarray:
    """Fit the weights of components to an RDM.

    Parameters
    ----------
    components : array, shape (n_components, n_pairs)
    target : array, shape (n_pairs,)
    fit
        One of ``FITS``.
    centred
        Whether a constant is free, as it is for comparators that remove the mean.

    Returns
    -------
    numpy.ndarray, shape (n_components,)

    Examples
    --------
    >>> fit_weights(np.array([[1.0, 2, 4], [3, 1, 1]]), np.array([2.0, 4, 8]), "nonnegative")
    array([2., 0.])
    """
    if centred:
        components = components - components.mean(axis=1, keepdims=True)
        target = target - target.mean()
    return FITS[fit](components, target)


def _nonnegative(components: np.ndarray, target: np.ndarray) -> np.ndarray:
    return nnls(components.T, target)[0]


def _ridge(components: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Penalty by generalised cross-validation over 13 values."""
    u, s, vt = np.linalg.svd(components.T, full_matrices=False)
    projected = u.T @ target
    penalties = (s**2).mean() * np.logspace(-6, 6, 13)
    shrunk = penalties[:, None] / (s**2 + penalties[:, None])
    errors = target @ target - projected @ projected + (shrunk**2) @ projected**2
    freedom = len(target) - (1 - shrunk).sum(axis=1)
    best = penalties[np.argmin(errors / freedom**2)]
    return vt.T @ (s / (s**2 + best) * projected)


def _selection(components: np.ndarray, target: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(components, axis=1)
    cosines = components @ target / np.where(lengths > 0, lengths, np.inf)
    return np.eye(len(components))[np.argmax(cosines)]


def _interpolation(components: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scale does not matter to a comparator, so two weights at least zero span the interval."""
    best, weights = np.inf, np.zeros(len(components))
    for k in range(len(components) - 1):
        pair, error = nnls(components[k : k + 2].T, target)
        if error < best:
            best, weights = error, np.zeros(len(components))
            weights[k : k + 2] = pair / pair.sum() if pair.sum() > 0 else 0.5
    return weights


FITS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "nonnegative": _nonnegative,
    "ridge": _ridge,
    "selection": _selection,
    "interpolation": _interpolation,
}

"""How well a subject reports each feature, from the answers stored with a recording."""

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import reported_features

NOTHING = (np.nan, np.nan)


def accuracy(recording: xr.Dataset) -> pd.DataFrame:
    """Score the stored answers against the labels.

    Parameters
    ----------
    recording
        With `output` ([training_step,] presentation, by_subject, response) as logits and `label`.
        Which feature a response reports follows from `response_feature`, or else from the feature's
        output `position`. One response is the logit of a feature of two levels; several are the
        logits of its levels in their order.

    Returns
    -------
    pandas.DataFrame
        subject, feature (and training_step where there are any), accuracy (fraction of
        presentations with an answer and a label; for a continuous feature the variance of its
        values that the answers explain), margin (mean logit in the direction of the truth;
        for several levels, of the true one minus the largest other one; NaN for a continuous
        feature), n_presentations. Features that no response reports are left out.

    Raises
    ------
    NotIdentifiableError
        If the recording holds no answers, or does not say what they report.
    """
    if "output" not in recording or "label" not in recording:
        raise NotIdentifiableError(
            "accuracy is not identifiable: the recording has no stored answers ('output') with "
            "labels; record with outputs='logits' and labelled stimuli."
        )
    places = reported_features(recording)
    if not places:
        raise NotIdentifiableError(
            "accuracy is not identifiable: neither 'response_feature' nor the features' output "
            "'position' says which response reports which feature."
        )
    continuous = _continuous(recording)
    rows = []
    for step in range(recording.sizes.get("training_step", 1)):
        piece, keys = recording, {}
        if "training_step" in recording.dims:
            piece = recording.isel(training_step=step)
            keys = {"training_step": int(piece["training_step"])}
        outputs = piece["output"].values.astype(float)
        for s, subject in enumerate(recording["by_subject"].values):
            for f, feature in enumerate(recording["feature"].values):
                if str(feature) not in places:
                    continue
                logits = outputs[:, s, places[str(feature)]]
                truth = recording["label"].values[:, f]
                known = ~np.isnan(logits).any(axis=1) & ~np.isnan(truth)
                scored = _explained if str(feature) in continuous else _correct
                right, margin = scored(logits[known], truth[known]) if known.any() else NOTHING
                rows.append(
                    {
                        "subject": str(subject),
                        "feature": str(feature),
                        **keys,
                        "accuracy": right,
                        "margin": margin,
                        "n_presentations": int(known.sum()),
                    }
                )
    return pd.DataFrame(rows)


def _continuous(recording: xr.Dataset) -> set[str]:
    if "scale" not in recording.coords:
        return set()
    chosen = recording["scale"].values == "continuous"
    return {str(name) for name in recording["feature"].values[chosen]}


def _correct(logits: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the fraction of right answers and their mean margin."""
    margins = _margins(logits, truth)
    return float((margins > 0).mean()), float(margins.mean())


def _explained(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the variance of a continuous feature that the answers explain, which have no margin.

    Values that are all the same have no variance: there it is whether the answers are right, to a
    hundredth.
    """
    error = np.square(answers[:, 0] - truth).mean()
    if not np.ptp(truth):
        return float(error < 1e-4), np.nan
    return float(1 - error / truth.var()), np.nan


def _margins(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how far each answer lies on the right side, 0 being undecided."""
    if logits.shape[1] == 1:
        return np.where(truth > 0.5, logits[:, 0], -logits[:, 0])
    rows, right = np.arange(len(truth)), truth.astype(int)
    others = logits.copy()
    others[rows, right] = -np.inf
    return logits[rows, right] - others.max(axis=1)

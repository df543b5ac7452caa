"""How well a subject reports each feature, from the answers stored with a recording."""

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import NotIdentifiableError


def accuracy(recording: xr.Dataset) -> pd.DataFrame:
    """Score the stored answers against the labels.

    Parameters
    ----------
    recording
        With `output` (presentation, by_subject, response) as logits of binary features and `label`.
        Which feature a response reports follows from `response_feature`, or else from the feature's
        output `position`.

    Returns
    -------
    pandas.DataFrame
        subject, feature, accuracy (fraction of presentations with an answer and a label), margin
        (mean logit in the direction of the truth), n_presentations.

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
    if "response_feature" in recording.coords:
        reported = [str(name) for name in recording["response_feature"].values]
        place = {name: reported.index(name) for name in reported if name}
    elif "position" in recording.coords:
        features = recording["feature"].values
        place = {
            str(name): int(position)
            for name, position in zip(features, recording["position"].values, strict=True)
        }
    else:
        raise NotIdentifiableError(
            "accuracy is not identifiable: neither 'response_feature' nor the features' output "
            "'position' says which response reports which feature."
        )
    rows = []
    for s, subject in enumerate(recording["by_subject"].values):
        for f, feature in enumerate(recording["feature"].values):
            if str(feature) not in place:
                continue
            logits = recording["output"].values[:, s, place[str(feature)]].astype(float)
            truth = recording["label"].values[:, f]
            known = ~np.isnan(logits) & ~np.isnan(truth)
            signed = np.where(truth[known] > 0.5, logits[known], -logits[known])
            rows.append(
                {
                    "subject": str(subject),
                    "feature": str(feature),
                    "accuracy": float((signed > 0).mean()) if known.any() else np.nan,
                    "margin": float(signed.mean()) if known.any() else np.nan,
                    "n_presentations": int(known.sum()),
                }
            )
    return pd.DataFrame(rows)

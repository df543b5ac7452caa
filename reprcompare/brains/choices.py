"""Choices from a table, joined to a recording: what subjects answered to the stimuli."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, LabelMismatchError, listing
from reprcompare.recording import labels_of, validate_recording

KEYS = ("stimulus_id", "session", "run", "repetition")
"""Columns by which a choice finds its presentation; without the later ones it counts for all."""


def add_choices(
    recording: xr.Dataset, choices: pd.DataFrame, reports: Mapping[str, str]
) -> xr.Dataset:
    """Put choices beside the activity that they were made with.

    Parameters
    ----------
    recording
        A recording of a brain.
    choices
        One row a choice: `stimulus_id`, those of `session`, `run`, `repetition` that tell
        presentations apart, `subject` where the recording has several, and columns of answers
        (0 or 1, or a probability for choices pooled over people). Rows that agree in all of these
        are averaged. Without `session`, `run` and `repetition`, the answers are those to the
        stimulus, by whoever gave them: they then say nothing about single trials, and behavioural
        relevance is not identifiable.
    reports
        From the column of an answer to the feature that it reports.

    Returns
    -------
    xarray.Dataset
        With `output` (presentation, by_subject, response), NaN where nothing was answered;
        `response` and `response_feature`.

    Raises
    ------
    InvalidInputError
        If columns are missing.
    LabelMismatchError
        If no choice belongs to any presentation.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(2), stimulus_id=["dog", "car"], region="IT", subject="m1")
    >>> said = pd.DataFrame({"stimulus_id": ["car", "dog"], "animal": [0, 1]})
    >>> add_choices(it, said, {"animal": "animacy"}).output.values.ravel().tolist()
    [1.0, 0.0]
    """
    subjects = labels_of(recording, "subject")
    missing = [name for name in ("stimulus_id", *reports) if name not in choices.columns]
    if "subject" not in choices.columns and len(subjects) > 1:
        missing.append("subject")
    if missing or not reports:
        raise InvalidInputError(
            f"the table of choices has no columns {listing(missing) or 'of answers'}; it has "
            f"{listing(choices.columns, 10)}."
        )
    keys = [name for name in KEYS if name in choices.columns and name in recording.coords]
    presentations = pd.MultiIndex.from_arrays(
        [recording[name].values.astype(str) for name in keys], names=keys
    )
    output = np.full((len(presentations), len(subjects), len(reports)), np.nan)
    for place, subject in enumerate(subjects):
        own = choices
        if "subject" in choices.columns:
            own = choices[choices["subject"].astype(str) == subject]
        means = own.astype(dict.fromkeys(keys, str)).groupby(keys)[list(reports)].mean()
        if isinstance(means.index, pd.MultiIndex):
            output[:, place] = means.reindex(presentations).to_numpy()
        else:
            output[:, place] = means.reindex(presentations.get_level_values(0)).to_numpy()
    if np.isnan(output).all():
        raise LabelMismatchError(
            f"no choice belongs to a presentation; they are joined by {listing(keys)}, of which "
            f"the recording has {listing(presentations[:3])} and the table "
            f"{listing(choices[keys].head(3).to_numpy().tolist())}."
        )
    joined = recording.assign_coords(
        by_subject=subjects,
        response=list(reports),
        response_feature=("response", list(reports.values())),
    )
    joined["output"] = (("presentation", "by_subject", "response"), output)
    return validate_recording(joined)

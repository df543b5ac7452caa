"""Follow the distances of stimulus pairs through a recording made over training."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.recording import check_structure, label_table, labels_of, select

PAIR = ["first", "second", "dx2"]
"""Columns of a table of pairs: two stimulus ids, and their squared distance."""


def pairs_of(stimuli: xr.Dataset, pairs: Iterable[tuple[str, str]] | None = None) -> pd.DataFrame:
    """Return pairs of stimuli with their squared Euclidean distances.

    Parameters
    ----------
    stimuli
        A stimulus set: `stimulus` (presentation, ...) with `stimulus_id`.
    pairs
        Two stimulus ids each; every pair where it is None.

    Returns
    -------
    pandas.DataFrame
        Columns first, second, dx2.

    Raises
    ------
    InvalidInputError
        If there are no stimuli in what was given, or a pair is not two ids.
    UnknownNameError
        If there is no stimulus of that id.

    Examples
    --------
    >>> from reprcompare.recording import stimulus_set
    >>> corners = stimulus_set(np.array([[0, 0], [0, 1], [1, 1]]), stimulus_ids=["00", "01", "11"])
    >>> pairs_of(corners)["dx2"].tolist()
    [1.0, 2.0, 1.0]
    """
    if not isinstance(stimuli, xr.Dataset) or "stimulus" not in stimuli:
        what = "recording" if isinstance(stimuli, xr.Dataset) else type(stimuli).__name__
        raise InvalidInputError(
            "pairs_of takes a stimulus set, with the variable 'stimulus' that distances are "
            f"computed from, got a {what}; reprcompare.recording.stimulus_set makes one of an "
            "array."
        )
    ids = stimuli["stimulus_id"].values.astype(str)
    values = stimuli["stimulus"].values.reshape(len(ids), -1).astype(float)
    if pairs is None:
        first, second = np.triu_indices(len(ids), 1)
    else:
        places = {name: place for place, name in enumerate(ids)}
        chosen = [(pair,) if isinstance(pair, str) else tuple(pair) for pair in pairs]
        for pair in chosen:
            if len(pair) != 2:
                raise InvalidInputError(
                    f"a pair must be two stimulus ids, such as ('{ids[0]}', '{ids[-1]}'), got "
                    f"{pair!r}."
                )
        for name in (name for pair in chosen for name in pair):
            if name not in places:
                raise UnknownNameError(unknown_name("stimulus", name, places))
        codes = np.array([[places[a], places[b]] for a, b in chosen], dtype=int)
        first, second = codes.reshape(-1, 2).T
    distances = ((values[first] - values[second]) ** 2).sum(axis=1)
    return pd.DataFrame({"first": ids[first], "second": ids[second], "dx2": distances})


def track(
    recording: xr.Dataset, pairs: pd.DataFrame, targets: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Measure h, y and w of stimulus pairs at every checkpoint of a recording.

    Parameters
    ----------
    recording
        With `activity` and `output` over `training_step`.
    pairs
        Columns first, second (stimulus ids) and dx2, as `pairs_of` returns them.
    targets
        What the network was trained to answer: one row a stimulus, one column a response, in the
        order of the recording's responses. The labels of the features that the responses report are
        taken where it is None.

    Returns
    -------
    pandas.DataFrame
        One row a subject, region, pair and checkpoint: subject, region, first, second,
        training_step, h, y, w, mean_error (squared length of the mean of the two errors), dx2, dy2.

    Raises
    ------
    InvalidInputError
        If the recording was not made over training, has no outputs, or repeats stimuli.
    LabelMismatchError
        If a stimulus of a pair was not recorded or has no target.
    """
    check_structure(recording)
    _check(recording, pairs)
    ids = pd.Index(recording["stimulus_id"].values.astype(str))
    places = []
    for column in ("first", "second"):
        found = ids.get_indexer(pd.Index(pairs[column].astype(str)))
        if (found < 0).any():
            missing = pairs[column][found < 0]
            raise LabelMismatchError(
                f"the recording has no stimulus {listing(missing, 3)}; it has {listing(ids, 3)}."
            )
        places.append(found)
    first, second = places
    wanted = _targets(recording, targets, ids)
    steps = recording["training_step"].values
    parts = []
    for subject in labels_of(recording, "subject"):
        own = select(recording, subject=subject)
        outputs = own["output"].sel(by_subject=subject)
        outputs = outputs.transpose("training_step", "presentation", "response")
        answers = outputs.values.astype(float)
        errors = answers - wanted
        change = answers[:, second] - answers[:, first]
        aim = wanted[second] - wanted[first]
        y = (change**2).sum(axis=-1)
        w = y - (change * aim).sum(axis=-1)
        mean_error = (((errors[:, first] + errors[:, second]) / 2) ** 2).sum(axis=-1)
        for region in labels_of(own, "region"):
            activity = select(own, region=region)["activity"].values.astype(float)
            h = ((activity[:, second] - activity[:, first]) ** 2).sum(axis=-1)
            shape = (len(pairs), len(steps))
            parts.append(
                pd.DataFrame(
                    {
                        "subject": subject,
                        "region": region,
                        "first": np.repeat(pairs["first"].to_numpy(), len(steps)),
                        "second": np.repeat(pairs["second"].to_numpy(), len(steps)),
                        "training_step": np.broadcast_to(steps, shape).ravel(),
                        **{
                            name: values.T.ravel()
                            for name, values in (
                                ("h", h),
                                ("y", y),
                                ("w", w),
                                ("mean_error", mean_error),
                            )
                        },
                        "dx2": np.repeat(pairs["dx2"].to_numpy(dtype=float), len(steps)),
                        "dy2": np.repeat((aim**2).sum(axis=1), len(steps)),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _check(recording: xr.Dataset, pairs: pd.DataFrame) -> None:
    for variable in ("activity", "output"):
        if variable not in recording or "training_step" not in recording[variable].dims:
            raise InvalidInputError(
                f"the recording has no {variable!r} over 'training_step'; record a network at "
                "several checkpoints: reprcompare.record(..., checkpoints=..., outputs='logits')."
            )
    if "time_bin" in recording["activity"].dims:
        raise InvalidInputError(
            "the recording has time bins; choose one with recording.isel(time_bin=...)."
        )
    if (np.diff(recording["training_step"].values) <= 0).any():
        raise InvalidInputError(
            "checkpoints do not rise; sort them with recording.sortby('training_step')."
        )
    ids = pd.Index(recording["stimulus_id"].values.astype(str))
    if not ids.is_unique:
        raise InvalidInputError(
            "the recording repeats stimuli; average them first with reprcompare.average("
            "recording, 'repetition')."
        )
    columns = list(pairs.columns) if isinstance(pairs, pd.DataFrame) else []
    if any(name not in columns for name in PAIR) or not len(pairs):
        has = f"it has {listing(columns, 9)}" if columns else f"got a {type(pairs).__name__}"
        raise InvalidInputError(
            f"pairs must be a table with the columns {', '.join(PAIR)} and at least one row "
            f"(reprcompare.theory.pairs_of makes it); {has}."
        )
    if not np.isfinite(pd.to_numeric(pairs["dx2"], errors="coerce")).all():
        raise InvalidInputError(
            "dx2 of the pairs must be numbers, the squared distances of their stimuli."
        )


def _targets(recording: xr.Dataset, targets: pd.DataFrame | None, ids: pd.Index) -> np.ndarray:
    """Return what every stimulus should have been answered, (n_presentations, n_responses)."""
    n_responses = recording.sizes["response"]
    if targets is None:
        if "label" not in recording or "response_feature" not in recording.coords:
            raise InvalidInputError(
                "the recording does not say what its responses should have been; give targets=, "
                "one row a stimulus and one column a response."
            )
        reported = recording["response_feature"].values.astype(str)
        labels = label_table(recording)
        unknown = [name for name in reported if name not in labels.columns]
        if unknown:
            raise InvalidInputError(
                f"responses report {listing(map(repr, unknown))}, which are no labelled feature; "
                "give targets=, one row a stimulus and one column a response."
            )
        targets = labels[reported]
    wanted = joined_targets(targets, ids)
    if wanted.shape[1] != n_responses:
        raise InvalidInputError(
            f"targets have {wanted.shape[1]} columns, the recording has {n_responses} responses."
        )
    return wanted


def joined_targets(targets: pd.DataFrame, ids: pd.Index) -> np.ndarray:
    """Return the targets of stimuli, float of shape (n_stimuli, n_responses), joined by id.

    Parameters
    ----------
    targets
        One row a stimulus, indexed by stimulus id, and one column a response.
    ids
        Of the stimuli, in the order that is wanted.

    Raises
    ------
    InvalidInputError
        If it is no such table, or targets are missing or no numbers.
    LabelMismatchError
        If a stimulus has no row.
    """
    if not isinstance(targets, pd.DataFrame):
        raise InvalidInputError(
            "targets must be a DataFrame, one row a stimulus (indexed by stimulus id) and one "
            f"column a response, got a {type(targets).__name__}."
        )
    named = targets.set_axis(targets.index.astype(str))
    missing = ids[~ids.isin(named.index)]
    if len(missing):
        raise LabelMismatchError(
            f"{len(missing)} stimuli have no targets: targets have no row for the stimuli "
            f"{listing(missing, 3)}. They are joined by stimulus id."
        )
    if not named.index.is_unique:
        twice = named.index[named.index.duplicated()].unique()
        raise InvalidInputError(f"targets have two rows for {listing(twice, 3)}; give each one.")
    wanted = named.loc[ids].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(wanted).all():
        gaps = ids[~np.isfinite(wanted).all(axis=1)]
        raise InvalidInputError(
            f"targets of {listing(gaps, 3)} are missing or no numbers; the theory needs what every "
            "response should have been."
        )
    return wanted

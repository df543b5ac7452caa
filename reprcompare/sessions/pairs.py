"""Stimuli and their counterfactuals, brought together by label."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr

from reprcompare.errors import InvalidInputError, LabelMismatchError, UnknownNameError, listing
from reprcompare.sessions.images import Preprocess
from reprcompare.sessions.interventions import rows_of
from reprcompare.sessions.stimuli import Inputs, Source, open_stimuli


@dataclass(frozen=True)
class Pairs:
    """The counterfactuals of one feature, one for each stimulus.

    Attributes
    ----------
    inputs
        The counterfactual stimuli, in the order of the stimuli.
    before, after : arrays, shape (n_stimuli,)
        The feature's label in the stimulus and in its counterfactual; `after` is NaN where there
        is none, or where it does not differ.
    """

    inputs: Inputs
    before: np.ndarray
    after: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Numbers of the stimuli that have a counterfactual."""
        return np.flatnonzero(~np.isnan(self.after - self.before))

    def values(self, level: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return labels before and after, or whether they are a given level."""
        if level is None:
            return self.before, self.after
        known = np.where(np.isnan(self.after - self.before), np.nan, 1.0)
        return known * (self.before == level), known * (self.after == level)

    def direction(self, level: int | None = None) -> np.ndarray:
        """Return 1 where the feature, or the level, comes; -1 where it goes; NaN elsewhere."""
        before, after = self.values(level)
        sign = np.sign(after - before)
        return np.where(sign == 0, np.nan, sign)


@dataclass(frozen=True)
class Shown:
    """What a network is shown in interchange interventions.

    Attributes
    ----------
    ids : array of str, shape (n_stimuli,)
    inputs
        The stimuli themselves.
    labels : array, shape (n_stimuli, n_features)
    features
        Names of the features, in the order of `labels`.
    pairs
        By feature.
    notes
        What is wrong with counterfactuals, by feature.
    """

    ids: np.ndarray
    inputs: Inputs
    labels: np.ndarray
    features: list[str]
    pairs: dict[str, Pairs]
    notes: dict[str, str]


def bring_together(
    recording: xr.Dataset,
    stimuli: object,
    counterfactuals: Mapping[str, object],
    preprocess: Preprocess | None,
) -> Shown:
    """Join stimuli, labels and counterfactuals.

    Parameters
    ----------
    recording
        Its labels are used where the stimuli carry none.
    stimuli
        See `reprcompare.sessions.open_stimuli`; ids are those of the recording where the stimuli
        carry none.
    counterfactuals
        By feature: a stimulus set with the coordinate `counterfactual_of`, arrays with a row for
        every stimulus, in their order, or a folder of images named as the stimuli.
    preprocess
        As in `record`.

    Raises
    ------
    InvalidInputError, LabelMismatchError
        If things do not fit together.
    """
    if not isinstance(counterfactuals, Mapping) or not counterfactuals:
        raise InvalidInputError(
            "counterfactuals must be a mapping from the names of features to stimuli that differ "
            f"in that feature, got {type(counterfactuals).__name__} {counterfactuals!r:.60}."
        )
    carries = isinstance(stimuli, xr.Dataset | str | os.PathLike)
    given = None if carries else recording["stimulus_id"].values
    source = open_stimuli(stimuli, given, None, preprocess)
    inputs = all_inputs(source)
    assert source.ids is not None
    features, labels = _labels_of(source, recording)
    unknown = [name for name in counterfactuals if name not in features]
    if unknown:
        raise UnknownNameError(
            f"counterfactuals were given for {listing(unknown)}; labelled are {listing(features)}."
        )
    pairs, notes = {}, {}
    for name, made in counterfactuals.items():
        pairs[name], note = _pair(name, made, source, features, labels, preprocess)
        if note:
            notes[name] = note
    return Shown(source.ids, inputs, labels, features, pairs, notes)


def _pair(
    name: str,
    made: object,
    source: Source,
    features: list[str],
    labels: np.ndarray,
    preprocess: Preprocess | None,
) -> tuple[Pairs, str]:
    """Return the counterfactuals of one feature in the order of the stimuli, and what is wrong."""
    assert source.ids is not None
    before = labels[:, features.index(name)]
    values = np.unique(before[~np.isnan(before)])
    if not isinstance(made, xr.Dataset):
        if len(values) != 2:
            raise InvalidInputError(
                f"{name!r} has {len(values)} values, so that an array does not say which one the "
                "counterfactuals have; give a stimulus set with labels and 'counterfactual_of'."
            )
        after = values.sum() - before
        if not isinstance(made, str | os.PathLike):
            inputs = all_inputs(open_stimuli(made, source.ids, None, preprocess))
            return Pairs(inputs, before, after), ""
        found = open_stimuli(made, None, None, preprocess)
        assert found.ids is not None
        places = _places(pd.Index(found.ids), source.ids, name)
        inputs = rows_of(all_inputs(found), torch.as_tensor(np.maximum(places, 0)))
        return Pairs(inputs, before, np.where(places < 0, np.nan, after)), ""
    if "counterfactual_of" not in made.coords or "label" not in made:
        raise InvalidInputError(
            f"the counterfactuals of {name!r} need the coordinate 'counterfactual_of' on "
            "'presentation', which names the stimulus that each was made from, and labels."
        )
    of = pd.Index(made["counterfactual_of"].values.astype(str))
    if not of.is_unique:
        raise InvalidInputError(
            f"the counterfactuals of {name!r} hold several of one stimulus "
            f"({listing(of[of.duplicated()].unique(), 3)}); give one of each."
        )
    places = _places(of, source.ids, name)
    # What a stimulus without a counterfactual is paired with does not matter: it does not count.
    ordered = made.isel(presentation=np.maximum(places, 0))
    kept = [feature for feature in features if feature in ordered["feature"].values]
    if name not in kept:
        raise LabelMismatchError(f"the counterfactuals of {name!r} are not labelled with it.")
    known = labels[:, [features.index(feature) for feature in kept]]
    change = ordered["label"].sel(feature=kept).values - known
    change[places < 0] = np.nan
    moved = np.where(change[:, kept.index(name)] == 0, np.nan, change[:, kept.index(name)])
    notes = []
    if np.isnan(moved).all():
        notes.append(f"no counterfactual of {name!r} differs in it")
    also = [f for f in kept if f != name and np.nan_to_num(change[:, kept.index(f)]).any()]
    if also:
        notes.append(
            f"the counterfactuals of {name!r} also differ in {listing(also)}, from which its "
            "effect is not told apart"
        )
    renamed = ordered.assign_coords(stimulus_id=("presentation", source.ids))
    inputs = all_inputs(open_stimuli(renamed, None, None, preprocess))
    return Pairs(inputs, before, before + moved), "; ".join(notes)


def _places(of: pd.Index, ids: np.ndarray, name: str) -> np.ndarray:
    """Return which counterfactual belongs to each stimulus, -1 where there is none."""
    places = of.get_indexer(pd.Index(ids))
    if (places < 0).all():
        raise LabelMismatchError(
            f"no counterfactual of {name!r} belongs to one of the stimuli: they were made from "
            f"{listing(of, 3)}, the stimuli are {listing(ids, 3)}."
        )
    return places


def _labels_of(source: Source, recording: xr.Dataset) -> tuple[list[str], np.ndarray]:
    """Return features and labels (n_stimuli, n_features)."""
    assert source.ids is not None
    held: xr.Dataset = source.labels if "label" in source.labels else recording
    if "label" not in held:
        raise InvalidInputError(
            "neither the stimuli nor the recording carry labels, so that no feature is known; "
            "record with labels=, or give a stimulus set with labels."
        )
    values = held["label"].values.astype(float)
    if held is recording:
        known = pd.Index(recording["stimulus_id"].values.astype(str))
        first = ~known.duplicated()
        places = known[first].get_indexer(pd.Index(source.ids))
        if (places < 0).any():
            missing = source.ids[places < 0]
            raise LabelMismatchError(
                f"{len(missing)} of the stimuli are not in the recording that carries their "
                f"labels: {listing(missing, 3)}."
            )
        values = values[first][places]
    return [str(name) for name in held["feature"].values], values


def all_inputs(source: Source) -> Inputs:
    """Read all stimuli of a source."""
    if not source.repeatable or source.ids is None:
        raise InvalidInputError(
            "interventions show every stimulus several times, and these can be read only once; "
            "give an array, a stimulus set or a folder."
        )
    parts = [batch.inputs for batch in source.batches(0, 256)]
    first = parts[0]
    if isinstance(first, dict):
        return {name: torch.cat([part[name] for part in parts]) for name in first}  # type: ignore[index, call-overload]
    if isinstance(first, tuple):
        return tuple(torch.cat(several) for several in zip(*parts, strict=True))
    return torch.cat(parts)  # type: ignore[arg-type]

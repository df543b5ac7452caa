"""What is predicted: rows of a brain recording, joined to predictors by stimulus id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.encoding.folds import CrossValidation
from reprcompare.encoding.predictors import Candidate
from reprcompare.errors import InvalidInputError, LabelMismatchError, NotIdentifiableError, listing
from reprcompare.measurement import average, noise_ceiling, shown, spearman_brown, split_half
from reprcompare.measurement.parts import require_responses
from reprcompare.recording import check_structure, label_table, labels_of

Notes: TypeAlias = dict[str, type[Warning] | None]
"""Sentences on what was done, in order, and the warning that each is also given as, if any."""

BLOCK_VALUES: Final = 40_000_000
"""Neuroids are predicted in blocks of about so many responses, so that memory does not grow."""


@dataclass(frozen=True)
class RowSet:
    """Rows that some neuroids were measured in, and their blocks.

    Attributes
    ----------
    frame
        One row a presentation, in order of time, with `stimulus_id` and what names folds.
    presentations : array of int
        Their places in the prepared recording.
    neuroids : array of int
        Places of the neuroids that were measured in just these rows.
    """

    frame: pd.DataFrame
    presentations: np.ndarray
    neuroids: np.ndarray

    def by_region(self, brain: xr.Dataset) -> Iterator["RowSet"]:
        """Yield the neuroids of every region of every subject by themselves."""
        owners = [brain[name].values[self.neuroids] for name in ("subject", "region")]
        codes, names = pd.MultiIndex.from_arrays(owners).factorize()
        for code in range(len(names)):
            yield replace(self, neuroids=self.neuroids[codes == code])

    def blocks(self, together: bool = False) -> Iterator[np.ndarray]:
        """Yield places of neuroids that are predicted at once.

        Parameters
        ----------
        together
            Whether neuroids are not told apart by the model, so that all must be one block.
        """
        step = max(64, BLOCK_VALUES // len(self.presentations))
        if together:
            step = len(self.neuroids)
        for start in range(0, len(self.neuroids), step):
            yield self.neuroids[start : start + step]

    def run(self) -> np.ndarray:
        """Return the number of the run that each row lies in, (n_rows,)."""
        names = [name for name in ("session", "run") if name in self.frame]
        if not names:
            return np.zeros(len(self.frame), dtype=int)
        keys = self.frame[names].astype(str).agg("/".join, axis=1).to_numpy()
        return np.concatenate([[0], np.cumsum(keys[1:] != keys[:-1])])


def single_rows(cv: CrossValidation, delays: Sequence[int], brain: xr.Dataset) -> bool:
    """Tell whether presentations are kept apart: where folds or delays are about time."""
    named = isinstance(cv, str) and (cv == "blocks" or cv in brain.coords)
    return named or tuple(delays) != (0,)


def prepared_rows(brain: xr.Dataset, keep: bool) -> xr.Dataset:
    """Return a recording whose presentations are rows: as they are, or one a stimulus.

    Raises
    ------
    InvalidInputError
        If it is no recording, or an axis of time or training is left.
    NotIdentifiableError
        If what was given holds no responses.
    """
    if isinstance(brain, str | PathLike | np.ndarray | xr.DataArray | pd.DataFrame):
        raise InvalidInputError(
            f"the brain must be a recording (an xarray.Dataset), got a {type(brain).__name__}; "
            "reprcompare.load_brain opens a file, reprcompare.recording.build_recording takes an "
            "array."
        )
    require_responses(brain, "encoding")
    check_structure(brain)
    for axis in ("time_bin", "training_step"):
        if axis in brain.dims:
            raise InvalidInputError(
                f"the brain still has the axis {axis!r}; select or average it first."
            )
    ids = brain["stimulus_id"].values
    if keep or len(set(ids)) == len(ids):
        return brain
    return average(brain, ("repetition", "run", "session"))


def row_sets(
    brain: xr.Dataset, candidates: Sequence[Candidate], keep_time: bool, notes: Notes
) -> list[RowSet]:
    """Join a prepared recording with predictors.

    Parameters
    ----------
    brain
        Of `prepared_rows`.
    candidates
        Their groups must have the stimuli; only shared ones are kept.
    keep_time
        Whether rows may not be left out, because delays reach over them.
    notes
        Gains a sentence on what was left out.

    Returns
    -------
    list of RowSet
        Subjects that were shown the same presentations are together.

    Raises
    ------
    LabelMismatchError
        If nothing is shared, or delays reach over stimuli without predictors.
    NotIdentifiableError
        If no subject was shown what is shared.
    """
    ids = brain["stimulus_id"].values.astype(str)
    shared = set(ids)
    for candidate in candidates:
        for group in candidate.groups:
            own = set(group.stimulus_id)
            if not shared & own:
                raise LabelMismatchError(
                    f"predictors {group.name!r} share no stimulus with the rest: they have "
                    f"{listing(group.stimulus_id, 3)}, the brain {listing(ids, 3)}. Use the same "
                    "ids for the same stimuli."
                )
            shared &= own
    gone = sorted(set(ids) - shared)
    if gone and keep_time:
        raise LabelMismatchError(
            f"{len(gone)} stimuli of the brain have no predictors ({listing(gone, 3)}), and delays "
            "reach over them; give predictors for all, zeros for what shows nothing."
        )
    if gone:
        notes[f"{len(gone)} stimuli of the brain have no predictors and were left out."] = None
    known = np.isin(ids, sorted(shared))
    found: dict[bytes, tuple[np.ndarray, list[np.ndarray]]] = {}
    owners = brain["subject"].values.astype(str)
    for subject in labels_of(brain, "subject"):
        places = np.flatnonzero(owners == subject)
        seen = shown(brain["activity"].isel(neuroid=places))
        rows = seen[known[seen]]
        found.setdefault(rows.tobytes(), (rows, []))[1].append(places)
    frame = _frame(brain)
    sets = [
        RowSet(frame.iloc[rows].reset_index(drop=True), rows, np.concatenate(places))
        for rows, places in found.values()
        if len(rows)
    ]
    if not sets:
        raise NotIdentifiableError(
            "no subject of the brain was shown the shared stimuli."
            if len(owners)
            else "the brain has no neuroids."
        )
    return sets


def _frame(brain: xr.Dataset) -> pd.DataFrame:
    """Return what names presentations, and labels of their stimuli, one row a presentation."""
    columns = {
        str(name): brain[name].values
        for name in brain.coords
        if brain[name].dims == ("presentation",)
    }
    frame = pd.DataFrame(columns)
    frame["stimulus_id"] = frame["stimulus_id"].astype(str)
    if "label" in brain:
        labels = label_table(brain)
        labels.index = labels.index.astype(str)
        for name in labels.columns:
            if name not in frame:
                frame[name] = labels[name].loc[frame["stimulus_id"]].to_numpy()
    return frame


def ceiling_of(
    brain: xr.Dataset,
    neuroids: np.ndarray,
    stimulus_id: np.ndarray,
    single: bool,
    method: str,
    within: str | None,
    notes: Notes,
) -> np.ndarray:
    """Return the largest R2 that a row of these neuroids allows; NaN where it is unknown.

    Parameters
    ----------
    brain
        The recording as it was given, with repetitions.
    neuroids : array of int
    stimulus_id
        Stimuli that were used.
    single
        Whether rows are single presentations, and not means over repetitions.
    method
        A name in `CEILINGS`.
    within
        The coordinate that folds are the levels of: scores are taken within folds, so what differs
        between them as a whole (drift) does not count as noise either.
    notes
        Gains a sentence where there is none.
    """
    ids = brain["stimulus_id"].values.astype(str)
    part = brain.isel(
        presentation=np.flatnonzero(np.isin(ids, stimulus_id)), neuroid=np.sort(neuroids)
    )
    try:
        table = CEILINGS[method](part, single, within)
    except (NotIdentifiableError, InvalidInputError) as error:
        notes[f"There is no noise ceiling: {error}"] = None
        return np.full(len(neuroids), np.nan)
    return table.loc[brain["neuroid_id"].values[neuroids]].to_numpy(dtype=float)


def _from_variances(part: xr.Dataset, single: bool, within: str | None) -> pd.Series:
    table = noise_ceiling(part, within).set_index("neuroid_id")
    if not single:
        return table["ceiling_r2"]
    signal = table["signal_variance"].clip(lower=0)
    return signal / (signal + table["noise_variance"])


def _from_halves(part: xr.Dataset, single: bool, within: str | None) -> pd.Series:
    table = split_half(part, within).set_index("neuroid_id")
    reliability = table["reliability"]
    if single:
        one = spearman_brown(reliability.to_numpy(), 1 / table["n_repetitions"].to_numpy())
        reliability = pd.Series(one, index=table.index)
    return reliability.clip(lower=0)


CEILINGS: Final = {"noise_ceiling": _from_variances, "split_half": _from_halves}
"""How the largest R2 is estimated. Both are reliabilities, which are squared correlations already:
the largest r is their root."""

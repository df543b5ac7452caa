"""The parts of a recording that are measured together: one subject's region at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, NotIdentifiableError, listing


@dataclass(frozen=True)
class Part:
    """The neuroids of one subject in one region, and the presentations that they were shown.

    Attributes
    ----------
    subject, region
        Names.
    neuroids : array of int, shape (p,)
        Their places in the recording.
    presentations : array of int, shape (n,)
        Places of the presentations in which anything was measured.
    activity : array, shape (n, p)
        Responses, float64.
    stimulus : array of int, shape (n,)
        Which stimulus each presentation shows, in order of first appearance.
    offsets
        Means of blocks that were subtracted, beyond the first.
    """

    subject: str
    region: str
    neuroids: np.ndarray
    presentations: np.ndarray
    activity: np.ndarray
    stimulus: np.ndarray
    offsets: int = 0

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the noise: presentations less stimuli and block offsets."""
        return len(self.stimulus) - len(self.counts) - self.offsets

    def without_offsets(self, block: np.ndarray) -> "Part":
        """Subtract the mean of every block, so that drift between blocks does not count as noise.

        Parameters
        ----------
        block : array, shape (n,)
            Block of each presentation, such as its run; all show every stimulus equally often.

        Raises
        ------
        InvalidInputError
            If blocks show stimuli unequally often: then their means also depend on the stimuli.
        """
        codes = pd.factorize(block)[0]
        shown_in = np.zeros((codes.max() + 1, len(self.counts)), dtype=int)
        np.add.at(shown_in, (codes, self.stimulus), 1)
        if (shown_in != shown_in[:, :1]).any():
            raise InvalidInputError(
                f"{self.subject}, {self.region}: blocks show stimuli unequally often, so their "
                "offsets cannot be told from responses; z-score with zscore(recording, within=...) "
                "instead, and leave out within=."
            )
        means = stimulus_means(self.activity, codes)
        return replace(self, activity=self.activity - means[codes], offsets=len(means) - 1)

    @property
    def counts(self) -> np.ndarray:
        """Presentations of each stimulus, shape (n_stimuli,)."""
        return np.bincount(self.stimulus)

    def means(self) -> np.ndarray:
        """Mean response to each stimulus, shape (n_stimuli, p)."""
        return stimulus_means(self.activity, self.stimulus)

    def residuals(self) -> np.ndarray:
        """Responses without the mean of their stimulus, shape (n, p)."""
        return self.activity - self.means()[self.stimulus]

    def require_repeats(self, least: int = 2) -> None:
        """Raise NotIdentifiableError if a stimulus was not shown often enough."""
        fewest = int(self.counts.min())
        if fewest < least:
            raise NotIdentifiableError(
                f"{self.subject}, {self.region}: a stimulus was shown {fewest} time(s), and this "
                f"needs at least {least} repetitions of every stimulus to tell signal from noise."
            )


def require_responses(data: xr.Dataset, question: str) -> None:
    """Refuse what holds no responses, such as RDMs, and what is known not to answer a question.

    Parameters
    ----------
    data
        What an analysis was given; of public data sets, the catalogue's reasons travel with it.
    question
        What is asked, such as ``"reliability"``.

    Raises
    ------
    NotIdentifiableError
        With the reason.
    """
    is_recording = isinstance(data, xr.Dataset)
    stated = data.attrs if is_recording else getattr(data, "descriptors", None) or {}
    reason = json.loads(str(stated.get("limits") or "{}")).get(question)
    if reason is None and not is_recording:
        reason = f"{type(data).__name__} are no recording and hold no responses of neuroids"
    if reason is not None:
        raise NotIdentifiableError(f"{question} is not identifiable: {reason}.")


def parts(recording: xr.Dataset) -> Iterator[Part]:
    """Yield the regions of every subject, in order of first appearance.

    Presentations in which none of the subject's neuroids has a value were not shown to it and are
    left out of its parts.

    Parameters
    ----------
    recording
        Of networks or brains.

    Yields
    ------
    Part
        Presentations x neuroids of one region of one subject.

    Raises
    ------
    InvalidInputError
        If an axis of time or training is left, or values are missing in other places.
    """
    for axis in ("time_bin", "training_step"):
        if axis in recording.dims:
            raise InvalidInputError(
                f"the recording still has the axis {axis!r}; select or average it first."
            )
    owners = pd.MultiIndex.from_arrays([recording["subject"].values, recording["region"].values])
    codes, names = owners.factorize()
    stimulus_id = recording["stimulus_id"].values
    for code, (subject, region) in enumerate(names):
        neuroids = np.flatnonzero(codes == code)
        activity = recording["activity"].isel(neuroid=neuroids).load()
        seen = shown(activity)
        activity = activity.values[seen].astype(float)
        broken = ~np.isfinite(activity).all(axis=0)
        if broken.any() or not len(seen):
            where = listing(recording["neuroid_id"].values[neuroids[broken]], 3) or "all neuroids"
            raise InvalidInputError(
                f"{subject}, {region}: values are missing or infinite in {where}; drop such "
                "neuroids with drop_missing first."
            )
        stimulus = pd.factorize(stimulus_id[seen])[0]
        yield Part(str(subject), str(region), neuroids, seen, activity, stimulus)


def shown(activity: xr.DataArray) -> np.ndarray:
    """Tell which presentations a subject was shown: those in which any neuroid has a value.

    Subjects of one recording need not have done the same runs; what one did not do is NaN.

    Parameters
    ----------
    activity
        Of one subject (and region), with the dimensions `presentation` and `neuroid`. Of a lazy one
        little more than the first neuroid is read.

    Returns
    -------
    numpy.ndarray of int
        Places of the presentations.

    Examples
    --------
    >>> shown(xr.DataArray([[1.0, np.nan], [np.nan, np.nan]], dims=["presentation", "neuroid"]))
    array([0])
    """
    ordered = activity.transpose("presentation", "neuroid", ...)
    inner = tuple(range(1, ordered.ndim))
    doubtful = np.flatnonzero(np.isnan(ordered[:, :1].values).any(axis=inner))
    if not len(doubtful):
        return np.arange(len(ordered))
    unseen = doubtful[np.isnan(ordered[doubtful].values).all(axis=inner)]
    return np.setdiff1d(np.arange(len(ordered)), unseen)


def stimulus_means(activity: np.ndarray, stimulus: np.ndarray) -> np.ndarray:
    """Average presentations of the same stimulus.

    Parameters
    ----------
    activity : array, shape (n, p)
    stimulus : array of int, shape (n,)
        Codes from 0 to n_stimuli - 1.

    Returns
    -------
    numpy.ndarray, shape (n_stimuli, p)
    """
    order = np.argsort(stimulus, kind="stable")
    starts = np.searchsorted(stimulus[order], np.arange(stimulus.max() + 1))
    sums = np.add.reduceat(activity[order], starts, axis=0)
    return sums / np.bincount(stimulus)[:, None]


def prepared(
    recording: xr.Dataset, step: str, activity: np.ndarray | None = None, scaling: str = ""
) -> xr.Dataset:
    """Return the recording with new activity, and the step written down.

    Parameters
    ----------
    recording
        What was prepared.
    step
        What was done; appended to the JSON list in the attribute `preparation`.
    activity
        New values of the same shape; the old ones by default.
    scaling
        New value of the attribute `scaling` of `activity`.
    """
    before = json.loads(str(recording.attrs.get("preparation") or "[]"))
    result = recording.assign_attrs(preparation=json.dumps([*before, step]))
    if activity is not None:
        old = recording["activity"]
        attrs = old.attrs | ({"scaling": scaling} if scaling else {})
        result["activity"] = (old.dims, activity.astype(np.float32, copy=False), attrs)
    return result

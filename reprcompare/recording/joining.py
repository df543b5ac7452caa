"""Select from recordings and join them, always by label and never by position."""

import fnmatch
from collections.abc import Iterable, Sequence

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
from reprcompare.recording import schema
from reprcompare.recording.validation import presentation_key

# Labels of very many neuroids are compared piece by piece, so that they never lie in memory whole.
BLOCK = 1 << 20


def labels_of(recording: xr.Dataset, name: str) -> list[str]:
    """Return the distinct values of a coordinate, in order of first appearance.

    Parameters
    ----------
    recording
        A recording.
    name
        A coordinate, such as ``"region"``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(3), stimulus_id=list("abc"), region=["V4", "V4", "IT"],
    ...                      subject="monkey")
    >>> labels_of(it, "region")
    ['V4', 'IT']
    """
    seen: dict[str, None] = {}
    for _, values in _blocks(recording[name]):
        seen.update(dict.fromkeys(str(value) for value in pd.unique(values)))
    return list(seen)


def select(
    recording: xr.Dataset,
    *,
    region: str | Iterable[str] | None = None,
    subject: str | Iterable[str] | None = None,
    **labels: object,
) -> xr.Dataset:
    """Select the part of a recording that carries given labels.

    Parameters
    ----------
    recording
        A recording; a lazy one stays lazy.
    region, subject
        A name, several names, or a pattern with ``*``.
    **labels
        Any other coordinate on presentations or neuroids, such as ``session="1"`` or
        ``repetition=[0, 1]``.

    Returns
    -------
    xarray.Dataset
        In the order of the recording. Coordinates `by_subject` and `by_region` are cut to what is
        left.

    Raises
    ------
    UnknownNameError
        If a name does not occur; the message offers the nearest.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(3), stimulus_id=list("abc"), region=["V4", "V4", "IT"],
    ...                      subject="monkey")
    >>> select(it, region="V4").sizes["neuroid"]
    2
    """
    wanted = {"region": region, "subject": subject} | labels
    for name, value in wanted.items():
        if value is None:
            continue
        if name not in recording.coords:
            raise UnknownNameError(unknown_name("coordinate", name, map(str, recording.coords)))
        dim = schema.COORDINATES.get(name) or str(recording[name].dims[0])
        recording = recording.isel({dim: _positions(recording, name, value)})
        stored = f"by_{name}"
        if stored in recording.coords:
            keep = np.isin(recording[stored].values.astype(str), labels_of(recording, name))
            recording = recording.isel({stored: np.flatnonzero(keep)})
    return recording


def _positions(recording: xr.Dataset, name: str, value: object) -> np.ndarray | slice:
    known = labels_of(recording, name)
    asked = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    chosen: set[str] = set()
    for item in map(str, asked):
        found = fnmatch.filter(known, item) if "*" in item else [x for x in known if x == item]
        if not found:
            raise UnknownNameError(
                unknown_name(
                    name, item, known, recording.attrs.get("identifier") or "the recording"
                )
            )
        chosen.update(found)
    places = np.concatenate(
        [
            start + np.flatnonzero(np.isin(values.astype(str), list(chosen)))
            for start, values in _blocks(recording[name])
        ]
    )
    # A layer lies in one piece, and a slice of a file is read much faster than a list of places.
    if len(places) and places[-1] - places[0] + 1 == len(places):
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _blocks(coordinate: xr.DataArray) -> Iterable[tuple[int, np.ndarray]]:
    for start in range(0, coordinate.size, BLOCK):
        yield start, coordinate[start : start + BLOCK].values


def concat(recordings: Sequence[xr.Dataset], dim: str) -> xr.Dataset:
    """Join recordings side by side (`neuroid`) or one after the other (`presentation`).

    Parameters
    ----------
    recordings
        Recordings with the same labels on the other dimension, in any order: those of the first
        decide, the others are brought into its order.
    dim
        ``"neuroid"`` joins on (stimulus_id, session, run, repetition), ``"presentation"`` on
        `neuroid_id`.

    Returns
    -------
    xarray.Dataset
        Coordinates along `dim` that only some of the recordings have are left out.

    Raises
    ------
    LabelMismatchError
        If the labels differ, or labels along `dim` occur twice; the message names the first.
    InvalidInputError
        If there is nothing to join, or `dim` is another dimension.
    """
    if dim not in ("neuroid", "presentation"):
        raise InvalidInputError(f"dim must be 'neuroid' or 'presentation', got {dim!r}.")
    if not recordings:
        raise InvalidInputError("concat needs at least one recording, got none.")
    other = "presentation" if dim == "neuroid" else "neuroid"
    first = recordings[0].drop_encoding()
    key = _key(first, other)
    aligned = [first]
    for number, recording in enumerate(recordings[1:], start=2):
        order = match_labels(_key(recording, other), key, f"recording {number}", "the first")
        aligned.append(recording.drop_encoding().isel({other: order}))
    repeated = _repeated([_key(recording, dim) for recording in recordings])
    if len(repeated):
        raise LabelMismatchError(
            f"{dim}s of one name occur in several recordings: {listing(repeated, 3)}. Are they "
            "one recording given twice, or different subjects of one name? Give every subject, "
            "or every repetition, a name of its own."
        )
    joined = xr.concat(
        _with_dim(aligned, dim),
        dim=dim,
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="outer",
        combine_attrs="override",
    )
    return joined.merge(_shared(aligned, dim), combine_attrs="override")


def _repeated(keys: Sequence[pd.Index]) -> pd.Index:
    """Return the labels that occur in more than one of several recordings."""
    if any(list(key.names) != list(keys[0].names) for key in keys):
        return pd.Index([])
    every = keys[0].append(list(keys[1:]))
    return every[every.duplicated()]


def _with_dim(recordings: Sequence[xr.Dataset], dim: str) -> list[xr.Dataset]:
    """Keep what lies on the joined dimension; of coordinates, those that all recordings have."""
    parts = [
        item.drop_vars([n for n, variable in item.variables.items() if dim not in variable.dims])
        for item in recordings
    ]
    everywhere = set.intersection(*(set(part.coords) for part in parts))
    for part in parts:
        needed = [n for n in schema.PRESENTATION_KEY if n in part.coords and n not in everywhere]
        if needed:
            raise LabelMismatchError(
                f"some recordings name their presentations by {needed[0]!r} and others do not; "
                "give it to all of them with assign_coords, or drop it."
            )
    return [part.drop_vars(set(part.coords) - everywhere) for part in parts]


def _shared(recordings: Sequence[xr.Dataset], dim: str) -> xr.Dataset:
    """Combine what does not lie on the joined dimension.

    What is stored by subject or region is filled in from every recording; labels must agree; other
    notes are kept if they agree and left out if they do not.
    """
    rest = [
        item.drop_vars([name for name, variable in item.variables.items() if dim in variable.dims])
        for item in recordings
    ]
    kept = rest[0]
    for number, item in enumerate(rest[1:], start=2):
        for name in [n for n in kept.variables if n in item.variables and n not in kept.dims]:
            # Values alone: with its coordinates, everything differs as soon as one note does.
            own, other = kept.variables[name], item.variables[name]
            if "by_subject" not in own.dims and not own.equals(other):
                if name in ("label", "scale", "levels"):
                    raise LabelMismatchError(
                        f"recording {number} has another {name!r} than the first; relabel one."
                    )
                kept, item = kept.drop_vars([name]), item.drop_vars([name])
        try:
            kept = kept.merge(item, compat="no_conflicts", join="outer", combine_attrs="override")
        except (xr.MergeError, ValueError) as error:
            raise LabelMismatchError(
                f"recording {number} contradicts the first: {str(error).splitlines()[0]}"
            ) from error
    return kept


def _key(recording: xr.Dataset, dim: str) -> pd.Index:
    if dim == "neuroid":
        return pd.Index(recording["neuroid_id"].values, name="neuroid_id")
    return presentation_key(recording)


def match_labels(
    labels: pd.Index, wanted: pd.Index, name: str = "the second", reference: str = "the first"
) -> np.ndarray:
    """Return the positions that bring `labels` into the order of `wanted`.

    Parameters
    ----------
    labels, wanted
        The labels that are there and those that are wanted; both unique, of the same set.
    name, reference
        How the message calls them.

    Returns
    -------
    numpy.ndarray of int, shape (len(wanted),)
        ``labels[result]`` equals `wanted`.

    Raises
    ------
    LabelMismatchError
        If a label is missing on either side.

    Examples
    --------
    >>> match_labels(pd.Index(["b", "a"]), pd.Index(["a", "b"]))
    array([1, 0])
    """
    if list(labels.names) != list(wanted.names):
        raise LabelMismatchError(
            f"{name} is labelled by {list(labels.names)}, {reference} by {list(wanted.names)}; "
            "give both the same coordinates."
        )
    order = labels.get_indexer(wanted)
    missing = wanted[order < 0]
    surplus = labels[~labels.isin(wanted)]
    if len(missing) or len(surplus):
        said = []
        if len(missing):
            said.append(
                f"{len(missing)} labels of {reference} are missing in {name}: {listing(missing, 3)}"
            )
        if len(surplus):
            said.append(
                f"{len(surplus)} labels of {name} are not in {reference}: {listing(surplus, 3)}"
            )
        raise LabelMismatchError("; ".join(said) + ". Select a common set first.")
    return order


def common_stimuli(
    *stimulus_ids: Sequence[str] | np.ndarray,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Find the stimuli that several objects share, and where each has them.

    Parameters
    ----------
    *stimulus_ids
        Unique stimulus ids of each object, in its own order.

    Returns
    -------
    ids : numpy.ndarray of str, shape (n_common,)
        In the order of the first object.
    positions : list of numpy.ndarray of int, each of shape (n_common,)
        ``stimulus_ids[i][positions[i]]`` equals `ids`.

    Raises
    ------
    LabelMismatchError
        If ids are repeated within an object, or nothing is shared.

    Examples
    --------
    >>> ids, (a, b) = common_stimuli(["x", "y", "z"], ["z", "x"])
    >>> ids.tolist(), a.tolist(), b.tolist()
    (['x', 'z'], [0, 2], [1, 0])
    """
    indexes = [pd.Index([str(item) for item in ids]) for ids in stimulus_ids]
    for number, index in enumerate(indexes, start=1):
        if not index.is_unique:
            raise LabelMismatchError(
                f"object {number} repeats stimulus ids: "
                f"{listing(index[index.duplicated()].unique(), 3)}; average repetitions first."
            )
    shared = indexes[0]
    for index in indexes[1:]:
        shared = shared[shared.isin(index)]
    if not len(shared):
        raise LabelMismatchError(
            "no stimulus id is shared: "
            + "; ".join(f"object {n} has {listing(index, 3)}" for n, index in enumerate(indexes, 1))
            + ". Use the same ids for the same stimuli."
        )
    return shared.to_numpy(dtype=np.str_), [index.get_indexer(shared) for index in indexes]

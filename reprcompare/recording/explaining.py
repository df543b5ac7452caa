"""Tell people what a recording is, and why two recordings differ."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import listing
from reprcompare.recording.joining import labels_of, select
from reprcompare.recording.labels import label_table
from reprcompare.recording.provenance import provenance_of
from reprcompare.recording.storage import open_recording
from reprcompare.recording.validation import presentation_key

Given = xr.Dataset | str | os.PathLike[str]
BLOCK_VALUES: Final = 1 << 23
BLOCK_LABELS: Final = 1 << 20

SESSION_PARTS: Final[dict[str, str]] = {
    "class": "they are networks of different classes",
    "structure_sha256": "the networks are built differently",
    "weights_sha256": "the networks have different weights",
    "source_sha256": "the code of the network's class differs",
    "preprocess": "stimuli were preprocessed differently",
    "training": "one network was recorded in training mode, the other in evaluation mode",
    "reduce": "responses were reduced differently",
    "time_axis": "time was read from different axes",
    "training_steps": "they were recorded at different training steps",
    "seed": "random layers and projections were drawn with different seeds",
    "keep_bits": "values were rounded to different numbers of bits",
}
"""Parts of a session that change its values, from the most to the least telling."""


@dataclass(frozen=True)
class Difference:
    """One way in which two recordings differ.

    Attributes
    ----------
    part
        What differs, such as ``"weights_sha256"``.
    first, second
        How it is in each recording.
    meaning
        A sentence for people.
    """

    part: str
    first: str
    second: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.meaning} ({self.part}: {self.first} | {self.second})"


def describe(recording: Given) -> dict[str, object]:
    """Return what a person wants to know of a recording first.

    Parameters
    ----------
    recording
        A recording or its path.

    Returns
    -------
    dict
        Line titles and their content, in order; plain values that can be written as JSON. Regions
        are a dictionary of region to number of neuroids.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> it = build_recording(np.eye(3), stimulus_id=list("abc"), region=["V4", "V4", "IT"],
    ...                      subject="monkey", identifier="it")
    >>> describe(it)["regions"]
    {'V4': 2, 'IT': 1}
    """
    with _opened(recording) as (dataset, path):
        provenance = provenance_of(dataset)
        sizes = {str(dim): int(size) for dim, size in dataset["activity"].sizes.items()}
        stimuli = labels_of(dataset, "stimulus_id")
        found: dict[str, object] = {
            "identifier": str(dataset.attrs.get("identifier", "")),
            "kind": str(dataset.attrs.get("kind", "")),
            "subjects": labels_of(dataset, "subject"),
            "sizes": sizes,
            "stimuli": len(stimuli),
            "stimulus_set": str(dataset.attrs.get("stimulus_set", "")),
            "first_stimuli": stimuli[:3],
            "regions": _counts(dataset["region"]),
            "units": str(dataset["activity"].attrs.get("units", "")),
            "features": [str(n) for n in dataset["feature"].values] if "feature" in dataset else [],
            "variables": sorted(str(name) for name in dataset.data_vars),
        }
        session = provenance.get("session", {})
        for name in ("class", "weights_sha256", "seed", "preprocess", "reduce"):
            if session.get(name) not in (None, ""):
                found[name] = session[name]
        for name in ("versions", "machine", "command", "finished"):
            if name in provenance:
                found[name] = provenance[name]
        if path is not None:
            found["file"] = path.name
            found["bytes"] = path.stat().st_size
    return found


def describe_text(recording: Given) -> str:
    """Return `describe` as lines of text.

    Parameters
    ----------
    recording
        A recording or its path.

    Returns
    -------
    str
        A line an entry.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> print(describe_text(build_recording(np.eye(2), stimulus_id=["a", "b"], region="IT",
    ...                                     subject="monkey", units="Hz")))
    kind          brain
    subjects      monkey
    sizes         presentation 2, neuroid 2
    stimuli       2
    first_stimuli a, b
    regions       IT 2
    units         Hz
    variables     activity
    """
    lines = []
    for name, value in describe(recording).items():
        if isinstance(value, dict):
            text = listing((f"{key} {item}" for key, item in value.items()), most=12)
        elif isinstance(value, list):
            text = listing(value, most=8)
        else:
            text = f"{value:,}" if name in ("bytes", "stimuli") else str(value)
        if text:
            lines.append(f"{name:<13} {text}")
    return "\n".join(lines)


def why(first: Given, second: Given) -> list[Difference]:
    """Find out why two recordings, or the scores computed from them, differ.

    Stimuli, regions, networks, settings, versions and finally the values are compared, joined by
    label.

    Parameters
    ----------
    first, second
        Recordings or their paths.

    Returns
    -------
    list of Difference
        From the most to the least telling; empty if nothing differs.

    Examples
    --------
    >>> from reprcompare.recording import build_recording
    >>> a, b = (build_recording(np.eye(2), stimulus_id=ids, region="IT", subject="m")
    ...         for ids in (["x", "y"], ["y", "z"]))
    >>> print(why(a, b)[0])
    they share 1 stimuli, not all (stimulus_id: 1 of its own: x | 1 of its own: z)
    """
    with _opened(first) as (a, _), _opened(second) as (b, _):
        return [difference for look in LOOKS for difference in look(a, b)]


def _stimuli(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    ids = [labels_of(dataset, "stimulus_id") for dataset in (a, b)]
    yield from _sets("stimulus_id", "stimuli", ids[0], ids[1])
    if set(ids[0]) == set(ids[1]) and ids[0] != ids[1]:
        at = next(n for n, (x, y) in enumerate(zip(*ids, strict=True)) if x != y)
        yield Difference(
            "stimulus_id", f"{ids[0][at]} at {at}", f"{ids[1][at]} at {at}",
            "they have the same stimuli in another order; joined by label, this has no effect",
        )  # fmt: skip
    if "stimulus_crc32" in a.coords and "stimulus_crc32" in b.coords:
        sums = [dataset["stimulus_crc32"].to_series() for dataset in (a, b)]
        one, other = (
            pd.Series(s.values, index=dataset["stimulus_id"].values)
            for s, dataset in zip(sums, (a, b), strict=True)
        )
        shared = one.index.intersection(other.index)
        changed = shared[(one[shared] != other[shared]).to_numpy()]
        if len(changed):
            yield Difference(
                "stimulus_crc32", listing(changed, 3), f"{len(changed)} of {len(shared)} stimuli",
                "stimuli of the same id had other content when they reached the network",
            )  # fmt: skip


def _neuroids(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    counts = [_counts(dataset["region"]) for dataset in (a, b)]
    yield from _sets("region", "regions", list(counts[0]), list(counts[1]))
    for region in counts[0]:
        sizes = [count.get(region) for count in counts]
        if None not in sizes and sizes[0] != sizes[1]:
            yield Difference(
                f"neuroids in {region}", str(sizes[0]), str(sizes[1]),
                "a region has another number of neuroids",
            )  # fmt: skip
    yield from _sets(
        "subject", "subjects", labels_of(a, "subject"), labels_of(b, "subject"), quiet=True
    )


def _settings(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    sessions = [provenance_of(dataset).get("session", {}) for dataset in (a, b)]
    for name, meaning in SESSION_PARTS.items():
        values = [session.get(name) for session in sessions]
        if values[0] != values[1]:
            yield Difference(name, _short(values[0]), _short(values[1]), meaning)
    for name in ("units", "scaling", "original_dtype", "kept_bits"):
        values = [dataset["activity"].attrs.get(name) for dataset in (a, b)]
        if values[0] != values[1]:
            yield Difference(
                name, _short(values[0]), _short(values[1]), "activity is given differently"
            )


def _circumstances(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    """Compare what changes values in the last digits at most."""
    both = [provenance_of(dataset) for dataset in (a, b)]
    for part in ("versions", "machine"):
        one, other = (provenance.get(part, {}) for provenance in both)
        for name in dict.fromkeys([*one, *other]):
            if one.get(name) != other.get(name):
                yield Difference(
                    name, _short(one.get(name)), _short(other.get(name)),
                    "they were recorded with other software or on another machine",
                )  # fmt: skip
    sizes = [provenance.get("batch_size") for provenance in both]
    if sizes[0] != sizes[1]:
        yield Difference(
            "batch_size", _short(sizes[0]), _short(sizes[1]),
            "batches of another size can change the last digits",
        )  # fmt: skip


def _labels(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    if "label" not in a or "label" not in b:
        if ("label" in a) != ("label" in b):
            has = ["labels" if "label" in dataset else "none" for dataset in (a, b)]
            yield Difference("label", has[0], has[1], "only one of them carries labels")
        return
    one, other = label_table(a), label_table(b)
    yield from _sets("feature", "features", list(one.columns), list(other.columns))
    rows = one.index.intersection(other.index)
    for name in one.columns.intersection(other.columns):
        x, y = one.loc[rows, name].astype(str), other.loc[rows, name].astype(str)
        changed = rows[(x != y).to_numpy()]
        if len(changed):
            yield Difference(
                f"label {name}", listing(changed, 3), f"{len(changed)} of {len(rows)} stimuli",
                "stimuli of the same id are labelled differently",
            )  # fmt: skip


def _values(a: xr.Dataset, b: xr.Dataset) -> Iterator[Difference]:
    """Compare the responses of regions that both have, on the presentations that both have."""
    keys = [presentation_key(dataset) for dataset in (a, b)]
    if list(keys[0].names) != list(keys[1].names):
        return
    shared = keys[0].intersection(keys[1])
    rows = [key.get_indexer(shared) for key in keys]
    counts = [_counts(dataset["region"]) for dataset in (a, b)]
    for region in counts[0]:
        if counts[0][region] != counts[1].get(region) or not len(shared):
            continue
        parts = [select(dataset, region=region)["activity"] for dataset in (a, b)]
        if parts[0].dims != parts[1].dims:
            continue
        ids = [pd.Index(part["neuroid_id"].values) for part in parts]
        if set(ids[0]) == set(ids[1]):  # otherwise, as between subjects, in the region's order
            parts[1] = parts[1].isel(neuroid=ids[1].get_indexer(ids[0]))
        largest, correlation = _compare_values(parts[0], parts[1], rows)
        if largest > 0:
            yield Difference(
                f"activity in {region}",
                f"largest difference {largest:.3g}",
                f"correlation {correlation:.6f}",
                "the responses to the shared stimuli differ",
            )


def _compare_values(
    one: xr.DataArray, other: xr.DataArray, rows: list[np.ndarray]
) -> tuple[float, float]:
    """Return the largest difference and the correlation of all values, in bounded memory."""
    width = max(1, one.size // one.sizes["presentation"])
    height = max(1, BLOCK_VALUES // width)
    largest, sums = 0.0, np.zeros(6)
    for start in range(0, len(rows[0]), height):
        block = slice(start, start + height)
        x = one.isel(presentation=rows[0][block]).values.astype(float).ravel()
        y = other.isel(presentation=rows[1][block]).values.astype(float).ravel()
        unequal = ~((x == y) | (np.isnan(x) & np.isnan(y)))
        if unequal.any():
            largest = max(largest, float(np.nan_to_num(np.abs(x - y)[unequal], nan=np.inf).max()))
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = x[finite], y[finite]
        sums += [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y]
    n, sx, sy, sxx, syy, sxy = sums
    variance = (n * sxx - sx**2) * (n * syy - sy**2)
    return largest, (n * sxy - sx * sy) / variance**0.5 if variance > 0 else np.nan


LOOKS: Final[tuple[Callable[[xr.Dataset, xr.Dataset], Iterator[Difference]], ...]] = (
    _stimuli,
    _neuroids,
    _settings,
    _labels,
    _values,
    _circumstances,
)


def _sets(
    part: str, things: str, one: list[str], other: list[str], quiet: bool = False
) -> Iterator[Difference]:
    """Compare two sets of names."""
    own = [[x for x in one if x not in set(other)], [x for x in other if x not in set(one)]]
    if not own[0] and not own[1]:
        return
    shared = len(one) - len(own[0])
    meaning = (
        "they are named differently"
        if quiet
        else f"they share {shared or 'no'} {things}{', not all' if shared else ''}"
    )
    said = [f"{len(names)} of its own: {listing(names, 3)}" if names else "none" for names in own]
    yield Difference(part, said[0], said[1], meaning)


def _counts(region: xr.DataArray) -> dict[str, int]:
    """Return the number of neuroids in every region, in order of first appearance."""
    counts: dict[str, int] = {}
    for start in range(0, region.size, BLOCK_LABELS):
        for name, count in pd.Series(region[start : start + BLOCK_LABELS].values).value_counts(
            sort=False
        ).items():  # fmt: skip
            counts[str(name)] = counts.get(str(name), 0) + int(count)
    return counts


def _short(value: Any) -> str:
    text = "none" if value in (None, "") else str(value)
    return text if len(text) <= 40 else text[:12] + "..."


@contextmanager
def _opened(recording: Given) -> Iterator[tuple[xr.Dataset, Path | None]]:
    if isinstance(recording, xr.Dataset):
        yield recording, None
        return
    with open_recording(recording) as dataset:
        yield dataset, Path(recording)

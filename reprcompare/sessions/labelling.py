"""The labels that a session gives to presentations, neuroids, features and responses."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, LabelMismatchError, listing
from reprcompare.recording import encode_labels
from reprcompare.recording.layout import Column, string_column
from reprcompare.sessions.capture import Slot
from reprcompare.sessions.stimuli import Source

BLOCK = 1 << 18
POSITIONS = ("channel", "x", "y", "unit")


def presentation_columns(
    source: Source, ids: np.ndarray, checksums: Sequence[int]
) -> Iterator[Column]:
    """Yield the ids of the stimuli, what else is known of them, and checksums of their content.

    Parameters
    ----------
    source
        The stimuli.
    ids : array of str, shape (n_stimuli,)
        Their ids.
    checksums
        CRC-32 of every stimulus as the network took it.
    """
    yield string_column("stimulus_id", ("presentation",), ids)
    labels = source.labels
    if source.table is not None:
        labels = labels.merge(encode_labels(source.table, ids))
    for name, variable in labels.variables.items():
        dims = tuple(map(str, variable.dims))
        if variable.dtype.kind in "OUT":
            yield string_column(str(name), dims, variable.values)
        else:
            values = np.asarray(variable.values)
            yield Column(
                str(name), dims, [values.astype(np.int8) if values.dtype == bool else values]
            )
    yield Column(
        "stimulus_crc32",
        ("presentation",),
        [np.array(checksums, dtype=np.uint32)],
        {"long_name": "CRC-32 of the stimulus as the network took it"},
    )


def neuroid_columns(slots: Sequence[Slot], subject: str) -> Iterator[Column]:
    """Yield the labels of the neuroids, in blocks of bounded size.

    Parameters
    ----------
    slots
        The layers, side by side.
    subject
        Which network this is.
    """
    regions = [slot.region for slot in slots]
    longest = max(len(f"{subject}.{s.region}.{s.reduction.size - 1}".encode()) for s in slots)

    def strings(width: int, make: str) -> Iterator[np.ndarray]:
        for slot in slots:
            for start in range(0, slot.reduction.size, BLOCK):
                stop = min(start + BLOCK, slot.reduction.size)
                if make == "neuroid_id":
                    names = [f"{subject}.{slot.region}.{n}".encode() for n in range(start, stop)]
                    yield np.array(names, dtype=f"S{width}")
                else:
                    name = slot.region if make == "region" else subject
                    yield np.full(stop - start, name.encode(), dtype=f"S{width}")

    yield Column("neuroid_id", ("neuroid",), strings(longest, "neuroid_id"))
    widest = max(len(name.encode()) for name in regions)
    yield Column("region", ("neuroid",), strings(widest, "region"))
    yield Column("subject", ("neuroid",), strings(len(subject.encode()), "subject"))
    for name in POSITIONS:
        if any(name in slot.reduction.positions for slot in slots):
            described = {"long_name": f"{name} within the layer, -1 where there is none"}
            yield Column(name, ("neuroid",), _positions(slots, name), described)


def _positions(slots: Sequence[Slot], name: str) -> Iterator[np.ndarray]:
    for slot in slots:
        nowhere = np.full(slot.reduction.size, -1)
        yield slot.reduction.positions.get(name, nowhere).astype(np.int32)


def feature_columns(
    extraneous: pd.DataFrame | None, source: Source, subject: str
) -> Iterator[Column]:
    """Yield the extraneous properties of the features, one variable each.

    Parameters
    ----------
    extraneous
        One row a feature, one column a property, such as `prevalence` or `trained`.
    source
        The stimuli, whose labels say which features there are.
    subject
        Which network this is.

    Raises
    ------
    InvalidInputError
        If a property is no number.
    LabelMismatchError
        If the features are not those of the labels.
    """
    yield string_column("by_subject", ("by_subject",), [subject])
    if extraneous is None:
        return
    table = extraneous.set_axis([str(name) for name in extraneous.index], axis=0)
    features = features_of(source)
    if features is None:
        features = list(table.index)
        yield string_column("feature", ("feature",), features)
    unknown = sorted(set(features) ^ set(table.index))
    if unknown or not table.index.is_unique:
        raise LabelMismatchError(
            f"extraneous must have one row for each feature of the labels ({listing(features)}); "
            f"different: {listing(unknown) or 'rows are repeated'}."
        )
    for name in table.columns:
        try:
            values = table.loc[features, name].to_numpy(dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(
                f"extraneous property {name!r} holds {table[name].dtype}, expected numbers."
            ) from error
        yield Column(str(name), ("by_subject", "feature"), [values[None]])


def features_of(source: Source) -> list[str] | None:
    """Return the names of the features that the stimuli are labelled with, None without labels."""
    if source.table is not None:
        return [str(name) for name in source.table.columns]
    labels: xr.Dataset = source.labels
    if "feature" not in labels.coords:
        return None
    return [str(name) for name in labels["feature"].values]


def time_columns(n_bins: int | None) -> Iterator[Column]:
    """Yield the edges of the time bins: tokens or steps, counted from 0."""
    if n_bins is not None:
        edges = np.arange(n_bins + 1, dtype=np.float64)
        unit = {"long_name": "token or step"}
        yield Column("time_bin_start", ("time_bin",), [edges[:-1]], unit)
        yield Column("time_bin_end", ("time_bin",), [edges[1:]], unit)

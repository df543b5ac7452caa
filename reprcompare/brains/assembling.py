"""From the tables that every source has, of presentations and of neuroids, to a recording."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.brains.stored import Stored
from reprcompare.errors import (
    InvalidInputError,
    InvalidRecordingError,
    UnknownNameError,
    listing,
    unknown_name,
)
from reprcompare.recording import build_recording, schema

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "stimulus_id": (
        "stimulus",
        "stimulus_name",
        "stimulus_path",
        "stim",
        "stim_id",
        "stim_file",
        "image_id",
        "image",
        "image_name",
        "filename",
        "condition",
        "conditions",
        "conds",
        "trial_type",
    ),
    "repetition": ("repeat", "rep", "repetition_id"),
    "run": ("runs", "block", "chunks"),
    "session": ("sess", "session_id", "day"),
    "neuroid_id": ("neuroid", "unit_id", "unit", "neuron_id", "neuron", "cell_id", "channel_name"),
    "region": ("area", "brain_area", "roi", "layer"),
    "subject": ("subject_id", "animal", "participant", "participant_id", "monkey", "model"),
}
"""How other formats call the coordinates of a recording, in order of preference."""

UNKNOWN: Final = "unknown"
"""Region or subject where the source does not tell and the caller does not either."""


@dataclass(frozen=True, eq=False)
class Naming:
    """What the caller says about names that a source leaves open.

    Attributes
    ----------
    stimulus
        Column that names the stimulus of each presentation.
    region, subject
        A column of the neuroids, or one name for all of them.
    labels
        Feature labels: columns of the presentations, or a table indexed by stimulus id.
    """

    stimulus: str | None = None
    region: str | None = None
    subject: str | None = None
    labels: Sequence[str] | pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Refuse labels that are neither names nor a table."""
        if self.labels is not None and not isinstance(self.labels, Iterable):
            raise InvalidInputError(
                f"labels is {self.labels!r}; expected names of columns, or a table indexed by "
                "stimulus id."
            )

    @property
    def given(self) -> bool:
        """Whether the caller said anything."""
        return any(getattr(self, field.name) is not None for field in fields(self))

    def with_labels(self, stored: Sequence[str]) -> "Naming":
        """Return the same with labels that the source names, unless the caller named others."""
        return self if self.labels is not None or not stored else replace(self, labels=stored)


AS_FOUND: Final = Naming()
"""Names as the source has them."""


def assemble(
    activity: np.ndarray | Stored,
    presentations: pd.DataFrame,
    neuroids: pd.DataFrame,
    *,
    source: str,
    naming: Naming = AS_FOUND,
    time_bins: Sequence[tuple[float, float]] | None = None,
    ids_within_subject: bool = False,
    **attributes: object,
) -> xr.Dataset:
    """Make a recording of what a source holds, under the names of the format.

    Parameters
    ----------
    activity : array, shape (n_presentations, n_neuroids[, n_time_bins])
        Responses; those that are `Stored` stay in their file until they are used.
    presentations, neuroids
        One row each; columns are recognised by their names (`ALIASES`), others are kept as
        coordinates. Presentations that only repeat a stimulus are numbered as repetitions.
    source
        How messages call it, such as the file's name.
    naming
        What the caller says.
    time_bins
        (start, end) of each bin, in ms.
    ids_within_subject
        The source names neuroids anew in every subject (channel 1, unit 7), so that the subject is
        put before the name: recordings of several subjects can then be joined.
    **attributes
        Passed on to `build_recording`: identifier, stimulus_set, units, long_name, kind ...

    Returns
    -------
    xarray.Dataset
        A valid recording.

    Raises
    ------
    InvalidInputError
        If nothing names the stimuli, or the tables do not fit the array.
    InvalidRecordingError
        If labels contradict each other.

    Examples
    --------
    >>> rows = pd.DataFrame({"image_id": ["a", "b", "a"]})
    >>> it = assemble(np.ones((3, 2)), rows, pd.DataFrame(index=range(2)), source="an array",
    ...               naming=Naming(region="IT"))
    >>> it.repetition.values.tolist(), it.region.values.tolist()
    ([0, 0, 1], ['IT', 'IT'])
    """
    for table, axis, what in ((presentations, 0, "presentations"), (neuroids, 1, "neuroids")):
        if len(table) != activity.shape[axis]:
            raise InvalidInputError(
                f"{source} contradicts itself: activity of shape {activity.shape} comes with "
                f"labels of {len(table)} {what}."
            )
    rows = canonical(presentations, {"stimulus_id": naming.stimulus}, source)
    if "stimulus_id" not in rows:
        raise InvalidInputError(
            f"{source}: nothing tells which stimulus each presentation showed; found "
            f"{listing(presentations.columns, 8) or 'no columns'}. Name the column with stimulus=, "
            "or add one called 'stimulus_id'."
        )
    if rows["stimulus_id"].isna().any():
        raise InvalidInputError(
            f"{source}: {rows['stimulus_id'].isna().sum()} presentations have no stimulus; drop "
            "them or fill in their names."
        )
    rows["stimulus_id"] = _texts(rows["stimulus_id"])
    rows = _with_repetitions(rows)
    columns = canonical(neuroids, {}, source)
    for name, said in (("region", naming.region), ("subject", naming.subject)):
        columns[name] = _column_or_constant(neuroids, columns, name, said)
    columns["neuroid_id"] = _neuroid_ids(columns)
    if ids_within_subject:
        columns["neuroid_id"] = columns["subject"] + "." + columns["neuroid_id"]
    labels = _label_table(naming.labels, rows, source)
    features = [] if labels is None else list(labels.columns)
    others = rows.drop(columns=["stimulus_id", *features], errors="ignore")
    on_presentations = _coordinates(others, "presentation")
    places = columns.drop(columns=["region", "subject", "neuroid_id"])
    on_neuroids = _coordinates(places, "neuroid", on_presentations)
    try:
        recording = build_recording(
            activity.stand_in() if isinstance(activity, Stored) else activity,
            stimulus_id=rows["stimulus_id"].tolist(),
            region=columns["region"].tolist(),
            subject=columns["subject"].tolist(),
            neuroid_id=columns["neuroid_id"].tolist(),
            presentation=on_presentations,
            neuroid=on_neuroids,
            labels=labels,
            time_bins=time_bins,
            **attributes,  # type: ignore[arg-type]
        )
    except InvalidRecordingError as error:
        raise InvalidRecordingError(str(error).replace("this data set", source, 1)) from error
    if isinstance(activity, Stored):
        attrs = dict(recording["activity"].attrs)
        if activity.original != activity.dtype:
            attrs["original_dtype"] = str(activity.original)
        recording["activity"] = activity.variable(recording["activity"].dims, attrs)
    return recording


def canonical(
    table: pd.DataFrame, asked: Mapping[str, str | None], source: str = "the table"
) -> pd.DataFrame:
    """Return the table with the columns that the format knows under its names.

    Parameters
    ----------
    table
        One column a label.
    asked
        Names of columns that the caller gives, by the name in the format.
    source
        How messages call it.

    Raises
    ------
    UnknownNameError
        If a column that was asked for does not exist.

    Examples
    --------
    >>> canonical(pd.DataFrame({"animal": ["m"], "x": [1]}), {}).columns.tolist()
    ['subject', 'x']
    """
    present = {str(name).lower(): name for name in reversed(list(table.columns))}
    renamed: dict[object, str] = {}
    for name, aliases in ALIASES.items():
        wanted = asked.get(name)
        if wanted is not None:
            if wanted not in table.columns:
                raise UnknownNameError(unknown_name("column", wanted, table.columns, source))
            renamed[wanted] = name
            continue
        found = next((alias for alias in (name, *aliases) if alias in present), None)
        if found is not None and present[found] not in renamed:
            renamed[present[found]] = name
    # A column that was asked for wins over one that carries the format's name by accident.
    clashing = [name for name in table.columns if name in renamed.values() and name not in renamed]
    return table.drop(columns=clashing).rename(columns=renamed).reset_index(drop=True)


def file_stem(path: object) -> str:
    """Return the last part of a path without its ending, to name a recording by.

    Examples
    --------
    >>> file_stem("monkeys/chabo.nii.gz")
    'chabo'
    """
    return str(path).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].split(".")[0]


def _with_repetitions(rows: pd.DataFrame) -> pd.DataFrame:
    """Give presentations that nothing else tells apart a running number."""
    key = [name for name in ("stimulus_id", "session", "run", "repetition") if name in rows]
    for name in ("session", "run"):
        if name in rows:
            rows[name] = _texts(rows[name])
    if "repetition" not in rows and rows.duplicated(key).any():
        rows["repetition"] = rows.groupby(key, sort=False).cumcount()
    return rows


def _column_or_constant(
    neuroids: pd.DataFrame, columns: pd.DataFrame, name: str, said: str | None
) -> pd.Series:
    if said is not None and said in neuroids.columns:
        return _texts(neuroids[said].reset_index(drop=True), UNKNOWN)
    if said is not None or name not in columns:
        return pd.Series([str(said or UNKNOWN)] * len(columns), dtype=object)
    return _texts(columns[name], UNKNOWN)


def _neuroid_ids(columns: pd.DataFrame) -> pd.Series:
    """Use the source's names; if they repeat, with subject, region and at last a number added."""
    owner = columns["subject"] + "." + columns["region"] + "."
    if "neuroid_id" not in columns:
        return owner + columns.groupby(["subject", "region"]).cumcount().astype(str)
    names = _texts(columns["neuroid_id"])
    if names.is_unique:
        return names
    owned = owner + names
    return owned if owned.is_unique else owned + "." + owned.groupby(owned).cumcount().astype(str)


def _texts(values: pd.Series, missing: str = "") -> pd.Series:
    """Turn values into text; whole numbers lose their '.0'."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    texts = values.astype(object).map(lambda value: missing if pd.isna(value) else str(value))
    return texts.astype(object)


def _coordinates(table: pd.DataFrame, dim: str, taken: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Return columns as arrays that a file can hold, under names that mean nothing else."""
    arrays = {}
    for name in table.columns:
        text = str(name).replace("/", "_")
        # A screen position is called x like a place in the brain, and both may have a "quality".
        if schema.COORDINATES.get(text, dim) != dim or text in _RESERVED or text in taken:
            text = f"{dim}_{text}"
        column = table[name]
        if pd.api.types.is_bool_dtype(column) and not column.hasnans:
            arrays[text] = column.to_numpy(dtype=np.int8)
        elif pd.api.types.is_float_dtype(column):
            arrays[text] = column.to_numpy(dtype=float, na_value=np.nan)
        elif pd.api.types.is_integer_dtype(column) and not column.hasnans:
            arrays[text] = column.to_numpy(dtype=np.int64)
        else:
            arrays[text] = _texts(column).to_numpy(dtype=np.str_)
    return arrays


_RESERVED: Final = {*schema.VARIABLES, *schema.ACTIVITY_DIMS, "activity", "feature", "response"}


def _label_table(
    labels: Iterable[str] | pd.DataFrame | None, rows: pd.DataFrame, source: str
) -> pd.DataFrame | None:
    if labels is None or isinstance(labels, pd.DataFrame):
        return labels
    names = [labels] if isinstance(labels, str) else list(labels)
    for name in names:
        if name not in rows:
            raise UnknownNameError(unknown_name("column", name, rows.columns, source))
    table = rows[["stimulus_id", *names]].drop_duplicates()
    repeated = table["stimulus_id"][table["stimulus_id"].duplicated()]
    if len(repeated):
        raise InvalidInputError(
            f"{source}: the labels {listing(names)} differ between presentations of "
            f"{listing(repeated.unique(), 3)}, so they do not describe the stimulus."
        )
    return table.set_index("stimulus_id")

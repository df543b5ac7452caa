"""Feature labels: between tables that people write and the `label` variable of a recording."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.errors import InvalidInputError, LabelMismatchError, listing
from reprcompare.recording import schema

LEVEL_SEPARATOR = "|"


def encode_labels(
    table: pd.DataFrame,
    stimulus_id: Sequence[str] | np.ndarray,
    scales: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Turn a table of labels into the `label` variable with its `scale` and `levels`.

    Parameters
    ----------
    table
        One row a stimulus (indexed by stimulus id), one column a feature. Text and categorical
        columns become nominal (ordered categories ordinal), columns with two values binary, other
        numbers continuous.
    stimulus_id : sequence of str, length n_presentations
        The stimuli to which rows are joined, by label. Repeats are allowed.
    scales
        Scales to use instead of the inferred ones, by feature.

    Returns
    -------
    xarray.Dataset
        `label` (presentation, feature) float64, with coordinates `feature`, `scale`, `levels`.

    Raises
    ------
    LabelMismatchError
        If stimuli are missing from the table.
    InvalidInputError
        If the table repeats a stimulus, or a scale is unknown.

    Examples
    --------
    >>> table = pd.DataFrame({"animal": [True, False], "kind": ["dog", "car"]}, index=["a", "b"])
    >>> encode_labels(table, ["b", "a"]).label.values
    array([[0., 0.],
           [1., 1.]])
    """
    if not isinstance(table, pd.DataFrame):
        raise InvalidInputError(
            f"labels must be a pandas.DataFrame indexed by stimulus id, got {type(table).__name__}."
        )
    index = pd.Index([str(name) for name in table.index])
    if not index.is_unique:
        raise InvalidInputError(
            f"the label table repeats stimuli: {listing(index[index.duplicated()].unique(), 3)}."
        )
    rows = index.get_indexer(pd.Index([str(name) for name in stimulus_id]))
    if (rows < 0).any():
        missing = [name for name, row in zip(stimulus_id, rows, strict=True) if row < 0]
        raise LabelMismatchError(
            f"{len(missing)} of {len(rows)} stimuli have no row in the label table: "
            f"{listing(missing, 3)}. The table is joined on its index, which begins "
            f"{listing(index[:3])}."
        )
    asked = dict(scales or {})
    columns, scale, levels = [], [], []
    for name in table.columns:
        values, kind, names = _encode_column(table[name])
        kind = asked.get(str(name), kind)
        if kind not in schema.SCALES:
            raise InvalidInputError(
                f"scale {kind!r} of feature {name!r} is unknown; expected {schema.SCALES}."
            )
        columns.append(values[rows])
        scale.append(kind)
        levels.append(LEVEL_SEPARATOR.join(names))
    matrix = np.stack(columns, axis=1) if columns else np.empty((len(rows), 0))
    return xr.Dataset(
        {"label": (("presentation", "feature"), matrix)},
        coords={
            "feature": np.array([str(name) for name in table.columns], dtype=np.str_),
            "scale": ("feature", np.array(scale, dtype=np.str_)),
            "levels": ("feature", np.array(levels, dtype=np.str_)),
        },
    )


def _encode_column(column: pd.Series) -> tuple[np.ndarray, str, list[str]]:
    """Return the numbers of one feature, its scale and the names of its levels."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy(dtype=float)
        scale = "ordinal" if column.cat.ordered else "nominal"
        return np.where(codes < 0, np.nan, codes), scale, [str(x) for x in column.cat.categories]
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=float), "binary", []
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        distinct = np.unique(values[~np.isnan(values)])
        return values, "binary" if len(distinct) <= 2 else "continuous", []
    codes, names = pd.factorize(column, sort=True)
    return np.where(codes < 0, np.nan, codes.astype(float)), "nominal", [str(x) for x in names]


def label_table(recording: xr.Dataset) -> pd.DataFrame:
    """Return the labels as a table with one row a stimulus and one column a feature.

    Parameters
    ----------
    recording
        A recording or stimulus set with the variable `label`.

    Returns
    -------
    pandas.DataFrame
        Indexed by stimulus id in order of first appearance; nominal and ordinal features with
        named levels come back as categories.

    Raises
    ------
    InvalidInputError
        If there are no labels, or two presentations of a stimulus carry different ones.
    """
    if "label" not in recording:
        raise InvalidInputError(
            "the recording carries no labels; give labels=, a DataFrame indexed by stimulus id."
        )
    features = [str(name) for name in recording["feature"].values]
    table = pd.DataFrame(
        recording["label"].values, index=recording["stimulus_id"].values, columns=features
    )
    table.index.name = "stimulus_id"
    first = table[~table.index.duplicated()]
    if len(first) < len(table):
        again = first.loc[table.index]
        differs = ~((again == table) | (again.isna() & table.isna())).all(axis=1)
        if differs.any():
            raise InvalidInputError(
                "presentations of one stimulus carry different labels: "
                f"{listing(table.index[differs].unique(), 3)}."
            )
    if "levels" not in recording.coords:
        return first
    decoded = first.copy()
    for name, levels, scale in zip(
        features, recording["levels"].values, recording["scale"].values, strict=True
    ):
        if levels:
            names = str(levels).split(LEVEL_SEPARATOR)
            codes = first[name].fillna(-1).to_numpy(dtype=np.int64)
            dtype: pd.CategoricalDtype = pd.CategoricalDtype(
                names, ordered=bool(scale == "ordinal")
            )
            decoded[name] = pd.Categorical.from_codes(codes, dtype=dtype)
    return decoded


def reported_features(recording: xr.Dataset) -> dict[str, list[int]]:
    """Say which responses report which feature.

    Parameters
    ----------
    recording
        With `response_feature`, or with the features' output `position`.

    Returns
    -------
    dict
        From the feature to the numbers of its responses: one is the logit of a feature of two
        levels, several are the logits of its levels in their order. Empty where the recording does
        not say.
    """
    if "response_feature" in recording.coords:
        reported = [str(name) for name in recording["response_feature"].values]
        return {
            name: [place for place, other in enumerate(reported) if other == name]
            for name in dict.fromkeys(reported)
            if name
        }
    if "position" not in recording.coords or recording["position"].dims != ("feature",):
        return {}
    features, positions = recording["feature"].values, recording["position"].values
    asked = ~np.isnan(positions.astype(float))
    several = "n_levels" in recording.coords and (recording["n_levels"].values[asked] > 2).any()
    if several or asked.sum() > recording.sizes.get("response", len(features)):
        return {}
    places = zip(features[asked], positions[asked], strict=True)
    return {str(name): [int(position)] for name, position in places}


def columns_of(feature: pd.Series) -> np.ndarray:
    """Code one feature for regression.

    Parameters
    ----------
    feature : length n_stimuli
        Categories and text are one-hot coded, numbers enter as they are.

    Returns
    -------
    numpy.ndarray of float, shape (n_stimuli, n_columns)
    """
    if isinstance(feature.dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(feature):
        return pd.get_dummies(feature).to_numpy(dtype=float)
    return feature.to_numpy(dtype=float)[:, None]

"""From what the sets of rows gave to one result, in the order of the brain's neuroids."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from reprcompare.encoding.found import Found, Settings, partition_of
from reprcompare.encoding.models import MODELS
from reprcompare.encoding.partition import NEGATIVE
from reprcompare.encoding.predicting import CHOSEN
from reprcompare.encoding.predictors import Candidate
from reprcompare.encoding.responses import Notes
from reprcompare.encoding.result import Encoding
from reprcompare.encoding.tally import means_of, table_of
from reprcompare.measurement.reliability import NOISE_CEILING, SPLIT_HALF

KEYS = ["predictor", "neuroid_id", "region", "subject"]
SCORES = ["r", "r_low", "r_high", "r2", "ceiling", "ceiling_r2", "r_of_ceiling", "r2_of_ceiling"]

CEILING_SAYS = {"noise_ceiling": NOISE_CEILING, "split_half": SPLIT_HALF}


def assembled(
    found: Sequence[Found],
    candidates: Sequence[Candidate],
    prepared: xr.Dataset,
    settings: Settings,
    notes: Notes,
) -> Encoding:
    """Put the results of all sets of rows together.

    Parameters
    ----------
    found
        One a set of rows.
    candidates, settings
        What was asked.
    prepared
        Recording of the rows.
    notes
        What was left out or may have leaked.
    """
    tallies = [item.tally for item in found]
    table = table_of(tallies)
    alphas = _settings_array(found, candidates, prepared)
    table = _in_order(_with_settings(table, alphas, settings.by_alpha), prepared)
    names = [group.name for group in candidates[0].groups]
    partition = partition_of(found, names) if settings.partition else pd.DataFrame()
    partition = _in_order_of_regions(partition, prepared)
    if len(partition) and (partition.loc[partition["part"] == "shared", "r2"] < 0).any():
        notes[NEGATIVE] = None
    return Encoding(
        table[[*KEYS, *SCORES, "alpha", "n_components"]],
        means_of(table, tallies, ["subject", "region"]),
        means_of(table, tallies, ["subject"]),
        _stacked([part for item in found for part in item.groups], prepared),
        partition,
        _stacked([part for item in found for part in item.subsets], prepared),
        _in_order_of_regions(_stacked([part for item in found for part in item.choice]), prepared),
        method_of(found, candidates, settings, prepared, len(table["ceiling"].dropna()) > 0),
        list(notes),
        alphas,
        _predictions(found, prepared) if settings.predictions else None,
        _weights(found, candidates, prepared, settings) if settings.weights else {},
    )


def method_of(
    found: Sequence[Found],
    candidates: Sequence[Candidate],
    settings: Settings,
    prepared: xr.Dataset,
    ceiling: bool,
) -> str:
    """Write what was done, and what scores and intervals mean."""
    folds = found[0].folds
    kernel = "" if settings.kernel == "linear" else f" with a kernel ({settings.kernel})"
    groups = candidates[0].groups
    rows = len(found[0].rows.frame)
    said = [
        f"{MODELS[settings.model].sentence}{kernel}, joined by stimulus id over {rows} rows"
        + (" (presentations)." if rows > folds.unit.max() + 1 else "."),
        f"Nested cross-validation: {folds.sentence()}.",
    ]
    if settings.delays != (0,):
        said.append(
            f"Finite impulse response over delays of {', '.join(map(str, settings.delays))} "
            "presentations within runs; what lies before a run counts as the mean."
        )
    if len(groups) > 1:
        said.append(
            f"Groups that predict together: {', '.join(group.name for group in groups)}; R2 is "
            "split over them by the product measure."
        )
    said.append(
        "r is the correlation of held-out predictions and responses within folds, averaged over "
        "folds; r2 is 1 - squared errors / squared responses of fold-centred values, and lies a "
        "little below 0 where nothing is predicted."
    )
    if ceiling:
        said.append(
            "ceiling_r2 is the largest r2 that the noise of the rows allows, a reliability: "
            f"{CEILING_SAYS[settings.ceiling]}. ceiling is its root, the largest r. Fractions of "
            "the ceiling of a region are ratios of means."
            + (
                f" What differs between {folds.name}s as a whole is left out of scores and of "
                "ceilings."
                if folds.name in prepared.coords
                else ""
            )
        )
    unit = "stimuli" if folds.name == "stimulus" else f"{folds.name}s"
    if settings.n_bootstrap:
        said.append(
            f"Intervals: 95 %, {settings.n_bootstrap} draws of {unit}, with the fitted models as "
            f"they are; they generalise to new {unit} of the same kind, for these neuroids. That "
            f"other {unit} would give other models, too, is left out, so that intervals are too "
            "narrow where these are few."
        )
    if len(candidates) > 1 and settings.choose in CHOSEN:
        where = (
            "by R2 in the inner folds of the training rows, for each outer fold"
            if settings.choose == "nested"
            else "by r on the test rows, which makes its score too high"
        )
        said.append(
            f"{CHOSEN[settings.choose]!r} is the best of {len(candidates)} candidates for each "
            f"region of the brain, chosen {where}; the best of the other rows is not an estimate."
        )
    return " ".join(said)


def _stacked(parts: Sequence[pd.DataFrame], prepared: xr.Dataset | None = None) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return table if prepared is None else _in_order(table, prepared)


def _in_order(table: pd.DataFrame, prepared: xr.Dataset) -> pd.DataFrame:
    """Sort rows by the brain's neuroids, candidates (and groups) as they came."""
    order = pd.Index(prepared["neuroid_id"].values.astype(str)).get_indexer(table["neuroid_id"])
    names = [name for name in ("predictor", "group", "subset") if name in table]
    blocks = table[names].apply(tuple, axis=1) if names else pd.Series(0, index=table.index)
    keys = pd.DataFrame({"block": pd.factorize(blocks)[0], "order": order})
    return table.iloc[keys.sort_values(["block", "order"]).index].reset_index(drop=True)


def _in_order_of_regions(table: pd.DataFrame, prepared: xr.Dataset) -> pd.DataFrame:
    """Sort rows by fold, if they have one, and by the brain's subjects and regions."""
    if table.empty:
        return table
    names = ["subject", "region"]
    places = pd.MultiIndex.from_arrays([prepared[name].values.astype(str) for name in names])
    order = places.unique().get_indexer(pd.MultiIndex.from_frame(table[names].astype(str)))
    keys = pd.DataFrame({"order": order}, index=table.index)
    keys.insert(0, "fold", table.get("fold", 0))
    rows = keys.sort_values(["fold", "order"], kind="stable").index
    return table.loc[rows].reset_index(drop=True)


def _with_settings(table: pd.DataFrame, chosen: xr.DataArray, by_alpha: bool) -> pd.DataFrame:
    """Add what was chosen over the outer folds: the mean of log alpha, or of the components."""
    values = chosen.transpose("predictor", "neuroid", "fold").values
    values = values.reshape(-1, values.shape[-1])
    means = pd.DataFrame(np.log(values) if by_alpha else values).mean(axis=1).to_numpy()
    flat = pd.DataFrame(
        {
            "predictor": np.repeat(chosen["predictor"].values, chosen.sizes["neuroid"]),
            "neuroid_id": np.tile(chosen["neuroid_id"].values, chosen.sizes["predictor"]),
            "chosen": np.exp(means) if by_alpha else means,
        }
    )
    merged = table.merge(flat, how="left", on=["predictor", "neuroid_id"])
    column, other = ("alpha", "n_components") if by_alpha else ("n_components", "alpha")
    return merged.rename(columns={"chosen": column}).assign(**{other: np.nan})


def _settings_array(
    found: Sequence[Found], candidates: Sequence[Candidate], prepared: xr.Dataset
) -> xr.DataArray:
    names = [candidate.name for candidate in candidates]
    most = max(item.folds.number for item in found)
    values = np.full((len(names), most, prepared.sizes["neuroid"]), np.nan)
    for item in found:
        for number, name in enumerate(names):
            values[number][: item.folds.number, item.rows.neuroids] = item.setting[name]
    return xr.DataArray(
        values,
        dims=("predictor", "fold", "neuroid"),
        coords={"predictor": names, **_neuroids(prepared)},
        name="setting",
    )


def _neuroids(prepared: xr.Dataset) -> dict[str, tuple[str, np.ndarray]]:
    return {
        name: ("neuroid", prepared[name].values.astype(str))
        for name in ("neuroid_id", "region", "subject")
    }


def _predictions(found: Sequence[Found], prepared: xr.Dataset) -> xr.DataArray:
    names = list(found[0].predicted)
    shape = (len(names), prepared.sizes["presentation"], prepared.sizes["neuroid"])
    values = np.full(shape, np.nan, dtype=np.float32)
    for item in found:
        places = np.ix_(item.rows.presentations, item.rows.neuroids)
        for number, name in enumerate(names):
            values[number][places] = item.predicted[name]
    rows = {
        str(name): ("presentation", prepared[name].values)
        for name in prepared.coords
        if prepared[name].dims == ("presentation",)
    }
    return xr.DataArray(
        values,
        dims=("predictor", "presentation", "neuroid"),
        coords={"predictor": names, **rows, **_neuroids(prepared)},
        name="prediction",
        attrs={"long_name": "held-out prediction, each row by the fold that holds it out"},
    )


def _weights(
    found: Sequence[Found],
    candidates: Sequence[Candidate],
    prepared: xr.Dataset,
    settings: Settings,
) -> dict[str, xr.DataArray]:
    result = {}
    n_delays = len(settings.delays)
    for candidate in candidates:
        n_rows = sum(len(group.columns) for group in candidate.groups) * n_delays
        values = np.full((n_rows, prepared.sizes["neuroid"]), np.nan)
        for item in found:
            values[:, item.rows.neuroids] = np.concatenate(item.weights[candidate.name])
        sizes = [len(group.columns) for group in candidate.groups]
        result[candidate.name] = xr.DataArray(
            values,
            dims=("column", "neuroid"),
            coords={
                "column_id": (
                    "column",
                    np.concatenate([np.tile(g.columns, n_delays) for g in candidate.groups]),
                ),
                "group": (
                    "column",
                    np.repeat([g.name for g in candidate.groups], np.array(sizes) * n_delays),
                ),
                "delay": (
                    "column",
                    np.concatenate([np.repeat(settings.delays, size) for size in sizes]),
                ),
                **_neuroids(prepared),
            },
            name="weight",
            attrs={"long_name": "change of the response by a unit of the column, mean over folds"},
        )
    return result

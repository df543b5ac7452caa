"""Where learning ends: predicted and recorded distances of many pairs, correlated."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from reprcompare.errors import InvalidInputError, listing
from reprcompare.theory.dynamics import end_state, rich_limit
from reprcompare.theory.tracking import track

Floats = NDArray[np.float64]

KEYS = ["subject", "region", "first", "second"]

PREDICTIONS = {"end_state": "h_end_predicted", "rich_limit": "h_rich", "start": "h_start"}
"""What may explain where a pair ends, by the column it is in: the theory with the recorded start,
its limit for small starts, which knows stimuli and targets only, and no change at all (lazy)."""


def ends_of(
    recording: xr.Dataset, pairs: pd.DataFrame, targets: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return where pairs started and ended.

    Parameters
    ----------
    recording, pairs, targets
        As for `reprcompare.theory.track`; the first and the last checkpoint count.

    Returns
    -------
    pandas.DataFrame
        subject, region, first, second, dx2, dy2, h_start, y_start, h_end, y_end: squared distances.

    Raises
    ------
    InvalidInputError, LabelMismatchError
        As for `reprcompare.theory.track`.
    """
    edges = recording
    if "training_step" in recording.dims:
        edges = recording.isel(training_step=[0, -1])
    tracked = track(edges, pairs, targets)
    # Of every pair the first and the last checkpoint follow each other.
    starts, ends = (tracked.iloc[k::2].reset_index(drop=True) for k in (0, 1))
    found = starts[[*KEYS, "dx2", "dy2"]].copy()
    for name in ("h", "y"):
        found[f"{name}_start"], found[f"{name}_end"] = starts[name], ends[name]
    return found


def predict_ends(ends: pd.DataFrame, ratio: float) -> pd.DataFrame:
    """Add where the theory says that pairs end.

    Parameters
    ----------
    ends
        As `ends_of` returns it.
    ratio
        ``rate_h / rate_y``, as fitted to other networks of the architecture.

    Returns
    -------
    pandas.DataFrame
        The same rows with h_end_predicted (by `end_state`) and h_rich (by `rich_limit`), squared
        distances in the units of the recording.

    Raises
    ------
    InvalidInputError
        If a column is missing, or the ratio is not above 0.
    """
    absent = [name for name in ("dx2", "dy2", "h_start", "y_start") if name not in ends.columns]
    if absent:
        raise InvalidInputError(f"ends have no column {listing(absent)}; ends_of makes them.")
    dx2, dy2 = ends["dx2"].to_numpy(), ends["dy2"].to_numpy()
    return ends.assign(
        h_end_predicted=end_state(ends["h_start"], ends["y_start"], ratio=ratio, dx2=dx2, dy2=dy2),
        h_rich=rich_limit(ratio=ratio, dx2=dx2, dy2=dy2),
    )


def structure(
    ends: pd.DataFrame, by: Sequence[str] = (), *, unit: str = "subject", level: float = 0.95
) -> pd.DataFrame:
    """Correlate recorded distances at the end of learning with each prediction of them.

    Parameters
    ----------
    ends
        As `predict_ends` returns it, of one region a subject.
    by
        Columns whose combinations are kept apart.
    unit
        What is independent: the networks. One unit may have one pair in each of many tables.
    level
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        `by`, prediction (a key of `PREDICTIONS`), r (Pearson, over all pairs of all units), r_low,
        r_high (jackknife over units, Fisher's z, t), slope (of recorded on predicted, through 0),
        n_pairs, n_units.

    Raises
    ------
    InvalidInputError
        If there is no such column, or a group has fewer than three pairs.
    """
    by = [by] if isinstance(by, str) else list(by)
    needed = ("h_end", *PREDICTIONS.values())
    absent = [name for name in (*by, unit, *needed) if name not in ends.columns]
    if absent:
        raise InvalidInputError(
            f"ends have no column {listing(absent)}; predict_ends(ends_of(recording, pairs), "
            "ratio) has all that is needed."
        )
    if not 0 < level < 1:
        raise InvalidInputError(f"level must lie between 0 and 1, such as 0.95, got {level}.")
    broken = int((~np.isfinite(ends[list(needed)])).any(axis=1).sum())
    if broken:
        raise InvalidInputError(
            f"{broken} of {len(ends)} pairs have missing distances; leave them out, and say so."
        )
    groups = ends.groupby(by, sort=False) if by else [((), ends)]
    rows = []
    for values, part in groups:
        given = dict(zip(by, values if isinstance(values, tuple) else (values,), strict=True))
        if len(part) < 3:
            where = ", ".join(f"{name} {value}" for name, value in given.items())
            raise InvalidInputError(
                f"{where}{': ' * bool(where)}{len(part)} pairs are too few for a correlation; at "
                "least 3 are needed."
            )
        measured = part["h_end"].to_numpy()
        units = part[unit].to_numpy()
        for name, column in PREDICTIONS.items():
            predicted = part[column].to_numpy()
            r, low, high = _correlation(predicted, measured, units, level)
            slope = float(predicted @ measured / (predicted @ predicted))
            rows.append(
                given
                | {"prediction": name, "r": r, "r_low": low, "r_high": high, "slope": slope}
                | {"n_pairs": len(part), "n_units": len(set(units))}
            )
    return pd.DataFrame(rows)


def _correlation(
    predicted: Floats, measured: Floats, units: np.ndarray, level: float
) -> tuple[float, float, float]:
    """Return the correlation with its interval over units; NaN where something is constant."""
    r = _pearson(predicted, measured)
    names = pd.unique(units)
    n = len(names)
    if n < 2 or not np.isfinite(r):
        return r, np.nan, np.nan
    kept = [units != name for name in names]
    without = np.arctanh([_pearson(predicted[rows], measured[rows]) for rows in kept])
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    reach = stats.t.ppf((1 + level) / 2, n - 1) * error
    middle = np.arctanh(r)
    return r, float(np.tanh(middle - reach)), float(np.tanh(middle + reach))


def _pearson(a: Floats, b: Floats) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.clip(np.corrcoef(a, b)[0, 1], -1 + 1e-12, 1 - 1e-12))

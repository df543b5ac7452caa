"""Fit the two rates of the theory, and those of its negative controls, to recorded pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    check_whole,
    unknown_name,
)
from reprcompare.theory.dynamics import Dynamics, end_state, loss, rich_limit
from reprcompare.theory.rates import (
    Fit,
    Pair,
    crossvalidate,
    fit_rates,
    folds_of,
    jackknife,
    root_mean_square,
)
from reprcompare.theory.tracking import track

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairFits:
    """How well the theory describes recorded pairs.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a subject and region: place (0 for the first region, 1 for the last), middle
        (whether it is the middle one), rate_h, rate_y and rate_mean with their intervals (`_low`,
        `_high`; per training step), error (root mean square over pairs, checkpoints and the three
        variables, in units of each variable's largest value), error_h, error_y, error_w,
        sum_of_squares (in the units of the variables, as the authors give it), cv_error,
        loss_error (of the loss curve, in units of the first loss).
    pairs : pandas.DataFrame
        One row a subject, region and pair: dx2, dy2, h_start, y_start, h_end, y_end (recorded),
        h_end_fitted (by `end_state`), h_rich (by `rich_limit`), and the logarithms of h_end over
        h_end_fitted, h_rich and h_start: log_to_fitted, log_to_rich, log_to_start.
    dynamics : pandas.DataFrame
        One row a subject, region and dynamics, the theory first: rate_h, rate_y, error, cv_error,
        and log_ratio, the logarithm of its cv_error over the theory's.
    best : pandas.DataFrame
        The region with the smallest error, one row a subject: region, place, middle, error.
    trajectories : pandas.DataFrame
        What `track` returned, with h_fitted, y_fitted, w_fitted, loss and loss_fitted; of those
        regions in which the controls were fitted.
    notes : list of str
        What could not be fitted, and why.
    method : str
        What was done, in words.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    dynamics: pd.DataFrame
    best: pd.DataFrame
    trajectories: pd.DataFrame
    notes: list[str]
    method: str


def fit_pairs(
    recording: xr.Dataset,
    pairs: pd.DataFrame,
    *,
    targets: pd.DataFrame | None = None,
    dynamics: Sequence[Dynamics] = get_args(Dynamics),
    n_folds: int = 5,
    regions: Sequence[str] | None = None,
    controls: Literal["all", "middle"] = "all",
) -> PairFits:
    """Fit the theory to stimulus pairs that were recorded over training.

    The start is what was recorded at the first checkpoint; only rate_h and rate_y are fitted, one
    of each for a subject and region, shared by all pairs, by least squares over h, y and w at all
    checkpoints. The third rate belongs to the mean of the two errors, which the three variables do
    not contain and the loss does: it falls as ``exp(-2 rate_mean t)``.

    Parameters
    ----------
    recording
        With `activity` and `output` over `training_step`.
    pairs
        As `reprcompare.theory.pairs_of` returns them.
    targets
        As for `reprcompare.theory.track`.
    dynamics
        Which dynamics are fitted and compared; "two_points", the theory, always is.
    n_folds
        Checkpoints are cut into so many blocks of consecutive ones, for cross-validated errors and
        the jackknife of the rates; 0 leaves both out.
    regions
        Those to fit, all by default.
    controls
        Whether the ablated dynamics, cross-validation and the jackknife of the rates go through all
        regions, or through the middle one of the recording only, of which the theory speaks.

    Returns
    -------
    PairFits

    Raises
    ------
    InvalidInputError
        If the recording was not made over training, there are too few checkpoints for the folds, or
        pairs or targets are not what `track` takes.
    UnknownNameError
        If there are no such dynamics, region or choice of controls.
    LabelMismatchError
        If a stimulus of a pair was not recorded or has no target.
    NotIdentifiableError
        If no subject and region could be fitted; the message gives the reason for each.

    Notes
    -----
    Intervals of rates come from deleting one block of checkpoints at a time (95 %, t): they say how
    much a rate depends on which part of learning it is fitted to, in this one network, with its
    start taken as recorded. For what holds in new networks, average over subjects.
    """
    for name in [dynamics] if isinstance(dynamics, str) else dynamics:
        if name not in get_args(Dynamics):
            raise UnknownNameError(unknown_name("dynamics", name, get_args(Dynamics)))
    if isinstance(dynamics, str):
        raise InvalidInputError(f"dynamics must be a list of names, got {dynamics!r}.")
    if isinstance(regions, str) or (regions is not None and not len(regions)):
        raise InvalidInputError(f"regions must be a list of names, got {regions!r}.")
    if controls not in ("all", "middle"):
        raise UnknownNameError(unknown_name("controls", controls, ("all", "middle")))
    check_whole("n_folds", n_folds, 0)
    tracked = track(recording, pairs, targets)
    places = _places(tracked)
    if regions is not None:
        for region in regions:
            if region not in set(tracked["region"]):
                known = dict.fromkeys(tracked["region"])
                raise UnknownNameError(unknown_name("region", region, known))
        tracked = tracked[tracked["region"].isin(regions)].reset_index(drop=True)
    n_steps = tracked["training_step"].nunique()
    if n_folds and not 2 <= n_folds <= n_steps - 1:
        raise InvalidInputError(
            f"n_folds = {n_folds} blocks cannot be cut from {n_steps - 1} checkpoints after the "
            "first; give fewer folds, or 0 for none, or record more checkpoints."
        )
    names: list[Dynamics] = ["two_points", *(name for name in dynamics if name != "two_points")]
    rows, of_pairs, of_dynamics, fitted, notes = [], [], [], [], []
    for (subject, region), part in _parts(tracked):
        place, middle = places[subject, region]
        keys: dict[str, object] = {
            "subject": subject,
            "region": region,
            "place": place,
            "middle": middle,
        }
        times, found, why = _pairs(part)
        if why:
            notes.append(f"{subject}, {region}: {why}.")
            continue
        theory = fit_rates(found, times)
        controlled = middle or controls == "all"
        folds = folds_of(len(times), n_folds if controlled else 0)
        held_out, without = crossvalidate(found, times, theory, folds)
        mean_rates, loss_errors, curves = _fit_loss(part, found, times, theory, folds)
        rows.append(
            keys
            | _rates(theory.rates, without)
            | mean_rates
            | _errors(theory.residuals, found)
            | {"cv_error": held_out, "loss_error": loss_errors}
        )
        of_pairs += _ends(keys, part, found, theory)
        if controlled:
            fitted.append(part.assign(**curves))
        for name in names if controlled else names[:1]:
            own = theory if name == "two_points" else fit_rates(found, times, name, theory)
            error = (
                held_out
                if name == "two_points"
                else crossvalidate(found, times, own, folds, name)[0]
            )
            of_dynamics.append(
                keys
                | {
                    "dynamics": name,
                    "rate_h": float(np.exp(own.rates[0])),
                    "rate_y": float(np.exp(own.rates[1])),
                    "error": root_mean_square(own.residuals),
                    "cv_error": error,
                    "log_ratio": float(np.log(error / held_out)),
                }
            )
    if not rows:
        raise NotIdentifiableError("no subject and region could be fitted. " + " ".join(notes))
    table = pd.DataFrame(rows)
    smallest = table.groupby("subject", sort=False)["error"].idxmin()
    return PairFits(
        table=table,
        pairs=pd.DataFrame(of_pairs),
        dynamics=pd.DataFrame(of_dynamics),
        best=table.loc[smallest, ["subject", "region", "place", "middle", "error"]],
        trajectories=pd.concat(fitted, ignore_index=True) if fitted else tracked.head(0),
        notes=notes,
        method=_method(len(pairs), n_steps, n_folds),
    )


def _parts(tracked: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    grouped = tracked.groupby(["subject", "region"], sort=False)
    return [((str(subject), str(region)), part) for (subject, region), part in grouped]


def _places(tracked: pd.DataFrame) -> dict[tuple[str, str], tuple[float, bool]]:
    """Return where every region lies in its subject, and whether it is the middle one."""
    found = {}
    for subject, part in tracked.groupby("subject", sort=False):
        names = list(dict.fromkeys(part["region"]))
        for number, name in enumerate(names):
            place = number / max(len(names) - 1, 1)
            found[str(subject), str(name)] = (place, number == len(names) // 2)
    return found


def _pairs(part: pd.DataFrame) -> tuple[Floats, list[Pair], str]:
    """Return the steps since the start and the pairs, or why they cannot be fitted."""
    found = []
    times = part["training_step"].to_numpy(dtype=float)
    for _, rows in part.groupby(["first", "second"], sort=False):
        states = rows[["h", "y", "w"]].to_numpy()
        dy2 = float(rows["dy2"].iloc[0])
        times = rows["training_step"].to_numpy(dtype=float)
        if not np.isfinite(states).all():
            return times, [], "activity or outputs are missing at some checkpoint"
        if (states == states[0]).all():
            return times, [], "neither activity nor outputs of a pair change over training"
        if not states[0, 0] > 0:
            return times, [], "the two stimuli of a pair start with the same representation"
        if not float(rows["dx2"].iloc[0]) > 0:
            return times, [], "the two stimuli of a pair are the same (dx2 = 0)"
        output = max(dy2, states[:, 1].max(), np.finfo(float).tiny)
        sizes = np.array([states[:, 0].max(), output, output])
        found.append(Pair(states, sizes, float(rows["dx2"].iloc[0]), dy2))
    return times - times[0], found, ""


def _rates(rates: Floats, without: Floats) -> dict[str, float]:
    row: dict[str, float] = {}
    for number, name in enumerate(("rate_h", "rate_y")):
        low, high = jackknife(rates[number], without[:, number])
        row |= {name: float(np.exp(rates[number])), f"{name}_low": low, f"{name}_high": high}
    return row


def _fit_loss(
    part: pd.DataFrame,
    pairs: Sequence[Pair],
    times: Floats,
    fit: Fit,
    folds: Sequence[NDArray[np.int64]],
) -> tuple[dict[str, float], float, dict[str, Floats]]:
    """Fit the rate of the mean error; returns it, the error of the loss, and fitted curves."""
    shape = (len(pairs), len(times))
    mean_error = part["mean_error"].to_numpy().reshape(shape)
    states = np.stack([pair.states for pair in pairs])
    sizes = np.stack([pair.sizes for pair in pairs])[:, None]
    paths = states + fit.residuals * sizes
    recorded = np.stack(
        [
            loss(pair.states[:, 1], pair.states[:, 2], pair.dy2, errors)
            for pair, errors in zip(pairs, mean_error, strict=True)
        ]
    )

    def curve(log_rate: float) -> Floats:
        fading = mean_error[:, :1] * np.exp(-2 * np.exp(log_rate) * times)
        return np.stack(
            [
                loss(path[:, 1], path[:, 2], pair.dy2, errors)
                for path, pair, errors in zip(paths, pairs, fading, strict=True)
            ]
        )

    def best(kept: NDArray[np.int64] | slice) -> float:
        # Between once over the recording and a hundred times within its first step.
        grid = np.linspace(np.log(0.1 / times[-1]), np.log(100 / times[1]), 40)
        costs = [((curve(x) - recorded)[:, kept] ** 2).sum() for x in grid]
        place = int(np.argmin(costs))
        low, high = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
        found = minimize_scalar(
            lambda x: ((curve(x) - recorded)[:, kept] ** 2).sum(), bounds=(low, high)
        )
        return float(found.x)

    log_rate = best(slice(None))
    without = [best(np.setdiff1d(np.arange(len(times)), block)) for block in folds]
    low, high = jackknife(log_rate, np.array(without))
    fitted = curve(log_rate)
    first = max(float(recorded[:, 0].mean()), np.finfo(float).tiny)
    rates = {
        "rate_mean": float(np.exp(log_rate)),
        "rate_mean_low": low,
        "rate_mean_high": high,
    }
    curves = {f"{name}_fitted": paths[..., i].ravel() for i, name in enumerate("hyw")}
    curves |= {"loss": recorded.ravel(), "loss_fitted": fitted.ravel()}
    return rates, root_mean_square(fitted - recorded) / first, curves


def _errors(residuals: Floats, pairs: Sequence[Pair]) -> dict[str, float]:
    sizes = np.stack([pair.sizes for pair in pairs])[:, None]
    each = {f"error_{name}": root_mean_square(residuals[..., i]) for i, name in enumerate("hyw")}
    total = float(((residuals * sizes) ** 2).sum())
    return {"error": root_mean_square(residuals), **each, "sum_of_squares": total}


def _ends(
    keys: dict[str, object], part: pd.DataFrame, pairs: Sequence[Pair], fit: Fit
) -> list[dict[str, object]]:
    ratio = float(np.exp(fit.rates[0] - fit.rates[1]))
    names = part[["first", "second"]].drop_duplicates()
    rows = []
    for (first, second), pair in zip(names.itertuples(index=False), pairs, strict=True):
        h, y, _ = pair.states[0]
        scale = {"ratio": ratio, "dx2": pair.dx2, "dy2": pair.dy2}
        h_end = float(pair.states[-1, 0])
        compared = {
            "fitted": float(end_state(h, y, **scale)),
            "rich": float(rich_limit(**scale)),
            "start": h,
        }
        rows.append(
            keys
            | {
                "first": first,
                "second": second,
                "dx2": pair.dx2,
                "dy2": pair.dy2,
                "h_start": h,
                "y_start": y,
                "h_end": h_end,
                "y_end": pair.states[-1, 1],
                "h_end_fitted": compared["fitted"],
                "h_rich": compared["rich"],
            }
            | {f"log_to_{name}": _log_ratio(h_end, value) for name, value in compared.items()}
        )
    return rows


def _log_ratio(value: float, reference: float) -> float:
    return float(np.log(value / reference)) if value > 0 and reference > 0 else np.nan


def _method(n_pairs: int, n_steps: int, n_folds: int) -> str:
    said = (
        "Two-point dynamics of van Rossem & Saxe 2024: h, y and w of "
        f"{n_pairs} pair{'s' * (n_pairs > 1)} at {n_steps} checkpoints, started at the first; "
        "rate_h and rate_y by least squares, one of each for a subject and region. Errors are root "
        "mean squares in units of each variable's largest value."
    )
    if n_folds:
        said += (
            f" Cross-validated errors: {n_folds} blocks of consecutive checkpoints, each predicted "
            "by rates fitted to the others. Intervals of rates: jackknife over these blocks, 95 %."
        )
    return said

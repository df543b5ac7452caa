"""Least squares for the rates of one subject and region, and what is left when checkpoints are.

The start is what was recorded at the first checkpoint; the two rates are searched as logarithms.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import least_squares

from reprcompare.theory.dynamics import Dynamics, Start, ratio_of, solve

Floats = NDArray[np.float64]

LEVEL = 0.95

STEPS_AROUND = (0.25, 1.0, 4.0)
"""Factors by which the first guesses of speed and ratio are varied before the descent."""

DESCENTS = 3
"""How many of the best guesses are descended from."""

UNDEFINED = 1.0
"""The residual, in units of a variable's size, where an ablated dynamics is not defined."""


class Pair(NamedTuple):
    """One recorded pair.

    Attributes
    ----------
    states : array, shape (n_steps, 3)
        h, y and w at every checkpoint.
    sizes : array, shape (3,)
        The largest value of each, in which errors are measured.
    dx2, dy2
        Squared distances of the stimuli and of their targets.
    """

    states: Floats
    sizes: Floats
    dx2: float
    dy2: float


class Fit(NamedTuple):
    """What least squares found.

    Attributes
    ----------
    rates : array, shape (2,)
        Logarithms of rate_h and rate_y.
    residuals : array, shape (n_pairs, n_steps, 3)
        Fitted minus recorded, in units of `Pair.sizes`.
    """

    rates: Floats
    residuals: Floats


def fit_rates(
    pairs: Sequence[Pair],
    times: Floats,
    dynamics: Dynamics = "two_points",
    like: Fit | None = None,
) -> Fit:
    """Fit both rates: descend from the best ones of a grid of guesses and a known fit.

    Parameters
    ----------
    pairs
        All pairs that share the rates.
    times : array, shape (n_steps,)
        Training steps since the first checkpoint.
    dynamics
        The theory, or one of its ablated forms.
    like
        A fit of other dynamics, whose rates are a further guess.
    """
    speed, ratio = _guess(pairs, times)
    tried = [
        np.log([speed * a * (ratio * b) ** 0.5, speed * a / (ratio * b) ** 0.5])
        for a in STEPS_AROUND
        for b in STEPS_AROUND
    ]
    if like is not None:
        tried.append(like.rates)
    costs = [(residuals_of(rates, pairs, times, dynamics) ** 2).sum() for rates in tried]
    # There are local minima, so that the best guess alone does not always lead to the best fit.
    found = [
        Fit(rates, residuals_of(rates, pairs, times, dynamics))
        for rates in (
            _descend(tried[k], pairs, times, dynamics) for k in np.argsort(costs)[:DESCENTS]
        )
    ]
    return min(found, key=lambda fit: float((fit.residuals**2).sum()))


def residuals_of(
    rates: Floats, pairs: Sequence[Pair], times: Floats, dynamics: Dynamics = "two_points"
) -> Floats:
    """Return fitted minus recorded states, shape (n_pairs, n_steps, 3); see `fit_rates`.

    Parameters
    ----------
    rates : array, shape (2,)
        Logarithms of rate_h and rate_y.
    pairs, times, dynamics
        As for `fit_rates`.
    """
    rate_h, rate_y = np.exp(rates)
    parts = []
    for pair in pairs:
        path = solve(
            Start(*pair.states[0]),
            times,
            rate_h=rate_h,
            rate_y=rate_y,
            dx2=pair.dx2,
            dy2=pair.dy2,
            dynamics=dynamics,
        )
        parts.append((path - pair.states) / pair.sizes)
    return np.nan_to_num(np.stack(parts), nan=UNDEFINED, posinf=1e3, neginf=-1e3).clip(-1e3, 1e3)


def _descend(
    start: Floats,
    pairs: Sequence[Pair],
    times: Floats,
    dynamics: Dynamics,
    kept: NDArray[np.int64] | slice = slice(None),
) -> Floats:
    result = least_squares(
        lambda rates: residuals_of(rates, pairs, times, dynamics)[:, kept].ravel(),
        start,
        bounds=(start - 15, start + 15),
        diff_step=1e-4,
        xtol=1e-6,
        ftol=1e-6,
        max_nfev=50,
    )
    return np.asarray(result.x)


def _guess(pairs: Sequence[Pair], times: Floats) -> tuple[float, float]:
    """Return a first guess of sqrt(rate_h rate_y) and of rate_h / rate_y.

    The ratio is what the end state says, the speed what the time to half of the output's change
    says. Where h hardly grows, the ratio is only known to be small.
    """
    ratios, speeds = [], []
    for states, _, dx2, dy2 in pairs:
        h0, y0, _ = states[0]
        h, y, _ = states[-1]
        ratios.append(float(np.nan_to_num(ratio_of(h0, y0, h, dx2=dx2, dy2=y))))
        half = int(np.argmax(states[:, 1] >= (states[0, 1] + states[-1, 1]) / 2))
        growth = 1.0 + 0.5 * abs(np.log(h / h0))
        speeds.append(growth / (max(times[half], times[1]) * (dx2 * max(dy2, y)) ** 0.5))
    return float(np.median(speeds)), float(np.clip(np.median(ratios), 1e-4, 1e6))


def folds_of(n_times: int, n_folds: int) -> list[NDArray[np.int64]]:
    """Cut the checkpoints after the first, which is the start, into blocks of consecutive ones."""
    return np.array_split(np.arange(1, n_times), n_folds) if n_folds else []


def crossvalidate(
    pairs: Sequence[Pair],
    times: Floats,
    fit: Fit,
    folds: Sequence[NDArray[np.int64]],
    dynamics: Dynamics = "two_points",
) -> tuple[float, Floats]:
    """Predict blocks of checkpoints that were left out.

    Parameters
    ----------
    pairs, times, dynamics
        As for `fit_rates`.
    fit
        To all checkpoints; the descents begin there.
    folds
        From `folds_of`.

    Returns
    -------
    error : float
        Root mean square over all left-out blocks; NaN without folds.
    rates : array, shape (n_folds, 2)
        Logarithms of the rates without each block.
    """
    squares, rates = [], []
    for block in folds:
        kept = np.setdiff1d(np.arange(1, len(times)), block)
        found = _descend(fit.rates, pairs, times, dynamics, kept)
        rates.append(found)
        squares.append(residuals_of(found, pairs, times, dynamics)[:, block] ** 2)
    if not folds:
        return np.nan, np.empty((0, 2))
    return float(np.sqrt(np.concatenate(squares, axis=1).mean())), np.array(rates)


def jackknife(log_rate: float, without: Floats) -> tuple[float, float]:
    """Return the interval of a rate (95 %, t) from its logarithms without one block each.

    Parameters
    ----------
    log_rate
        From all checkpoints.
    without : array, shape (n_folds,)
        From all checkpoints but one block.
    """
    n = len(without)
    if n < 2:
        return np.nan, np.nan
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * error)
    return float(np.exp(log_rate - reach)), float(np.exp(min(log_rate + reach, 700.0)))


def root_mean_square(residuals: Floats) -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt((residuals**2).mean()))

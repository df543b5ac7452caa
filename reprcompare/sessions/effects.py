"""From the answers before and after interventions to causal effects with intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Effect:
    """Effects on every response, with 95 % intervals over stimuli.

    Attributes
    ----------
    estimate, low, high : arrays, shape (n_responses,)
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray


def normalised(change: np.ndarray, whole: np.ndarray, spread: np.ndarray) -> Effect:
    """Express changes of answers as fractions of what the counterfactual stimulus itself changes.

    ``mean(change) / max(|mean(whole)|, spread)``. The second term matters for responses that hardly
    depend on the feature which they should report (an untrained network): there, fractions of
    almost nothing would be meaningless, and the spread of the response over stimuli is the unit.

    Parameters
    ----------
    change : array, shape (n_stimuli, n_responses)
        Change by the intervention, in the direction of the counterfactual; NaN rows where a
        stimulus had none.
    whole : array, shape (n_stimuli, n_responses)
        Change by showing the counterfactual stimulus of the feature that each response reports.
    spread : array, shape (n_responses,)
        Standard deviation of each response over stimuli.

    Returns
    -------
    Effect
        Intervals by the jackknife over stimuli; NaN where a response never changes.

    Examples
    --------
    >>> whole = np.array([[2.0], [4.0]])
    >>> normalised(whole / 2, whole, np.array([1.0])).estimate
    array([0.5])
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        without = _ratio(_mean_without(change), _mean_without(whole), spread)
    return _jackknifed(ratio(change, whole, spread), without)


def dependence(
    lost: np.ndarray, without: np.ndarray, whole: np.ndarray, spread: np.ndarray
) -> Effect:
    """Express a loss of dependence on a feature in the unit of `normalised`.

    Parameters
    ----------
    lost : array, shape (n_responses,)
        What a response depends less on a feature.
    without : array, shape (n_stimuli, n_responses)
        The same with each stimulus left out in turn.
    whole, spread
        As in `normalised`.

    Returns
    -------
    Effect
        Intervals by the jackknife over stimuli; the erasure itself is taken as given.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return _jackknifed(
            _ratio(lost, np.nanmean(whole, axis=0), spread),
            _ratio(without, _mean_without(whole), spread),
        )


def first_slope(design: np.ndarray, outcome: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the first coefficient of a least-squares fit, and those without each row in turn.

    In closed form, from the leverage of the rows.

    Parameters
    ----------
    design : array, shape (n_rows, n_columns)
    outcome : array, shape (n_rows,)

    Returns
    -------
    slope : float
    without : array, shape (n_rows,)
        NaN without a row that alone determines a coefficient.

    Examples
    --------
    >>> design = np.column_stack([[0.0, 1.0, 2.0], np.ones(3)])
    >>> slope, without = first_slope(design, np.array([0.0, 1.0, 4.0]))
    >>> round(slope, 6), without.round(6).tolist()
    (2.0, [3.0, 2.0, 1.0])
    """
    solver = np.linalg.pinv(design)
    residual = outcome - design @ (solver @ outcome)
    free = 1 - np.einsum("ij,ji->i", design, solver)
    slope = float(solver[0] @ outcome)
    return slope, slope - solver[0] * residual / np.where(free > 1e-9, free, np.nan)


def ratio(change: np.ndarray, whole: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the estimate of `normalised` alone."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _ratio(np.nanmean(change, axis=0), np.nanmean(whole, axis=0), spread)


def flips(before: np.ndarray, after: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how often a decision becomes that of the counterfactual, where the two differ.

    Parameters
    ----------
    before, after, other : arrays of int, shape (n_stimuli, n_responses)
        Decisions on the stimulus, with the intervention, and on the counterfactual.

    Returns
    -------
    numpy.ndarray, shape (n_responses,)
        NaN where the counterfactual never changes the decision.
    """
    differ = before != other
    followed = differ & (after == other)
    with np.errstate(invalid="ignore", divide="ignore"):
        return followed.sum(axis=0) / differ.sum(axis=0)


def _jackknifed(estimate: np.ndarray, without: np.ndarray) -> Effect:
    n = len(without)
    with np.errstate(invalid="ignore"):
        error = np.sqrt((n - 1) / n * np.square(without - without.mean(axis=0)).sum(axis=0))
    reach = stats.t.ppf(0.975, n - 1) * error
    return Effect(estimate, estimate - reach, estimate + reach)


def _ratio(change: np.ndarray, whole: np.ndarray, spread: np.ndarray) -> np.ndarray:
    unit = np.maximum(np.abs(whole), spread)
    return change / np.where(unit > 0, unit, np.nan)


def _mean_without(values: np.ndarray) -> np.ndarray:
    """Return the means with each row left out in turn, ignoring NaN."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    return (filled.sum(axis=0) - filled) / (known.sum(axis=0) - known)

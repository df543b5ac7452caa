"""Tests for "no difference": an effect is shown to be smaller than what would matter."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reprcompare.errors import InvalidInputError


@dataclass(frozen=True)
class Equivalence:
    """Result of two one-sided tests.

    Attributes
    ----------
    p : float
        The larger of the two one-sided p values; small when the effect lies inside the bounds.
    ci_low, ci_high : float
        Interval at level 1 - 2 alpha; inside the bounds exactly when p < alpha.
    decision : str
        `equivalent`, `different` (the interval at 1 - alpha excludes 0 and the effect is not
        shown to be small), `both` (not 0, but too small to matter), or `undecided`.
    sentence : str
    """

    p: float
    ci_low: float
    ci_high: float
    decision: str
    sentence: str


def equivalence_test(
    estimate: float,
    se: float,
    df: float = np.inf,
    *,
    bounds: tuple[float, float],
    alpha: float = 0.05,
) -> Equivalence:
    """Test that an effect lies inside bounds (two one-sided tests; Schuirmann 1987).

    Works on any estimate with a standard error and degrees of freedom: a row of
    `MixedModel.fixed`, of a table of contrasts, or of `NetworkContrast.table`.

    Parameters
    ----------
    estimate, se, df : float
        In the unit of the bounds; `df` may be infinite.
    bounds : pair of float
        Smallest effects of interest below and above, fixed before looking at the data.
    alpha : float

    Returns
    -------
    Equivalence

    Raises
    ------
    InvalidInputError
        When the bounds are not in order or the standard error is not positive.

    Examples
    --------
    >>> equivalence_test(0.01, 0.01, 20, bounds=(-0.05, 0.05)).decision
    'equivalent'
    >>> equivalence_test(0.02, 0.04, 20, bounds=(-0.05, 0.05)).decision
    'undecided'
    """
    low, high = bounds
    if not low < high:
        raise InvalidInputError(f"the bounds must be in order, lower first; got {low} and {high}")
    if not se > 0 or not df > 0 or not np.isfinite(estimate):
        raise InvalidInputError(
            f"an estimate with a positive standard error and degrees of freedom is needed; got "
            f"{estimate}, {se}, {df}"
        )
    if not 0 < alpha < 0.5:
        raise InvalidInputError(f"alpha must lie between 0 and 0.5, not {alpha}")
    above_low = stats.t.sf((estimate - low) / se, df)
    below_high = stats.t.cdf((estimate - high) / se, df)
    p = float(max(above_low, below_high))
    half = stats.t.isf(alpha, df) * se
    different = 2 * stats.t.sf(abs(estimate) / se, df) < alpha
    decision = {
        (True, False): "equivalent",
        (True, True): "both",
        (False, True): "different",
        (False, False): "undecided",
    }[bool(p < alpha), bool(different)]
    meaning = {
        "equivalent": "smaller than what would matter",
        "both": "not 0, but smaller than what would matter",
        "different": "not 0, and not shown to be small",
        "undecided": "the data do not tell: neither a difference nor its absence is shown",
    }[decision]
    sentence = (
        f"{estimate:.3g}, {1 - 2 * alpha:.0%} interval {estimate - half:.3g} to "
        f"{estimate + half:.3g}, against bounds {low:g} and {high:g}: {meaning} (p = {p:.3g})"
    )
    return Equivalence(p, float(estimate - half), float(estimate + half), decision, sentence)

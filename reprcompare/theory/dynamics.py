"""How the distance between two stimuli in a representation changes while a network learns.

The effective theory of van Rossem & Saxe 2024 (arXiv 2402.09142): if the maps from stimulus to
representation and from representation to output are smooth and free, gradient descent on the
squared error of two stimuli depends on the architecture through two rates only. With

    h = |h2 - h1|^2,   y = |yhat2 - yhat1|^2,   w = y - <y2 - y1, yhat2 - yhat1>,

``dx2 = |x2 - x1|^2`` and ``dy2 = |y2 - y1|^2``,

    h' = -rate_h dx2 w
    y' = -w (rate_y h + rate_h dx2 y / h)
    w' = -1/2 rate_y (3 w - y + dy2) h  -  1/2 rate_h dx2 (y + w) w / h

All distances are squared. Rates are per training step when times are training steps.
"""

import warnings
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import ODEintWarning, odeint

from reprcompare.errors import (
    InvalidInputError,
    NotIdentifiableError,
    UnknownNameError,
    unknown_name,
)

Floats = NDArray[np.float64]

Dynamics = Literal[
    "two_points", "output_twice", "hidden_twice", "alignment_reversed", "output_uncoupled"
]
"""The theory and the four ablated dynamics that serve as its negative controls."""

RELATIVE, ABSOLUTE = 1e-9, 1e-13
"""Tolerances of the solver, the second relative to the size of each variable."""


class Start(NamedTuple):
    """Where a pair starts: squared distance of representations, of outputs, and alignment."""

    h: float
    y: float
    w: float


def conserved(h: ArrayLike, y: ArrayLike, *, ratio: float, dx2: ArrayLike) -> Floats:
    """Return what does not change along a trajectory, ``A_hi = h - ratio dx2 y / h``.

    Parameters
    ----------
    h, y : array_like
        Squared distances of representations and outputs, at any time.
    ratio
        ``rate_h / rate_y``.
    dx2 : array_like
        Squared distance of the stimuli.

    Returns
    -------
    numpy.ndarray
        In the units of h; negative where the output starts steep, -inf where h is 0.

    Raises
    ------
    InvalidInputError
        If the ratio is not above 0.

    Examples
    --------
    >>> float(conserved(1.0, 0.1, ratio=1.0, dx2=1.0))
    0.9
    """
    squared = np.asarray(h, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(squared - _ratio(ratio) * np.asarray(dx2) * np.asarray(y) / squared)


def rich_limit(*, ratio: float, dx2: ArrayLike, dy2: ArrayLike) -> Floats:
    """Return ``A_lo = sqrt(ratio dx2 dy2)``: where pairs end that start at no distance.

    It depends on the stimuli and targets alone, and for all pairs in the same way.

    Parameters
    ----------
    ratio
        ``rate_h / rate_y``, above 0.
    dx2, dy2 : array_like
        Squared distances of the stimuli and of their targets.

    Returns
    -------
    numpy.ndarray
        A squared distance of representations, of the shape that dx2 and dy2 broadcast to.

    Raises
    ------
    InvalidInputError
        If the ratio is not above 0.

    References
    ----------
    van Rossem & Saxe 2024, arXiv 2402.09142, the rich limit of the final representation.

    Examples
    --------
    >>> float(rich_limit(ratio=0.5, dx2=2.0, dy2=4.0))
    2.0
    """
    return np.sqrt(_ratio(ratio) * np.asarray(dx2, dtype=float) * np.asarray(dy2))


def _ratio(ratio: float) -> float:
    """Refuse a ratio of rates that cannot be; NaN stands for one that is not known."""
    if isinstance(ratio, str) or np.ndim(ratio) or ratio <= 0 or ratio == np.inf:
        raise InvalidInputError(f"ratio, rate_h / rate_y, must be a number above 0, got {ratio!r}.")
    return ratio


def end_state(
    h: ArrayLike, y: ArrayLike, *, ratio: float, dx2: ArrayLike, dy2: ArrayLike
) -> Floats:
    """Return h at the end of learning, ``A_hi / 2 + sqrt(A_hi^2 / 4 + A_lo^2)``.

    At the end y = dy2, and `conserved` is what it was at the start: a quadratic equation for h. A
    small start gives `rich_limit`, a large one h itself (lazy).

    Parameters
    ----------
    h, y : array_like
        At the start.
    ratio
        ``rate_h / rate_y``.
    dx2, dy2 : array_like
        Squared distances of the stimuli and of their targets.

    Returns
    -------
    numpy.ndarray
        A squared distance of representations, of the shape that the arguments broadcast to; 0 where
        h is.

    Raises
    ------
    InvalidInputError
        If the ratio is not above 0.

    Examples
    --------
    >>> round(float(end_state(5.0, 0.1, ratio=0.5, dx2=1.0, dy2=0.5)), 6)
    5.03960...
    """
    half = conserved(h, y, ratio=ratio, dx2=dx2) / 2
    low = rich_limit(ratio=ratio, dx2=dx2, dy2=dy2)
    root = np.hypot(half, low)
    # For a negative half the sum cancels; the other root of the quadratic does not.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(half >= 0, half + root, low**2 / (root - half))


def ratio_of(
    h: ArrayLike, y: ArrayLike, h_end: ArrayLike, *, dx2: ArrayLike, dy2: ArrayLike
) -> Floats:
    """Return the ``rate_h / rate_y`` with which a pair ends where it was recorded.

    Parameters
    ----------
    h, y : array_like
        At the start.
    h_end : array_like
        At the end of learning.
    dx2, dy2 : array_like
        Squared distances of the stimuli and of their outputs at the end.

    Returns
    -------
    numpy.ndarray
        What `end_state` was solved for; NaN where no ratio leads there, because h shrank while
        outputs grew apart.

    Examples
    --------
    >>> end = end_state(1.0, 0.1, ratio=0.3, dx2=2.0, dy2=0.5)
    >>> round(float(ratio_of(1.0, 0.1, end, dx2=2.0, dy2=0.5)), 6)
    0.3
    """
    start, end = np.asarray(h, dtype=float), np.asarray(h_end, dtype=float)
    gained = np.asarray(dy2) - np.asarray(y) * end / start
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = end * (end - start) / (np.asarray(dx2) * gained)
    return np.where(ratio > 0, ratio, np.nan)


def loss(y: ArrayLike, w: ArrayLike, dy2: float, mean_error: ArrayLike) -> Floats:
    """Return the loss that belongs to a state: half the squared error, mean of the two stimuli.

    With errors e1, e2 of the outputs,
    ``|e1|^2 + |e2|^2 = 2 |(e1 + e2) / 2|^2 + |e2 - e1|^2 / 2`` and
    ``|e2 - e1|^2 = 2 w - y + dy2``, so that this is exact and no part of the approximation.

    Parameters
    ----------
    y, w : array_like
        Squared distance of the outputs, and alignment.
    dy2
        Squared distance of the targets.
    mean_error : array_like
        Squared length of the mean of the two errors.

    Returns
    -------
    numpy.ndarray
        In squared units of the outputs.

    Examples
    --------
    Outputs 0.5 and 1 for the targets 0 and 2: half the squared errors are 0.125 and 0.5.

    >>> float(loss(y=0.25, w=0.25 - 0.5 * 2, dy2=4.0, mean_error=0.25**2))
    0.3125
    """
    difference = 2 * np.asarray(w, dtype=float) - np.asarray(y) + dy2
    return np.asarray(mean_error) / 2 + difference / 8


def solve(
    start: Start,
    times: ArrayLike,
    *,
    rate_h: float,
    rate_y: float,
    dx2: float,
    dy2: float,
    dynamics: Dynamics = "two_points",
) -> Floats:
    """Follow h, y and w from a start.

    The theory is solved in the coordinates ``g = sqrt(h)`` and ``s``, the slope of the output along
    the target (``y - w = s g``), with y from `conserved`. They obey polynomial equations without a
    division by h, so that starts near zero and negative `conserved` are no harder than others, and
    the conserved quantity holds to rounding.

    Parameters
    ----------
    start
        h above 0, and ``(y - w)^2 <= y dy2``, which holds for all outputs (Cauchy-Schwarz).
    times : array_like, shape (n_times,)
        Rising; the start is at time 0.
    rate_h, rate_y
        Effective learning rates, above 0.
    dx2, dy2
        Squared distances of the stimuli and of their targets.
    dynamics
        The theory, or one of the ablated dynamics of `ABLATED`.

    Returns
    -------
    numpy.ndarray, shape (n_times, 3)
        h, y, w; all NaN after the start when an ablated dynamics reaches h = 0, where none of them
        is defined. The theory never does.

    Raises
    ------
    InvalidInputError
        If a value is outside of what is said above.
    UnknownNameError
        If there are no such dynamics.

    Examples
    --------
    >>> path = solve(Start(1e-3, 1e-6, -1e-4), [0, 1e4], rate_h=.01, rate_y=.01, dx2=1, dy2=.5)
    >>> path.round(4).tolist()
    [[0.001, 0.0, -0.0001], [0.7071, 0.5, 0.0]]
    """
    start, moments = _numbers(start, times, rate_h, rate_y, dx2, dy2)
    _check(start, moments, rate_h, rate_y, dx2, dy2)
    if dynamics == "two_points":
        return _solve_theory(start, moments, rate_h, rate_y, dx2, dy2)
    if dynamics not in ABLATED:
        raise UnknownNameError(unknown_name("dynamics", dynamics, get_args(Dynamics)))
    change = ABLATED[dynamics]
    sizes = np.array([max(start.h, rate_h * dx2 / rate_y), dy2 or 1.0, dy2 or 1.0])
    return _integrate(
        lambda state, _: change(state, rate_h * dx2, rate_y, dy2), start, moments, sizes
    )


def _solve_theory(
    start: Start, times: Floats, rate_h: float, rate_y: float, dx2: float, dy2: float
) -> Floats:
    ratio = rate_h / rate_y
    constant = float(conserved(start.h, start.y, ratio=ratio, dx2=dx2))
    g0 = start.h**0.5
    inner, outer = rate_h * dx2 / 2, rate_y / 2

    def change(state: Floats, _: float) -> tuple[float, float]:
        g, s = state.tolist()  # Python's numbers are twice as fast as numpy's here.
        steepness = (g * g - constant) / (ratio * dx2)
        return -inner * (steepness * g - s), outer * g * (dy2 - g * s)

    reach = g0 + (ratio * dx2 * dy2) ** 0.25
    sizes = np.array([reach, max(dy2, start.y, 1e-30) / reach])
    g, s = _integrate(change, (g0, (start.y - start.w) / g0), times, sizes).T
    # Where the start is small, h^2 - A_hi h is the difference of equal numbers; max keeps y >= 0.
    y = np.maximum(g**2 * (g**2 - constant) / (ratio * dx2), 0.0)
    return np.stack([g**2, y, y - s * g], axis=1)


def _integrate(
    change: Callable[[Floats, float], tuple[float, ...]],
    start: tuple[float, ...],
    times: Floats,
    sizes: Floats,
) -> Floats:
    """Integrate with LSODA, which turns to an implicit method where the problem is stiff."""
    late = times[0] > 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ODEintWarning)
        path, report = odeint(
            change,
            start,
            np.concatenate([[0.0], times]) if late else times,
            rtol=RELATIVE,
            atol=ABSOLUTE * sizes,
            mxstep=20_000,
            full_output=True,
        )
    if report["message"] != "Integration successful.":
        path[1:] = np.nan
    return path[int(late) :]


def _numbers(start: Start, times: ArrayLike, *others: float) -> tuple[Start, Floats]:
    """Return start and times as numbers, and refuse what is none."""
    try:
        first = Start(*map(float, start))
        moments = np.asarray(times, dtype=float)
        every = np.array([*first, *map(float, others)])
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            "start must be three numbers (h, y, w), times a list of numbers; rates, dx2 and dy2 "
            "are numbers."
        ) from error
    if not (np.isfinite(every).all() and np.isfinite(moments).all()):
        raise InvalidInputError("start, times, rates, dx2 and dy2 must be finite numbers.")
    return first, moments


def _check(
    start: Start, times: Floats, rate_h: float, rate_y: float, dx2: float, dy2: float
) -> None:
    if times.ndim != 1 or not len(times) or times[0] < 0 or (np.diff(times) <= 0).any():
        raise InvalidInputError("times must rise from 0 or later, one after the other.")
    for name, value in (("rate_h", rate_h), ("rate_y", rate_y), ("dx2", dx2)):
        if not value > 0:
            raise InvalidInputError(f"{name} must be above 0, got {value}.")
    if not dy2 >= 0:
        raise InvalidInputError(f"dy2 is a squared distance and cannot be {dy2}.")
    if not start.h > 0:
        raise NotIdentifiableError(
            f"the representations of the two stimuli start at the squared distance {start.h}; a "
            "representation that does not tell them apart at all has no direction to grow in."
        )
    most = start.y * dy2
    if start.y < 0 or (start.y - start.w) ** 2 > most * (1 + 1e-3) + 1e-12:
        raise InvalidInputError(
            f"no outputs and targets have y = {start.y:g}, w = {start.w:g}, dy2 = {dy2:g}: "
            f"(y - w)^2 cannot exceed y dy2 = {most:g}."
        )


def _two_points(state: Floats, growth: float, rate_y: float, dy2: float) -> tuple[float, ...]:
    h, y, w = state.tolist()
    return (
        -growth * w,
        -w * (rate_y * h + growth * y / h),
        -0.5 * rate_y * (3 * w - y + dy2) * h - 0.5 * growth * (y + w) * w / h,
    )


def _output_twice(state: Floats, growth: float, rate_y: float, dy2: float) -> tuple[float, ...]:
    dh, dy, dw = _two_points(state, growth, rate_y, dy2)
    return dh, 2 * dy, dw


def _hidden_twice(state: Floats, growth: float, rate_y: float, dy2: float) -> tuple[float, ...]:
    dh, dy, dw = _two_points(state, growth, rate_y, dy2)
    return 2 * dh, dy, dw


def _alignment_reversed(
    state: Floats, growth: float, rate_y: float, dy2: float
) -> tuple[float, ...]:
    h, y, w = state.tolist()
    dh, dy, dw = _two_points(state, growth, rate_y, dy2)
    return dh, dy, dw + growth * (y + w) * w / h


def _output_uncoupled(state: Floats, growth: float, rate_y: float, dy2: float) -> tuple[float, ...]:
    h, _, w = state.tolist()
    dh, _, dw = _two_points(state, growth, rate_y, dy2)
    return dh, -w * rate_y * h, dw


ABLATED: dict[str, Callable[[Floats, float, float, float], tuple[float, ...]]] = {
    "output_twice": _output_twice,
    "hidden_twice": _hidden_twice,
    "alignment_reversed": _alignment_reversed,
    "output_uncoupled": _output_uncoupled,
}
"""The alternatives in the authors' published code (github.com/loekvanrossem/universality,
`2_points_alternative`): y' doubled; h' doubled; the second term of w' with the other sign; y'
without the change of the representation. None is a change of rates in disguise: no rate_h and
rate_y give back the theory."""

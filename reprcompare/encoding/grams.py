"""Kernels between rows: streamed over columns, delayed within runs, linear or not."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from reprcompare.encoding.predictors import Group
from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name

LEAST: Final = 0.1
"""Variance of a column in the training stimuli, as a fraction of that in all, from which it counts
when columns are standardised."""

SAFE: Final = (1e-12, 1e15)
"""Between these, sums of squares of float32 numbers neither vanish nor overflow."""


def gram(
    group: Group,
    positions: np.ndarray,
    training: np.ndarray | None = None,
    precision: str = "float32",
) -> np.ndarray:
    """Return the inner products of stimuli over all columns of a group.

    Columns are read block by block, so that memory grows with stimuli only. They are centred, which
    changes no regression with an intercept and saves digits.

    Parameters
    ----------
    group
        Columns.
    positions : array of int, shape (n_stimuli,)
        Which stimuli.
    training : array of bool, shape (n_stimuli,)
        Where given, columns are divided by their standard deviation in these stimuli.
    precision
        Of the products of one block, "float32" or "float64"; blocks are summed in float64.

    Returns
    -------
    numpy.ndarray of float64, shape (n_stimuli, n_stimuli)
    """
    total = np.zeros((len(positions), len(positions)))
    for block in group.read(positions):
        columns = centred_columns(block, training)
        # Squares of what is very large or small (tesla, say) do not exist in float32.
        if SAFE[0] < np.abs(columns).max(initial=0) < SAFE[1]:
            columns = columns.astype(precision)
        total += columns @ columns.T
    return total


def centred_columns(
    block: np.ndarray, training: np.ndarray | None = None, divide_again: bool = False
) -> np.ndarray:
    """Centre columns (n_stimuli, b), and divide them by their deviation in the training stimuli.

    Parameters
    ----------
    block, training
        As for `gram`; columns that are `flat` in the training stimuli become 0.
    divide_again
        Divide a second time, which turns weights of standardised columns into weights of the
        columns as they are.
    """
    columns = block.astype(float)
    columns -= columns.mean(axis=0)
    if training is None:
        return columns
    left_out = flat(columns, training)
    deviation = np.where(left_out, 1.0, columns[training].std(axis=0))
    return np.where(left_out, 0.0, columns / deviation ** (2 if divide_again else 1))


def flat(columns: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Tell which columns hardly vary in the training stimuli, bool of shape (b,).

    Divided by such a deviation, the one held-out stimulus that a pixel or a category is about would
    lie hundreds of deviations from the rest, and its prediction anywhere.

    Parameters
    ----------
    columns : array, shape (n_stimuli, b)
    training : array of bool, shape (n_stimuli,)

    Returns
    -------
    numpy.ndarray
        True where their variance is below `LEAST` of that over all stimuli.
    """
    # A constant has a variance by rounding.
    least = np.maximum(LEAST**0.5 * columns.std(axis=0), 1e-7 * np.abs(columns).max(axis=0))
    return np.asarray(columns[training].std(axis=0) <= least)


def scale_of(kernel: np.ndarray) -> float:
    """Return the mean squared distance of rows from their mean.

    Kernels are divided by it, so that penalties mean the same for predictors of any unit and
    number.
    """
    n = len(kernel)
    return float((np.trace(kernel) - kernel.mean() * n) / n)


def delayed(kernel: np.ndarray, run: np.ndarray, delays: Sequence[int]) -> np.ndarray:
    """Return the kernel of delayed copies of the columns, side by side.

    Parameters
    ----------
    kernel : array, shape (n, n)
        Between rows in order of time, centred over rows.
    run : array of int, shape (n,)
        Run of each row; a run is one stretch of rows. What lies before the beginning of a run
        counts as the mean, so that no delay crosses runs.
    delays : sequence of int
        In rows, 0 and above.

    Returns
    -------
    numpy.ndarray, shape (n, n)

    Examples
    --------
    >>> delayed(np.eye(3), np.array([0, 0, 1]), [1])
    array([[0., 0., 0.],
           [0., 1., 0.],
           [0., 0., 0.]])
    """
    total = np.zeros_like(kernel)
    for delay in delays:
        source, there = delayed_rows(run, delay)
        total[np.ix_(there, there)] += kernel[np.ix_(source, source)]
    return total


def delayed_rows(run: np.ndarray, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are seen with a delay, and where; both shape (n_seen,)."""
    there = np.arange(delay, len(run))
    there = there[run[there] == run[there - delay]]
    return there - delay, there


def check_delays(delays: Sequence[int]) -> tuple[int, ...]:
    """Return delays in order, or say what is wrong with them."""
    given = tuple(delays) if np.iterable(delays) else ()
    if not given or any(not isinstance(d, int | np.integer) or d < 0 for d in given):
        raise InvalidInputError(
            "delays must be a list of whole numbers of presentations, 0 and above, such as "
            f"[1, 2, 3]; got {delays!r}."
        )
    return tuple(sorted({int(d) for d in given}))


def _rbf(kernel: np.ndarray) -> np.ndarray:
    squares = np.diag(kernel)
    distances = squares[:, None] + squares - 2 * kernel
    return np.exp(-np.maximum(distances, 0) / distances.mean())


def _polynomial(kernel: np.ndarray) -> np.ndarray:
    return (1 + kernel / np.diag(kernel).mean()) ** 2


def _cosine(kernel: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.maximum(np.diag(kernel), 1e-300))
    return kernel / lengths / lengths[:, None]


KERNELS: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "linear": lambda kernel: kernel,
    "rbf": _rbf,
    "polynomial": _polynomial,
    "cosine": _cosine,
}
"""Kernels, each computed from the linear one: radial basis functions with the mean squared distance
as width, polynomials of degree 2, cosines of centred patterns."""


def find_kernel(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a kernel by name."""
    if name not in KERNELS:
        raise UnknownNameError(unknown_name("kernel", name, KERNELS))
    return KERNELS[name]

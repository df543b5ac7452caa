"""Kernels between rows: streamed over columns, delayed within runs, linear or not."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from reprcompare.encoding.predictors import Group
from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name


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
        columns = centred_columns(block, training).astype(precision)
        total += columns @ columns.T
    return total


def centred_columns(
    block: np.ndarray, training: np.ndarray | None = None, divide_again: bool = False
) -> np.ndarray:
    """Centre columns (n_stimuli, b), and divide them by their deviation in the training stimuli.

    Parameters
    ----------
    block, training
        As for `gram`; columns that are constant in the training stimuli become 0.
    divide_again
        Divide a second time, which turns weights of standardised columns into weights of the
        columns as they are.
    """
    columns = block.astype(float)
    columns -= columns.mean(axis=0)
    if training is None:
        return columns
    deviation = columns[training].std(axis=0)
    flat = deviation <= 1e-7 * np.abs(columns).max(axis=0, initial=0)
    divisor = np.where(flat, 1.0, deviation) ** (2 if divide_again else 1)
    return np.where(flat, 0.0, columns / divisor)


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
    given = tuple(delays)
    if not given or any(not isinstance(d, int | np.integer) or d < 0 for d in given):
        raise InvalidInputError(
            f"delays must be whole numbers of presentations, 0 and above, got {delays!r}."
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

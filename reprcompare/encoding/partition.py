"""Variance partitioning: what groups of predictors explain alone, together, and on average."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import factorial
from typing import Final

import numpy as np

from reprcompare.errors import InvalidInputError

MOST_GROUPS: Final = 6
"""Groups that can be partitioned: 63 models."""

Subset = tuple[int, ...]

NEGATIVE: Final = (
    "Some shared variances are below 0. Shared variance is a difference (R2 of the groups one by "
    "one less R2 of them together) and not a length. It is negative where groups predict more "
    "together than the sum of what each predicts alone, because one takes out of the other what "
    "does not belong to the response (suppression), and, within its interval, where regularised "
    "fits to few stimuli predict a little better or worse by chance."
)
"""Said beside such a result."""


def subsets_of(n_groups: int) -> list[Subset]:
    """Return all subsets of groups, small ones first.

    Raises
    ------
    InvalidInputError
        If there are fewer than two groups, or more than six.

    Examples
    --------
    >>> subsets_of(2)
    [(0,), (1,), (0, 1)]
    """
    if not 2 <= n_groups <= MOST_GROUPS:
        raise InvalidInputError(
            f"variance partitioning takes 2 to {MOST_GROUPS} groups of predictors, got {n_groups}; "
            "give a mapping of names to recordings or tables."
        )
    return [s for size in range(1, n_groups + 1) for s in combinations(range(n_groups), size)]


def parts_of(explained: np.ndarray, names: Sequence[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Turn R2 of all subsets into the parts of the total.

    The variance shared by exactly the groups S (their commonality; of one group, its unique
    variance) is the sum over the subsets T of S of -(-1)^|T| R2(T and all groups outside of S);
    all of them add up to R2(all). Shapley values give every group its mean gain over the orders in
    which groups can be added; they add up as well.

    Parameters
    ----------
    explained : array, shape (n_subsets, ...)
        In the order of `subsets_of`.
    names
        Of the groups.

    Yields
    ------
    part : str
        "total", "alone", "unique", "shared" or "shapley".
    groups : str
        Names joined by " & ".
    value : numpy.ndarray, shape (...)

    References
    ----------
    Nimon et al. 2008, Behavior Research Methods 40, 457 (commonality analysis). Lindeman, Merenda &
    Gold 1980, p. 119 ff. (averages over orders).

    Examples
    --------
    >>> found = {(part, groups): round(float(value), 2)
    ...          for part, groups, value in parts_of(np.array([0.5, 0.4, 0.6]), ["a", "b"])}
    >>> found["unique", "a"], found["unique", "b"], found["shared", "a & b"]
    (0.2, 0.1, 0.3)
    """
    n = len(names)
    subsets = subsets_of(n)
    value: dict[Subset, np.ndarray] = dict(zip(subsets, explained, strict=True))
    value[()] = np.zeros_like(explained[0])
    everything = tuple(range(n))
    yield "total", " & ".join(names), value[everything]
    for group in everything:
        yield "alone", names[group], value[(group,)]
    for subset in subsets:
        rest = tuple(g for g in everything if g not in subset)
        shared = np.zeros_like(explained[0])
        for size in range(len(subset) + 1):
            for inner in combinations(subset, size):
                shared = shared - (-1) ** size * value[tuple(sorted((*rest, *inner)))]
        yield (
            "unique" if len(subset) == 1 else "shared",
            " & ".join(names[g] for g in subset),
            shared,
        )
    for group in everything:
        gain = np.zeros_like(explained[0])
        for subset in [(), *subsets]:
            if group not in subset:
                weight = factorial(len(subset)) * factorial(n - len(subset) - 1) / factorial(n)
                joined = tuple(sorted((*subset, group)))
                gain = gain + weight * (value[joined] - value[subset])
        yield "shapley", names[group], gain

"""Folds: which rows are held out together, and which are held out again to choose penalties."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
    check_whole,
    listing,
    unknown_name,
)

CrossValidation: TypeAlias = "int | str | pd.Series"

BLOCKS: Final = "blocks"
MOST_FOLDS: Final = 10
"""A coordinate with more levels is dealt into so many folds."""
FEWEST_ROWS: Final = 3
"""Rows of a fold, below which its correlation has no meaning."""


@dataclass(frozen=True)
class Folds:
    """Outer and inner folds.

    Attributes
    ----------
    outer : array of int, shape (n_rows,)
        The fold that holds each row out.
    inner : list of arrays of int, shape (n_rows,)
        For every outer fold, the inner fold of its training rows, and -1 for the rest.
    unit : array of int, shape (n_rows,)
        What is never divided between folds, and what intervals are bootstrapped over.
    name
        What a unit is: "stimulus", "run", "block" ...
    """

    outer: np.ndarray
    inner: list[np.ndarray]
    unit: np.ndarray
    name: str

    @property
    def number(self) -> int:
        """Number of outer folds."""
        return len(self.inner)

    def sentence(self) -> str:
        """Say what was done."""
        least = min(int(codes.max()) + 1 for codes in self.inner)
        return (
            f"{self.number} outer folds over {_plural(self.name)} ({self.unit.max() + 1}), "
            f"settings chosen in {least} inner folds of the training rows of each"
        )


def make_folds(
    rows: pd.DataFrame, cv: CrossValidation, inner_cv: int = 5, n_blocks: int = 5, seed: int = 0
) -> Folds:
    """Divide rows into folds.

    Parameters
    ----------
    rows
        One row a presentation, in order of time, with the column `stimulus_id` and those that
        folds may be named by.
    cv
        A number of folds over stimuli; the name of a column, whose levels are left out one at a
        time (dealt into ten folds where there are more); "blocks" for stretches of time; or a
        Series that gives every stimulus id its fold.
    inner_cv
        Inner folds, at most.
    n_blocks
        Number of blocks, where `cv` is "blocks".
    seed
        Of the assignment.

    Returns
    -------
    Folds
        They do not depend on the order of presentations, except for blocks.

    Raises
    ------
    InvalidInputError, UnknownNameError, LabelMismatchError
        If there is no such column, or a number is out of range.
    NotIdentifiableError
        If there are too few rows.

    Examples
    --------
    >>> rows = pd.DataFrame({"stimulus_id": list("abcdefghi"), "run": [1, 2, 3] * 3})
    >>> make_folds(rows, "run").outer.tolist()
    [0, 1, 2, 0, 1, 2, 0, 1, 2]
    """
    random = np.random.default_rng(seed)
    check_whole("inner_cv", inner_cv, 2)
    unit, fold, name = _outer(rows, cv, n_blocks, random)
    number = int(fold.max()) + 1
    if number < 2:
        raise NotIdentifiableError(
            f"cross-validation over {_plural(name)} needs at least two of them, got {number}."
        )
    outer = fold[unit]
    fewest = int(np.bincount(outer).min())
    if fewest < FEWEST_ROWS:
        raise NotIdentifiableError(
            f"a fold holds {fewest} rows, too few for a correlation within it; use fewer folds "
            f"(now {number}), or more stimuli."
        )
    inner = []
    for left_out in range(number):
        training = np.flatnonzero(fold != left_out)
        within = min(inner_cv, len(training))
        if within < 2:
            raise NotIdentifiableError(
                f"choosing penalties inside of the training rows needs two {_plural(name)} beside "
                f"the one that is left out, got {len(training)}; with so few, fold over stimuli "
                "(cv=5) or stretches of time (cv='blocks')."
            )
        codes = np.full(len(fold), -1)
        order = training if name == "block" else random.permutation(training)
        codes[order] = np.arange(len(order)) * within // len(order)
        inner.append(codes[unit])
    return Folds(outer, inner, unit, name)


def _outer(
    rows: pd.DataFrame, cv: CrossValidation, n_blocks: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the unit of every row, the fold of every unit, and what a unit is."""
    if isinstance(cv, pd.Series):
        return _given(rows, cv)
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer | str):
        raise InvalidInputError(
            "cv must be a number of folds, the name of a coordinate, 'blocks', or a Series that "
            f"gives every stimulus its fold; got {cv!r}."
        )
    if cv == BLOCKS:
        if check_whole("n_blocks", n_blocks, 3) > len(rows) // FEWEST_ROWS:
            raise InvalidInputError(
                f"n_blocks={n_blocks} blocks of {len(rows)} rows: expected 3 to "
                f"{len(rows) // FEWEST_ROWS}, so that every block holds {FEWEST_ROWS} rows or more."
            )
        unit = np.arange(len(rows)) * n_blocks // len(rows)
        return unit, np.arange(n_blocks), "block"
    if isinstance(cv, str):
        known = [str(name) for name in rows.columns]
        if cv not in known:
            raise UnknownNameError(
                unknown_name("coordinate for cv", cv, [*known, BLOCKS], "the brain's presentations")
            )
        gaps = rows.loc[rows[cv].isna() | (rows[cv].astype(str) == ""), "stimulus_id"]
        if len(gaps):
            raise InvalidInputError(
                f"cv={cv!r}: {len(gaps)} rows have no value of it (stimuli {listing(gaps, 3)}); "
                "leave them out, or fold by something that all rows have."
            )
        unit, levels = _sorted_codes(rows[cv])
        return unit, _dealt(len(levels), min(len(levels), MOST_FOLDS), random), cv
    unit, levels = _sorted_codes(rows["stimulus_id"])
    if len(levels) < 2 * FEWEST_ROWS:
        raise NotIdentifiableError(
            f"folds over stimuli need at least {2 * FEWEST_ROWS} stimuli that brain and predictors "
            f"share, two folds of {FEWEST_ROWS}; got {len(levels)}. Where stimuli were repeated, "
            "cv='run' leaves out runs."
        )
    if not 2 <= cv <= len(levels) // FEWEST_ROWS:
        raise InvalidInputError(
            f"cv={cv} folds of {len(levels)} stimuli: expected 2 to {len(levels) // FEWEST_ROWS}, "
            f"so that every fold holds {FEWEST_ROWS} stimuli or more."
        )
    return unit, _dealt(len(levels), cv, random), "stimulus"


def _given(rows: pd.DataFrame, cv: pd.Series) -> tuple[np.ndarray, np.ndarray, str]:
    own = cv.set_axis([str(name) for name in cv.index])
    if not own.index.is_unique:
        raise InvalidInputError("cv gives some stimuli more than one fold; name each once.")
    unit, levels = _sorted_codes(rows["stimulus_id"])
    own = own.dropna()
    missing = [name for name in levels if name not in own.index]
    if missing:
        raise LabelMismatchError(
            f"cv gives no fold to {len(missing)} stimuli: {listing(missing, 3)}."
        )
    return unit, _sorted_codes(own.loc[levels])[0], "stimulus"


def _sorted_codes(values: "pd.Series") -> tuple[np.ndarray, list[str]]:
    codes, levels = pd.factorize(values.astype(str), sort=True)
    return codes, [str(level) for level in levels]


def _dealt(number: int, folds: int, random: np.random.Generator) -> np.ndarray:
    """Deal units into folds at random; as many folds as units keep their order."""
    if number == folds:
        return np.arange(number)
    fold = np.empty(number, dtype=int)
    fold[random.permutation(number)] = np.arange(number) % folds
    return fold


def _plural(name: str) -> str:
    return (
        "stimuli" if name == "stimulus" else f"levels of {name!r}" if name != "block" else "blocks"
    )

"""What would let a model see its test data: checked before a fit, said as a warning and a note."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from reprcompare.encoding.folds import Folds
from reprcompare.encoding.predictors import Group
from reprcompare.encoding.responses import Notes
from reprcompare.encoding.systems import System
from reprcompare.errors import listing

MANY: Final = 10
"""Columns from which on two stimuli are never as good as equal by chance."""


class LeakageWarning(UserWarning):
    """Something may have let the model see what it is tested on."""


def leak(sentence: str, notes: Notes) -> None:
    """Keep a sentence among the notes of the result, to be given as a warning as well.

    `encode` warns, because this may be said in another process.
    """
    notes[sentence] = LeakageWarning


def check_repeats(stimulus_id: np.ndarray, folds: Folds, notes: Notes) -> None:
    """Warn where a stimulus lies in several folds."""
    order = np.unique(stimulus_id, return_inverse=True)[1]
    first = np.full(order.max() + 1, -1)
    first[order] = folds.outer
    both = np.unique(stimulus_id[first[order] != folds.outer])
    if len(both):
        leak(
            f"{len(both)} stimuli ({listing(both, 3)}) are repeated in several folds: the model "
            "has seen the responses to what it is tested on, so scores speak about new "
            f"{folds.name}s of these stimuli, not about new stimuli. With cv=5 repeats stay "
            "together.",
            notes,
        )


def check_scaling(scaling: str, folds: Folds, name: str, notes: Notes) -> None:
    """Warn where a recording was normalised over rows that folds take apart."""
    if not scaling.startswith("z-scored") or f"within {folds.name}" in scaling:
        return
    leak(
        f"{name} was {scaling} before it was divided into folds, so its test rows had a part in "
        "how training rows were scaled; leave the normalisation to the folds (standardise=True "
        "for predictors), or fold over what it was done within.",
        notes,
    )


def check_itself(group: Group, neuroid_id: np.ndarray, notes: Notes) -> None:
    """Warn where a recording holds neuroids of the names that it is to predict."""
    both = np.intersect1d(group.columns, neuroid_id)
    if len(both) and not group.is_table:
        leak(
            f"{group.name!r} has {len(both)} of the neuroids that it predicts "
            f"({listing(both, 3)}): if these are the same responses, they predict themselves.",
            notes,
        )


def check_duplicates(
    groups: Sequence[Group],
    system: System,
    stimulus_id: np.ndarray,
    folds: Folds,
    notes: Notes,
) -> None:
    """Warn where different stimuli with the same patterns of a recording lie in several folds."""
    for number, group in enumerate(groups):
        if group.is_table:
            continue
        kernel = system.kernel_of(number)
        squares = np.diag(kernel)
        distances = squares[:, None] + squares - 2 * kernel
        # In few dimensions different stimuli may lie close; in many, sums in float32 are not exact.
        tolerance = 1e-6 if len(group.columns) >= MANY else 1e-12
        same = distances <= tolerance * squares.mean()
        same &= folds.outer[:, None] != folds.outer
        same &= stimulus_id[:, None] != stimulus_id
        if same.any():
            first, second = np.argwhere(same)[0]
            leak(
                f"{len(set(stimulus_id[same.any(axis=1)]))} stimuli have the same pattern of "
                f"{group.name!r} as one in another fold ({stimulus_id[first]} and "
                f"{stimulus_id[second]}): if they are copies of a stimulus, give them one id.",
                notes,
            )


CHOSEN_ON_TEST = (
    "The candidate was chosen by its score on the test data, which makes that score too high; with "
    "choose='nested' it is chosen inside of the training rows."
)
"""What is said where a caller asks for that choice."""

"""Encoding models by name: what they search inside of the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reprcompare.encoding.arguments import check_numbers
from reprcompare.encoding.fitting import Search, group_weights
from reprcompare.errors import InvalidInputError, UnknownNameError, check_whole, unknown_name

ALPHAS: Final = np.logspace(-3, 5, 12)
"""Penalties, in units of the mean squared distance between a stimulus and the mean stimulus."""

COMPONENTS: Final = (1, 2, 3, 5, 8, 12, 18, 25, 35, 50)
"""Numbers of components."""


@dataclass(frozen=True)
class Model:
    """A kind of encoding model.

    Attributes
    ----------
    filters
        What regularises; "" where the model is not a filter of eigenvalues.
    by_alpha
        Whether its settings are penalties, and not numbers of components.
    banded
        Whether groups get weights of their own.
    sentence
        What it is, in words.
    """

    filters: str
    by_alpha: bool
    banded: bool
    sentence: str


MODELS: Final[dict[str, Model]] = {
    "ridge": Model("ridge", True, False, "Ridge regression with a penalty for every neuroid"),
    "banded": Model(
        "ridge",
        True,
        True,
        "Banded ridge regression with a penalty for every neuroid and group, by random search",
    ),
    "pca": Model(
        "pca", False, False, "Regression on principal components, their number for every neuroid"
    ),
    "pls": Model(
        "", False, False, "Partial least squares, the number of components for every neuroid"
    ),
}
"""What can be asked for by name; kernel ridge regression is "ridge" with another kernel."""


def find_model(name: str | None, n_groups: int) -> tuple[str, Model]:
    """Return a model by name: by default ridge for one group, banded for several.

    Parameters
    ----------
    name
        A name in `MODELS`, or None.
    n_groups
        Groups that predict together.

    Returns
    -------
    name : str
    model : Model

    Raises
    ------
    UnknownNameError
        If there is no such model.
    """
    chosen = name or ("ridge" if n_groups == 1 else "banded")
    if chosen not in MODELS:
        raise UnknownNameError(unknown_name("model", chosen, MODELS))
    return chosen, MODELS[chosen]


def search_of(
    model: Model,
    n_groups: int,
    alphas: Sequence[float] | np.ndarray | None,
    n_components: Sequence[int] | None,
    n_iter: int,
    seed: int,
) -> Search:
    """Return what a model tries.

    Raises
    ------
    InvalidInputError
        If settings are given that the model does not have, or that are out of range.
    """
    if alphas is not None and not model.by_alpha:
        raise InvalidInputError("this model has no penalty; leave alphas out, give n_components.")
    if n_components is not None and model.by_alpha:
        raise InvalidInputError(
            "n_components belongs to the models 'pca' and 'pls'; this one takes alphas."
        )
    if model.by_alpha:
        given, expected = ALPHAS if alphas is None else alphas, "penalties, numbers above 0"
        settings = np.sort(check_numbers("alphas", given, expected))[::-1]
        if not settings[-1] > 0:
            raise InvalidInputError(f"alphas must be a list of {expected}, got {alphas!r}.")
    else:
        counts = COMPONENTS if n_components is None else n_components
        expected = "whole numbers from 1"
        found = np.sort(check_numbers("n_components", counts, expected))
        settings = found.astype(int)
        if (settings != found).any() or settings[0] < 1:
            raise InvalidInputError(f"n_components must be a list of {expected}, got {counts!r}.")
    check_whole("n_iter", n_iter, 0)
    weights = (
        group_weights(n_groups, n_iter, seed) if model.banded else np.ones((1, n_groups)) / n_groups
    )
    return Search(model.filters, settings.copy(), weights)

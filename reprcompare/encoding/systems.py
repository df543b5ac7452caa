"""Predictors of the rows of one fit: one kernel a group, or the columns where there are few."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from reprcompare.encoding.grams import (
    centred_columns,
    delayed,
    delayed_rows,
    gram,
    scale_of,
)
from reprcompare.encoding.predictors import Group
from reprcompare.encoding.spectral import Split, centred, from_columns, from_kernel
from reprcompare.errors import InvalidInputError, NotIdentifiableError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class System:
    """Predictors of n rows, as kernels or as columns.

    Attributes
    ----------
    kernels : list of tensors, shape (n, n)
        One a group, float64, each of mean squared distance 1; empty where there are columns.
    columns : tensor, shape (n, p), or None
        All columns, scaled likewise.
    owner : tensor of int, shape (p,)
        Group of each column.
    n_groups
        Number of groups.
    back
        From the number of a group and dual coefficients of rows (n, n_targets) to the weights of
        its columns as they were given, (n_delays x p, n_targets), the first delay first.
    """

    kernels: "list[Tensor]"
    columns: "Tensor | None"
    owner: "Tensor | None"
    n_groups: int
    back: Callable[[int, np.ndarray], np.ndarray]

    def split(
        self, train: "Tensor", held: "Tensor", weights: np.ndarray, dtype: "torch.dtype"
    ) -> Split:
        """Decompose the training rows, with groups weighted.

        Parameters
        ----------
        train, held : tensors of int
            Rows.
        weights : array, shape (n_groups,)
            Of the groups' kernels.
        dtype
            Of what is multiplied with targets.
        """
        if self.columns is None:
            used = [(float(w), k) for w, k in zip(weights, self.kernels, strict=True) if w]
            kernel = used[0][0] * used[0][1]
            for weight, own in used[1:]:
                kernel = kernel + weight * own
            return from_kernel(kernel, train, held, dtype)
        return from_columns(self.columns * self._lengths(weights), train, held, dtype)

    def kernel_of(self, group: int) -> np.ndarray:
        """Return the kernel between all rows of one group, (n, n)."""
        if self.columns is None:
            return self.kernels[group].cpu().numpy()
        own = self.columns[:, self.owner == group]
        return (own @ own.T).cpu().numpy()

    def held_by_group(
        self, split: Split, train: "Tensor", held: "Tensor", weights: np.ndarray
    ) -> "list[Tensor]":
        """Return the part of the held-out coordinates of a split that each group contributes."""
        vectors = split.vectors.double()
        if self.columns is None:
            return [
                float(w) * centred(k[train][:, train], k[held][:, train])[1] @ vectors
                for w, k in zip(weights, self.kernels, strict=True)
            ]
        scaled = self.columns * self._lengths(weights)
        mean = scaled[train].mean(dim=0)
        own, other = scaled[train] - mean, scaled[held] - mean
        return [
            other[:, self.owner == g] @ (own[:, self.owner == g].T @ vectors)
            for g in range(self.n_groups)
        ]

    def _lengths(self, weights: np.ndarray) -> "Tensor":
        import torch

        assert self.owner is not None
        roots = torch.as_tensor(np.sqrt(weights), device=self.owner.device)
        return roots[self.owner]


@dataclass(frozen=True)
class Stimuli:
    """Which stimuli the rows of a fit show, and in which run.

    Attributes
    ----------
    positions : list of arrays of int, each of shape (n_stimuli,)
        For every group, where it has the stimuli.
    code : array of int, shape (n_rows,)
        Which stimulus each row shows.
    run : array of int, shape (n_rows,)
        For delays.
    delays : tuple of int
        (0,) for none.
    """

    positions: list[np.ndarray]
    code: np.ndarray
    run: np.ndarray
    delays: tuple[int, ...]


Systems: TypeAlias = Callable[[np.ndarray], System]
"""From the training rows (bool) of an outer fold to the predictors of all rows."""


def systems_of(
    groups: Sequence[Group],
    stimuli: Stimuli,
    kernel: Callable[[np.ndarray], np.ndarray],
    linear: bool,
    standardise: bool | None,
    precision: str,
    device: str,
) -> Systems:
    """Prepare the predictors of the rows of a fit.

    Parameters
    ----------
    groups, stimuli
        What predicts which rows.
    kernel, linear
        The kernel, computed from the linear one, and whether it is the linear one.
    standardise
        Whether columns are divided by their standard deviation in the training rows of every outer
        fold; None standardises tables of labels only.
    precision, device
        Of the computation.

    Returns
    -------
    callable
        Kernels that do not depend on the training rows are computed once.
    """
    import torch

    scaled = [group.is_table if standardise is None else standardise for group in groups]
    n_columns = sum(len(group.columns) for group in groups) * len(stimuli.delays)
    few = linear and 2 * n_columns < len(stimuli.code)
    known: dict[int, tuple[np.ndarray, float]] = {}

    def kernel_of(number: int, training: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the kernel of a group, and what it was divided by."""
        if number in known:
            return known[number]
        own = training if scaled[number] else None
        between = gram(groups[number], stimuli.positions[number], own, precision)
        rows = between[np.ix_(stimuli.code, stimuli.code)]
        if stimuli.delays != (0,):
            rows = delayed(rows, stimuli.run, stimuli.delays)
        rows = kernel(rows)
        scale = _checked(scale_of(rows), float(np.abs(rows).max()), groups[number].name)
        if not scaled[number]:
            known[number] = rows / scale, scale
        return rows / scale, scale

    def columns_of_group(number: int, training: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the columns of a group, and what their squares were divided by."""
        read = groups[number].read(stimuli.positions[number])
        own = training if scaled[number] else None
        between = np.concatenate([centred_columns(block, own) for block in read], axis=1)
        parts = []
        for delay in stimuli.delays:
            source, there = delayed_rows(stimuli.run, delay)
            part = np.zeros((len(stimuli.code), between.shape[1]))
            part[there] = between[stimuli.code[source]]
            parts.append(part)
        rows = np.concatenate(parts, axis=1)
        power = np.square(rows - rows.mean(axis=0)).sum() / len(rows)
        scale = _checked(power, float(np.square(rows).sum(axis=1).max()), groups[number].name)
        return rows / np.sqrt(scale), scale

    def system(training_rows: np.ndarray) -> System:
        training = np.zeros(len(stimuli.positions[0]), dtype=bool)
        training[stimuli.code[training_rows]] = True
        make = columns_of_group if few else kernel_of
        parts, scales = zip(*(make(g, training) for g in range(len(groups))), strict=True)

        def back(number: int, dual: np.ndarray) -> np.ndarray:
            own = training if scaled[number] else None
            sums = [_by_stimulus(dual, stimuli, delay) for delay in stimuli.delays]
            found: list[list[np.ndarray]] = [[] for _ in sums]
            for block in groups[number].read(stimuli.positions[number]):
                columns = centred_columns(block, own, divide_again=True)
                for place, summed in zip(found, sums, strict=True):
                    place.append(columns.T @ summed / scales[number])
            return np.concatenate([part for place in found for part in place])

        tensors = [torch.as_tensor(part, device=device) for part in parts]
        if not few:
            return System(tensors, None, None, len(groups), back)
        owner = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
        every = torch.cat(tensors, dim=1)
        return System([], every, torch.as_tensor(owner, device=device), len(groups), back)

    return system


def _by_stimulus(dual: np.ndarray, stimuli: Stimuli, delay: int) -> np.ndarray:
    """Sum dual coefficients of rows over the stimuli that they were shown a delay before."""
    source, there = delayed_rows(stimuli.run, delay)
    total = np.zeros((len(stimuli.positions[0]), dual.shape[1]))
    np.add.at(total, stimuli.code[source], dual[there])
    return total


def _checked(scale: float, largest: float, name: str) -> float:
    if not np.isfinite(scale):
        raise InvalidInputError(
            f"predictors {name!r} are so large that their squares overflow; divide them."
        )
    if not scale > 1e-12 * max(largest, 1e-300):
        raise NotIdentifiableError(
            f"predictors {name!r} are the same for all stimuli, so nothing can be predicted from "
            "them."
        )
    return scale

"""What the outputs of a network answer: losses and accuracies of features of different scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from reprcompare.errors import InvalidInputError


@dataclass(frozen=True)
class Answers:
    """Which outputs report which feature.

    Attributes
    ----------
    levels
        Of every feature: 2 for a binary one, which has one output; k > 2 for a categorical one,
        which has k; 1 for a continuous one, which has one and needs the loss "mse".
    loss
        "cross_entropy" or "mse".

    Examples
    --------
    >>> Answers((2, 10, 2)).n_outputs
    12
    """

    levels: tuple[int, ...]
    loss: str = "cross_entropy"

    def __post_init__(self) -> None:
        if not self.levels or min(self.levels) < (1 if self.loss == "mse" else 2):
            raise InvalidInputError(
                f"levels are {self.levels} for the loss {self.loss!r}; expected for every feature "
                "2 or more, or 1 for a continuous feature with the loss 'mse'."
            )

    @property
    def n_outputs(self) -> int:
        """Number of output units."""
        return sum(level if level > 2 else 1 for level in self.levels)

    @property
    def columns(self) -> list[slice]:
        """The outputs of every feature."""
        found, start = [], 0
        for level in self.levels:
            stop = start + (level if level > 2 else 1)
            found.append(slice(start, stop))
            start = stop
        return found

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every example and feature, 0 where there is no label.

        Parameters
        ----------
        outputs : torch.Tensor, shape (..., n_outputs)
        targets : torch.Tensor, shape (..., n_features)
            The number of the level or the value; NaN where there is no label.
        """
        known = ~targets.isnan()
        truth = targets.nan_to_num(0.0)
        if max(self.levels) <= 2:
            found = self._single(outputs, truth)
        else:
            parts = [
                self._single(outputs[..., where], truth[..., f : f + 1])[..., 0]
                if self.levels[f] <= 2
                else self._categorical(outputs[..., where], truth[..., f])
                for f, where in enumerate(self.columns)
            ]
            found = torch.stack(parts, dim=-1)
        return torch.where(known, found, 0.0)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the accuracy of every feature over the examples that have a label.

        Parameters
        ----------
        outputs : torch.Tensor, shape (..., n_examples, n_outputs)
        targets : torch.Tensor, shape (n_examples, n_features)

        Returns
        -------
        torch.Tensor, shape (..., n_features)
            Of a continuous feature the variance explained; NaN without any label.
        """
        found = []
        for f, where in enumerate(self.columns):
            known = ~targets[:, f].isnan()
            truth, given = targets[known, f], outputs[..., known, where]
            if self.levels[f] == 1:
                error = (given[..., 0] - truth).square().sum(dim=-1)
                found.append(1 - error / (truth - truth.mean()).square().sum())
                continue
            if self.levels[f] > 2:
                answer = given.argmax(dim=-1).to(truth.dtype)
            else:
                answer = (given[..., 0] > (0.5 if self.loss == "mse" else 0.0)).to(truth.dtype)
            found.append((answer == truth).float().mean(dim=-1))
        return torch.stack(found, dim=-1)

    def _single(self, outputs: Tensor, truth: Tensor) -> Tensor:
        if self.loss == "mse":
            return 0.5 * (outputs - truth).square()
        return functional.binary_cross_entropy_with_logits(outputs, truth, reduction="none")

    def _categorical(self, outputs: Tensor, truth: Tensor) -> Tensor:
        level = truth.long()
        if self.loss == "mse":
            aim = functional.one_hot(level, outputs.shape[-1]).to(outputs.dtype)
            return 0.5 * (outputs - aim).square().sum(dim=-1)
        logs = outputs.log_softmax(dim=-1)
        return -logs.gather(-1, level.unsqueeze(-1)).squeeze(-1)


def check_targets(targets: Tensor, levels: Sequence[int]) -> None:
    """Refuse labels that are no level of their feature.

    Parameters
    ----------
    targets : torch.Tensor, shape (..., n_features)
    levels
        Of every feature.

    Raises
    ------
    InvalidInputError
        If the number of features differs or a label is no level.
    """
    if targets.shape[-1] != len(levels):
        raise InvalidInputError(
            f"targets have {targets.shape[-1]} features, levels are given for {len(levels)}."
        )
    for f, level in enumerate(levels):
        found = targets[..., f]
        found = found[~found.isnan()]
        whole = (found == found.round()) & (found >= 0) & (found < level)
        if level > 1 and not bool(whole.all()):
            wrong = float(found[~whole][0])
            raise InvalidInputError(
                f"feature {f} of the targets has the label {wrong:g}; expected whole numbers from "
                f"0 to {level - 1}, or NaN where there is no label."
            )

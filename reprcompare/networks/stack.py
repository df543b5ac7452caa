"""Networks of one architecture whose parameters lie in a stack and are trained together."""

import copy
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from reprcompare.errors import InvalidInputError
from reprcompare.networks.dropout import Masks
from reprcompare.networks.settings import OPTIMISERS, Training

ONE_BY_ONE = (nn.modules.conv._ConvNd, nn.RNNBase)
"""Layers for which `vmap` is slower than a loop on a CPU (stacked convolutions become grouped ones,
measured four times slower), or which it does not know."""

CHUNK = 1024
"""Stimuli that are judged at once."""


class Stack:
    """Parameters, buffers, optimiser and dropout masks of several networks, side by side.

    Parameters
    ----------
    networks
        Equal in architecture; they are copied.
    settings
        Of the training, one a network; rows of equal settings lie beside each other. They differ in
        hyper-parameters of the optimiser only.
    seeds
        One a network, for dropout.
    example : torch.Tensor, shape (1, ...)
        An input.
    answers : torch.Tensor, shape (1, n_features)
        Its labels, for networks that are given the right answers in training.

    Attributes
    ----------
    takes_answers : bool
        Whether in training the networks are called with the labels beside the input; a network says
        so by an attribute ``teacher_forcing`` that is true.

    Raises
    ------
    InvalidInputError
        If the networks differ in architecture.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        settings: Sequence[Training],
        seeds: Sequence[int],
        example: Tensor,
        answers: Tensor,
    ) -> None:
        try:
            self._parameters, self._buffers = stack_module_state(list(networks))
        except (RuntimeError, ValueError) as error:
            raise InvalidInputError(
                "networks that are trained together must be equal in architecture and mode: "
                f"{str(error).splitlines()[0]}."
            ) from error
        self._settings = list(settings)
        self._skeleton = copy.deepcopy(networks[0])
        self.takes_answers = bool(getattr(self._skeleton, "teacher_forcing", False))
        dropout_seeds = [int(np.random.SeedSequence([s, 3]).generate_state(1)[0]) for s in seeds]
        self._masks = Masks(
            self._skeleton, dropout_seeds, example, (answers,) if self.takes_answers else ()
        )
        self._one_by_one = any(isinstance(m, ONE_BY_ONE) for m in self._skeleton.modules())
        self._start_optimiser()

    def _start_optimiser(self) -> None:
        """Give the optimiser a view of the rows of every group of equal settings.

        The views share the memory of the stacked parameters, and get their gradients by hand.
        """
        self._groups = [
            (settings, [row for row, _ in rows])
            for settings, rows in groupby(enumerate(self._settings), key=itemgetter(1))
        ]
        self._views = {
            (name, number): value.detach()[rows[0] : rows[-1] + 1]
            for name, value in self._parameters.items()
            if value.requires_grad
            for number, (_, rows) in enumerate(self._groups)
        }
        names = dict.fromkeys(name for name, _ in self._views)
        self._optimiser = OPTIMISERS[self._settings[0].optimiser](
            [
                {"params": [self._views[name, number] for name in names]}
                | settings.hyper_parameters
                for number, (settings, _) in enumerate(self._groups)
            ],
            fused=True,
        )

    def __len__(self) -> int:
        return len(next(iter(self._parameters.values())))

    def forward(self, x: Tensor, answers: Tensor) -> Tensor:
        """Return the outputs of every network to inputs of its own, in training mode.

        Parameters
        ----------
        x : torch.Tensor, shape (n_networks, batch, ...)
        answers : torch.Tensor, shape (n_networks, batch, n_features)

        Returns
        -------
        torch.Tensor, shape (n_networks, batch, n_outputs)
        """
        self._skeleton.train()
        given = (x, answers) if self.takes_answers else (x,)
        return self._call(self._parameters, self._buffers | self._masks.draw(x.shape[1]), given)

    def judge(self, x: Tensor) -> Tensor:
        """Return the outputs of every network to the same inputs, in evaluation mode.

        Parameters
        ----------
        x : torch.Tensor, shape (n_stimuli, ...)

        Returns
        -------
        torch.Tensor, shape (n_networks, n_stimuli, n_outputs)
        """
        self._skeleton.eval()
        with torch.no_grad():
            parts = [
                self._call(self._parameters, self._buffers, (part.expand(len(self), *part.shape),))
                for part in x.split(CHUNK)
            ]
        return torch.cat(parts, dim=1)

    def step(self, losses: Tensor, number: int) -> None:
        """Follow the gradient of every network's own loss.

        Parameters
        ----------
        losses : torch.Tensor, shape (n_networks,)
        number
            Of the step, for the learning rate.
        """
        for parameter in self._parameters.values():
            parameter.grad = None
        losses.sum().backward()
        for (name, group), view in self._views.items():
            rows, gradient = self._groups[group][1], self._parameters[name].grad
            view.grad = None if gradient is None else gradient[rows[0] : rows[-1] + 1]
        for (settings, _), options in zip(self._groups, self._optimiser.param_groups, strict=True):
            options["lr"] = settings.rate(number)
        self._optimiser.step()

    def state(self, row: int) -> dict[str, Tensor]:
        """Return a copy of the state of one network, for ``load_state_dict``."""
        known = self._skeleton.state_dict().keys()
        both = self._parameters | self._buffers
        return {name: both[name][row].detach().clone() for name in known}

    def keep(self, rows: Sequence[int]) -> None:
        """Let all networks but these leave the stack, so that they cost nothing any more."""
        chosen = list(rows)
        before, views, groups = self._optimiser.state, self._views, self._groups
        self._settings = [self._settings[row] for row in chosen]
        self._parameters = {
            name: value.detach()[chosen].clone().requires_grad_(value.requires_grad)
            for name, value in self._parameters.items()
        }
        self._buffers = {name: value[chosen].clone() for name, value in self._buffers.items()}
        self._masks.keep(chosen)
        self._start_optimiser()
        # Groups that have lost all their rows are gone, the others are in the order they had.
        staying = [set(chosen) & set(own) for _, own in groups]
        numbers = [number for number, own in enumerate(staying) if own]
        for (name, group), view in self._views.items():
            first = groups[numbers[group]][1][0]
            inside = [row - first for row in sorted(staying[numbers[group]])]
            old = views[name, numbers[group]]
            # Moments have the shape of the parameter; the count of steps is one for all.
            self._optimiser.state[view] = {
                key: item[inside].clone() if item.shape == old.shape else item
                for key, item in before.get(old, {}).items()
                if isinstance(item, Tensor)
            }

    def _call(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], given: tuple[Tensor, ...]
    ) -> Tensor:
        def one(own: dict[str, Tensor], rest: dict[str, Tensor], *more: Tensor) -> Tensor:
            return functional_call(self._skeleton, (own, rest), more)

        if not self._one_by_one:
            return vmap(one)(parameters, buffers, *given)
        # Taking rows apart at once gives one gradient a parameter instead of one a network and row.
        apart = {name: value.unbind(0) for name, value in parameters.items()}
        return torch.stack(
            [
                one(
                    {name: rows[i] for name, rows in apart.items()},
                    {name: value[i] for name, value in buffers.items()},
                    *(x[i] for x in given),
                )
                for i in range(len(self))
            ]
        )

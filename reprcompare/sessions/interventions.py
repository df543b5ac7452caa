"""Run a network while the activity of one of its regions is replaced.

An intervention takes what a region answered (stimuli by units) and gives back what the layers after
it get to see: the activity of another run, its part in a subspace, or what is left when a subspace
is erased. Everything before the region runs as it would; gradients flow from the answer back to
the intervention, so that subspaces can be learned.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError
from reprcompare.sessions.capture import answer_in, stimulus_axis, tensors_in
from reprcompare.sessions.estimates import forward
from reprcompare.sessions.layers import Layer, choose_layers
from reprcompare.sessions.states import as_it_was
from reprcompare.sessions.stimuli import Batch, Inputs


class Intervention(Protocol):
    """What is done to the activity of a region."""

    def __call__(self, activity: Tensor, rows: Tensor) -> Tensor:
        """Return the activity that the later layers see.

        Parameters
        ----------
        activity : tensor, shape (n, n_units)
            Of the stimuli of one batch.
        rows : tensor of int, shape (n,)
            Which stimuli these are.
        """


@dataclass(frozen=True)
class Exchange:
    """Take the activity, or its part in a subspace, from another run.

    Attributes
    ----------
    states : tensor, shape (n_stimuli, n_units)
        Activity of the other run, a row for every stimulus.
    basis : tensor, shape (n_units, n_dimensions), or None
        Orthonormal columns that span the subspace; None exchanges the whole state.
    """

    states: Tensor
    basis: Tensor | None = None

    def __call__(self, activity: Tensor, rows: Tensor) -> Tensor:
        """Replace the activity of some stimuli."""
        if self.basis is None:
            return self.states[rows]
        return activity + ((self.states[rows] - activity) @ self.basis) @ self.basis.T


@dataclass(frozen=True)
class Displacement:
    """Move every state by a given vector.

    Attributes
    ----------
    vectors : tensor, shape (n_stimuli, n_units)
        A row for every stimulus.
    """

    vectors: Tensor

    def __call__(self, activity: Tensor, rows: Tensor) -> Tensor:
        """Move the activity of some stimuli."""
        return activity + self.vectors[rows]


@dataclass(frozen=True)
class Erasure:
    """Take off what a linear decoder can read: ``x - shadow (readers^T (x - centre))``.

    Attributes
    ----------
    shadow, readers : tensors, shape (n_units, n_dimensions)
        How the erased feature moves the activity, and how it is read from it.
    centre : tensor, shape (n_units,)
        Where the activity stays as it is.
    """

    shadow: Tensor
    readers: Tensor
    centre: Tensor

    def __call__(self, activity: Tensor, rows: Tensor) -> Tensor:
        """Erase the feature from the activity of some stimuli."""
        return activity - ((activity - self.centre) @ self.readers) @ self.shadow.T


class Bench:
    """A network on which interventions are made; see `bench`.

    Parameters
    ----------
    network
        The network, in the mode and on the device that it runs in.
    device
        Where it is.
    batch_size
        Stimuli in one forward pass.
    """

    def __init__(self, network: nn.Module, device: torch.device, batch_size: int) -> None:
        self.network, self.device, self.batch_size = network, device, batch_size
        self._modules = dict(network.named_modules())
        self._layers: dict[str, Layer] = {}

    def layer(self, region: str) -> Layer:
        """Return the layer of a region, by the name that it has in a recording."""
        if region not in self._layers:
            self._layers[region] = self._find(region)
        return self._layers[region]

    def _find(self, region: str) -> Layer:
        found = choose_layers(self.network, region)
        if len(found) != 1:
            raise InvalidInputError(
                f"{region!r} fits {len(found)} layers; interventions take one region at a time."
            )
        return found[0]

    def answers(
        self,
        inputs: Inputs,
        rows: Tensor,
        region: str | None = None,
        intervention: Intervention | None = None,
    ) -> Tensor:
        """Return what the network answers, in one forward pass and with gradients.

        Parameters
        ----------
        inputs
            All stimuli.
        rows : tensor of int, shape (n,)
            Those that are shown.
        region, intervention
            Where and what is replaced; nothing by default.

        Returns
        -------
        torch.Tensor, shape (n, n_responses)
        """
        batch = Batch(rows_of(inputs, rows), len(rows))
        if region is None or intervention is None:
            return answer_in(forward(self.network, batch, self.device), batch.count)
        done: list[int] = []

        def change(activity: Tensor) -> Tensor:
            done.append(1)
            return intervention(activity, rows)

        with self._changed(self.layer(region), change, batch.count):
            answer = answer_in(forward(self.network, batch, self.device), batch.count)
        if not done:
            raise InvalidInputError(
                f"region {region!r} returned no tensor with a row a stimulus in the forward pass, "
                "so that nothing could be replaced; choose a layer that takes part in it."
            )
        return answer

    def run(
        self, inputs: Inputs, region: str | None = None, intervention: Intervention | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Show all stimuli, in batches and without gradients.

        Parameters
        ----------
        inputs
            The stimuli.
        region
            Whose activity is returned as well, and replaced if there is an intervention.
        intervention
            What is done to it; nothing by default.

        Returns
        -------
        answers : torch.Tensor, shape (n_stimuli, n_responses)
        activity : torch.Tensor, shape (n_stimuli, n_units), or None
            Of the region, as the later layers see it.
        """
        answers, seen = [], []

        def watched(activity: Tensor, rows: Tensor) -> Tensor:
            changed = activity if intervention is None else intervention(activity, rows)
            seen.append(changed.detach().clone())
            return changed

        with torch.no_grad():
            for rows in torch.arange(count_of(inputs), device=self.device).split(self.batch_size):
                if region is None:
                    answers.append(self.answers(inputs, rows))
                else:
                    answers.append(self.answers(inputs, rows, region, watched))
        return torch.cat(answers), torch.cat(seen) if seen else None

    @contextmanager
    def _changed(self, layer: Layer, change: Any, count: int) -> Iterator[None]:
        """Put a hook on the module of a layer that replaces what it returns."""
        calls = 0

        def hook(module: nn.Module, arguments: object, output: object) -> object:
            nonlocal calls
            calls += 1
            if layer.call not in (None, calls - 1):
                return None
            for part, tensor in tensors_in(output):
                if layer.part and layer.part != part:
                    continue
                axis = stimulus_axis(module, part, tensor, count)
                if axis is not None and (layer.part or tensor.is_floating_point()):
                    response = tensor.movedim(axis, 0)
                    changed = change(response.reshape(count, -1)).reshape(response.shape)
                    return replace_part(output, part, changed.movedim(0, axis))
            return None

        handle = self._modules[layer.module].register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


@contextmanager
def bench(
    network: nn.Module, device: str | torch.device | None = None, batch_size: int = 256
) -> Iterator[Bench]:
    """Prepare a network for interventions, and leave it as it was.

    Evaluation mode, no gradients of its weights, a random state of its own.

    Parameters
    ----------
    network
        Any torch network.
    device
        Where to run; where it is by default.
    batch_size
        Stimuli in one forward pass.

    Yields
    ------
    Bench
        Runs the network, with the activity of a region replaced where that is asked for.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False))
    >>> for layer in network: _ = nn.init.ones_(layer.weight)
    >>> with bench(network) as on:
    ...     base, _ = on.run(torch.tensor([[1.0, 2.0]]))
    ...     _, states = on.run(torch.tensor([[5.0, 5.0]]), "0")
    ...     swapped, _ = on.run(torch.tensor([[1.0, 2.0]]), "0", Exchange(states))
    >>> base.item(), swapped.item()
    (6.0, 20.0)
    """
    wanted = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    with as_it_was(network, device, training=False) as place:
        try:
            for parameter, _ in wanted:
                parameter.requires_grad_(False)
            yield Bench(network, place, batch_size)
        finally:
            for parameter, grad in wanted:
                parameter.requires_grad_(grad)


def replace_part(output: Any, part: str, value: Tensor) -> Any:
    """Return what a module returned with one of its tensors replaced.

    Parameters
    ----------
    output
        A tensor, or tuples, lists and dictionaries of them.
    part
        Place of the tensor, as `tensors_in` names it.
    value
        The new tensor.

    Examples
    --------
    >>> replace_part((torch.zeros(1), {"h": torch.zeros(1)}), "[1][h]", torch.ones(1))
    (tensor([0.]), {'h': tensor([1.])})
    """
    if not part:
        return value
    key, rest = part[1:].split("]", 1)
    if isinstance(output, Mapping):
        name = next(name for name in output if str(name) == key)
        changed: Any = output.copy() if hasattr(output, "copy") else dict(output)
        changed[name] = replace_part(output[name], rest, value)
        return changed
    items = list(output)
    items[int(key)] = replace_part(items[int(key)], rest, value)
    if hasattr(output, "_fields"):
        return type(output)(*items)
    return type(output)(items)


def rows_of(inputs: Inputs, rows: Tensor) -> Inputs:
    """Return some stimuli of all."""
    if isinstance(inputs, dict):
        return {name: tensor[rows.to(tensor.device)] for name, tensor in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(tensor[rows.to(tensor.device)] for tensor in inputs)
    return inputs[rows.to(inputs.device)]


def count_of(inputs: Inputs) -> int:
    """Return the number of stimuli."""
    if isinstance(inputs, dict):
        inputs = next(iter(inputs.values()))
    return len(inputs[0]) if isinstance(inputs, tuple) else len(inputs)

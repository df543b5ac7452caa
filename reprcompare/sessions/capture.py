"""Catch what the layers of a network return during a forward pass.

The first pass finds out which tensors there are; from then on every tensor is copied, at the
moment when its module returns, to its place in one buffer of neuroids side by side. Copying at once
matters: a later in-place operation (``ReLU(inplace=True)``) would change what was caught.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from reprcompare.errors import InvalidInputError, RecordingFailedError, listing
from reprcompare.sessions.layers import Layer
from reprcompare.sessions.reductions import Reduction, Request, choose_reduction, prepare

TimeAxis = int | str | None


@dataclass(frozen=True)
class Slot:
    """Where the response of one layer lies among the neuroids.

    Attributes
    ----------
    layer
        The layer that was asked for.
    region
        Its name in the recording.
    calls
        The calls in a forward pass that fill it, one for each time bin or a single one.
    part
        Which of the tensors that the module returns.
    axis
        Axis of the tensor that runs over stimuli.
    shape
        Shape of the response to one stimulus (in one time bin).
    dtype
        Type in the network.
    start
        The first of its neuroids.
    reduction
        What is done to the response.
    """

    layer: Layer
    region: str
    calls: tuple[int, ...]
    part: str
    axis: int
    shape: tuple[int, ...]
    dtype: str
    start: int
    reduction: Reduction

    @property
    def columns(self) -> slice:
        """The neuroids of the layer."""
        return slice(self.start, self.start + self.reduction.size)


@dataclass(frozen=True)
class Caught:
    """A tensor of the first forward pass: a copy, its place in the output, its stimulus axis."""

    tensor: Tensor
    part: str
    axis: int


class Capture:
    """Hooks on a network; a context manager that takes them off again.

    Parameters
    ----------
    network
        The network.
    layers
        What to catch.
    time_axis
        None: all of a response are neuroids. A number: this axis of a response (axis 0 runs over
        stimuli) is time, such as 1 for tokens. ``"calls"``: each call of a module is a time bin.
    room
        Bytes that the responses of the first forward pass may take; None for no limit.

    Attributes
    ----------
    slots : list of Slot
        Known after `plan`.
    """

    def __init__(
        self,
        network: nn.Module,
        layers: Sequence[Layer],
        time_axis: TimeAxis,
        room: int | None = None,
    ) -> None:
        if time_axis is not None and time_axis != "calls" and not _positive(time_axis):
            raise InvalidInputError(
                f"time_axis must be None, 'calls' or an axis from 1 on, got {time_axis!r}."
            )
        self.slots: list[Slot] = []
        self._network = network
        self._layers = list(layers)
        self._time_axis = time_axis
        self._room = room
        self._count = 0
        self._calls: dict[str, int] = defaultdict(int)
        self._seen: dict[tuple[Layer, int], Caught] = {}
        self._targets: dict[tuple[str, int], list[tuple[Slot, int]]] = {}
        self._rows: Tensor | None = None
        self._filled = 0
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> "Capture":
        modules = dict(self._network.named_modules())
        for name in dict.fromkeys(layer.module for layer in self._layers):
            self._hooks.append(modules[name].register_forward_hook(self._hook(name)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def expect(self, count: int, rows: Tensor | None) -> None:
        """Get ready for a forward pass of `count` stimuli, whose responses go to `rows`."""
        self._count, self._rows, self._filled = count, rows, 0
        self._calls.clear()
        self._seen.clear()

    def describe(self) -> list[dict]:
        """Return what the first forward pass showed: one entry a region, as JSON.

        Raises
        ------
        InvalidInputError
            If a layer that was named did not take part, or layers do not share one time axis.
        """
        found = []
        for region, layer, calls in self._regions():
            caught = self._seen[layer, calls[0]]
            response = self._time_last(caught.tensor.movedim(caught.axis, 0), region)
            found.append(
                {
                    "region": region,
                    "layer": [layer.module, layer.call, layer.part],
                    "calls": calls,
                    "part": caught.part,
                    "axis": caught.axis,
                    "shape": tuple(response.shape[1:-1]),
                    "bins": len(calls) if self._time_axis == "calls" else response.shape[-1],
                    "dtype": str(caught.tensor.dtype).removeprefix("torch."),
                }
            )
        bins = {entry["region"]: entry["bins"] for entry in found}
        if len(set(bins.values())) > 1:
            raise InvalidInputError(
                "one recording has one time axis, but the layers have "
                f"{listing(f'{n} time bins in {r}' for r, n in bins.items())}; record them to "
                "separate files."
            )
        return found

    def plan(
        self,
        described: Sequence[Mapping],
        reduce: str | Mapping[str, str] | None,
        seed: int,
        n_stimuli: int | None,
    ) -> None:
        """Lay the regions side by side.

        Parameters
        ----------
        described
            What `describe` returned, in this or an earlier process.
        reduce
            The reduction of each layer, see `reprcompare.sessions.reductions.prepare`.
        seed, n_stimuli
            For reductions that draw at random.
        """
        start = 0
        for entry in described:
            layer = Layer(*entry["layer"])
            shape, calls = tuple(entry["shape"]), tuple(entry["calls"])
            request = Request(entry["region"], shape, seed, n_stimuli)
            reduction = prepare(choose_reduction(reduce, layer.module), request)
            slot = Slot(
                layer, entry["region"], calls, entry["part"], entry["axis"], shape,
                entry["dtype"], start, reduction,
            )  # fmt: skip
            self.slots.append(slot)
            start += reduction.size
            for bin_, call in enumerate(calls):
                self._targets.setdefault((layer.module, call), []).append((slot, bin_))

    def fill_from_first(self, rows: Tensor) -> None:
        """Write the responses of the first forward pass, which `plan` was made from, to rows."""
        for slot in self.slots:
            for bin_, call in enumerate(slot.calls):
                self._put(slot, bin_, self._seen[slot.layer, call].tensor, rows)
        self._seen.clear()

    def check(self) -> None:
        """Raise if a layer was not called in this forward pass as it was in the first one."""
        expected = sum(len(slot.calls) for slot in self.slots)
        if self._filled != expected:
            raise InvalidInputError(
                f"the network called its layers {self._filled} times where the first batch called "
                f"them {expected} times; a recording needs the same layers for every stimulus."
            )

    def _hook(self, name: str) -> Callable[[nn.Module, object, object], None]:
        requests = [layer for layer in self._layers if layer.module == name]

        def hook(module: nn.Module, inputs: object, output: object) -> None:
            call = self._calls[name]
            self._calls[name] += 1
            if self._rows is not None:
                for slot, bin_ in self._targets.get((name, call), ()):
                    tensor = dict(tensors_in(output)).get(slot.part)
                    if tensor is not None:
                        self._put(slot, bin_, tensor, self._rows)
                        self._filled += 1
                return
            for layer in requests:
                if layer.call in (None, call):
                    caught = _catch(module, output, layer, self._count)
                    if caught is not None:
                        self._seen[layer, call] = caught
                        self._check_room()

        return hook

    def _check_room(self) -> None:
        """Stop before the memory is full, when nobody could say why any more."""
        taken = sum(caught.tensor.nbytes for caught in self._seen.values())
        if self._room is not None and taken > self._room:
            raise RecordingFailedError(
                f"the responses of {len(self._seen)} layers to {self._count} stimuli take "
                f"{taken / 1e9:.3g} GB, and {self._room / 1e9:.3g} GB of memory are free; use a "
                "smaller batch_size or fewer layers."
            )

    def _regions(self) -> Iterator[tuple[str, Layer, tuple[int, ...]]]:
        """Yield the name of every region, its layer and the calls that make it up."""
        calls: dict[Layer, list[int]] = defaultdict(list)
        for layer, call in self._seen:
            calls[layer].append(call)
        absent = [layer.module + layer.part for layer in self._layers if layer not in calls]
        named = [
            layer.module + layer.part
            for layer in self._layers
            if layer not in calls and layer.named
        ]
        if named:
            raise InvalidInputError(
                f"{listing(named)} returned no tensor with one row a stimulus in the forward pass: "
                "not called, or called with other contents. Choose layers that take part in it."
            )
        if not calls:
            raise InvalidInputError(
                f"none of the layers {listing(absent)} took part in the forward pass."
            )
        for layer in self._layers:
            made = tuple(calls.get(layer, ()))
            name = layer.module
            if not made:
                continue
            if self._time_axis == "calls" or (len(made) == 1 and layer.call is None):
                yield name + layer.part, layer, made
            else:
                for call in made:
                    yield f"{name}:{call}{layer.part}", layer, (call,)

    def _time_last(self, response: Tensor, region: str) -> Tensor:
        """Return shape (n, *shape, n_bins), with one bin unless an axis of the response is time."""
        if not isinstance(self._time_axis, int):
            return response.unsqueeze(-1)
        if self._time_axis >= response.ndim:
            raise InvalidInputError(
                f"time_axis is {self._time_axis}, but the responses of {region} have shape "
                f"{tuple(response.shape)} (stimuli first)."
            )
        return response.movedim(self._time_axis, -1)

    def _put(self, slot: Slot, bin_: int, tensor: Tensor, rows: Tensor) -> None:
        """Reduce one response and copy it to its place in rows (n, n_neuroids[, n_bins])."""
        response = self._time_last(tensor.detach().movedim(slot.axis, 0), slot.region)
        if response.shape[0] != self._count or tuple(response.shape[1:-1]) != slot.shape:
            raise InvalidInputError(
                f"layer {slot.region} returned shape {tuple(response.shape[1:-1])} for "
                f"{response.shape[0]} stimuli, the first batch {slot.shape}; bring all stimuli "
                "to one size, or pad them."
            )
        n_bins = response.shape[-1]
        place = rows[: self._count, slot.columns]
        if not isinstance(self._time_axis, int):
            reduced = slot.reduction.apply(response.squeeze(-1))
            (place[..., bin_] if self._time_axis == "calls" else place).copy_(reduced)
            return
        if n_bins != rows.shape[-1]:
            raise InvalidInputError(
                f"layer {slot.region} returned {n_bins} time bins, the first batch "
                f"{rows.shape[-1]}; pad all stimuli to one length."
            )
        together = response.movedim(-1, 1).flatten(0, 1)
        place.copy_(slot.reduction.apply(together).unflatten(0, (-1, n_bins)).movedim(1, 2))


def tensors_in(output: object, part: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor that a module returned with its place, such as ``"[1][0]"``.

    Examples
    --------
    >>> [part for part, _ in tensors_in((torch.zeros(1), {"h": torch.zeros(1)}))]
    ['[0]', '[1][h]']
    """
    if isinstance(output, Tensor):
        yield part, output
    elif isinstance(output, PackedSequence):
        raise InvalidInputError(
            "a layer returned a PackedSequence, whose rows are no stimuli; pad the sequences."
        )
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield from tensors_in(value, f"{part}[{key}]")
    elif isinstance(output, tuple | list):
        for number, value in enumerate(output):
            yield from tensors_in(value, f"{part}[{number}]")


def response_of(output: object, count: int) -> np.ndarray:
    """Return what a network answered as an array of shape (n, n_responses), float32.

    Raises
    ------
    InvalidInputError
        If there is no answer, see `answer_in`.
    """
    return answer_in(output, count).detach().float().cpu().numpy()


def answer_in(output: object, count: int) -> Tensor:
    """Find the answer of a network in what it returned, shape (n, n_responses).

    Takes the entry ``logits`` of a dictionary, otherwise the first tensor with a row a stimulus.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    if isinstance(output, Mapping) and isinstance(output.get("logits"), Tensor):
        output = output["logits"]
    for _, tensor in tensors_in(output):
        if tensor.ndim > 0 and len(tensor) == count:
            return tensor.reshape(count, -1)
    raise InvalidInputError(
        "the answer of the network was asked for, but it returned no tensor with a row a stimulus."
    )


def _catch(module: nn.Module, output: object, layer: Layer, count: int) -> Caught | None:
    """Return a copy of the tensor that was asked for, or None if no tensor has a row a stimulus."""
    for part, tensor in tensors_in(output):
        if layer.part and layer.part != part:
            continue
        axis = stimulus_axis(module, part, tensor, count)
        if axis is not None and (layer.part or tensor.is_floating_point()):
            return Caught(tensor.detach().clone(), part, axis)
    return None


def stimulus_axis(module: nn.Module, part: str, tensor: Tensor, count: int) -> int | None:
    """Return the axis of a response that runs over stimuli, None if there is none."""
    axes = [axis for axis in (0, 1) if axis < tensor.ndim and tensor.shape[axis] == count]
    if isinstance(module, nn.RNNBase) and (part.startswith("[1]") or not module.batch_first):
        axes.reverse()  # hidden states are (layer, stimulus, unit), whatever batch_first says
    elif getattr(module, "batch_first", True) is False:
        axes.reverse()
    return axes[0] if axes else None


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

"""The states that a network takes during a session, and leaving it as it was."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.weights import load_weights, weights_sha256

Checkpoints = Mapping[int, Mapping[str, Tensor] | str | os.PathLike[str]]


class States:
    """The network as it is, or one state for each training step.

    Parameters
    ----------
    network
        The network that the states belong to.
    checkpoints
        States or files of them by training step; None for the network as it is.

    Attributes
    ----------
    steps : list of int
        Training steps in rising order, empty without checkpoints.
    sha256 : str
        Checksum of the weights of all states.

    Raises
    ------
    InvalidInputError
        If a file cannot be loaded safely, or there is no checkpoint.
    """

    def __init__(self, network: nn.Module, checkpoints: Checkpoints | None) -> None:
        self._network = network
        self._checkpoints = checkpoints
        self.steps = [] if checkpoints is None else sorted(int(step) for step in checkpoints)
        if checkpoints is None:
            self.sha256 = weights_sha256(network)
            return
        if not self.steps:
            raise InvalidInputError("checkpoints is empty; give at least one state.")
        self._original = {name: value.clone() for name, value in network.state_dict().items()}
        sums = [weights_sha256(self._state(step)) for step in self.steps]
        self.sha256 = hashlib.sha256(" ".join(sums).encode()).hexdigest()

    def __len__(self) -> int:
        return max(1, len(self.steps))

    def enter(self, number: int) -> None:
        """Put the network into one of its states."""
        if self._checkpoints is not None:
            step = self.steps[number]
            try:
                self._network.load_state_dict(self._state(step))
            except RuntimeError as error:
                raise InvalidInputError(
                    f"the checkpoint of training step {step} does not fit the network: {error}"
                ) from error

    def restore(self) -> None:
        """Put the network back into the state that it had before."""
        if self._checkpoints is not None:
            self._network.load_state_dict(self._original)

    def _state(self, step: int) -> Mapping[str, Tensor]:
        assert self._checkpoints is not None
        state = self._checkpoints[step]
        return state if isinstance(state, Mapping) else load_weights(state)


@contextmanager
def as_it_was(
    network: nn.Module, device: str | torch.device | None, training: bool
) -> Iterator[torch.device]:
    """Prepare a network for recording, yield where it runs, and leave it as it was.

    No gradients, evaluation mode unless `training`, and a random state of its own.
    """
    home = _device_of(network)
    place = _usable(device) if device is not None else home
    modes = [(module, module.training) for module in network.modules()]
    accelerators = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(devices=accelerators), torch.no_grad():
        try:
            if not training:
                network.eval()
            if place != home:
                network.to(place)
            yield place
        finally:
            for module, mode in modes:
                module.training = mode
            if place != home:
                network.to(home)


def _usable(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        accelerators = torch.cuda.device_count()
        raise InvalidInputError(
            f"device {str(device)!r} cannot be used: {str(error).splitlines()[0]}. This torch sees "
            f"the cpu and {accelerators} CUDA devices."
        ) from error


def _device_of(network: nn.Module) -> torch.device:
    for tensor in (*network.parameters(), *network.buffers()):
        return tensor.device
    return torch.device("cpu")

"""The multilayer perceptron of the calibration, with layers that can be named."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from reprcompare.errors import UnknownNameError, unknown_name

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "linear": nn.Identity,
}


def mlp(
    n_inputs: int,
    n_outputs: int,
    hidden: Sequence[int] = (256, 128, 64, 64),
    activation: str = "relu",
    seed: int = 0,
) -> nn.Sequential:
    """Make a multilayer perceptron.

    Weights and biases are uniform in ±1 / sqrt(fan-in), which is what `torch.nn.Linear` draws.

    Parameters
    ----------
    n_inputs, n_outputs
        Numbers of input and output units.
    hidden
        Sizes of the hidden layers; layer i is the module `hidden{i}`, its output follows the
        activation function; its summed input is `hidden{i}.linear`.
    activation
        A name in `ACTIVATIONS`.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Returns
    -------
    torch.nn.Sequential
        With modules `hidden1`, ..., `readout`; maps (batch, n_inputs) to (batch, n_outputs).

    Examples
    --------
    >>> [name for name, _ in mlp(32, 2, hidden=(8, 4)).named_children()]
    ['hidden1', 'hidden2', 'readout']
    """
    if activation not in ACTIVATIONS:
        raise UnknownNameError(unknown_name("activation", activation, ACTIVATIONS))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        size = n_inputs
        for number, width in enumerate(hidden, start=1):
            layers[f"hidden{number}"] = nn.Sequential(
                OrderedDict(linear=nn.Linear(size, width), activation=ACTIVATIONS[activation]())
            )
            size = width
        layers["readout"] = nn.Linear(size, n_outputs)
    return nn.Sequential(layers)

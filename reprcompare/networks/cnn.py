"""Plain convolutional networks, of images and of vectors."""

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.initialisation import initialise, seeded
from reprcompare.networks.layers import activation as activation_of
from reprcompare.networks.layers import normalisation as normalisation_of


def image_shape(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, height, width) of what a network of images takes.

    A vector whose length is a square number is laid out as a square image of one channel, so that
    all architectures can be given the same task.

    Parameters
    ----------
    input_shape
        Of one stimulus.

    Raises
    ------
    InvalidInputError
        If it is neither an image nor such a vector.

    Examples
    --------
    >>> image_shape((36,)), image_shape((3, 64, 64))
    ((1, 6, 6), (3, 64, 64))
    """
    shape = tuple(input_shape)
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    side = math.isqrt(shape[0]) if len(shape) == 1 else 0
    if side * side != math.prod(shape):
        raise InvalidInputError(
            f"a network of images cannot take stimuli of shape {shape}; expected (channels, "
            "height, width), or a vector whose length is a square number."
        )
    return 1, side, side


def cnn(
    input_shape: Sequence[int],
    n_outputs: int,
    channels: Sequence[int] = (16, 32),
    hidden: Sequence[int] = (64,),
    kernel_size: int = 3,
    activation: str = "relu",
    normalisation: str = "none",
    dropout: float = 0.0,
    initialisation: str = "uniform",
    gain: float = 1.0,
    seed: int = 0,
) -> nn.Sequential:
    """Make a plain convolutional network of images: convolutions with pooling, then full layers.

    Parameters
    ----------
    input_shape
        Of one stimulus, see `image_shape`.
    n_outputs
        Number of output units.
    channels
        Of the convolutions; convolution i is the module `conv{i}`, its output follows the
        activation function and a maximum over 2 x 2 places.
    hidden
        Sizes of the full layers `hidden{i}`.
    kernel_size
        Side of the kernels; odd.
    activation, normalisation, initialisation, gain
        As for `reprcompare.networks.mlp`; normalisations are those of `IMAGE_NORMALISATIONS` and
        stand in the convolutions only.
    dropout
        Probability that a unit of a full layer is dropped in training.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Examples
    --------
    >>> [name for name, _ in cnn((3, 16, 16), 2).named_children()]
    ['conv1', 'conv2', 'flatten', 'hidden1', 'readout']
    """
    size, height, width = image_shape(input_shape)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(tuple(input_shape)) == 1:
        layers["image"] = nn.Unflatten(1, (size, height, width))
    with seeded(seed):
        for number, n in enumerate(channels, start=1):
            if min(height, width) < 2:
                raise InvalidInputError(
                    f"images of shape {tuple(input_shape)} are too small for {len(channels)} "
                    "convolutions, each of which halves them."
                )
            parts: OrderedDict[str, nn.Module] = OrderedDict(
                conv=nn.Conv2d(size, n, kernel_size, padding=kernel_size // 2)
            )
            if normalisation != "none":
                parts["normalisation"] = normalisation_of(normalisation, n, of_images=True)
            parts["activation"] = activation_of(activation)
            parts["pool"] = nn.MaxPool2d(2)
            layers[f"conv{number}"] = nn.Sequential(parts)
            size, height, width = n, height // 2, width // 2
        layers["flatten"] = nn.Flatten()
        _add_full_layers(layers, size * height * width, hidden, activation, dropout)
        layers["readout"] = nn.Linear(hidden[-1] if hidden else size * height * width, n_outputs)
        network = nn.Sequential(layers)
        initialise(network, initialisation, gain)
    return network


def cnn1d(
    n_inputs: int,
    n_outputs: int,
    channels: Sequence[int] = (16, 32),
    hidden: Sequence[int] = (64,),
    kernel_size: int = 3,
    spread: int = 0,
    activation: str = "relu",
    initialisation: str = "uniform",
    gain: float = 1.0,
    seed: int = 0,
) -> nn.Sequential:
    """Make a convolutional network of vectors: convolutions along the input units, without pooling.

    Parameters
    ----------
    n_inputs, n_outputs
        Numbers of input and output units.
    channels, hidden, kernel_size, activation, initialisation, gain, seed
        As for `cnn`.
    spread
        Above 0, a full layer of that size, the module `spread`, stands before the convolutions; so
        that stimuli of few units have places to convolve over.

    Examples
    --------
    >>> [name for name, _ in cnn1d(32, 2).named_children()]
    ['sequence', 'conv1', 'conv2', 'flatten', 'hidden1', 'readout']
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with seeded(seed):
        places, size = spread or n_inputs, 1
        if spread:
            layers["spread"] = nn.Sequential(
                OrderedDict(
                    linear=nn.Linear(n_inputs, spread), activation=activation_of(activation)
                )
            )
        layers["sequence"] = nn.Unflatten(1, (1, places))
        for number, n in enumerate(channels, start=1):
            layers[f"conv{number}"] = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv1d(size, n, kernel_size, padding=kernel_size // 2),
                    activation=activation_of(activation),
                )
            )
            size = n
        layers["flatten"] = nn.Flatten()
        _add_full_layers(layers, size * places, hidden, activation, 0.0)
        layers["readout"] = nn.Linear(hidden[-1] if hidden else size * places, n_outputs)
        network = nn.Sequential(layers)
        initialise(network, initialisation, gain)
    return network


def _add_full_layers(
    layers: OrderedDict[str, nn.Module],
    size: int,
    hidden: Sequence[int],
    activation: str,
    dropout: float,
) -> None:
    for number, width in enumerate(hidden, start=1):
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            linear=nn.Linear(size, width), activation=activation_of(activation)
        )
        if dropout:
            parts["dropout"] = nn.Dropout(dropout)
        layers[f"hidden{number}"] = nn.Sequential(parts)
        size = width

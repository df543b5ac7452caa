"""The multilayer perceptron of the calibration, with layers that can be named."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from reprcompare.networks.initialisation import initialise, seeded
from reprcompare.networks.layers import activation as activation_of
from reprcompare.networks.layers import normalisation as normalisation_of


class ResidualLayer(nn.Sequential):
    """Layers beside a shortcut that adds their input to their output."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, size) to (n, size)."""
        return x + super().forward(x)


def mlp(
    n_inputs: int,
    n_outputs: int,
    hidden: Sequence[int] = (256, 128, 64, 64),
    activation: str = "relu",
    normalisation: str = "none",
    dropout: float = 0.0,
    residual: bool = False,
    initialisation: str = "uniform",
    gain: float = 1.0,
    seed: int = 0,
) -> nn.Sequential:
    """Make a multilayer perceptron.

    Parameters
    ----------
    n_inputs, n_outputs
        Numbers of input and output units.
    hidden
        Sizes of the hidden layers; layer i is the module `hidden{i}`, its output follows the
        activation function; its summed input is `hidden{i}.linear`.
    activation
        A name in `reprcompare.networks.layers.ACTIVATIONS`.
    normalisation
        Before the activation function; a name in `reprcompare.networks.layers.NORMALISATIONS`.
    dropout
        Probability that a hidden unit is dropped in training.
    residual
        Whether layers of the size of the layer before are added to it.
    initialisation, gain
        See `reprcompare.networks.initialisation.initialise`; as they are, weights and biases are
        uniform in ±1 / sqrt(fan-in), which is what `torch.nn.Linear` draws.
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
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with seeded(seed):
        size = n_inputs
        for number, width in enumerate(hidden, start=1):
            parts: OrderedDict[str, nn.Module] = OrderedDict(linear=nn.Linear(size, width))
            if normalisation != "none":
                parts["normalisation"] = normalisation_of(normalisation, width)
            parts["activation"] = activation_of(activation)
            if dropout:
                parts["dropout"] = nn.Dropout(dropout)
            kind = ResidualLayer if residual and size == width else nn.Sequential
            layers[f"hidden{number}"] = kind(parts)
            size = width
        layers["readout"] = nn.Linear(size, n_outputs)
        network = nn.Sequential(layers)
        initialise(network, initialisation, gain)
    return network

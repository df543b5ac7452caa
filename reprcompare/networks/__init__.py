"""Architectures and their training; nothing here records or analyses."""

from reprcompare.networks.layers import ACTIVATIONS
from reprcompare.networks.mlp import mlp
from reprcompare.networks.named import NETWORKS, Architecture, import_object, named_network
from reprcompare.networks.settings import OPTIMISERS, Stage, Training
from reprcompare.networks.training import Trained, train
from reprcompare.networks.untrained import untrained
from reprcompare.networks.weights import load_weights, weights_sha256

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "OPTIMISERS",
    "Architecture",
    "Stage",
    "Trained",
    "Training",
    "import_object",
    "load_weights",
    "mlp",
    "named_network",
    "train",
    "untrained",
    "weights_sha256",
]

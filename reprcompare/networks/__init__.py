"""Architectures and their training; nothing here records or analyses."""

from reprcompare.networks.mlp import ACTIVATIONS, mlp
from reprcompare.networks.named import NETWORKS, Architecture, import_object, named_network
from reprcompare.networks.training import OPTIMISERS, Trained, Training, train

__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "OPTIMISERS",
    "Architecture",
    "Trained",
    "Training",
    "import_object",
    "mlp",
    "named_network",
    "train",
]

"""Architectures and their training; nothing here records or analyses."""

from reprcompare.networks.mlp import ACTIVATIONS, mlp
from reprcompare.networks.training import OPTIMISERS, Trained, Training, train

__all__ = ["ACTIVATIONS", "OPTIMISERS", "Trained", "Training", "mlp", "train"]

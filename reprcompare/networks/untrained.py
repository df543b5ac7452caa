"""The same network before training: the control that holds everything but what was learned."""

import copy

import torch
from torch import nn

from reprcompare.errors import InvalidInputError, listing


def untrained(network: nn.Module, seed: int = 0) -> nn.Module:
    """Copy a network and draw its weights anew, as its layers do when they are made.

    Parameters
    ----------
    network
        Left as it is.
    seed
        Of the weights; the global random state of torch is left alone.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, running averages included in the new start.

    Raises
    ------
    InvalidInputError
        If a module holds parameters of its own but no `reset_parameters`: how they start is then
        known to the class of the network only.

    Examples
    --------
    >>> trained = nn.Linear(3, 2)
    >>> fresh = untrained(trained, seed=1)
    >>> bool((fresh.weight == trained.weight).any())
    False
    """
    fresh = copy.deepcopy(network)
    unknown = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in fresh.named_modules():
            if callable(getattr(module, "reset_parameters", None)):
                module.reset_parameters()
            elif any(True for _ in module.parameters(recurse=False)):
                unknown.append(name or type(module).__name__)
    if unknown:
        raise InvalidInputError(
            f"{listing(unknown)} hold parameters without reset_parameters, so it is not known how "
            "they start; make a new network of the class and record that as the control."
        )
    return fresh.eval()

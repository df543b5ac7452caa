"""Name the weights of a network by their content, and load them without running foreign code."""

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor, nn

from reprcompare.errors import InvalidInputError, listing


def weights_sha256(weights: nn.Module | Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of all parameters and buffers: names, types, shapes and values.

    Parameters
    ----------
    weights
        A network or its state.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    >>> _ = b.load_state_dict(a.state_dict())
    >>> weights_sha256(a) == weights_sha256(b)
    True
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    digest = hashlib.sha256()
    for name, value in state.items():
        if isinstance(value, Tensor):
            plain = value.detach().cpu().contiguous()
            digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
            # numpy knows neither bfloat16 nor float8; their bytes are hashed as they are.
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(f"{name} {value!r}\n".encode())
    return digest.hexdigest()


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the weights of a network from a checkpoint, without ever running code from it.

    Parameters
    ----------
    path
        A file written by `torch.save`: a state, or a dictionary that holds one under
        ``"state_dict"``, ``"model_state_dict"``, ``"model"`` or ``"weights"``.

    Returns
    -------
    dict of str to torch.Tensor
        On the CPU, for ``network.load_state_dict``.

    Raises
    ------
    InvalidInputError
        If the file does not exist, holds anything but tensors and plain values, or is damaged.
    """
    target = Path(path)
    if not target.is_file():
        raise InvalidInputError(f"{target} does not exist; expected a file of weights.")
    try:
        found = torch.load(target, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile, ValueError) as error:
        raise InvalidInputError(
            f"{target} was not loaded: it is damaged, or it holds Python objects besides tensors, "
            "and loading those could run code. Save the state alone, with "
            "torch.save(network.state_dict(), path)."
        ) from error
    for name in ("state_dict", "model_state_dict", "model", "weights"):
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
            break
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        kinds = listing(sorted({type(v).__name__ for v in found.values()})) if isinstance(
            found, Mapping
        ) else type(found).__name__  # fmt: skip
        raise InvalidInputError(
            f"{target} holds {kinds}, expected a dictionary of tensors (a state_dict)."
        )
    return dict(found)

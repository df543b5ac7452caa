"""What makes two sessions the same, and what a recording tells about how it was made."""

import functools
import hashlib
import importlib.metadata
import inspect
import json
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from reprcompare.sessions.stimuli import Source

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
LIBRARIES = ("torch", "numpy", "xarray", "netCDF4", "torchvision", "timm", "transformers")


def describe_network(network: nn.Module, weights: str) -> dict[str, object]:
    """Return class, source, structure and weights of a network.

    Parameters
    ----------
    network
        The network.
    weights
        SHA-256 of its weights.
    """
    kind: Any = type(network)
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "source_sha256": _source_sha256(kind),
        "structure_sha256": hashlib.sha256(_ADDRESS.sub("", repr(network)).encode()).hexdigest(),
        "weights_sha256": weights,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }


def describe_function(function: object) -> str:
    """Name a preprocessing function by its name and content, without memory addresses.

    Examples
    --------
    >>> describe_function(None)
    ''
    """
    if function is None:
        return ""
    if inspect.isfunction(function):
        code = function.__code__
        content = repr((code.co_code, [c for c in code.co_consts if not inspect.iscode(c)]))
        digest = hashlib.sha256(content.encode()).hexdigest()[:16]
        return f"{function.__module__}.{function.__qualname__} ({digest})"
    return _ADDRESS.sub("", repr(function))


def describe_table(table: pd.DataFrame | None) -> str:
    """Return a checksum of a table, '' for none."""
    if table is None:
        return ""
    text = table.to_csv() + str(list(map(str, table.dtypes)))
    return hashlib.sha256(text.encode()).hexdigest()


def describe_labels(source: Source) -> str:
    """Return a checksum of the labels that stimuli carry, '' for none."""
    digest = hashlib.sha256(describe_table(source.table).encode())
    for name, variable in sorted(source.labels.variables.items(), key=lambda item: str(item[0])):
        values = variable.values
        content = (
            values.tobytes() if values.dtype.kind in "biuf" else repr(values.tolist()).encode()
        )
        digest.update(f"{name} {variable.dims} {values.dtype.kind} ".encode() + content)
    return digest.hexdigest() if source.labels.variables or source.table is not None else ""


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of what takes part in a recording."""
    found = {"python": platform.python_version()}
    for name in ("reprcompare", *LIBRARIES):
        if name == "reprcompare" or name in sys.modules:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = "unknown"
    return found


def machine(device: torch.device) -> dict[str, object]:
    """Return what the session ran on, without the name of the user or the machine."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": device.type,
        "device_name": kind,
        "system": platform.system(),
        "threads": torch.get_num_threads(),
    }


def command() -> str:
    """Return the command line without the folders in it."""
    return " ".join(Path(word).name if "/" in word else word for word in sys.argv)


def plain(parts: Mapping[str, object]) -> dict[str, object]:
    """Return the mapping as it will come back from JSON."""
    return json.loads(json.dumps(dict(parts), sort_keys=True, default=str))


@functools.lru_cache(maxsize=256)
def _source_sha256(kind: type) -> str:
    try:
        return hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()
    except (OSError, TypeError):  # typed in at a prompt, or compiled
        return ""

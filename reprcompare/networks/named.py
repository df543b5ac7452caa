"""Networks by name, for protocols and the command line."""

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from reprcompare.errors import (
    InvalidInputError,
    MissingExtraError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.networks.baselines import Pixels, V1Like
from reprcompare.networks.cnn import cnn, cnn1d
from reprcompare.networks.encrypted import encrypted
from reprcompare.networks.imagenet import efficientnet_lite0, preprocess
from reprcompare.networks.mlp import mlp
from reprcompare.networks.recurrent import gru, lstm
from reprcompare.networks.resnet import small_resnet
from reprcompare.networks.transformer import transformer
from reprcompare.networks.vit import vit
from reprcompare.networks.weights import load_weights


@dataclass(frozen=True)
class Architecture:
    """A function that makes a network, and what turns 8-bit images into its input."""

    make: Callable[..., nn.Module]
    preprocess: Callable[..., torch.Tensor] | None = None


NETWORKS: dict[str, Architecture] = {
    "mlp": Architecture(mlp),
    "cnn": Architecture(cnn),
    "cnn1d": Architecture(cnn1d),
    "small_resnet": Architecture(small_resnet),
    "vit": Architecture(vit),
    "transformer": Architecture(transformer),
    "lstm": Architecture(lstm),
    "gru": Architecture(gru),
    "efficientnet_lite0": Architecture(efficientnet_lite0, preprocess),
    "encrypted": Architecture(encrypted),
    "pixels": Architecture(Pixels, preprocess),
    "v1_like": Architecture(V1Like, preprocess),
}
"""The networks that come with the package."""


def named_network(
    name: str, weights: str | None = None, seed: int = 0, allow_import: bool = False
) -> tuple[nn.Module, Callable[..., torch.Tensor] | None]:
    """Make a network by name.

    Parameters
    ----------
    name
        One of `NETWORKS`, ``torchvision:NAME``, ``timm:NAME``, or one's own ``module:attribute``.
    weights
        ``"DEFAULT"`` for the trained weights that come with a network, the path of a file (a state
        dict; never unpickled as code), or None for fresh ones.
    seed
        Seed of fresh weights.
    allow_import
        Whether a module of the user's own may be imported.

    Returns
    -------
    network : torch.nn.Module
        In evaluation mode.
    preprocess : callable or None
        Turns 8-bit images into its input, where that is known.

    Raises
    ------
    UnknownNameError
        If there is no such network.
    MissingExtraError
        If torchvision or timm is asked for and not installed.
    InvalidInputError
        If weights do not fit, or importing was not allowed.
    """
    trained = weights == "DEFAULT"
    source, _, rest = name.partition(":")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if not rest:
            network, prepare = _own(name, trained, seed)
        elif source in ("torchvision", "timm"):
            network, prepare = _LIBRARIES[source](rest, trained)
        else:
            network, prepare = _instance(import_object(name, allow_import), name), None
            if trained:
                raise _no_weights(name)
    if weights is not None and not trained:
        _load(network, weights)
    return network.eval(), prepare


def import_object(name: str, allowed: bool) -> Any:
    """Import ``module:attribute``, if that was allowed.

    Parameters
    ----------
    name
        Where the object is.
    allowed
        Importing runs the module's code, so the user must have asked for it.

    Returns
    -------
    object
        Whatever the attribute is.

    Raises
    ------
    InvalidInputError
        If it was not allowed, or there is no such object.
    """
    if not allowed:
        raise InvalidInputError(
            f"{name!r} would be imported, which runs code of its author; if you trust it, run "
            "again with --allow-import."
        )
    module, _, attribute = name.partition(":")
    if not {"", str(Path.cwd())} & set(sys.path):
        # Where a command is called, modules lie beside the data.
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InvalidInputError(f"{name!r} could not be imported: {error}.") from error
    return found


def _instance(found: Any, name: str) -> nn.Module:
    network = found if isinstance(found, nn.Module) else found()
    if not isinstance(network, nn.Module):
        raise InvalidInputError(
            f"{name!r} gave a {type(network).__name__}, expected a torch.nn.Module or a function "
            "without arguments that returns one."
        )
    return network


def _own(
    name: str, trained: bool, seed: int
) -> tuple[nn.Module, Callable[..., torch.Tensor] | None]:
    if name not in NETWORKS:
        raise UnknownNameError(
            unknown_name("network", name, [*NETWORKS, "torchvision:NAME", "timm:NAME"])
        )
    architecture = NETWORKS[name]
    parameters = inspect.signature(architecture.make).parameters
    if {"n_inputs", "input_shape"} & parameters.keys():
        raise InvalidInputError(
            f"{name!r} is made for a task; record it with a protocol, or from Python."
        )
    if trained and "trained" not in parameters:
        raise _no_weights(name)
    given = {"trained": trained, "seed": seed}
    return (
        architecture.make(**{key: value for key, value in given.items() if key in parameters}),
        architecture.preprocess,
    )


def _no_weights(name: str) -> InvalidInputError:
    return InvalidInputError(
        f"no trained weights come with {name!r}; leave out weights=, or give a file of weights."
    )


def _torchvision(name: str, trained: bool) -> tuple[nn.Module, Callable[..., torch.Tensor] | None]:
    models = _library("torchvision.models")
    try:
        weights = models.get_model_weights(name).DEFAULT
        network = models.get_model(name, weights=weights if trained else None)
    except ValueError as error:
        raise UnknownNameError(
            unknown_name("network", name, models.list_models(), "torchvision")
        ) from error
    return network, _of_images(weights.transforms())


def _timm(name: str, trained: bool) -> tuple[nn.Module, Callable[..., torch.Tensor] | None]:
    timm = _library("timm")
    try:
        network = timm.create_model(name, pretrained=trained)
    except RuntimeError as error:
        raise UnknownNameError(unknown_name("network", name, timm.list_models(), "timm")) from error
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network))
    return network, _of_images(transform)


_LIBRARIES = {"torchvision": _torchvision, "timm": _timm}


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError) as error:
        package = name.partition(".")[0]
        raise MissingExtraError(
            f"{package} is not installed, or does not fit the installed torch ({error}); install "
            f"it with: pip install {package}"
        ) from error


def _of_images(transform: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Make a transform of one PIL image into one of 8-bit images (n, height, width, 3)."""
    from PIL import Image

    def prepare(images: Any) -> torch.Tensor:
        pixels = torch.as_tensor(np.array(images))
        batch = pixels[None] if pixels.ndim == 3 else pixels
        return torch.stack([transform(Image.fromarray(image.numpy())) for image in batch])

    return prepare


def _load(network: nn.Module, path: str) -> None:
    try:
        network.load_state_dict(load_weights(path))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise InvalidInputError(
            f"the weights in {path} do not fit {type(network).__name__}: {first}"
        ) from error

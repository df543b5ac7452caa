"""Residual networks, with torchvision's names of layers and parameters, without torchvision."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from reprcompare.networks.cnn import image_shape
from reprcompare.networks.initialisation import seeded
from reprcompare.networks.layers import normalisation as normalisation_of


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    Parameters
    ----------
    n_in, n_out
        Channels of input and output.
    stride
        Stride of the first convolution; the shortcut follows it.
    norm
        Makes the normalisation of so many channels.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        stride: int,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.bn1 = norm(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = norm(n_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), norm(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, n_out, h / stride, w / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet18(nn.Module):
    """The 18-layer residual network of He, Zhang, Ren & Sun 2016 (Table 1).

    Parameters
    ----------
    n_classes
        Size of the output.
    """

    def __init__(self, n_classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w) to logits (n, n_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet18(n_classes: int = 1000, seed: int | None = None) -> ResNet18:
    """Return an untrained ResNet-18 in evaluation mode.

    A state of torchvision's ``resnet18`` loads into it as it is, and the names of its layers are
    the same (``conv1``, ``layer1.0.conv1``, ``avgpool``, ``fc``).

    Parameters
    ----------
    n_classes
        Size of the output.
    seed
        Seed of the initial weights; the global random state of torch is left as it was. None draws
        from the global random state.

    Examples
    --------
    >>> network = resnet18(n_classes=10, seed=0)
    >>> network(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    >>> sum(parameter.numel() for parameter in resnet18().parameters())
    11689512
    """
    if seed is None:
        return ResNet18(n_classes).eval()
    with seeded(seed):
        return ResNet18(n_classes).eval()


class SmallResNet(nn.Module):
    """A residual network for small images: no pooling at the start, one stage a width.

    Parameters
    ----------
    input_shape, n_outputs, widths, blocks, normalisation
        See `small_resnet`.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        widths: Sequence[int],
        blocks: int,
        normalisation: str,
    ) -> None:
        super().__init__()
        self.image = image_shape(input_shape)

        def norm(n: int) -> nn.Module:
            return normalisation_of(normalisation, n, of_images=True)

        size = widths[0]
        self.conv1 = nn.Conv2d(self.image[0], size, 3, padding=1, bias=False)
        self.bn1 = norm(size)
        self.relu = nn.ReLU()
        self.n_stages = len(widths)
        for number, width in enumerate(widths, start=1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(BasicBlock(size, width, 2 if number > 1 and block == 0 else 1, norm))
                size = width
            self.add_module(f"layer{number}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(size, n_outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Map stimuli (n, *input_shape) to (n, n_outputs)."""
        x = self.relu(self.bn1(self.conv1(x.reshape(-1, *self.image))))
        for number in range(1, self.n_stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def small_resnet(
    input_shape: Sequence[int],
    n_outputs: int,
    widths: Sequence[int] = (16, 32, 64),
    blocks: int = 1,
    normalisation: str = "batch",
    seed: int = 0,
) -> SmallResNet:
    """Make a small residual network (He et al. 2016, section 4.2, in form).

    Parameters
    ----------
    input_shape
        Of one stimulus, see `reprcompare.networks.cnn.image_shape`.
    n_outputs
        Number of output units.
    widths
        Channels of the stages `layer{i}`; all but the first halve the image.
    blocks
        Residual blocks in a stage.
    normalisation
        A name in `reprcompare.networks.layers.IMAGE_NORMALISATIONS`.
    seed
        Seed of the initial weights; the global state of torch is left as it was.

    Examples
    --------
    >>> small_resnet((3, 16, 16), 2, widths=(4, 8))(torch.zeros(5, 3, 16, 16)).shape
    torch.Size([5, 2])
    """
    with seeded(seed):
        return SmallResNet(input_shape, n_outputs, widths, blocks, normalisation)

"""Layers are found by name and pattern, and wrong names are answered with the nearest."""

import pytest
from torch import nn

from reprcompare.errors import InvalidInputError, UnknownLayerError
from reprcompare.networks.resnet import resnet18
from reprcompare.sessions import Layer, choose_layers

NETWORK = resnet18(n_classes=2, seed=0)


def names(layers):
    return [layer.module for layer in choose_layers(NETWORK, layers)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("layer*", ["layer1", "layer2", "layer3", "layer4"]),
        ("layer4.*", ["layer4.0", "layer4.1"]),
        (
            "layer4.*.conv*",
            ["layer4.0.conv1", "layer4.0.conv2", "layer4.1.conv1", "layer4.1.conv2"],
        ),
        ("**.downsample", ["layer2.0.downsample", "layer3.0.downsample", "layer4.0.downsample"]),
        (["fc", "conv1", "fc"], ["fc", "conv1"]),
        (["conv1", "*1"], ["conv1", "bn1", "layer1"]),
    ],
)
def test_patterns_stay_within_a_level_unless_doubled(pattern, expected):
    assert names(pattern) == expected


def test_all_leaf_modules():
    leaves = names(None)
    assert len(leaves) == 20 + 20 + 9 + 2 + 1  # convolutions, normalisations, ReLUs, pools, fc
    assert "layer1" not in leaves
    assert (leaves[0], leaves[-1]) == ("conv1", "fc")


def test_a_part_and_a_call_are_split_off_the_name():
    network = nn.ModuleDict({"core": nn.LSTM(2, 2)})
    assert choose_layers(network, "core:2[1][0]") == [Layer("core", 2, "[1][0]")]


@pytest.mark.parametrize("wrong", ["layer5", "layer1.2", "", "layer9*", "conv1:x", "conv1[", "[0]"])
def test_unknown_layers_are_refused(wrong):
    with pytest.raises(UnknownLayerError, match="no layer"):
        choose_layers(NETWORK, wrong)


def test_the_nearest_name_is_offered():
    with pytest.raises(UnknownLayerError, match=r"no layer 'layer5' in ResNet18; did you mean 'l"):
        choose_layers(NETWORK, "layer5")


def test_a_network_without_layers_and_an_empty_choice():
    with pytest.raises(InvalidInputError, match="it has no modules"):
        choose_layers(nn.Linear(2, 2), None)
    with pytest.raises(InvalidInputError, match="no layers"):
        choose_layers(NETWORK, [])

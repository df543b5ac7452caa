"""Stitching: what the later layers of a network can read from another system's activity."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.sessions import stitch


@pytest.fixture
def network():
    """Two inputs of which the answer needs one."""
    made = nn.Sequential(nn.Identity(), nn.Linear(2, 1, bias=False))
    made[1].weight.data = torch.tensor([[1.0, 0.0]])
    return made


@pytest.fixture
def x():
    return torch.as_tensor(np.random.default_rng(0).normal(size=(200, 2)), dtype=torch.float32)


def test_rotated_activity_does_as_well(network, x):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 2)))[0]
    assert stitch(network, "0", x, x.numpy() @ rotation).recovered > 0.98


def test_activity_without_what_is_used_does_not(network, x):
    assert abs(stitch(network, "0", x, x.numpy()[:, [1]]).recovered) < 0.25


def test_what_is_not_used_need_not_be_there(network, x):
    assert stitch(network, "0", x, x.numpy()[:, [0]]).recovered > 0.98


def test_the_network_is_left_as_it_was(network, x):
    before = network(x).detach()
    stitch(network, "0", x, x.numpy())
    torch.testing.assert_close(network(x).detach(), before)


def test_rows_must_be_stimuli(network, x):
    with pytest.raises(InvalidInputError, match="200 stimuli"):
        stitch(network, "0", x, np.zeros((3, 2)))

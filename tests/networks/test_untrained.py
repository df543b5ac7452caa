"""Networks before training: new weights, the same architecture, repeatable."""

import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks import untrained


def network():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )


def test_weights_are_drawn_anew_and_the_network_is_left_alone():
    trained = network()
    trained(torch.randn(5, 3, 8, 8))
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    state = torch.random.get_rng_state()
    fresh, again, other = (untrained(trained, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    for name, value in trained.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(fresh[0].weight, again[0].weight)
    assert not torch.equal(fresh[0].weight, other[0].weight)
    assert not torch.equal(fresh[0].weight, trained[0].weight)
    assert torch.equal(fresh[1].running_mean, torch.zeros(4))
    assert not fresh.training


def test_parameters_of_unknown_origin_are_named():
    class Token(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))

    with pytest.raises(InvalidInputError, match="0 hold parameters without reset_parameters"):
        untrained(nn.Sequential(Token(), nn.Linear(3, 2)))

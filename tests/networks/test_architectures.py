"""Every architecture computes what it says, and can be trained in a stack."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.networks import Training, mlp, train
from reprcompare.networks.cnn import cnn, cnn1d
from reprcompare.networks.initialisation import initialise
from reprcompare.networks.recurrent import gru, lstm
from reprcompare.networks.resnet import small_resnet
from reprcompare.networks.transformer import transformer
from reprcompare.networks.vit import vit
from reprcompare.tasks import Feature, VectorTask

TASK = VectorTask((Feature("a", "linear"), Feature("b", "linear")), n_inputs=16, coding="-1/1")
IMAGE = (16,)

SMALL = {
    "mlp": lambda seed: mlp(
        16, 2, (8, 8), "swish", "layer", dropout=0.1, residual=True, seed=seed
    ),
    "cnn": lambda seed: cnn(IMAGE, 2, (4,), (8,), normalisation="group", dropout=0.1, seed=seed),
    "cnn1d": lambda seed: cnn1d(16, 2, (4,), (8,), seed=seed),
    "small_resnet": lambda seed: small_resnet(IMAGE, 2, (4, 8), seed=seed),
    "vit": lambda seed: vit(IMAGE, 2, width=8, depth=1, heads=2, dropout=0.1, seed=seed),
    "transformer": lambda seed: transformer(
        16, (2, 2), ("a", "b"), width=8, depth=1, heads=2, dropout=0.1, seed=seed
    ),
    "lstm": lambda seed: lstm(16, 2, width=6, seed=seed),
    "gru": lambda seed: gru(16, 2, width=6, seed=seed),
}  # fmt: skip


def run(make, seeds, settings):
    data = [TASK.examples(64, "train", [seed, 1]) for seed in seeds]
    return train(
        [make(seed) for seed in seeds],
        [x for x, _ in data],
        [y for _, y in data],
        TASK.examples(32, "validation", 9),
        settings,
        seeds=seeds,
    )


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_every_architecture_is_the_same_alone_and_in_a_stack(make):
    settings = Training("adam", 1e-2, max_steps=12, check_every=6, batch_size=16)
    alone, together = run(make, [2], settings)[0], run(make, [1, 2], settings)[1]
    start = make(2).state_dict()
    assert any((alone.state[name] != value).any() for name, value in start.items())
    for name, value in alone.state.items():
        torch.testing.assert_close(together.state[name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", SMALL.values(), ids=SMALL)
def test_weights_are_seeded_and_the_global_state_is_left_alone(make):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = make(1).state_dict(), make(1).state_dict(), make(2).state_dict()
    torch.testing.assert_close(torch.rand(1), expected)
    assert all((one[name] == again[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


@pytest.mark.parametrize(("make", "reference"), [(lstm, nn.LSTM), (gru, nn.GRU)])
def test_recurrent_cells_are_those_of_torch(make, reference):
    network = make(7, 2, width=5, seed=0)
    layer = reference(1, 5, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(network.from_input.weight)
        layer.bias_ih_l0.copy_(network.from_input.bias)
        layer.weight_hh_l0.copy_(network.from_state.weight)
        layer.bias_hh_l0.copy_(network.from_state.bias)
    x = torch.randn(4, 7)
    seen = {}
    network.states.register_forward_hook(lambda m, i, out: seen.update(states=out))
    found = network(x)
    states, _ = layer(x.unsqueeze(-1))
    torch.testing.assert_close(seen["states"], states, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, network.readout(states[:, -1]), rtol=1e-5, atol=1e-6)


def decoder(order=(), levels=(2, 3, 2)):
    names = ("a", "b", "c")
    return transformer(6, levels, names, order, width=8, depth=2, heads=2, seed=4).eval()


def test_a_transformer_that_is_given_its_own_answers_gives_them_again():
    network, x = decoder(("c", "a", "b")), torch.randn(20, 6)
    free = network(x)
    own = torch.stack(
        [(free[:, 0] > 0).float(), free[:, 1:4].argmax(1).float(), (free[:, 4] > 0).float()], dim=1
    )
    torch.testing.assert_close(network(x, own), free, rtol=1e-4, atol=1e-5)
    # The first answer depends on no other, the last one does.
    other = own.clone()
    other[:, [0, 2]] = 1 - other[:, [0, 2]]
    given = network(x, other)
    torch.testing.assert_close(given[:, 4], free[:, 4], rtol=1e-4, atol=1e-5)
    assert (given[:, 1:4] - free[:, 1:4]).abs().max() > 1e-3


def test_attention_is_that_of_torch_and_sees_nothing_later():
    from reprcompare.networks.attention import Attention

    x = torch.randn(3, 5, 8)
    for causal in (False, True):
        layer = Attention(8, 2, causal)
        parts = layer.qkv(x).reshape(3, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts, is_causal=causal)
        expected = layer.project(mixed.transpose(1, 2).reshape(3, 5, 8))
        torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)
    changed = x.clone()
    changed[:, 3:] += 1
    torch.testing.assert_close(layer(changed)[:, :3], layer(x)[:, :3])


def test_answers_that_are_not_known_are_a_token_of_their_own():
    network, x = decoder(), torch.randn(5, 6)
    given = torch.tensor([[torch.nan, 1.0, 0.0]]).repeat(5, 1)
    assert network(x, given).isfinite().all()
    assert (network(x, given) - network(x, given.nan_to_num(0.0))).abs().max() > 1e-4


def test_patches_are_embedded_as_a_convolution_with_that_stride_does():
    network = vit((3, 8, 8), 2, patch_size=4, width=8, seed=1)
    x = torch.randn(2, 3, 8, 8)
    seen = {}
    network.embed.register_forward_hook(lambda m, i, out: seen.update(tokens=out))
    network(x)
    kernel = network.embed.weight.reshape(8, 3, 4, 4)
    expected = functional.conv2d(x, kernel, network.embed.bias, stride=4).flatten(2).transpose(1, 2)
    torch.testing.assert_close(seen["tokens"], expected, rtol=1e-4, atol=1e-5)


def test_initial_weights_have_the_scheme_and_the_gain():
    network = mlp(400, 300, (500,), initialisation="xavier_normal", gain=1.5, seed=0)
    weight = network.hidden1.linear.weight.detach()
    assert float(weight.std()) == pytest.approx(1.5 * (2 / 900) ** 0.5, rel=0.02)
    assert not network.hidden1.linear.bias.any()
    plain, wide = mlp(8, 2, (4,), seed=3), mlp(8, 2, (4,), gain=2.0, seed=3)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(wide.state_dict()[name], 2 * value)
    conv = nn.Conv2d(16, 32, 3)
    initialise(conv, "kaiming_normal")
    assert float(conv.weight.detach().std()) == pytest.approx((2 / 144) ** 0.5, rel=0.05)


def test_residual_layers_add_their_input_where_sizes_allow():
    network = mlp(4, 2, (6, 6), "tanh", residual=True, seed=0)
    x = torch.randn(3, 4)
    first = torch.tanh(network.hidden1.linear(x))
    second = first + torch.tanh(network.hidden2.linear(first))
    torch.testing.assert_close(network(x), network.readout(second))


def test_a_small_resnet_has_the_normalisation_that_was_asked_for():
    assert any(isinstance(m, nn.BatchNorm2d) for m in small_resnet((1, 8, 8), 2).modules())
    for name, kind in {"none": nn.Identity, "layer": nn.GroupNorm}.items():
        network = small_resnet((1, 8, 8), 2, normalisation=name)
        assert isinstance(network.layer1[0].bn1, kind)
        assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


def test_what_does_not_fit_gets_a_sentence():
    with pytest.raises(InvalidInputError, match="length is a square number"):
        cnn((32,), 2)
    with pytest.raises(InvalidInputError, match="too small for 3 convolutions"):
        cnn((1, 4, 4), 2, (2, 2, 2))
    with pytest.raises(InvalidInputError, match="patches of 3 pixels do not fit"):
        vit((16,), 2, patch_size=3)
    with pytest.raises(InvalidInputError, match="3 heads do not divide a width of 8"):
        vit((16,), 2, width=8, heads=3)
    with pytest.raises(InvalidInputError, match="each of the features once: a, b, c"):
        decoder(("a", "b"))
    with pytest.raises(UnknownNameError, match="no normalisation 'bath'"):
        mlp(4, 2, normalisation="bath")
    with pytest.raises(UnknownNameError, match="no initialisation 'xavier'"):
        mlp(4, 2, initialisation="xavier")
    with pytest.raises(InvalidInputError, match="gain must be above 0"):
        mlp(4, 2, gain=0)

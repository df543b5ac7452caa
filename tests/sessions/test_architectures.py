"""What is recorded equals plain hooks, whatever the architecture returns."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks.resnet import resnet18
from reprcompare.sessions import record

N = 7
IDS = [f"s{number}" for number in range(N)]


def by_hooks(network, inputs, names, pick=lambda output: output):
    """Return {layer: [what it returned, call by call]} of one forward pass."""
    modules, caught = dict(network.eval().named_modules()), {name: [] for name in names}

    def catching(name):
        return lambda module, args, output: caught[name].append(pick(output).clone())

    hooks = [modules[name].register_forward_hook(catching(name)) for name in names]
    with torch.no_grad():
        if isinstance(inputs, dict):
            network(**inputs)
        else:
            network(*inputs) if isinstance(inputs, tuple) else network(inputs)
    for hook in hooks:
        hook.remove()
    return caught


def recorded(network, stimuli, layers, tmp_path, **options):
    return record(
        network, stimuli, layers=layers, path=tmp_path / "a.nc", stimulus_ids=IDS, batch_size=N,
        **options,
    )  # fmt: skip


def region(recording, name):
    return recording.activity.values[:, recording.region.values == name]


def seeded(make, *arguments, **named):
    torch.manual_seed(0)
    return make(*arguments, **named).eval()


def images(size=32):
    return torch.randn(N, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_a_module_called_several_times_has_one_region_a_call(tmp_path):
    network = resnet18(n_classes=4, seed=0)
    recording = recorded(network, images(), ["layer1.0.relu", "conv1"], tmp_path)
    caught = by_hooks(network, images(), ["layer1.0.relu", "conv1"])
    first, second = caught["layer1.0.relu"]
    assert list(dict.fromkeys(recording.region.values)) == [
        "layer1.0.relu:0", "layer1.0.relu:1", "conv1",
    ]  # fmt: skip
    np.testing.assert_array_equal(region(recording, "layer1.0.relu:0"), first.flatten(1))
    np.testing.assert_array_equal(region(recording, "layer1.0.relu:1"), second.flatten(1))
    np.testing.assert_array_equal(region(recording, "conv1"), caught["conv1"][0].flatten(1))


def test_one_of_several_calls_can_be_chosen(tmp_path):
    network = resnet18(n_classes=4, seed=0)
    recording = recorded(network, images(), "layer1.0.relu:1", tmp_path)
    second = by_hooks(network, images(), ["layer1.0.relu"])["layer1.0.relu"][1]
    np.testing.assert_array_equal(recording.activity.values, second.flatten(1))


def test_all_leaf_modules_of_a_residual_network(tmp_path):
    network = resnet18(n_classes=4, seed=0)
    recording = recorded(network, images(), None, tmp_path)
    leaves = [name for name, m in network.named_modules() if name and not list(m.children())]
    caught = by_hooks(network, images(), leaves)
    expected = torch.cat([x.flatten(1) for name in leaves for x in caught[name]], dim=1)
    np.testing.assert_array_equal(recording.activity.values, expected)


class Recurrent(nn.Module):
    def __init__(self, kind, batch_first):
        super().__init__()
        self.core = kind(5, 6, num_layers=2, batch_first=batch_first)
        self.read_out = nn.Linear(6, 2)
        self.batch_first = batch_first

    def forward(self, x):
        steps, _ = self.core(x if self.batch_first else x.transpose(0, 1))
        return self.read_out(steps[:, -1] if self.batch_first else steps[-1])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("n_steps", [4, N])  # as many steps as stimuli must not confuse the axes
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_steps_of_a_recurrent_layer_become_time_bins(tmp_path, kind, n_steps, batch_first):
    network = seeded(Recurrent, kind, batch_first)
    stimuli = torch.randn(N, n_steps, 5)
    recording = recorded(network, stimuli, "core", tmp_path, time_axis=1)
    steps = by_hooks(network, stimuli, ["core"], lambda output: output[0])["core"][0]
    steps = steps if batch_first else steps.transpose(0, 1)
    assert recording.activity.dims == ("presentation", "neuroid", "time_bin")
    np.testing.assert_array_equal(recording.activity.values, steps.transpose(1, 2))
    assert recording.time_bin_start.values.tolist() == list(range(n_steps))


def test_one_of_several_tensors_can_be_chosen(tmp_path):
    network = seeded(Recurrent, nn.LSTM, True)
    stimuli = torch.randn(N, 4, 5)
    recording = recorded(network, stimuli, ["core[1][0]", "core[1][1]"], tmp_path)
    hidden, cell = by_hooks(
        network, stimuli, ["core"], lambda output: torch.stack(list(output[1]))
    )["core"][0]
    np.testing.assert_array_equal(
        region(recording, "core[1][0]"), hidden.transpose(0, 1).flatten(1)
    )
    np.testing.assert_array_equal(region(recording, "core[1][1]"), cell.transpose(0, 1).flatten(1))


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(5, 6)

    def forward(self, x):
        state = x.new_zeros(len(x), 6)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return state


def test_calls_of_a_cell_become_time_bins(tmp_path):
    network, stimuli = seeded(Cell), torch.randn(N, 4, 5)
    recording = recorded(network, stimuli, "cell", tmp_path, time_axis="calls", outputs="logits")
    steps = torch.stack(by_hooks(network, stimuli, ["cell"])["cell"], dim=2)
    np.testing.assert_array_equal(recording.activity.values, steps)
    np.testing.assert_array_equal(recording.output.values[:, 0], steps[:, :, -1])


def test_layers_without_a_common_time_axis_are_refused(tmp_path):
    network = nn.Sequential(nn.Conv1d(5, 4, 2), nn.Conv1d(4, 3, 2))
    with pytest.raises(InvalidInputError, match="one time axis"):
        recorded(network, torch.randn(N, 5, 9), None, tmp_path, time_axis=2)


def test_layers_inside_a_transformer_are_reached(tmp_path):
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    network = seeded(nn.TransformerEncoder, layer, 2, enable_nested_tensor=False)
    stimuli = torch.randn(N, 5, 8)
    names = ["layers.0.linear1", "layers.1"]
    recording = recorded(network, stimuli, names, tmp_path, reduce="token:mean")
    caught = by_hooks(network, stimuli, names)
    for name in names:
        np.testing.assert_array_equal(region(recording, name), caught[name][0].mean(dim=1))


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, left, right, scale=None):
        return {"mean": self.left(left).mean(), "logits": self.left(left) + self.right(right)}


def test_several_inputs_by_position_and_by_name(tmp_path):
    network, left, right = seeded(Named), torch.randn(N, 3), torch.randn(N, 2).numpy()
    one = recorded(network, (left, right), None, tmp_path, outputs="logits")
    caught = by_hooks(network, (left, torch.from_numpy(right)), ["left", "right"])
    np.testing.assert_array_equal(region(one, "right"), caught["right"][0])
    expected = caught["left"][0] + caught["right"][0]
    np.testing.assert_array_equal(one.output.values[:, 0], expected)
    (tmp_path / "a.nc").unlink()
    named = {"right": right, "left": left}
    other = recorded(network, named, None, tmp_path, outputs="logits")
    np.testing.assert_array_equal(other.activity.values, one.activity.values)


def test_half_precision_is_stored_as_float32_and_noted(tmp_path):
    network = seeded(nn.Sequential, nn.Linear(3, 4)).to(torch.bfloat16)
    stimuli = torch.randn(N, 3)
    recording = recorded(network, stimuli, "0", tmp_path)
    with torch.no_grad():
        expected = network(stimuli.to(torch.bfloat16)).float()
    np.testing.assert_array_equal(recording.activity.values, expected)
    assert recording.activity.dtype == np.float32
    assert recording.activity.attrs["original_dtype"] == "bfloat16"


def test_a_layer_that_is_never_called_is_said(tmp_path):
    network = nn.ModuleDict({"used": nn.Linear(3, 2), "unused": nn.Linear(3, 2)})
    network.forward = lambda x: network["used"](x)
    with pytest.raises(InvalidInputError, match="unused returned no tensor"):
        recorded(network, torch.randn(N, 3), ["used", "unused"], tmp_path)
    recording = recorded(network, torch.randn(N, 3), None, tmp_path)
    assert set(recording.region.values) == {"used"}


@pytest.mark.parametrize("name", ["a b", "ü/../../x", "*", "x" * 300, "a:1", "a[0]", "'\"\\"])
def test_odd_layer_names_are_only_names(tmp_path, name):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self._modules[name] = nn.Linear(3, 2)

        def forward(self, x):
            return self._modules[name](x)

    recording = recorded(Odd(), torch.randn(N, 3), name, tmp_path, subject="s/" + name)
    assert set(recording.region.values) == {name}
    assert set(recording.subject.values) == {"s/" + name}
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]


def test_torchvision(tmp_path):
    models = pytest.importorskip("torchvision.models")
    transformer = models.VisionTransformer(32, 16, 2, 2, 16, 32, num_classes=5)
    for network in (models.resnet18(), models.mobilenet_v3_small(), transformer):
        network.eval()
        stimuli = images(32)
        names = [n for n, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.LayerNorm)]
        recording = recorded(network, stimuli, names, tmp_path, overwrite=True, outputs="logits")
        caught = by_hooks(network, stimuli, names)
        expected = torch.cat([caught[name][0].flatten(1) for name in names], dim=1)
        np.testing.assert_array_equal(recording.activity.values, expected)


def test_our_resnet_is_that_of_torchvision(tmp_path):
    models = pytest.importorskip("torchvision.models")
    theirs, ours = seeded(models.resnet18), resnet18(seed=3)
    ours.load_state_dict(theirs.state_dict())
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    with torch.no_grad():
        assert torch.equal(ours(images(64)), theirs(images(64)))


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "convnext_atto"])
def test_timm(tmp_path, name):
    timm = pytest.importorskip("timm")
    network = seeded(timm.create_model, name, pretrained=False, num_classes=5)
    names = [n for n, m in network.named_modules() if n.count(".") == 1 and len(list(m.children()))]
    stimuli = images(224)
    recording = recorded(network, stimuli, names, tmp_path)
    caught = by_hooks(network, stimuli, names)
    expected = torch.cat([caught[name][0].flatten(1) for name in names], dim=1)
    np.testing.assert_array_equal(recording.activity.values, expected)


def test_transformers_tokens_become_time_bins(tmp_path):
    transformers = pytest.importorskip("transformers")
    tokens = torch.randint(0, 50, (N, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(N, 6, dtype=torch.long)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 32, "vocab_size": 50}  # fmt: skip
    gpt = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=50, n_positions=8, n_embd=16, n_layer=2, n_head=2)
    )
    bert = transformers.BertModel(transformers.BertConfig(**sizes))
    for network, layers in [
        (gpt, ["transformer.h.*", "transformer.h.0.mlp.act"]),
        (bert, ["encoder.layer.*", "encoder.layer.1.attention.self"]),
    ]:
        network.eval()
        inputs = {"input_ids": tokens, "attention_mask": mask}
        recording = recorded(
            network, inputs, layers, tmp_path, time_axis=1, overwrite=True, subject="t"
        )
        names = list(dict.fromkeys(recording.region.values))
        caught = by_hooks(
            network, inputs, names, lambda out: out[0] if isinstance(out, tuple) else out
        )
        expected = torch.cat([caught[name][0].transpose(1, 2) for name in names], dim=1)
        assert len(names) == 3
        np.testing.assert_array_equal(recording.activity.values, expected)
    logits = recorded(gpt, inputs, "lm_head", tmp_path, overwrite=True, outputs="logits")
    with torch.no_grad():
        np.testing.assert_array_equal(
            logits.output.values[:, 0], gpt(**inputs).logits.flatten(1).numpy()
        )

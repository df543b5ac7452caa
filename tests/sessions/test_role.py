"""Role against networks whose effects are known without running anything."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

import reprcompare as rc
from reprcompare.errors import InvalidInputError, LabelMismatchError, UnknownNameError
from reprcompare.recording import concat, open_recording, save_recording, stimulus_set
from reprcompare.sessions import Search, record, role

BITS = np.array(np.meshgrid(*[[-1, 1]] * 6), dtype=np.float32).reshape(6, -1).T
IDS = [f"s{number}" for number in range(len(BITS))]
FEATURES = {"a": [0], "b": [1], "xor": [2, 3], "unused": [4]}


def values(bits):
    return pd.DataFrame(
        {name: (bits[:, u].prod(axis=1) > 0).astype(int) for name, u in FEATURES.items()}
    )


def shown(bits=BITS, ids=IDS):
    return stimulus_set(bits, stimulus_ids=ids, labels=values(bits).set_axis(ids))


def counterfactuals(*names):
    """Flip one input unit of each feature: which one alternates, where there are several."""
    made = {}
    for name in names or FEATURES:
        bits = BITS.copy()
        units = np.resize(FEATURES[name], len(bits))
        bits[np.arange(len(bits)), units] *= -1
        ids = [f"{stimulus}~{name}" for stimulus in IDS]
        made[name] = shown(bits, ids).assign_coords(counterfactual_of=("presentation", IDS))
    return made


class Known(nn.Module):
    """Responses 2a + b and 3b; the third is the XOR, computed by two rectified units.

    The hidden layer also holds the unused unit, whose outgoing weights are zero.
    """

    def __init__(self):
        super().__init__()
        self.copy = nn.Linear(6, 6, bias=False)
        self.hidden = nn.Linear(6, 6, bias=False)
        self.active = nn.ReLU()
        self.passed = nn.Identity()
        self.readout = nn.Linear(6, 3)
        with torch.no_grad():
            self.copy.weight.copy_(torch.eye(6))
            self.hidden.weight.zero_()
            for row, units in enumerate([{0: 1}, {1: 1}, {2: 1, 3: 1}, {2: -1, 3: -1}, {4: 1}]):
                for unit, weight in units.items():
                    self.hidden.weight[row, unit] = weight
            self.readout.weight.zero_()
            self.readout.weight[0, :2] = torch.tensor([2.0, 1.0])
            self.readout.weight[1, 1] = 3.0
            self.readout.weight[2, 2:4] = 1.0
            self.readout.bias.copy_(torch.tensor([0.0, 0.0, -1.0]))

    def forward(self, x):
        h = self.hidden(self.copy(x))
        # a, b and the unused unit are passed on as they are.
        h = torch.cat([h[:, :2], self.active(h[:, 2:4]), h[:, 4:]], dim=1)
        return self.readout(self.passed(h))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    network = Known()
    path = tmp_path_factory.mktemp("role") / "known.nc"
    recording = record(
        network, shown(), layers=["copy", "passed"], path=path, outputs="logits", progress=False
    )
    return role(
        network, recording, shown(), counterfactuals(), responses=["a", "b", "xor"], progress=False
    ).isel(by_subject=0)


def effect(measured, region, feature, response, name="effect"):
    return float(measured[name].sel(by_region=region, feature=feature, response=str(response)))


@pytest.mark.parametrize("region", ["copy", "passed"])
def test_effects_in_a_linear_network_are_those_of_its_weights(measured, region):
    # A flip of a unit changes its weight's response by twice the weight; response 0 is measured
    # by a, whose effect is 4, response 1 by b, whose effect is 6.
    expected = {("a", 0): 1, ("b", 0): 2 / 4, ("a", 1): 0, ("b", 1): 1}
    for (feature, response), value in expected.items():
        assert effect(measured, region, feature, response) == pytest.approx(value, abs=0.03)


@pytest.mark.parametrize("region", ["copy", "passed"])
def test_what_is_decodable_but_has_no_outgoing_weights_has_no_role(measured, region):
    for response in range(3):
        for name in ("effect", "effect_low", "effect_high", "effect_whole"):
            assert effect(measured, region, "unused", response, name) == pytest.approx(0, abs=1e-6)
        # Erasure is fitted on half of the stimuli, where the unit correlates with others.
        erased = effect(measured, region, "unused", response, "effect_erasure")
        assert erased == pytest.approx(0, abs=0.15)


def test_exchange_finds_a_nonlinear_code_that_linear_erasure_misses(measured):
    assert effect(measured, "copy", "xor", 2) > 0.95
    assert effect(measured, "copy", "xor", 2, "effect_flip") == 1
    # Of 32 stimuli, about 1 / sqrt(32) of the XOR is readable by chance.
    assert effect(measured, "copy", "xor", 2, "effect_erasure") < 0.3
    assert effect(measured, "passed", "xor", 2) > 0.95
    assert effect(measured, "passed", "xor", 2, "effect_erasure") == pytest.approx(1, abs=0.05)
    # The two intervals tell the regions apart.
    assert effect(measured, "passed", "xor", 2, "effect_erasure_low") > 0.8
    assert effect(measured, "copy", "xor", 2, "effect_erasure_high") < 0.8


def test_exchanging_whole_states_gives_the_whole_effect(measured):
    for response, feature in enumerate(["a", "b", "xor"]):
        whole = effect(measured, "passed", feature, response, "effect_whole")
        assert whole == pytest.approx(1, abs=1e-5)


def test_steps_of_other_stimuli_lead_nowhere(measured):
    for region in ("copy", "passed"):
        for response, feature in enumerate(["a", "b", "xor"]):
            null = effect(measured, region, feature, response, "effect_null")
            # Of two directions half of the steps are right by chance, and the others do not undo
            # this where a response saturates: half the effect, and its scatter over 64 stimuli.
            assert -0.1 < null < 0.75
            assert effect(measured, region, feature, response) > null + 0.2


def test_one_dimension_suffices_for_a_linear_feature(measured):
    dimensions = measured["effect_dimensions"].sel(by_region="passed", feature="a")
    assert float(dimensions) == 1


@pytest.fixture
def recorded(tmp_path):
    network = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Dropout(), nn.Linear(4, 1))
    path = tmp_path / "a.nc"
    return network, record(
        network, shown(), layers=["1"], path=path, outputs="logits", subject="n0"
    )


def quickly(network, recording, given=None, **options):
    made = counterfactuals("a") if given is None else given
    settings = {"responses": ["a"], "n_null": 2, "search": Search(steps=10), "progress": False}
    return role(network, recording, shown(), made, **(settings | options))


def test_the_network_is_left_as_it_was(recorded):
    network, recording = recorded
    network.train()
    before = [parameter.clone() for parameter in network.parameters()]
    state = torch.random.get_rng_state()
    quickly(network, recording)
    assert network.training
    assert network[2].training
    for parameter, old in zip(network.parameters(), before, strict=True):
        assert parameter.requires_grad
        assert parameter.grad is None
        assert torch.equal(parameter, old)
    assert not network[1]._forward_hooks
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_same_seed_gives_the_same_numbers(recorded):
    network, recording = recorded
    first, second = (quickly(network, recording, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first["effect"].values, second["effect"].values)


def test_roles_are_stored_and_joined_like_everything_else(recorded, tmp_path):
    network, recording = recorded
    first = quickly(network, recording)
    save_recording(first, tmp_path / "role.nc")
    back = open_recording(tmp_path / "role.nc")
    np.testing.assert_array_equal(back["effect"].values, first["effect"].values)
    other = record(
        network, shown(), layers=["1"], path=tmp_path / "b.nc", outputs="logits", subject="n1"
    )
    together = concat([first, quickly(network, other)], dim="neuroid")
    assert together["effect"].sizes["by_subject"] == 2
    assert not np.isnan(together["effect"].sel(feature="a")).any()


def test_roles_of_several_subjects_fill_one_recording(recorded, tmp_path):
    network, recording = recorded
    other = record(
        network, shown(), layers=["1"], path=tmp_path / "b.nc", outputs="logits", subject="n1"
    )
    both = concat([recording, other], dim="neuroid")
    with pytest.raises(InvalidInputError, match="2 subjects .n0, n1.; say with subject="):
        quickly(network, both)
    half = quickly(network, both, subject="n0")
    assert np.isnan(half["effect"].sel(by_subject="n1")).all()
    whole = quickly(network, half, subject="n1")
    assert not np.isnan(whole["effect"].sel(feature="a")).any()
    assert np.isnan(whole["effect"].sel(feature="b")).all()


def test_arrays_serve_as_counterfactuals_of_binary_features(recorded):
    network, recording = recorded
    flipped = counterfactuals("a")["a"]["stimulus"].values
    by_array = quickly(network, recording, {"a": flipped})
    by_set = quickly(network, recording)
    np.testing.assert_array_equal(by_array["effect"].values, by_set["effect"].values)


def test_counterfactuals_are_joined_by_label(recorded):
    network, recording = recorded
    shuffled = counterfactuals("a")["a"].isel(presentation=slice(None, None, -1))
    expected = quickly(network, recording)
    found = quickly(network, recording, {"a": shuffled})
    np.testing.assert_array_equal(found["effect"].values, expected["effect"].values)


def test_folders_of_images_are_joined_by_name(tmp_path):
    rng = np.random.default_rng(0)
    bright = np.arange(24) % 2
    for folder, values in (("shown", bright), ("other", 1 - bright)):
        (tmp_path / folder).mkdir()
        for number, value in enumerate(values):
            pixels = rng.integers(0, 100, (4, 4, 3)) + 150 * value
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / folder / f"i{number}.png")
    (tmp_path / "other" / "i3.png").unlink()
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 2), nn.Linear(2, 1))
    for layer in (network[1], network[2]):
        nn.init.constant_(layer.weight, 0.1)
    found = record(
        network, tmp_path / "shown", layers=["1"], path=tmp_path / "a.nc", outputs="logits",
        labels=pd.DataFrame({"bright": bright}, [f"i{number}" for number in range(24)]),
    )  # fmt: skip
    measured = role(
        network, found, tmp_path / "shown", {"bright": tmp_path / "other"}, responses=["bright"],
        n_null=0, progress=False,
    )  # fmt: skip
    assert float(measured["effect"][0, 0, 0, 0]) == pytest.approx(1, abs=0.01)
    assert measured["response_feature"].values.tolist() == ["bright"]


def test_too_few_counterfactuals_leave_a_reason(recorded):
    network, recording = recorded
    few = counterfactuals("a")["a"].isel(presentation=slice(0, 10))
    found = quickly(network, recording, {"a": few})
    assert np.isnan(found["effect"]).all()
    assert "'a' has 10 counterfactuals that differ in it, too few" in found["effect"].notes


def test_counterfactuals_that_change_more_than_their_feature_are_noted(recorded):
    network, recording = recorded
    bits = -BITS
    ids = [f"{name}~" for name in IDS]
    made = shown(bits, ids).assign_coords(counterfactual_of=("presentation", IDS))
    found = quickly(network, recording, {"a": made})
    assert "also differ in b, unused" in found["effect"].notes


def test_wrong_use_is_explained(recorded):
    network, recording = recorded
    with pytest.raises(UnknownNameError, match="labelled are a, b, xor, unused"):
        quickly(network, recording, {"c": BITS})
    with pytest.raises(InvalidInputError, match="mapping from the names of features"):
        quickly(network, recording, BITS)
    with pytest.raises(UnknownNameError, match="no region '2'"):
        quickly(network, recording, regions="2")
    with pytest.raises(InvalidInputError, match="need the coordinate 'counterfactual_of'"):
        quickly(network, recording, {"a": shown()})
    with pytest.raises(InvalidInputError, match="responses names 2 features, the network has 1"):
        quickly(network, recording, responses=["a", "b"])
    changed = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Dropout(), nn.Linear(4, 1))
    with pytest.raises(LabelMismatchError, match="other weights than the one that was recorded"):
        quickly(changed, recording)
    lone = counterfactuals("a")["a"].assign_coords(
        counterfactual_of=("presentation", [f"x{n}" for n in IDS])
    )
    with pytest.raises(LabelMismatchError, match="belongs to one of the stimuli"):
        quickly(network, recording, {"a": lone})


class Levels(nn.Module):
    """Sum of two units modulo 3, read by one response a level, beside a binary feature."""

    def __init__(self):
        super().__init__()
        self.state = nn.Identity()

    def forward(self, x):
        h = self.state(x)
        total = torch.stack([(h[:, 0] * 2 + h[:, 1] - level).abs() for level in range(3)], dim=1)
        return torch.cat([h[:, 2:3] - 0.5, 1 - 2 * total.clamp(0, 1)], dim=1)


def test_every_level_of_a_feature_has_a_response(tmp_path):
    bits = (BITS + 1) / 2
    bits[:, 1] *= 1 - bits[:, 0]  # the units code the levels 0, 1 and 2
    bits[:, 3:] = np.random.default_rng(0).random((64, 3))
    level = (2 * bits[:, 0] + bits[:, 1]).astype(int)

    def labelled(inputs, ids):
        names = np.array(["none", "one", "two"])[(2 * inputs[:, 0] + inputs[:, 1]).astype(int)]
        table = pd.DataFrame({"binary": inputs[:, 2], "level": names}, index=ids)
        return stimulus_set(inputs, stimulus_ids=ids, labels=table)

    other = bits.copy()
    after = (level + np.resize([1, 2], 64)) % 3
    other[:, 0], other[:, 1] = after == 2, after == 1
    ids = [f"{name}~" for name in IDS]
    made = labelled(other, ids).assign_coords(counterfactual_of=("presentation", IDS))
    stimuli, network = labelled(bits, IDS), Levels()
    recording = record(network, stimuli, layers="state", path=tmp_path / "a.nc", outputs="logits")
    found = role(
        network, recording, stimuli, {"level": made}, progress=False, search=Search(steps=30),
        responses=["binary", "level", "level", "level"],
    ).isel(by_subject=0, by_region=0).sel(feature="level")  # fmt: skip
    assert found["effect_dimensions"] == 2
    np.testing.assert_allclose(found["effect_whole"], [0, 1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(found["effect"], [0, 1, 1, 1], atol=0.02)
    np.testing.assert_array_equal(found["effect_flip"], [np.nan, 1, 1, 1])


def test_role_is_a_verb_of_the_package():
    assert rc.role is role

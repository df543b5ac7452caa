"""Weights are named by their content and never run code; checkpoints make one recording."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks import load_weights, weights_sha256
from reprcompare.sessions import record

IDS = list("abcde")
STIMULI = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


class Malicious:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def test_a_checkpoint_with_code_is_refused_and_does_not_run(tmp_path):
    mark = tmp_path / "ran"
    torch.save({"state_dict": {"w": torch.zeros(2)}, "x": Malicious(mark)}, tmp_path / "bad.pt")
    with pytest.raises(InvalidInputError, match="could run code"):
        load_weights(tmp_path / "bad.pt")
    with pytest.raises(InvalidInputError, match="could run code"):
        record(
            nn.Sequential(nn.Linear(3, 2)), STIMULI, layers="0", path=tmp_path / "a.nc",
            stimulus_ids=IDS, checkpoints={0: tmp_path / "bad.pt"},
        )  # fmt: skip
    assert not mark.exists()
    assert not (tmp_path / "a.nc").exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 torn"])
def test_a_damaged_checkpoint_is_a_sentence(tmp_path, content):
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(InvalidInputError, match="was not loaded"):
        load_weights(tmp_path / "bad.pt")


@pytest.mark.parametrize("wrap", ["state_dict", "model", None])
def test_states_are_found_in_common_checkpoints(tmp_path, wrap):
    network = nn.Linear(3, 2)
    state = network.state_dict()
    torch.save(state if wrap is None else {wrap: state, "epoch": 3}, tmp_path / "a.pt")
    loaded = load_weights(tmp_path / "a.pt")
    assert weights_sha256(loaded) == weights_sha256(network)


def test_something_else_than_a_state_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(InvalidInputError, match="holds list, expected a dictionary of tensors"):
        load_weights(tmp_path / "a.pt")
    with pytest.raises(InvalidInputError, match="does not exist"):
        load_weights(tmp_path / "none.pt")


def test_the_checksum_depends_on_names_values_and_types():
    base = {"a": torch.tensor([1.0, 2.0])}
    sums = {
        weights_sha256(state)
        for state in (
            base,
            {"b": base["a"]},
            {"a": torch.tensor([1.0, 3.0])},
            {"a": base["a"].double()},
            {"a": base["a"].bfloat16()},
            {"a": base["a"][None]},
        )
    }
    assert len(sums) == 6
    turned = torch.arange(6.0).reshape(2, 3)
    assert weights_sha256({"a": turned.T.contiguous().T}) == weights_sha256({"a": turned})


def test_checkpoints_make_one_recording_over_training(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    states = {
        step: {name: value * (step + 1) for name, value in network.state_dict().items()}
        for step in (100, 0, 10)
    }
    before = weights_sha256(network)
    torch.save(states[10], tmp_path / "10.pt")
    recording = record(
        network, STIMULI, layers="1", path=tmp_path / "a.nc", stimulus_ids=IDS, batch_size=2,
        outputs="logits", checkpoints={100: states[100], 0: states[0], 10: tmp_path / "10.pt"},
    )  # fmt: skip
    assert weights_sha256(network) == before
    assert recording.activity.dims == ("training_step", "presentation", "neuroid")
    assert recording.training_step.values.tolist() == [0, 10, 100]
    for step, state in states.items():
        network.load_state_dict(state)
        with torch.no_grad():
            expected = torch.cat([network(part) for part in STIMULI.split(2)]).numpy()
        np.testing.assert_array_equal(recording.activity.sel(training_step=step), expected)
        np.testing.assert_array_equal(recording.output.sel(training_step=step)[:, 0], expected)


def test_a_checkpoint_of_another_network_is_said(tmp_path):
    network = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(InvalidInputError, match="training step 5 does not fit"):
        record(
            network, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS,
            checkpoints={5: nn.Linear(3, 4).state_dict()},
        )  # fmt: skip

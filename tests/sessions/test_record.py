"""What a session writes is what hooks see, with its labels."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, RecordingExistsError, UnknownLayerError
from reprcompare.recording import label_table, open_recording, stimulus_set, validate_recording
from reprcompare.sessions import record


def convolutional(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * 36, 5),
    )


def hooked(network, names, inputs, batch_size):
    """Plain hooks with copies: what any recording has to equal."""
    network.eval()
    modules = dict(network.named_modules())
    caught = {name: [] for name in names}

    def catching(name):
        return lambda module, args, output: caught[name].append(output.clone().flatten(1))

    hooks = [modules[name].register_forward_hook(catching(name)) for name in names]
    with torch.no_grad():
        answers = torch.cat([network(part) for part in inputs.split(batch_size)])
    for hook in hooks:
        hook.remove()
    activity = torch.cat([torch.cat(caught[name]) for name in names], dim=1)
    return activity.numpy(), answers.numpy()


@pytest.fixture
def stimuli():
    return torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(1))


IDS = [f"object é {number}" for number in range(10)]


def test_activity_and_output_equal_plain_hooks(tmp_path, stimuli):
    network = convolutional()
    names = ["0", "1", "2", "3", "4", "5"]
    recording = record(
        network, stimuli, layers=None, path=tmp_path / "a.nc", stimulus_ids=IDS, outputs="logits",
        batch_size=4,
    )  # fmt: skip
    activity, answers = hooked(network, names, stimuli, 4)
    np.testing.assert_array_equal(recording.activity.values, activity)
    np.testing.assert_array_equal(recording.output.values[:, 0], answers)
    assert list(dict.fromkeys(recording.region.values)) == names
    assert recording.stimulus_id.values.tolist() == IDS
    validate_recording(recording)


def test_the_network_is_left_as_it_was(tmp_path, stimuli):
    network = convolutional().train()
    network[0].eval()
    state = torch.random.get_rng_state()
    record(network, stimuli, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS)
    assert [module.training for module in network] == [False, True, True, True, True, True]
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_labels_and_properties_are_joined_by_name(tmp_path, stimuli):
    table = pd.DataFrame(
        {"animate": np.arange(10) % 2, "kind": list("xyxyxyxyxy")}, index=IDS
    ).iloc[::-1]
    properties = pd.DataFrame({"prevalence": [0.2, 0.1]}, index=["kind", "animate"])
    recording = record(
        convolutional(), stimuli, layers="5", path=tmp_path / "a.nc", stimulus_ids=IDS,
        labels=table, extraneous=properties, subject="net-3",
    )  # fmt: skip
    assert label_table(recording).loc[IDS[3], "animate"] == 1
    assert label_table(recording)["kind"].astype(str).tolist() == list("xyxyxyxyxy")
    assert recording.prevalence.sel(by_subject="net-3", feature="kind").item() == 0.2


def test_positions_of_a_convolution_are_kept(tmp_path, stimuli):
    recording = record(
        convolutional(), stimuli, layers=["0", "5"], path=tmp_path / "a.nc", stimulus_ids=IDS
    )
    inputs, weight = stimuli.double(), convolutional()[0].weight.double()
    bias = convolutional()[0].bias.double()
    # One unit computed by hand: channel 2, row 4, column 1 of the convolution.
    by_hand = (inputs[:, :, 4:7, 1:4] * weight[2]).sum(dim=(1, 2, 3)) + bias[2]
    at = np.flatnonzero((recording.channel == 2) & (recording.y == 4) & (recording.x == 1))
    assert len(at) == 1
    np.testing.assert_allclose(
        recording.activity.values[:, at[0]], by_hand.detach().numpy(), rtol=1e-4, atol=1e-5
    )


def test_the_same_session_is_returned_and_another_is_refused(tmp_path, stimuli):
    network, path = convolutional(), tmp_path / "a.nc"
    record(network, stimuli, layers="0", path=path, stimulus_ids=IDS).close()
    before = path.stat().st_mtime_ns
    record(network, stimuli, layers="0", path=path, stimulus_ids=IDS, batch_size=3).close()
    assert path.stat().st_mtime_ns == before
    with pytest.raises(RecordingExistsError, match=r"differs in weights_sha256"):
        record(convolutional(seed=1), stimuli, layers="0", path=path, stimulus_ids=IDS)
    with pytest.raises(RecordingExistsError, match=r"differs in stimuli"):
        record(network, stimuli + 1, layers="0", path=path, stimulus_ids=IDS)
    assert path.stat().st_mtime_ns == before
    record(convolutional(1), stimuli, layers="0", path=path, stimulus_ids=IDS, overwrite=True)
    assert path.stat().st_mtime_ns > before


def test_other_labels_of_the_same_stimuli_are_another_session(tmp_path, stimuli):
    network, path = convolutional(), tmp_path / "a.nc"
    tables = [
        pd.DataFrame({"kind": list(kinds)}, index=IDS) for kinds in ("xyxyxyxyxy", "xxxxxyyyyy")
    ]
    sets = [stimulus_set(stimuli.numpy(), stimulus_ids=IDS, labels=table) for table in tables]
    record(network, sets[0], layers="0", path=path)
    record(network, sets[0], layers="0", path=path)
    with pytest.raises(RecordingExistsError, match="differs in labels"):
        record(network, sets[1], layers="0", path=path)


def test_a_file_of_something_else_is_not_touched(tmp_path, stimuli):
    path = tmp_path / "notes.nc"
    path.write_text("mine")
    with pytest.raises(RecordingExistsError, match="no recording of a session"):
        record(convolutional(), stimuli, layers="0", path=path, stimulus_ids=IDS)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_layers_are_named_with_the_nearest(tmp_path, stimuli):
    with pytest.raises(UnknownLayerError, match="no layer 'conv' in Sequential"):
        record(convolutional(), stimuli, layers="conv", path=tmp_path / "a.nc", stimulus_ids=IDS)
    assert list(tmp_path.iterdir()) == []


def test_stimuli_without_ids_are_refused(tmp_path, stimuli):
    with pytest.raises(InvalidInputError, match="stimulus_ids are missing"):
        record(convolutional(), stimuli, layers="0", path=tmp_path / "a.nc")
    with pytest.raises(InvalidInputError, match="9 stimulus_ids were given for 10 stimuli"):
        record(convolutional(), stimuli, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS[1:])


def test_nothing_is_left_beside_the_finished_file(tmp_path, stimuli):
    record(convolutional(), stimuli, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.nc"]
    open_recording(tmp_path / "a.nc")


def test_a_device_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(InvalidInputError, match=r"device 'cuda:7' cannot be used: .* sees the cpu"):
        record(
            nn.Sequential(nn.Linear(2, 2)),
            torch.zeros(3, 2),
            layers="0",
            stimulus_ids=list("abc"),
            path=tmp_path / "x.nc",
            device="cuda:7",
        )

"""Wherever stimuli come from, they keep their ids and labels."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    RecordingExistsError,
    RecordingFailedError,
)
from reprcompare.recording import label_table, stimulus_set
from reprcompare.sessions import open_stimuli, record

N = 7
IDS = [f"s{number}" for number in range(N)]
VALUES = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
LABELS = pd.DataFrame({"kind": list("xyxyxyx")}, index=IDS)


def responses(stimuli, tmp_path, network=None, **options):
    return record(
        network or nn.Sequential(nn.Identity()), stimuli, layers="0", path=tmp_path / "a.nc",
        batch_size=3, overwrite=True, **options,
    )  # fmt: skip


class Items(torch.utils.data.Dataset):
    def __len__(self):
        return N

    def __getitem__(self, number):
        return VALUES[number], number % 2


def pairs():
    yield from zip(IDS, VALUES, strict=True)


@pytest.mark.parametrize(
    ("stimuli", "ids"),
    [
        (VALUES, IDS),
        (VALUES.numpy().astype(float), IDS),
        (list(VALUES), IDS),
        (Items(), IDS),
        (TensorDataset(VALUES, torch.arange(N)), IDS),
        (DataLoader(TensorDataset(VALUES), batch_size=2), IDS),
        (pairs(), None),
        (iter(VALUES), IDS),
        (stimulus_set(VALUES.numpy(), stimulus_ids=IDS, labels=LABELS), None),
    ],
    ids=["tensor", "array", "list", "items", "dataset", "loader", "pairs", "iterable", "set"],
)
def test_every_source_gives_the_same_recording(tmp_path, stimuli, ids):
    labels = None if ids is None and not hasattr(stimuli, "__next__") else LABELS
    recording = responses(stimuli, tmp_path, stimulus_ids=ids, labels=labels)
    np.testing.assert_array_equal(recording.activity.values, VALUES.numpy())
    assert recording.stimulus_id.values.tolist() == IDS
    assert label_table(recording)["kind"].astype(str).tolist() == list("xyxyxyx")


def test_a_loader_may_tell_the_ids_itself(tmp_path):
    content = [{"stimulus_id": name, "x": value} for name, value in pairs()]
    recording = responses(DataLoader(content, batch_size=2), tmp_path)
    assert recording.stimulus_id.values.tolist() == IDS
    np.testing.assert_array_equal(recording.activity.values, VALUES.numpy())


def test_a_shuffling_loader_is_refused(tmp_path):
    loader = DataLoader(TensorDataset(VALUES), shuffle=True)
    with pytest.raises(InvalidInputError, match="shuffles"):
        responses(loader, tmp_path, stimulus_ids=IDS)


def test_too_few_and_too_many_ids_for_an_iterable(tmp_path):
    with pytest.raises(InvalidInputError, match="6 stimulus_ids were given"):
        responses(iter(VALUES), tmp_path, stimulus_ids=IDS[:6])
    with pytest.raises(InvalidInputError, match="8 stimulus_ids were given for 7"):
        responses(iter(VALUES), tmp_path, stimulus_ids=[*IDS, "more"])


def test_repeated_ids_are_refused_before_they_are_recorded(tmp_path):
    twice = [("a", VALUES[0]), ("b", VALUES[1]), ("a", VALUES[2])]
    with pytest.raises(InvalidInputError, match="repeated: a"):
        responses(iter(twice), tmp_path)
    with pytest.raises(InvalidInputError, match="repeated: s0"):
        responses(VALUES, tmp_path, stimulus_ids=["s0", *IDS[:-1]])


def test_an_empty_iterable_is_said_to_be_empty(tmp_path):
    with pytest.raises(InvalidInputError, match="no stimuli"):
        responses(iter([]), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_labels_of_other_stimuli_are_refused(tmp_path):
    with pytest.raises(LabelMismatchError, match="s6"):
        responses(VALUES, tmp_path, stimulus_ids=IDS, labels=LABELS[:-1])
    with pytest.raises(LabelMismatchError, match="s0"):
        responses(pairs(), tmp_path, labels=LABELS[1:])
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_works_in_place_leaves_the_stimuli_alone(tmp_path):
    before = VALUES.clone()
    network = nn.Sequential(nn.ReLU(inplace=True))
    recording = responses(VALUES, tmp_path, network, stimulus_ids=IDS)
    assert torch.equal(VALUES, before)
    np.testing.assert_array_equal(recording.activity.values, before.relu())


def test_preprocess_is_called_with_batches(tmp_path):
    seen = []

    def doubled(batch):
        seen.append(tuple(batch.shape))
        return batch * 2

    recording = responses(VALUES, tmp_path, stimulus_ids=IDS, preprocess=doubled)
    np.testing.assert_array_equal(recording.activity.values, (VALUES * 2).numpy())
    assert seen == [(3, 4), (3, 4), (1, 4)]


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    for number in range(3):
        pixels = np.full((6, 5, 3), 50 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"picture {number}.png")
    return folder


def test_a_folder_of_images_without_a_table(tmp_path, pictures):
    recording = responses(pictures, tmp_path)
    assert recording.stimulus_id.values.tolist() == ["picture 0", "picture 1", "picture 2"]
    np.testing.assert_allclose(recording.activity.values[:, 0], [0, 50 / 255, 100 / 255])
    assert recording.attrs["stimulus_set"] == "objects"
    assert recording.sizes["neuroid"] == 3 * 6 * 5


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_folder_of_images_with_ids_and_labels(tmp_path, pictures, separator):
    rows = ["stimulus_id;filename;animate", "007;picture 2.png;yes", "8;picture 0.png;no"]
    (pictures / "table.csv").write_text("\n".join(rows).replace(";", separator))
    recording = responses(pictures, tmp_path)
    assert recording.stimulus_id.values.tolist() == ["007", "8"]
    np.testing.assert_allclose(recording.activity.values[:, 0], [100 / 255, 0])
    assert label_table(recording)["animate"].astype(str).tolist() == ["yes", "no"]


def test_what_is_wrong_with_a_folder_is_said(tmp_path, pictures):
    (pictures / "table.csv").write_text("filename,a\nmissing.png,1\n")
    with pytest.raises(InvalidInputError, match=r"not in the folder: missing\.png"):
        responses(pictures, tmp_path)
    (pictures / "table.csv").write_text("name,a\nmissing.png,1\n")
    with pytest.raises(InvalidInputError, match="no column 'filename'"):
        responses(pictures, tmp_path)
    (pictures / "table.csv").unlink()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(pictures / "other.png")
    with pytest.raises(InvalidInputError, match="different sizes"):
        responses(pictures, tmp_path)
    (pictures / "other.png").write_bytes(b"no image")
    with pytest.raises(RecordingFailedError, match=r"'other' \(other\.png\) could not be read"):
        responses(pictures, tmp_path)


def test_images_of_different_size_with_preprocess(tmp_path, pictures):
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(pictures / "wide.png")

    def small(image):
        return np.asarray(image.resize((2, 2)), np.float32).transpose(2, 0, 1)

    assert responses(pictures, tmp_path, preprocess=small).sizes["neuroid"] == 12


def test_eight_bit_images_become_floats_with_channels_first(tmp_path):
    pixels = np.zeros((N, 6, 5, 3), np.uint8)
    pixels[:, 2, 1, 0] = 255
    recording = responses(pixels, tmp_path, stimulus_ids=IDS)
    chosen = recording.isel(neuroid=np.flatnonzero(recording.activity.values[0]))
    assert (chosen.channel.item(), chosen.y.item(), chosen.x.item()) == (0, 2, 1)
    assert chosen.activity.values[0].item() == 1


def test_other_things_are_no_stimuli():
    with pytest.raises(InvalidInputError, match="stimuli are a int"):
        open_stimuli(3)
    with pytest.raises(InvalidInputError, match="same number"):
        open_stimuli((VALUES, VALUES[1:]), IDS)


@pytest.mark.parametrize("kind", ["list", "loader", "iterable"])
def test_other_stimuli_under_the_same_ids_are_another_session(tmp_path, kind):
    make = {
        "list": lambda values: (list(values), IDS),
        "loader": lambda values: (DataLoader(TensorDataset(values), batch_size=2), IDS),
        "iterable": lambda values: (zip(IDS, values, strict=True), None),
    }[kind]

    def session(values):
        stimuli, ids = make(values)
        return record(
            nn.Sequential(nn.Identity()), stimuli, layers="0", path=tmp_path / "a.nc",
            stimulus_ids=ids,
        )  # fmt: skip

    session(VALUES)
    session(VALUES.clone())
    with pytest.raises(RecordingExistsError, match="differs in stimuli"):
        session(VALUES + 1)


def test_a_loader_with_other_batches_goes_on_within_a_batch():
    loader = DataLoader(TensorDataset(VALUES), batch_size=4)
    source = open_stimuli(loader, IDS)
    rest = torch.cat([batch.inputs for batch in source.batches(2, 99)])
    assert torch.equal(rest, VALUES[2:])

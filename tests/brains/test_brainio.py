import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from reprcompare.brains import load_stimuli
from reprcompare.brains.assembling import Naming
from reprcompare.brains.brainio import (
    from_brainio,
    read_brainio,
    read_stimulus_set,
    write_brainio,
)
from reprcompare.errors import InvalidInputError, InvalidRecordingError, RecordingExistsError
from reprcompare.measurement import average
from reprcompare.recording import (
    build_recording,
    encode_labels,
    label_table,
    save_recording,
    validate_recording,
)


def neural_assembly(n_bins=2):
    """Time-binned neural data as Brain-Score packages it: neuroid first, labels flat."""
    random = np.random.default_rng(0)
    n_images, n_repetitions, n_neuroids = 3, 2, 4
    n = n_images * n_repetitions
    return xr.DataArray(
        random.normal(size=(n_neuroids, n, n_bins)),
        dims=("neuroid", "presentation", "time_bin"),
        coords={
            "image_id": ("presentation", [f"im{i}" for i in range(n_images)] * n_repetitions),
            "repetition": ("presentation", np.repeat(range(n_repetitions), n_images)),
            "category_name": ("presentation", ["face", "car", "car"] * n_repetitions),
            "neuroid_id": ("neuroid", [f"Chabo_L_M_{i}" for i in range(n_neuroids)]),
            "animal": ("neuroid", ["Chabo", "Chabo", "Tito", "Tito"]),
            "region": ("neuroid", ["V4", "IT", "V4", "IT"]),
            "time_bin_start": ("time_bin", [70 + 50 * i for i in range(n_bins)]),
            "time_bin_end": ("time_bin", [120 + 50 * i for i in range(n_bins)]),
        },
        attrs={"stimulus_set_identifier": "dicarlo.hvm"},
        name="data",
    )


def test_a_neural_assembly_keeps_every_value_at_its_labels(tmp_path):
    assembly = neural_assembly()
    assembly.to_netcdf(tmp_path / "hvm.nc")
    recording = read_brainio(tmp_path / "hvm.nc", Naming(labels=["category_name"]))
    validate_recording(recording)
    expected = assembly.transpose("presentation", ...).astype(np.float32)
    np.testing.assert_array_equal(recording.activity, expected)
    assert recording.stimulus_id.values.tolist() == ["im0", "im1", "im2"] * 2
    assert recording.subject.values.tolist() == ["Chabo", "Chabo", "Tito", "Tito"]
    assert recording.time_bin_end.values.tolist() == [120, 170]
    assert recording.attrs["stimulus_set"] == "dicarlo.hvm"
    assert recording.attrs["kind"] == "brain"
    assert label_table(recording)["category_name"].astype(str).tolist() == ["face", "car", "car"]


def test_a_single_time_bin_is_the_window_of_the_response(tmp_path):
    neural_assembly(n_bins=1).to_netcdf(tmp_path / "hvm.nc")
    recording = read_brainio(tmp_path / "hvm.nc")
    assert recording.activity.dims == ("presentation", "neuroid")
    assert recording.activity.attrs["window"] == [70, 120]


def test_levels_of_a_multiindex_become_coordinates(tmp_path):
    """As Brain-Score holds assemblies in memory."""
    flat = neural_assembly()
    nested = flat.set_index(
        presentation=["image_id", "repetition", "category_name"],
        neuroid=["neuroid_id", "animal", "region"],
        time_bin=["time_bin_start", "time_bin_end"],
    )
    flat.to_netcdf(tmp_path / "hvm.nc")
    expected = read_brainio(tmp_path / "hvm.nc").load()
    found = validate_recording(from_brainio(nested)).load()
    xr.testing.assert_equal(found, expected)
    assert found.attrs["stimulus_set"] == "dicarlo.hvm"
    with pytest.raises(InvalidInputError, match="expected presentation, neuroid"):
        from_brainio(flat.rename(neuroid="cell"))
    with pytest.raises(InvalidInputError, match="nothing tells which stimulus"):
        from_brainio(flat.drop_vars("image_id"))


def test_responses_stay_in_the_file_until_they_are_used(tmp_path):
    neural_assembly().to_netcdf(tmp_path / "hvm.nc")
    recording = read_brainio(tmp_path / "hvm.nc")
    assert not recording.activity.variable._in_memory
    assert recording.activity.isel(neuroid=[0]).shape == (6, 1, 2)


def test_the_sample_that_brain_score_wrote_is_read(data_dir):
    recording = read_brainio(data_dir / "brainio" / "alexnet-rgb-1000.nc")
    assert recording.sizes == {"presentation": 1, "neuroid": 2000}
    assert set(recording.region.values) == {"features.12", "classifier.5"}
    assert recording.attrs["kind"] == "network"
    assert recording.stimulus_id.values[0].endswith("rgb.jpg")


def labelled_recording(**options):
    labels = pd.DataFrame({"animate": [1.0, 0.0], "kind": ["dog", "car"]}, index=["a", "b"])
    return build_recording(
        np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
        stimulus_id=["a", "b", "a", "b"],
        region=["V4", "IT", "IT"],
        subject=["m", "m", "n"],
        presentation={"repetition": np.array([0, 0, 1, 1])},
        neuroid={"x": np.array([0.1, 0.2, 0.3])},
        labels=labels,
        identifier="it",
        stimulus_set="objects",
        units="Hz",
        provenance={"rig": "B"},
        **options,
    )


@pytest.mark.parametrize("kind", ["brain", "network"])
def test_a_round_trip_loses_nothing(kind, tmp_path):
    recording = labelled_recording(kind=kind)
    back = read_brainio(write_brainio(recording, tmp_path / "it.nc"))
    xr.testing.assert_identical(back.load(), recording)


def test_a_round_trip_through_time_bins_loses_nothing(tmp_path):
    recording = build_recording(
        np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32),
        stimulus_id=["a", "b"],
        region="IT",
        subject="m",
        time_bins=[(0, 50), (50, 100)],
    )
    path = write_brainio(recording, tmp_path / "first.nc")
    back = read_brainio(path).load()
    xr.testing.assert_equal(back, recording)


@pytest.mark.parametrize("kind", ["brain", "network"])
def test_attributes_and_the_order_of_levels_survive(kind, tmp_path):
    size = pd.Categorical(["small", "large"], ["small", "large"], ordered=True)
    recording = labelled_recording(kind=kind, scaling="z-scored within run")
    recording = recording.drop_vars(["label", "feature", "scale", "levels"]).merge(
        encode_labels(pd.DataFrame({"size": size}, index=["a", "b"]), recording.stimulus_id.values)
    )
    recording["activity"].attrs["window"] = [70.0, 170.0]
    recording.attrs |= {"preparation": '["averaged"]', "limits": '{"role": "why"}'}
    back = read_brainio(write_brainio(recording, tmp_path / "it.nc"))
    xr.testing.assert_identical(back.load(), recording)
    assert back["scale"].values.tolist() == ["ordinal"]


def test_what_an_assembly_cannot_hold_is_named_not_lost_in_silence(tmp_path):
    recording = labelled_recording().assign(
        output=(("presentation", "by_subject", "response"), np.ones((4, 1, 1)))
    )
    recording = recording.assign_coords(by_subject=["m"])
    with pytest.warns(UserWarning, match="left out output, by_subject, for which a BrainIO"):
        path = write_brainio(recording, tmp_path / "it.nc")
    back = read_brainio(path)
    assert json.loads(back.attrs["preparation"]) == [
        "left out output, by_subject, for which a BrainIO assembly has no place"
    ]
    expected = recording.drop_vars(["output", "by_subject"])
    expected.attrs["preparation"] = back.attrs["preparation"]
    xr.testing.assert_identical(back.load(), expected)


def test_a_feature_that_is_called_like_a_coordinate_is_refused(tmp_path):
    clashing = labelled_recording().assign_coords(kind=("presentation", list("abab")))
    with pytest.raises(InvalidInputError, match="a feature and a coordinate called kind"):
        write_brainio(clashing, tmp_path / "it.nc")


def test_counts_stored_as_whole_numbers_are_averaged_as_numbers(tmp_path):
    counts = (neural_assembly(n_bins=1) * 10).astype(np.int16)
    counts.to_netcdf(tmp_path / "counts.nc")
    recording = read_brainio(tmp_path / "counts.nc")
    assert recording.activity.dtype == np.float32
    assert recording.activity.attrs["original_dtype"] == "int16"
    values = counts.transpose("presentation", ...).values[..., 0]
    means = values.reshape(2, 3, 4).mean(axis=0)
    np.testing.assert_allclose(average(recording).activity, means)


def test_what_is_written_has_the_names_that_brain_score_groups_by(tmp_path):
    write_brainio(labelled_recording(kind="network"), tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as file:
        assert {"stimulus_id", "neuroid_id", "layer", "model", "animate"} <= set(file.coords)
        assert list(file.data_vars) == ["data"]
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        write_brainio(labelled_recording(), tmp_path / "a.nc")


def test_other_files_get_a_sentence(tmp_path):
    (tmp_path / "text.nc").write_text("no assembly")
    with pytest.raises(InvalidInputError, match="not a readable NetCDF file"):
        read_brainio(tmp_path / "text.nc")
    whole = save_recording(labelled_recording(), tmp_path / "whole.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInputError, match="cut off"):
        read_brainio(tmp_path / "cut.nc")
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(InvalidInputError, match="holds 0 arrays"):
        read_brainio(tmp_path / "other.nc")
    with pytest.raises(InvalidInputError, match="does not exist; make it first"):
        write_brainio(labelled_recording(), tmp_path / "none" / "it.nc")
    neural_assembly().isel(presentation=[]).to_netcdf(tmp_path / "empty.nc")
    with pytest.raises(InvalidRecordingError, match=r"empty\.nc is no valid .* is empty"):
        read_brainio(tmp_path / "empty.nc")
    twice = neural_assembly().assign_coords(repetition=("presentation", np.zeros(6, int)))
    twice.to_netcdf(tmp_path / "twice.nc")
    with pytest.raises(InvalidRecordingError, match=r"twice\.nc .* must name one presentation"):
        read_brainio(tmp_path / "twice.nc")
    neural_assembly().drop_vars("time_bin_end").to_netcdf(tmp_path / "bins.nc")
    with pytest.raises(InvalidInputError, match="with time_bin_start and time_bin_end"):
        read_brainio(tmp_path / "bins.nc")


def test_a_stimulus_set_joins_images_with_their_labels(tmp_path):
    (tmp_path / "images").mkdir()
    for name, level in (("one.png", 10), ("two.png", 200)):
        Image.fromarray(np.full((4, 5, 3), level, np.uint8)).save(tmp_path / "images" / name)
    table = pd.DataFrame(
        {"image_id": ["h1", "h2"], "filename": ["one.png", "two.png"], "category": ["a", "b"]}
    )
    table.to_csv(tmp_path / "set.csv", index=False)
    stimuli = load_stimuli(tmp_path / "set.csv", tmp_path / "images")
    assert stimuli.stimulus.shape == (2, 4, 5, 3)
    assert stimuli.stimulus.values[1, 0, 0, 0] == 200
    assert label_table(stimuli)["category"].astype(str).to_dict() == {"h1": "a", "h2": "b"}
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "images" / "two.png")
    with pytest.raises(InvalidInputError, match="2 different sizes"):
        read_stimulus_set(tmp_path / "set.csv", tmp_path / "images")
    (tmp_path / "images" / "two.png").write_text("damaged")
    with pytest.raises(InvalidInputError, match=r"two\.png, which is not a readable image"):
        read_stimulus_set(tmp_path / "set.csv", tmp_path / "images")

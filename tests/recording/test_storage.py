import json
import os
import subprocess

import netCDF4
import numpy as np
import pytest
import xarray as xr

from reprcompare.errors import (
    InvalidInputError,
    InvalidRecordingError,
    NewerFormatError,
    RecordingExistsError,
    RecordingFailedError,
    UnfinishedRecordingError,
)
from reprcompare.recording import build_recording, concat, open_recording, save_recording


def simple(n_stimuli=3, name="A", **more):
    return build_recording(
        np.arange(n_stimuli * 2, dtype=np.float32).reshape(n_stimuli, 2),
        stimulus_id=[f"{name}{i}" for i in range(n_stimuli)],
        region="IT",
        subject=name,
        **more,
    )


def test_what_was_saved_comes_back(recording, tmp_path):
    opened = open_recording(save_recording(recording, tmp_path / "it.nc"))
    xr.testing.assert_equal(opened.load(), recording)
    assert opened.attrs == recording.attrs
    assert opened.activity.dtype == np.float32
    assert opened.activity.attrs["units"] == "spikes/s"


def test_opening_does_not_read_activity(recording, tmp_path):
    opened = open_recording(save_recording(recording, tmp_path / "it.nc"))
    assert not opened["activity"].variable._in_memory


@pytest.mark.parametrize("compression", [0, 4])
def test_a_file_opens_in_plain_netcdf4_with_strings(recording, tmp_path, compression):
    path = save_recording(recording, tmp_path / "it.nc", compression=compression)
    with netCDF4.Dataset(path) as file:
        assert file["region"][:].tolist() == recording.region.values.tolist()
        np.testing.assert_array_equal(file["activity"][:], recording.activity.values)
        assert file.reprcompare_format == "1"


def test_longer_strings_survive_open_concat_and_save_again(tmp_path):
    """xarray#9757: the width of strings in the first file must not cut those of the second."""
    first = open_recording(save_recording(simple(name="A"), tmp_path / "a.nc"))
    second = open_recording(save_recording(simple(name="BBBB"), tmp_path / "b.nc"))
    second = second.assign_coords(neuroid_id=first.neuroid_id)
    joined = concat([first, second], dim="presentation")
    again = open_recording(save_recording(joined, tmp_path / "c.nc"))
    assert again.stimulus_id.values.tolist() == ["A0", "A1", "A2", "BBBB0", "BBBB1", "BBBB2"]


def test_attributes_that_netcdf_has_no_type_for_become_json(recording, tmp_path):
    """xarray refuses None, bool and dict, and turns lists of one into scalars."""
    recording.attrs |= {"none": None, "flag": True, "nested": {"a": [1]}, "one": ["x"]}
    opened = open_recording(save_recording(recording, tmp_path / "it.nc"))
    assert [json.loads(opened.attrs[k]) for k in ("none", "flag", "nested", "one")] == [
        None,
        True,
        {"a": [1]},
        ["x"],
    ]


def test_half_precision_is_stored_as_float32_and_its_origin_noted(tmp_path):
    """netCDF has no float16 (xarray#1877)."""
    half = build_recording(
        np.ones((2, 2), np.float16), stimulus_id=["a", "b"], region="r", subject="s"
    )
    opened = open_recording(save_recording(half, tmp_path / "half.nc"))
    assert opened.activity.dtype == np.float32
    assert opened.activity.attrs["original_dtype"] == "float16"


def test_a_missing_string_is_refused_rather_than_written_as_empty(recording, tmp_path):
    names = recording.stimulus_id.values.astype(object)
    names[2] = None
    broken = recording.assign_coords(stimulus_id=("presentation", names))
    with pytest.raises(InvalidRecordingError, match="'stimulus_id' holds nan, expected strings"):
        save_recording(broken, tmp_path / "it.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_multiindex_is_refused_with_the_call_that_flattens_it(recording, tmp_path):
    """xarray#1077."""
    stacked = recording.set_index(neuroid=["subject", "region", "neuroid_id"])
    with pytest.raises(InvalidRecordingError, match="MultiIndex; flatten it with"):
        save_recording(stacked, tmp_path / "it.nc")


def test_a_name_with_a_slash_is_refused(recording, tmp_path):
    recording["a/b"] = ("presentation", np.zeros(6))
    with pytest.raises(InvalidRecordingError, match="'a/b' contains '/'"):
        save_recording(recording, tmp_path / "it.nc")


def test_an_existing_file_is_kept_unless_told_otherwise(recording, tmp_path):
    path = save_recording(simple(), tmp_path / "it.nc")
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        save_recording(recording, path)
    assert open_recording(path).sizes["neuroid"] == 2
    save_recording(recording, path, overwrite=True)
    assert open_recording(path).sizes["neuroid"] == 8


def test_a_recording_can_replace_the_file_it_was_opened_from(recording, tmp_path):
    path = save_recording(recording, tmp_path / "it.nc")
    opened = open_recording(path)
    save_recording(opened.isel(presentation=slice(0, 3)), path, overwrite=True)
    np.testing.assert_array_equal(open_recording(path).activity, recording.activity[:3])


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(recording, tmp_path, monkeypatch):
    """xarray#10679: overwriting in place can leave an empty file."""
    path = save_recording(simple(), tmp_path / "it.nc")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecordingFailedError, match="No space left on device"):
        save_recording(recording, path, overwrite=True)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["it.nc"]


def test_a_missing_folder_is_named(recording, tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist; create it"):
        save_recording(recording, tmp_path / "nowhere" / "it.nc")


@pytest.mark.parametrize("content", [b"", b"not a netcdf file", b"\x89HDF\r\n\x1a\n"])
def test_a_file_of_another_kind_gets_a_sentence(tmp_path, content):
    path = tmp_path / "it.nc"
    path.write_bytes(content)
    with pytest.raises(InvalidRecordingError, match="not a readable NetCDF-4 file"):
        open_recording(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_cut_off_in_the_middle_gets_a_sentence(recording, tmp_path, share):
    path = save_recording(recording, tmp_path / "it.nc")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InvalidRecordingError, match="cut off or damaged"):
        open_recording(path)


def test_a_plain_netcdf_file_is_no_recording(tmp_path):
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "plain.nc")
    with pytest.raises(InvalidRecordingError, match="'reprcompare_format' is missing"):
        open_recording(tmp_path / "plain.nc")


def test_a_newer_format_and_an_unfinished_file_are_refused(recording, tmp_path):
    path = save_recording(recording, tmp_path / "it.nc")
    with netCDF4.Dataset(path, "a") as file:
        file.complete = 0
    with pytest.raises(UnfinishedRecordingError, match="was interrupted"):
        open_recording(path)
    with netCDF4.Dataset(path, "a") as file:
        file.reprcompare_format = "2.1"
    with pytest.raises(
        NewerFormatError, match=r"format 2\.1, this version of reprcompare reads up"
    ):
        open_recording(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InvalidRecordingError, match="does not exist"):
        open_recording(tmp_path / "nothing.nc")
    with pytest.raises(InvalidRecordingError, match="is a folder"):
        open_recording(tmp_path)


def test_ncdump_reads_a_recording(recording, tmp_path):
    path = save_recording(recording, tmp_path / "it.nc")
    try:
        printed = subprocess.run(["ncdump", "-h", path], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("ncdump is not installed")
    assert "float activity(presentation, neuroid)" in printed.stdout


def test_compressed_columns_are_read_from_few_chunks(tmp_path):
    """Default chunks of xarray made reading a column seven times slower."""
    wide = build_recording(np.zeros((300, 2000)), stimulus_id=range(300), region="r", subject="s")
    path = save_recording(wide, tmp_path / "wide.nc", compression=1)
    with netCDF4.Dataset(path) as file:
        assert file["activity"].chunking() == [300, 256]

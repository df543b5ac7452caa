"""Checksums find every changed variable, and nothing else."""

import hashlib

import h5py
import netCDF4
import numpy as np
import pytest

from reprcompare.errors import InvalidRecordingError
from reprcompare.recording import build_recording, open_recording, save_recording
from reprcompare.recording.checksum import add_checksums, check_checksums, verify_checksums


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "a.nc"
    with netCDF4.Dataset(target, "w") as file:
        file.createDimension("row", 700)
        file.createDimension("letter", 3)
        file.createVariable("number", "f8", ("row",))[:] = np.arange(700) / 7
        file.createVariable("code", "S1", ("row", "letter"), zlib=True)[:] = np.array(
            [list("abc")] * 700, "S1"
        )
        file.createVariable("word", str, ("row",))[:] = np.array(["é"] * 700, object)
        file.createVariable("scalar", "i4", ())[:] = 3
    return target


def test_the_checksum_is_the_sha256_of_the_values(path):
    sums = add_checksums(path)
    assert (
        sums["number"] == hashlib.sha256((np.arange(700) / 7).astype("<f8").tobytes()).hexdigest()
    )
    assert sums["code"] == hashlib.sha256(b"abc" * 700).hexdigest()
    assert sums["word"] == hashlib.sha256("é\0".encode() * 700).hexdigest()
    assert verify_checksums(path) == dict.fromkeys(["number", "code", "word", "scalar"], True)


def test_blocks_do_not_change_the_checksum(path, monkeypatch):
    sums = add_checksums(path)
    monkeypatch.setattr("reprcompare.recording.checksum.BLOCK_BYTES", 64)
    assert add_checksums(path) == sums


def test_a_changed_value_is_found(path):
    add_checksums(path)
    check_checksums(path)
    with h5py.File(path, "r+") as file:
        file["number"][699] += 1
    assert verify_checksums(path)["number"] is False
    with pytest.raises(InvalidRecordingError, match="number differ from the checksums"):
        check_checksums(path)


def test_a_variable_that_was_added_or_removed_is_found(path):
    add_checksums(path)
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("late", "i4", ())[:] = 1
        file.renameVariable("scalar", "other")
    found = verify_checksums(path)
    assert (found["late"], found["scalar"], found["number"]) == (False, False, True)


def test_a_part_of_a_recording_is_saved_with_checksums_of_its_own(tmp_path):
    whole = build_recording(np.eye(3), stimulus_id=list("abc"), region="IT", subject="m")
    save_recording(whole, tmp_path / "whole.nc")
    with open_recording(tmp_path / "whole.nc") as recording:
        save_recording(recording.isel(neuroid=[0, 2]), tmp_path / "part.nc")
    assert set(verify_checksums(tmp_path / "part.nc")) >= {"activity", "neuroid_id"}
    assert all(verify_checksums(tmp_path / "part.nc").values())


def test_a_file_without_checksums_has_nothing_to_verify(path):
    assert verify_checksums(path) == {}


def test_a_damaged_file_is_said_to_be_damaged(path):
    add_checksums(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InvalidRecordingError, match="cannot be read"):
        verify_checksums(path)

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import load_brain
from reprcompare.brains.brainio import write_brainio
from reprcompare.errors import InvalidInputError, InvalidRecordingError, UnknownNameError
from reprcompare.recording import build_recording, save_recording


@pytest.fixture
def recording():
    return build_recording(np.eye(3), stimulus_id=list("abc"), region="IT", subject="m")


def test_a_recording_is_opened_as_it_is(recording, tmp_path):
    opened = load_brain(save_recording(recording, tmp_path / "it.nc"))
    assert opened.load().equals(recording)


def test_an_assembly_is_told_from_a_recording_by_its_content(recording, tmp_path):
    read = load_brain(write_brainio(recording, tmp_path / "it.nc"), region="V4")
    assert set(read.region.values) == {"V4"}


def test_a_path_may_be_text_and_names_and_labels_may_be_given(tmp_path):
    table = pd.DataFrame({"picture": ["x", "y"], "u1": [1.0, 2.0], "u2": [3.0, 4.0]})
    table.to_csv(tmp_path / "it.csv", index=False)
    labels = pd.DataFrame({"animate": [1, 0]}, index=["y", "x"])
    read = load_brain(
        str(tmp_path / "it.csv"), stimulus="picture", region="IT", subject="m", labels=labels
    )
    assert read.label.values.ravel().tolist() == [0, 1]
    assert read.neuroid_id.values.tolist() == ["u1", "u2"]


def test_a_file_that_does_not_exist_gets_its_nearest_neighbour(tmp_path):
    (tmp_path / "monkey_it.csv").write_text("stimulus,u\na,1\n")
    with pytest.raises(UnknownNameError, match=r"no file 'monkey_v4\.csv' .*'monkey_it\.csv'"):
        load_brain(tmp_path / "monkey_v4.csv")


def test_options_that_a_format_does_not_have_get_the_nearest(tmp_path):
    (tmp_path / "it.csv").write_text("stimulus,u\na,1\nb,2\n")
    with pytest.raises(UnknownNameError, match="no option 'neuroid' .*did you mean 'neuroids'"):
        load_brain(tmp_path / "it.csv", neuroid="u")


def test_options_of_a_wrong_type_and_folders_get_a_sentence(tmp_path):
    (tmp_path / "it.csv").write_text("stimulus,u\na,1\nb,2\n")
    with pytest.raises(InvalidInputError, match=r"neuroids is 3, expected str"):
        load_brain(tmp_path / "it.csv", neuroids=3)
    with pytest.raises(InvalidInputError, match="labels is 3"):
        load_brain(tmp_path / "it.csv", labels=3)
    with pytest.raises(InvalidInputError, match="is a folder; name a file in it. It holds it.csv"):
        load_brain(tmp_path)


def test_formats_that_are_not_read_are_named(tmp_path):
    (tmp_path / "it.pkl").write_bytes(b"")
    with pytest.raises(UnknownNameError, match=r"no format '\.pkl'"):
        load_brain(tmp_path / "it.pkl")


def test_names_cannot_be_changed_on_what_carries_its_own(recording, tmp_path, data_dir):
    path = save_recording(recording, tmp_path / "it.nc")
    with pytest.raises(InvalidInputError, match="carries its own names"):
        load_brain(path, subject="n")
    with pytest.raises(InvalidInputError, match="names of its own"):
        load_brain("finger7T", data_dir, region="IT")


def test_a_damaged_recording_gets_a_sentence(tmp_path):
    (tmp_path / "it.nc").write_bytes(b"\x89HDF and nothing more")
    with pytest.raises(InvalidRecordingError, match="cut off or damaged"):
        load_brain(tmp_path / "it.nc")


def test_what_is_neither_a_name_nor_a_path_gets_a_sentence():
    with pytest.raises(InvalidInputError, match="got a ndarray; reprcompare.recording.build_rec"):
        load_brain(np.zeros((3, 2)))
    with pytest.raises(InvalidInputError, match="activity must be real numbers, got <U1"):
        build_recording(np.array([["a", "b"]]), stimulus_id=["s"], region="IT", subject="monkey")

import numpy as np
import pytest
import xarray as xr

from reprcompare.errors import InvalidInputError, InvalidRecordingError
from reprcompare.recording import build_recording, check_structure, validate_recording


def build(**changes):
    arguments = {"stimulus_id": ["a", "b"], "region": "IT", "subject": "m"} | changes
    return build_recording(np.ones((2, 3)), **arguments)


def test_a_valid_recording_is_returned_as_it_is(recording):
    assert validate_recording(recording) is recording


def test_every_fault_is_named_not_only_the_first(recording):
    broken = recording.drop_vars(["region", "activity"])
    with pytest.raises(InvalidRecordingError) as caught:
        check_structure(broken)
    assert "'activity' is missing" in str(caught.value)
    assert "'region' on 'neuroid' is missing" in str(caught.value)
    assert "2 faults" in str(caught.value)


def test_repeated_neuroids_are_named():
    with pytest.raises(InvalidRecordingError, match="unique in a file; repeated: n1"):
        build(neuroid_id=["n1", "n1", "n2"])


def test_a_repeated_stimulus_needs_a_repetition():
    with pytest.raises(InvalidRecordingError, match="repeated: .*'stimulus_id': 'a'.*repetition"):
        build(stimulus_id=["a", "a"])
    again = build(stimulus_id=["a", "a"], presentation={"repetition": [0, 1]})
    assert again.repetition.values.tolist() == [0, 1]


def test_a_transposed_activity_is_refused(recording):
    with pytest.raises(InvalidRecordingError, match=r"dimensions \('neuroid', 'presentation'\)"):
        check_structure(recording.transpose("neuroid", ...))


def test_text_activity_is_refused(recording):
    with pytest.raises(InvalidRecordingError, match="expected real numbers"):
        check_structure(recording.assign(activity=recording.activity.astype(str)))


def test_something_else_is_refused_with_the_way_in():
    with pytest.raises(InvalidRecordingError, match="ndarray, not an xarray.Dataset"):
        check_structure(np.ones(3))


def test_an_unknown_kind_is_refused(recording):
    recording.attrs["kind"] = "liver"
    with pytest.raises(InvalidRecordingError, match="'kind' is 'liver'"):
        check_structure(recording)


def test_what_is_stored_by_subject_must_name_subjects_that_occur(recording):
    stored = recording.assign_coords(by_subject=["m1", "m7"])
    with pytest.raises(InvalidRecordingError, match="names m7, which do not occur in 'subject'"):
        validate_recording(stored)


def test_lengths_that_do_not_fit_are_counted():
    with pytest.raises(InvalidInputError, match="region has 2 values, expected 3"):
        build(region=["IT", "V4"])
    with pytest.raises(InvalidInputError, match="activity has 3 dimensions"):
        build_recording(np.ones((2, 2, 2)), stimulus_id=["a", "b"], region="r", subject="s")


def test_time_and_training_become_dimensions():
    timed = build_recording(
        np.zeros((4, 2, 3, 2)),
        stimulus_id=["a", "b"],
        region="r",
        subject="s",
        training_steps=[0, 1, 10, 100],
        time_bins=[(0, 50), (50, 100)],
    )
    assert timed.activity.dims == ("training_step", "presentation", "neuroid", "time_bin")
    assert timed.time_bin_end.values.tolist() == [50, 100]


def test_an_empty_recording_is_refused():
    with pytest.raises(InvalidRecordingError, match="is empty"):
        build_recording(np.ones((2, 0)), stimulus_id=["a", "b"], region=[], subject=[])


def test_a_single_name_is_not_cut_to_one_letter():
    assert set(build(subject="monkey").subject.values) == {"monkey"}


def test_data_arrays_are_refused(recording):
    with pytest.raises(InvalidRecordingError, match="DataArray"):
        check_structure(xr.DataArray([1.0]))

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import load_brain
from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.recording import label_table, validate_recording

mne = pytest.importorskip("mne")

RATE, FIRST = 200.0, -0.1
DATA = np.random.default_rng(0).normal(size=(4, 4, 60)) * 1e-6
TIMES = FIRST * 1000 + 1000 / RATE * np.arange(60)


def epochs(metadata=None):
    info = mne.create_info(["EEG1", "EEG2", "MEG1", "EOG"], RATE, ["eeg", "eeg", "mag", "eog"])
    info["subject_info"] = {"his_id": "sub-01"}
    info["bads"] = ["EEG2"]
    return mne.EpochsArray(
        DATA,
        info,
        events=np.c_[np.arange(4), np.zeros(4, int), [1, 2, 1, 2]],
        tmin=FIRST,
        event_id={"face": 1, "car": 2},
        metadata=metadata,
        verbose="error",
    )


@pytest.fixture
def saved(tmp_path):
    epochs().save(tmp_path / "sub-01-epo.fif", verbose="error")
    return tmp_path / "sub-01-epo.fif"


def test_epochs_keep_every_sample_of_every_good_data_channel(saved):
    recording = validate_recording(load_brain(saved))
    np.testing.assert_allclose(recording.activity, DATA[:, [0, 2]], rtol=1e-5)
    assert recording.neuroid_id.values.tolist() == ["sub-01.EEG1", "sub-01.MEG1"]
    assert recording.region.values.tolist() == ["eeg", "mag"]
    assert recording.stimulus_id.values.tolist() == ["face", "car", "face", "car"]
    assert recording.repetition.values.tolist() == [0, 0, 1, 1]
    assert set(recording.subject.values) == {"sub-01"}
    np.testing.assert_allclose(recording.time_bin_start, TIMES, atol=1e-3)
    np.testing.assert_allclose(recording.time_bin_end, TIMES + 5, atol=1e-3)


def test_a_window_is_averaged_and_cut_into_bins(saved):
    whole = load_brain(saved, window=(50, 150))
    inside = (TIMES > 49.9) & (TIMES < 149.9)
    assert inside.sum() == 20
    np.testing.assert_allclose(whole.activity, DATA[:, [0, 2]][..., inside].mean(-1), rtol=1e-4)
    binned = load_brain(saved, window=(50, 150), bin_width=25)
    assert binned.time_bin_start.values.tolist() == [50, 75, 100, 125]
    np.testing.assert_allclose(binned.activity.mean("time_bin"), whole.activity, rtol=1e-4)


def test_metadata_name_the_stimuli_and_their_labels(tmp_path):
    metadata = pd.DataFrame({"image": ["a", "b", "a", "c"], "size": ["big", "small", "big", "big"]})
    epochs(metadata).save(tmp_path / "x-epo.fif", verbose="error")
    recording = load_brain(tmp_path / "x-epo.fif", labels=["size"])
    assert recording.stimulus_id.values.tolist() == ["a", "b", "a", "c"]
    assert recording.condition.values.tolist() == ["face", "car", "face", "car"]
    assert label_table(recording)["size"].astype(str).to_dict() == {
        "a": "big",
        "b": "small",
        "c": "big",
    }


def test_evoked_responses_have_one_presentation_a_condition(tmp_path):
    averages = [epochs()[name].average(picks="all") for name in ("face", "car")]
    mne.write_evokeds(tmp_path / "x-ave.fif", averages, verbose="error")
    recording = load_brain(tmp_path / "x-ave.fif", window=(0, 100), region="occipital")
    assert recording.stimulus_id.values.tolist() == ["face", "car"]
    assert recording.n_averaged.values.tolist() == [2, 2]
    assert set(recording.region.values) == {"occipital"}
    inside = (TIMES > -0.1) & (TIMES < 99.9)
    expected = DATA[::2][:, [0, 2]][..., inside].mean(axis=(0, 2))
    np.testing.assert_allclose(recording.activity[0], expected, rtol=1e-4)


def test_a_window_without_samples_gets_a_sentence(saved):
    with pytest.raises(InvalidInputError, match="samples from -100 to 195 ms, one every 5 ms"):
        load_brain(saved, window=(300, 400))
    with pytest.raises(InvalidInputError, match="holds no sample"):
        load_brain(saved, window=(0, 100), bin_width=2)
    with pytest.raises(UnknownNameError, match="did you mean 'condition'"):
        load_brain(saved, stimulus="conditions_")


def test_damaged_and_foreign_files_get_a_sentence(saved, tmp_path):
    whole = saved.read_bytes()
    (tmp_path / "cut-epo.fif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text-epo.fif").write_text("nothing of the kind " * 10)
    for name in ("cut-epo.fif", "text-epo.fif"):
        with pytest.raises(InvalidInputError, match=f"{name} is not a readable file"):
            load_brain(tmp_path / name)

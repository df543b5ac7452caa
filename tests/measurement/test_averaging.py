import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.measurement import average, averaging, time_window
from reprcompare.recording import (
    build_recording,
    open_recording,
    save_recording,
    select,
    validate_recording,
)


def repeated(seed=0, n_stimuli=5, n_runs=2, n_repetitions=3, missing=0.1, **options):
    """A shuffled recording with runs, repetitions and holes."""
    random = np.random.default_rng(seed)
    rows = pd.MultiIndex.from_product(
        [[f"s{i}" for i in range(n_stimuli)], ["1", "2"][:n_runs], range(n_repetitions)],
        names=["stimulus_id", "run", "repetition"],
    ).to_frame(index=False)
    rows = rows.sample(frac=1, random_state=seed)
    activity = random.normal(size=(len(rows), 4))
    activity[random.random(activity.shape) < missing] = np.nan
    return build_recording(
        activity,
        stimulus_id=rows["stimulus_id"].tolist(),
        region=["V4", "V4", "IT", "IT"],
        subject="monkey",
        presentation={"run": rows["run"].tolist(), "repetition": rows["repetition"].to_numpy()},
        **options,
    )


def brute_force(recording, columns):
    """Means by pandas, in order of first appearance."""
    table = pd.DataFrame(recording.activity.values.astype(float))
    for name in columns:
        table[name] = recording[name].values
    return table.groupby(columns, sort=False).mean()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_averaging_equals_means_by_pandas(seed):
    recording = repeated(seed)
    expected = brute_force(recording, ["stimulus_id", "run"])
    result = average(recording, "repetition")
    assert list(zip(result.stimulus_id.values, result.run.values, strict=True)) == list(
        expected.index
    )
    np.testing.assert_allclose(result.activity, expected.to_numpy(), rtol=1e-5, atol=1e-6)


def test_averaging_over_everything_leaves_one_presentation_a_stimulus():
    recording = repeated()
    result = average(recording, ["session", "run", "repetition"])
    expected = brute_force(recording, ["stimulus_id"])
    assert result.stimulus_id.values.tolist() == expected.index.tolist()
    np.testing.assert_allclose(result.activity, expected.to_numpy(), rtol=1e-5, atol=1e-6)
    assert result.n_averaged.values.tolist() == [6] * 5
    assert "run" not in result.coords
    assert result.activity.attrs["averaged_over"] == "run repetition"


def test_the_result_is_a_recording_and_keeps_labels_attributes_and_neuroids():
    labels = pd.DataFrame({"even": [1, 0, 1, 0, 1]}, index=[f"s{i}" for i in range(5)])
    recording = repeated(labels=labels, identifier="it", units="Hz")
    result = validate_recording(average(recording, "repetition"))
    assert result.attrs == recording.attrs
    assert result.activity.attrs["units"] == "Hz"
    assert result.region.values.tolist() == ["V4", "V4", "IT", "IT"]
    by_hand = [labels.loc[name, "even"] for name in result.stimulus_id.values]
    assert result.label.values.ravel().tolist() == by_hand


def test_the_original_is_not_changed():
    recording = repeated()
    before = recording.copy(deep=True)
    average(recording, ["run", "repetition"])
    assert recording.identical(before)


def test_what_was_never_recorded_stays_missing():
    recording = repeated(missing=0.0)
    recording["activity"][recording.stimulus_id.values == "s2", 1] = np.nan
    result = average(recording, ["run", "repetition"])
    assert np.isnan(select(result, stimulus_id="s2").activity[0, 1])
    assert np.isfinite(result.activity.values).sum() == result.activity.size - 1


def test_a_coordinate_that_varies_within_an_average_is_dropped():
    recording = repeated()
    trial = np.arange(recording.sizes["presentation"])
    result = average(recording.assign_coords(trial=("presentation", trial)), "repetition")
    assert "trial" not in result.coords


def test_a_recording_without_repetitions_comes_back_as_it_is():
    recording = build_recording(np.eye(3), stimulus_id=list("abc"), region="IT", subject="m")
    assert average(recording, "repetition").identical(recording)


def test_a_lazy_recording_is_read_in_blocks(tmp_path, monkeypatch):
    recording = repeated()
    opened = open_recording(save_recording(recording, tmp_path / "it.nc"))
    monkeypatch.setattr(averaging, "BLOCK_BYTES", 8 * 4 * 7)  # seven presentations a block
    assert average(opened).activity.equals(average(recording).activity)


def test_time_and_training_are_averaged_as_axes():
    activity = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    recording = build_recording(
        activity,
        stimulus_id=list("abc"),
        region="IT",
        subject="m",
        training_steps=[0, 10],
        time_bins=[(i, i + 1) for i in range(5)],
    )
    result = validate_recording(average(recording, ["time_bin", "training_step"]))
    np.testing.assert_allclose(result.activity, activity.mean((0, 3)), rtol=1e-5)
    assert result.sizes == {"presentation": 3, "neuroid": 4}


def test_means_of_whole_numbers_are_not_cut_to_whole_numbers():
    recording = build_recording(
        np.array([[[1, 2]], [[2, 5]]]),
        stimulus_id=["a", "a"],
        region="IT",
        subject="m",
        presentation={"repetition": [0, 1]},
        time_bins=[(0, 1), (1, 2)],
    )
    recording["activity"] = recording["activity"].astype(np.int64)  # as xarray users may have them
    assert average(recording).activity.values.ravel().tolist() == [1.5, 3.5]
    assert average(recording, "time_bin").activity.values.ravel().tolist() == [1.5, 3.5]


def test_a_window_takes_the_bins_inside_it():
    activity = np.arange(2 * 1 * 4, dtype=np.float32).reshape(2, 1, 4)
    recording = build_recording(
        activity,
        stimulus_id=["a", "b"],
        region="IT",
        subject="m",
        time_bins=[(0, 50), (50, 100), (100, 150), (150, 200)],
    )
    result = time_window(recording, 40, 150)
    assert result.activity.values.ravel().tolist() == [1.5, 5.5]
    assert result.activity.attrs["window"] == [50.0, 150.0]
    with pytest.raises(InvalidInputError, match="covers 0.0 to 200.0"):
        time_window(recording, 60, 90)
    with pytest.raises(InvalidInputError, match="no time axis"):
        time_window(result, 0, 100)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'repetition'"):
        average(repeated(), "repetitions")


def test_nothing_cannot_be_averaged():
    with pytest.raises(InvalidInputError, match="nothing is left to average"):
        average(repeated().isel(presentation=[]), "repetition")

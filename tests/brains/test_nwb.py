from datetime import UTC, datetime

import numpy as np
import pytest

from reprcompare.brains import load_brain
from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.recording import concat, label_table, validate_recording

pynwb = pytest.importorskip("pynwb")

STARTS = np.array([1.0, 2.0, 3.5, 5.0])
IMAGES = ["cat", "dog", "cat", "dog"]


def new_file(subject="chabo"):
    return pynwb.NWBFile(
        session_description="test",
        identifier="session-7",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
        session_id="7",
        subject=pynwb.file.Subject(subject_id=subject, species="Macaca mulatta"),
    )


def add_trials(file):
    file.add_trial_column("image_name", "what was shown")
    file.add_trial_column("category", "of the image")
    for start, image in zip(STARTS, IMAGES, strict=True):
        file.add_trial(start, start + 0.5, image_name=image, category="pet-" + image)


def add_electrodes(file):
    device = file.create_device("array")
    electrodes = []
    for place in ("V4", "IT"):
        group = file.create_electrode_group(place, "array", place, device)
        file.add_electrode(location=place, group=group, x=1.0, y=2.0, z=3.0, imp=1.0, filtering="")
        electrodes.append(group)


def spike_times():
    random = np.random.default_rng(0)
    return [np.sort(random.uniform(0, 6, size=300)) for _ in range(3)]


def write(file, path):
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


@pytest.fixture
def units_file(tmp_path):
    file = new_file()
    add_trials(file)
    add_electrodes(file)
    file.add_unit_column("quality", "of the sorting")
    for times, electrode, quality in zip(spike_times(), (0, 1, 1), "abc", strict=True):
        file.add_unit(spike_times=times, electrodes=[electrode], quality=quality)
    return write(file, tmp_path / "it.nwb")


def counted(times, start, end):
    """Spikes in [start, end), one by one."""
    return sum(1 for time in times if start <= time < end)


def test_rates_in_a_window_are_counted_spikes_over_its_length(units_file):
    recording = validate_recording(load_brain(units_file, window=(70, 170)))
    expected = [
        [counted(times, s + 0.07, s + 0.17) / 0.1 for times in spike_times()] for s in STARTS
    ]
    np.testing.assert_allclose(recording.activity, expected, rtol=1e-5)
    assert recording.activity.attrs["units"] == "Hz"
    assert recording.activity.attrs["window"] == [70.0, 170.0]


def test_whole_trials_are_the_default_and_counts_can_be_had(units_file):
    recording = load_brain(units_file, measure="count")
    expected = [[counted(times, s, s + 0.5) for times in spike_times()] for s in STARTS]
    np.testing.assert_array_equal(recording.activity, expected)


def test_bins_become_the_axis_of_time(units_file):
    recording = load_brain(units_file, window=(-100, 200), bin_width=50, measure="count")
    assert recording.time_bin_start.values.tolist() == [-100, -50, 0, 50, 100, 150]
    assert recording.time_bin_end.values.tolist() == [-50, 0, 50, 100, 150, 200]
    expected = counted(spike_times()[1], STARTS[2] + 0.05, STARTS[2] + 0.1)
    assert recording.activity.values[2, 1, 3] == expected
    total = load_brain(units_file, window=(-100, 200), measure="count").activity
    np.testing.assert_array_equal(recording.activity.sum("time_bin"), total)


def test_labels_come_from_trials_units_electrodes_and_the_subject(units_file):
    recording = load_brain(units_file, window=(0, 100), labels=["category"])
    assert recording.stimulus_id.values.tolist() == IMAGES
    assert recording.repetition.values.tolist() == [0, 0, 1, 1]
    assert set(recording.session.values) == {"7"}
    assert recording.region.values.tolist() == ["V4", "IT", "IT"]
    assert set(recording.subject.values) == {"chabo"}
    assert recording.quality.values.tolist() == ["a", "b", "c"]
    assert recording.start_time.values.tolist() == STARTS.tolist()
    assert label_table(recording)["category"].astype(str)["dog"] == "pet-dog"
    assert recording.attrs["identifier"] == "session-7"


def test_trials_in_which_a_unit_was_not_observed_are_missing(tmp_path):
    file = new_file()
    add_trials(file)
    file.add_unit(spike_times=[1.1, 5.1], obs_intervals=[[0.0, 3.0], [4.9, 6.0]])
    path = write(file, tmp_path / "it.nwb")
    counts = load_brain(path, window=(0, 200), measure="count").activity.values.ravel()
    np.testing.assert_array_equal(counts, [1, 0, np.nan, 1])


def test_field_potentials_are_averaged_in_their_windows(tmp_path):
    file = new_file()
    add_trials(file)
    add_electrodes(file)
    region = file.create_electrode_table_region([0, 1], "both")
    data = np.random.default_rng(0).normal(size=(7000, 2))
    file.add_acquisition(
        pynwb.ecephys.ElectricalSeries(
            name="lfp",
            data=data,
            electrodes=region,
            rate=1000.0,
            starting_time=0.0,
            conversion=1e-3,
        )
    )
    path = write(file, tmp_path / "lfp.nwb")
    recording = load_brain(path, signal="lfp", window=(50, 150), bin_width=50)
    assert recording.region.values.tolist() == ["V4", "IT"]
    assert recording.activity.attrs["units"] == "volts"
    for trial, start in enumerate(STARTS):
        for place in range(2):
            first = round(start * 1000) + 50 + 50 * place
            expected = data[first : first + 50].mean(axis=0) * 1e-3
            np.testing.assert_allclose(recording.activity[trial, :, place], expected, rtol=1e-5)
    with pytest.raises(InvalidInputError, match="reaches beyond its 7000 samples"):
        load_brain(path, signal="lfp", window=(0, 5000))
    with pytest.raises(InvalidInputError, match="name another signal with signal=: lfp"):
        load_brain(path, window=(0, 100))
    with pytest.raises(UnknownNameError, match="did you mean 'lfp'"):
        load_brain(path, signal="lpf", window=(0, 100))


def test_fluorescence_is_averaged_by_its_timestamps(tmp_path):
    file = new_file()
    add_trials(file)
    device = file.create_device("microscope")
    channel = pynwb.ophys.OpticalChannel(name="green", description="green", emission_lambda=510.0)
    plane = file.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="",
        device=device,
        excitation_lambda=600.0,
        indicator="GCaMP",
        location="V1",
    )
    segmentation = pynwb.ophys.PlaneSegmentation(
        description="cells", imaging_plane=plane, name="cells"
    )
    for _ in range(3):
        segmentation.add_roi(pixel_mask=[(0, 0, 1.0)])
    rois = segmentation.create_roi_table_region("all", region=[0, 1, 2])
    times = np.sort(np.random.default_rng(1).uniform(0, 6, 900))
    data = np.random.default_rng(2).normal(size=(900, 3))
    series = pynwb.ophys.RoiResponseSeries(
        name="dff", data=data, unit="a.u.", rois=rois, timestamps=times
    )
    module = file.create_processing_module("ophys", "")
    module.add(pynwb.ophys.ImageSegmentation(plane_segmentations=[segmentation]))
    module.add(pynwb.ophys.DfOverF(roi_response_series=[series]))
    path = write(file, tmp_path / "v1.nwb")
    recording = load_brain(path, signal="dff", window=(0, 400))
    assert set(recording.region.values) == {"V1"}
    for trial, start in enumerate(STARTS):
        inside = (times >= start) & (times < start + 0.4)
        np.testing.assert_allclose(recording.activity[trial], data[inside].mean(0), rtol=1e-5)


def test_animals_are_joined_by_label(units_file, tmp_path):
    other = new_file(subject="tito")
    add_trials(other)
    other.add_unit(spike_times=spike_times()[0])
    paths = [units_file, write(other, tmp_path / "tito.nwb")]
    joined = concat([load_brain(path, window=(0, 100)) for path in paths], dim="neuroid")
    validate_recording(joined)
    assert joined.subject.values.tolist() == ["chabo"] * 3 + ["tito"]
    assert "quality" not in joined.coords  # only one of the files rates its units
    np.testing.assert_array_equal(joined.activity[:, 0], joined.activity[:, 3])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"window": (0, 100), "bin_width": 30}, InvalidInputError, "must divide it"),
        ({"window": (100, 0)}, InvalidInputError, "must end after it starts"),
        ({"bin_width": 30}, InvalidInputError, "needs a window"),
        ({"window": (0, 1), "align": "start"}, UnknownNameError, "did you mean 'start_time'"),
        ({"trials": "trial"}, UnknownNameError, "did you mean 'trials'"),
        ({"measure": "rates"}, UnknownNameError, "did you mean 'rate'"),
        ({"windows": (0, 1)}, UnknownNameError, "no option 'windows'.*did you mean 'window'"),
        ({"stimulus": "image"}, UnknownNameError, "did you mean 'image_name'"),
    ],
)
def test_wrong_questions_get_a_sentence(options, error, said, units_file):
    with pytest.raises(error, match=said):
        load_brain(units_file, **options)


def test_files_without_trials_and_damaged_ones_get_a_sentence(units_file, tmp_path):
    with pytest.raises(UnknownNameError, match="no table of trials 'trials'"):
        load_brain(write(new_file(), tmp_path / "empty.nwb"))
    whole = units_file.read_bytes()
    (tmp_path / "cut.nwb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInputError, match=r"cut\.nwb is not a readable NWB file"):
        load_brain(tmp_path / "cut.nwb")


def test_trials_that_end_before_they_begin_and_unnamed_stimuli_get_a_sentence(tmp_path):
    file = new_file()
    for start, stop in ((0.0, 1.0), (2.0, 2.0)):
        file.add_trial(start, stop)
    file.add_unit(spike_times=[0.5])
    path = write(file, tmp_path / "it.nwb")
    with pytest.raises(InvalidInputError, match="1 trials end when or before they begin"):
        load_brain(path)
    with pytest.raises(InvalidInputError, match="nothing tells which stimulus"):
        load_brain(path, window=(0, 100))

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import load_brain
from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.recording import concat, label_table, validate_recording

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 3, 5], [0, 0, 0, 1]])
EVENTS = pd.DataFrame(
    {
        "onset": [0.0, 4.0, 8.0, 12.0],
        "duration": 1.0,
        "trial_type": ["face", "house", "face", "house"],
        "animate": [1, 0, 1, 0],
    }
)


def betas(seed=0):
    values = np.random.default_rng(seed).normal(size=(3, 4, 2, 4)).astype(np.float32)
    values[0] = 0  # outside of the brain
    return values


def save(values, path, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def run(tmp_path):
    EVENTS.to_csv(tmp_path / "sub-01_task-objects_run-1_events.tsv", sep="\t", index=False)
    return save(betas(), tmp_path / "sub-01_task-objects_run-1_betas.nii.gz")


def test_every_voxel_keeps_its_response_and_its_place(run):
    recording = validate_recording(load_brain(run, region="VTC", labels=["animate"]))
    assert recording.sizes["neuroid"] == 2 * 4 * 2
    place = recording.isel(neuroid=recording.neuroid_id.values == "sub-01.2-1-0")
    np.testing.assert_allclose(place.activity.values[:, 0], betas()[2, 1, 0], rtol=1e-6)
    assert [float(place[axis].item()) for axis in "xyz"] == [-6.0, -18.0, 5.0]
    assert recording.stimulus_id.values.tolist() == ["face", "house", "face", "house"]
    assert set(recording.run.values) == {"1"}
    assert recording.repetition.values.tolist() == [0, 0, 1, 1]
    assert set(recording.region.values) == {"VTC"}
    assert label_table(recording)["animate"].to_dict() == {"face": 1.0, "house": 0.0}


def test_a_mask_chooses_voxels(run, tmp_path):
    inside = np.zeros((3, 4, 2), np.uint8)
    inside[1, 2, 1] = inside[2, 3, 0] = 1
    recording = load_brain(run, mask=save(inside, tmp_path / "mask.nii"))
    assert recording.neuroid_id.values.tolist() == ["sub-01.1-2-1", "sub-01.2-3-0"]
    np.testing.assert_allclose(recording.activity[:, 1], betas()[2, 3, 0], rtol=1e-6)


def test_an_atlas_names_regions(run, tmp_path):
    atlas = np.zeros((3, 4, 2), np.int16)
    atlas[1, :, 0], atlas[2, 0, 0] = 4, 7
    path = save(atlas, tmp_path / "atlas.nii")
    table = pd.DataFrame({"index": [4, 7], "name": ["FFA", "PPA"]})
    recording = load_brain(run, atlas=path, atlas_labels=table)
    assert recording.region.values.tolist() == ["FFA"] * 4 + ["PPA"]
    assert set(load_brain(run, atlas=path).region.values) == {"4", "7"}


def test_runs_and_subjects_are_joined_by_label(run, tmp_path):
    second = save(betas(1), tmp_path / "sub-01_run-2_betas.nii")
    third = [save(betas(2 + k), tmp_path / f"sub-02_run-{k + 1}_betas.nii.gz") for k in range(2)]
    first = concat([load_brain(run), load_brain(second, events=EVENTS)], "presentation")
    other = concat([load_brain(path, events=EVENTS) for path in third], "presentation")
    both = validate_recording(concat([first, other], "neuroid"))
    assert both.sizes == {"presentation": 8, "neuroid": 32}
    assert both.run.values.tolist() == ["1"] * 4 + ["2"] * 4
    last = both.isel(neuroid=both.neuroid_id.values == "sub-02.1-0-0").activity.values[4:, 0]
    np.testing.assert_allclose(last, betas(3)[1, 0, 0], rtol=1e-6)


def test_a_bids_data_set_names_its_volumes_by_the_events_of_the_raw_run(tmp_path):
    """Single-trial betas in derivatives, events in the raw data, sessions, runs and subjects."""
    raw, derived = tmp_path / "objects", tmp_path / "objects" / "derivatives" / "glmsingle"
    order = {1: ["face", "house", "face", "tool"], 2: ["tool", "face", "house", "house"]}
    recordings = []
    for subject in ("01", "02"):
        runs = []
        for run, shown in order.items():
            place = f"sub-{subject}/ses-a/func"
            name = f"sub-{subject}_ses-a_task-objects_run-{run}"
            (raw / place).mkdir(parents=True, exist_ok=True)
            (derived / place).mkdir(parents=True, exist_ok=True)
            events = pd.DataFrame(
                {
                    "onset": [0.0, 4.0, 8.0, 12.0],
                    "duration": 1.0,
                    "trial_type": shown,
                    "response_time": ["0.4", "n/a", "0.5", "0.6"],
                    "animate": [int(item == "face") for item in shown],
                }
            )
            events.to_csv(raw / place / f"{name}_events.tsv", sep="\t", index=False)
            image = derived / place / f"{name}_space-T1w_stat-effect_statmap.nii.gz"
            save(betas(int(subject) * 10 + run), image)
            runs.append(load_brain(image, labels=["animate"], region="VTC"))
        recordings.append(concat(runs, "presentation"))
    both = validate_recording(concat(recordings, "neuroid"))
    assert both.sizes["presentation"] == 8
    assert both.stimulus_id.values.tolist() == order[1] + order[2]
    assert both.run.values.tolist() == ["1"] * 4 + ["2"] * 4
    assert set(both.session.values) == {"a"}
    assert set(both.subject.values) == {"sub-01", "sub-02"}
    assert np.isnan(both.response_time.values[[1, 5]]).all()
    assert label_table(both)["animate"].to_dict() == {"face": 1.0, "house": 0.0, "tool": 0.0}
    voxel = both.isel(neuroid=both.neuroid_id.values == "sub-02.1-2-1").activity.values[:, 0]
    np.testing.assert_allclose(voxel[4:], betas(22)[1, 2, 1], rtol=1e-6)


def test_surface_maps_are_read_with_their_structures(tmp_path):
    cortex = nibabel.cifti2.BrainModelAxis.from_surface([0, 2, 5], 10, "CortexLeft")
    maps = nibabel.cifti2.ScalarAxis(["a", "b"])
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    image = nibabel.Cifti2Image(data, header=(maps, cortex))
    image.to_filename(tmp_path / "sub-3_betas.dscalar.nii")
    events = pd.DataFrame({"stimulus": ["x", "y"]})
    recording = load_brain(tmp_path / "sub-3_betas.dscalar.nii", events=events)
    np.testing.assert_array_equal(recording.activity, data)
    assert set(recording.region.values) == {"CORTEX_LEFT"}
    assert recording.neuroid_id.values[1] == "sub-3.CORTEX_LEFT.2"


def test_what_does_not_fit_together_is_said(run, tmp_path):
    with pytest.raises(InvalidInputError, match="holds 4 volumes, but its events name 3"):
        load_brain(run, events=EVENTS[:3])
    shifted = AFFINE + np.eye(4, k=3)
    for wrong in (
        save(np.ones((2, 4, 2), np.uint8), tmp_path / "small.nii"),
        save(np.ones((3, 4, 2), np.uint8), tmp_path / "shifted.nii", shifted),
    ):
        with pytest.raises(InvalidInputError, match="does not lie on the grid"):
            load_brain(run, mask=wrong)
    empty = save(np.zeros((3, 4, 2), np.uint8), tmp_path / "empty.nii")
    with pytest.raises(InvalidInputError, match="no voxel lies inside"):
        load_brain(run, mask=empty)
    with pytest.raises(InvalidInputError, match="expected four dimensions"):
        load_brain(empty, events=EVENTS)
    ones = save(np.ones((3, 4, 2), np.uint8), tmp_path / "ones.nii")
    with pytest.raises(InvalidInputError, match="expected 'index' and 'name'"):
        load_brain(run, atlas=ones, atlas_labels=EVENTS)
    with pytest.raises(UnknownNameError, match="did you mean 'mask'"):
        load_brain(run, masks=empty)


def test_unlabelled_damaged_and_foreign_files_get_a_sentence(run, tmp_path):
    with pytest.raises(
        InvalidInputError,
        match=r"nothing names its volumes \(looked for .*lonely_events\.tsv\)\. Give",
    ):
        load_brain(save(betas(), tmp_path / "lonely_betas.nii"))
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(InvalidInputError, match="nothing tells which stimulus"):
        load_brain(save(betas(), tmp_path / "x_betas.nii"), events=EVENTS[["onset"]])
    unnamed = EVENTS.assign(trial_type=["face", None, "face", "house"])
    with pytest.raises(InvalidInputError, match="1 presentations have no stimulus"):
        load_brain(tmp_path / "x_betas.nii", events=unnamed)
    with pytest.raises(InvalidInputError, match="not a readable NIfTI"):
        load_brain(tmp_path / "text.nii", events=EVENTS)
    for name in ("whole.nii", "whole.nii.gz"):
        whole = save(np.random.default_rng(0).normal(size=(9, 9, 9, 4)), tmp_path / name)
        content = whole.read_bytes()
        cut = tmp_path / f"cut-{name}"
        cut.write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(
            InvalidInputError, match=r"not a readable NIfTI file from volume|not a readable"
        ):
            load_brain(cut, events=EVENTS)

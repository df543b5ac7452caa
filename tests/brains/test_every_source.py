"""The same responses, kept in every format, give the same analyses; so does either kind."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from reprcompare.audit import audit
from reprcompare.brains import load_brain, to_rsatoolbox, write_brainio
from reprcompare.comparison import compare
from reprcompare.errors import ReprcompareError
from reprcompare.geometry import rdm
from reprcompare.measurement import (
    average,
    noise_ceiling,
    normalise_noise,
    region_reliability,
    split_half,
    zscore,
)
from reprcompare.recording import build_recording, label_table, save_recording

N_STIMULI, N_REPETITIONS, N_NEUROIDS = 12, 2, 6
IDS = [f"image-{i}" for i in range(N_STIMULI)]
RANDOM = np.random.default_rng(0)
RATES = RANDOM.uniform(2, 20, size=(N_STIMULI, N_NEUROIDS))
COUNTS = RANDOM.poisson(np.tile(RATES, (N_REPETITIONS, 1)))
ROWS = pd.DataFrame(
    {
        "stimulus_id": IDS * N_REPETITIONS,
        "repetition": np.repeat(range(N_REPETITIONS), N_STIMULI),
    }
)
LABELS = pd.DataFrame({"animate": np.tile([0, 1, 1], 4), "large": [0, 1] * 6}, index=IDS)
NAMES = {"region": "IT", "subject": "chabo", "labels": LABELS}


@pytest.fixture(scope="module")
def original():
    return build_recording(
        COUNTS,
        stimulus_id=ROWS["stimulus_id"].tolist(),
        presentation={"repetition": ROWS["repetition"].to_numpy()},
        **NAMES,
    )


def as_recording(original, path):
    return load_brain(save_recording(original, path.with_suffix(".nc")))


def as_brainio(original, path):
    return load_brain(write_brainio(original, path.with_suffix(".nc")))


def as_rsatoolbox(original, path):
    to_rsatoolbox(original).save(str(path.with_suffix(".h5")), file_type="hdf5")
    return load_brain(path.with_suffix(".h5"), labels=LABELS)


def as_table(suffix):
    def save(_, path):
        table = ROWS.join(pd.DataFrame(COUNTS).add_prefix("unit_"))
        target = path.with_suffix(suffix)
        if suffix == ".parquet":
            pytest.importorskip("pyarrow")
            table.to_parquet(target)
        else:
            table.to_csv(target, index=False)
        return load_brain(target, neuroids="unit_*", **NAMES)

    return save


def as_numpy(_, path):
    arrays = {name: ROWS[name].to_numpy() for name in ROWS}
    np.savez(
        path, activity=COUNTS, **arrays | {"stimulus_id": ROWS["stimulus_id"].to_numpy(dtype=str)}
    )
    return load_brain(path.with_suffix(".npz"), **NAMES)


def as_matlab(_, path):
    texts = np.array(ROWS["stimulus_id"], dtype=object)
    savemat(
        path.with_suffix(".mat"),
        {"Y": COUNTS, "stimulus": texts, "repetition": ROWS["repetition"].to_numpy()},
    )
    return load_brain(path.with_suffix(".mat"), **NAMES)


def as_nwb(_, path):
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile(
        session_description="",
        identifier="it",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )
    file.add_trial_column("image", "")
    for trial, name in enumerate(ROWS["stimulus_id"]):
        file.add_trial(float(trial), trial + 1.0, image=name)
    for counts in COUNTS.T:
        times = [t + 0.5 * (k + 1) / (n + 1) for t, n in enumerate(counts) for k in range(n)]
        file.add_unit(spike_times=times)
    with pynwb.NWBHDF5IO(str(path.with_suffix(".nwb")), "w") as io:
        io.write(file)
    return load_brain(path.with_suffix(".nwb"), window=(0, 500), measure="count", **NAMES)


def as_epochs(_, path):
    mne = pytest.importorskip("mne")
    target = path.with_name("it-epo.fif")
    epochs = mne.EpochsArray(
        COUNTS[:, :, None].repeat(2, axis=2),
        mne.create_info(N_NEUROIDS, 100.0, "eeg"),
        metadata=ROWS.reset_index(drop=True),
        verbose="error",
    )
    epochs.save(target, verbose="error")
    return load_brain(target, window=(0, 20), **NAMES)


def as_volumes(_, path):
    nibabel = pytest.importorskip("nibabel")
    target = path.with_suffix(".nii.gz")
    volumes = COUNTS.T.reshape(N_NEUROIDS, 1, 1, -1).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(volumes, np.eye(4)), target)
    return load_brain(target, events=ROWS, **NAMES)


SOURCES = {
    "recording": as_recording,
    "brainio": as_brainio,
    "rsatoolbox": as_rsatoolbox,
    "csv": as_table(".csv"),
    "parquet": as_table(".parquet"),
    "numpy": as_numpy,
    "matlab": as_matlab,
    "nwb": as_nwb,
    "mne": as_epochs,
    "nifti": as_volumes,
}


OPTIONS = {"nwb": {"window": (0, 500)}, "mne": {"window": (0, 20)}, "nifti": {"events": ROWS}}
"""What a reader needs to be told."""

SURE = {"csv"}
"""A text that ends early, or in which letters have changed, is a table all the same."""

CRASHES = {"matlab"}
"""scipy's reader of MATLAB 5 ends the whole program for some changed bytes."""


def saved(source, original, folder):
    folder.mkdir()
    SOURCES[source](original, folder / "it")
    (path,) = folder.iterdir()
    return path


def read_or_refuse(path, options):
    """Load and read; any error but a sentence fails the test."""
    try:
        load_brain(path, **options)["activity"].load()
    except ReprcompareError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("source", sorted({*SOURCES} - SURE))
def test_damaged_and_empty_files_get_a_sentence(source, original, tmp_path):
    path = saved(source, original, tmp_path / "whole")
    content = path.read_bytes()
    options = OPTIONS.get(source, {})
    for share in (0.0, 0.05, 0.3, 0.6, 0.9):
        cut = path.with_name(f"{round(100 * share)}{path.name[2:]}")
        cut.write_bytes(content[: int(share * len(content))])
        assert cut.name in read_or_refuse(cut, options)
    foreign = path.with_name(f"foreign{path.name[2:]}")
    foreign.write_bytes(np.random.default_rng(0).bytes(3000))
    assert foreign.name in read_or_refuse(foreign, options)


@pytest.mark.parametrize("source", sorted({*SOURCES} - CRASHES))
def test_changed_bytes_never_end_in_a_traceback(source, original, tmp_path):
    path = saved(source, original, tmp_path / "whole")
    random = np.random.default_rng(1)
    for number in range(8):
        changed = bytearray(path.read_bytes())
        for place in random.integers(len(changed), size=20):
            changed[place] = random.integers(256)
        other = path.with_name(f"{number}{path.name[2:]}")
        other.write_bytes(changed)
        read_or_refuse(other, OPTIONS.get(source, {}))


def model():
    return build_recording(
        RATES + RANDOM.normal(size=RATES.shape),
        stimulus_id=IDS[::-1],
        region="layer4",
        subject="net",
        kind="network",
    )


MODEL = model()


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_analyses(source, original, tmp_path):
    loaded = SOURCES[source](original, tmp_path / "it")
    assert loaded.attrs["kind"] == "brain"
    pd.testing.assert_frame_equal(label_table(loaded), label_table(original), check_names=False)
    np.testing.assert_allclose(average(loaded).activity, average(original).activity, rtol=1e-5)
    for metric in ("correlation", "crossnobis"):
        options = {"precision": None} if metric == "crossnobis" else {}
        found, expected = (rdm(r, metric, **options) for r in (loaded, original))
        assert found.pattern_descriptors["stimulus_id"] == IDS
        np.testing.assert_allclose(found.dissimilarities, expected.dissimilarities, rtol=1e-4)
    columns = ["feature", "share", "density"]
    pd.testing.assert_frame_equal(
        audit(loaded).table[columns], audit(original).table[columns], rtol=1e-4
    )
    scores = [compare(MODEL, r, n_bootstrap=20).table["score"].item() for r in (loaded, original)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)


def test_no_analysis_can_tell_a_brain_from_a_network(original):
    flipped = original.assign_attrs(kind="network")
    model = MODEL.assign_attrs(kind="brain")
    np.testing.assert_array_equal(rdm(flipped).dissimilarities, rdm(original).dissimilarities)
    for analysis in (
        lambda recording: audit(recording).table,
        lambda recording: compare(MODEL, recording, n_bootstrap=50, seed=1).table,
        lambda recording: compare(MODEL, recording, n_bootstrap=50, seed=1).ceiling,
        split_half,
        noise_ceiling,
        region_reliability,
    ):
        pd.testing.assert_frame_equal(analysis(flipped), analysis(original), check_exact=True)
    for prepare in (average, zscore, normalise_noise):
        assert prepare(flipped).activity.identical(prepare(original).activity)
    tables = [compare(m, original, n_bootstrap=50, seed=1).table for m in (MODEL, model)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reprcompare.brains.assembling import Naming
from reprcompare.brains.matlab import read_matlab
from reprcompare.errors import InvalidInputError, InvalidRecordingError, UnknownNameError
from reprcompare.measurement import average

RESPONSES = np.random.default_rng(0).normal(size=(4, 3))
IMAGES = ["cat", "dog", "cat", "horse"]


def save_version_5(path, **extra):
    cells = np.empty(4, dtype=object)
    cells[:] = IMAGES
    savemat(path, {"Y": RESPONSES, "stimulus": cells, "run": np.array([1, 1, 2, 2])} | extra)


def save_version_73(path):
    """Write HDF5 as MATLAB does: transposed, texts as codes, cells as references."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def store(name, values, kind):
            item = file.create_dataset(name, data=values)
            item.attrs["MATLAB_class"] = np.bytes_(kind)
            return item

        store("Y", RESPONSES.T, "double")
        store("run", np.array([[1.0, 1, 2, 2]]).T, "double")
        cells = [
            store(f"#refs#/{i}", np.array([[ord(c)] for c in name], dtype=np.uint16), "char").ref
            for i, name in enumerate(IMAGES)
        ]
        references = np.array([cells], dtype=h5py.ref_dtype)
        store("stimulus", references, "cell")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    with path.open("r+b") as file:
        file.write(header)


@pytest.mark.parametrize("save", [save_version_5, save_version_73])
def test_both_versions_give_the_same_recording(save, tmp_path):
    save(tmp_path / "it.mat")
    recording = read_matlab(tmp_path / "it.mat", Naming(region="IT", subject="chabo"))
    np.testing.assert_allclose(recording.activity, RESPONSES, rtol=1e-6)
    assert recording.stimulus_id.values.tolist() == IMAGES
    assert recording.run.values.tolist() == ["1", "1", "2", "2"]
    assert recording.attrs["identifier"] == "it"


def test_a_large_matrix_of_version_73_stays_in_its_file(tmp_path):
    """Sixteen gigabytes that take no room on disk; HDF5 holds it transposed."""
    with h5py.File(tmp_path / "it.mat", "w") as file:
        whole = file.create_dataset("Y", (100_000, 20_000), "f8")
        whole[99_999, 7] = 3.0
        file["stimulus"] = np.arange(20_000)[None] % 10_000
    recording = read_matlab(tmp_path / "it.mat")
    assert recording.sizes == {"presentation": 20_000, "neuroid": 100_000}
    part = recording.isel(neuroid=slice(99_990, None))
    assert not part.activity.variable._in_memory
    assert average(part).activity.values[7].tolist() == [0.0] * 9 + [1.5]


def test_any_part_of_a_lazy_matrix_is_that_of_the_whole(tmp_path):
    save_version_73(tmp_path / "it.mat")
    activity = read_matlab(tmp_path / "it.mat").activity
    assert not activity.variable._in_memory
    whole = RESPONSES.astype(np.float32)
    for rows in (2, slice(None, None, -1), [3, 0], [1, 1, 2], slice(1, 3)):
        for columns in (0, slice(None), [2, 0], slice(2, None, -1)):
            expected = whole[rows, :][..., columns]
            found = activity.isel(presentation=rows, neuroid=columns)
            np.testing.assert_array_equal(found.values, expected)


def test_a_matrix_of_characters_names_stimuli(tmp_path):
    savemat(tmp_path / "it.mat", {"Y": RESPONSES, "image": np.array(["a ", "bc", "d ", "e "])})
    recording = read_matlab(tmp_path / "it.mat")
    assert recording.stimulus_id.values.tolist() == ["a", "bc", "d", "e"]


def test_several_matrices_must_be_told_apart(tmp_path):
    save_version_5(tmp_path / "it.mat", noise=np.eye(5))
    with pytest.raises(InvalidInputError, match=r"2 matrices.*noise \(5, 5\)"):
        read_matlab(tmp_path / "it.mat")
    recording = read_matlab(tmp_path / "it.mat", activity="Y")
    np.testing.assert_allclose(recording.activity, RESPONSES, rtol=1e-6)
    with pytest.raises(UnknownNameError, match="did you mean 'noise'"):
        read_matlab(tmp_path / "it.mat", activity="noises")


def test_unlabelled_empty_and_contradictory_files_get_a_sentence(tmp_path):
    savemat(tmp_path / "it.mat", {"Y": RESPONSES})
    with pytest.raises(InvalidInputError, match=r"it.mat: nothing tells which stimulus"):
        read_matlab(tmp_path / "it.mat")
    save_version_5(tmp_path / "twice.mat", repetition=np.zeros(4))
    with pytest.raises(InvalidRecordingError, match="must name one presentation"):
        read_matlab(tmp_path / "twice.mat", Naming(stimulus="run"))
    savemat(tmp_path / "empty.mat", {})
    with pytest.raises(InvalidInputError, match="holds 0 matrices"):
        read_matlab(tmp_path / "empty.mat")


def test_structures_are_left_out(tmp_path):
    save_version_5(tmp_path / "it.mat", info={"rig": "B", "notes": np.eye(3)})
    assert read_matlab(tmp_path / "it.mat").sizes["neuroid"] == 3


@pytest.mark.parametrize("save", [save_version_5, save_version_73])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_file_that_was_cut_off_gets_a_sentence(save, share, tmp_path):
    path = tmp_path / "it.mat"
    save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InvalidInputError, match=r"it\.mat .*(not a readable|holds 0 matrices)"):
        read_matlab(path)


def test_another_kind_of_file_gets_a_sentence(tmp_path):
    (tmp_path / "it.mat").write_text("not a matrix at all, but a text of some length " * 10)
    with pytest.raises(InvalidInputError, match="not a readable MATLAB file"):
        read_matlab(tmp_path / "it.mat")

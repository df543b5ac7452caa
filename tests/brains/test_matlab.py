import h5py
import numpy as np
import pytest
from scipy.io import savemat

from reprcompare.brains.assembling import Naming
from reprcompare.brains.matlab import read_matlab
from reprcompare.errors import InvalidInputError, UnknownNameError

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

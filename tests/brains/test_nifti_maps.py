import numpy as np
import pandas as pd
import pytest

from reprcompare.brains import load_brain, write_nifti
from reprcompare.errors import InvalidInputError

nibabel = pytest.importorskip("nibabel")

AFFINE = np.array([[2.0, 0, 0, -10], [0, 2, 0, -20], [0, 0, 3, 5], [0, 0, 0, 1]])


@pytest.fixture
def image(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 4, 2, 4)).astype(np.float32)
    values[0] = 0
    path = tmp_path / "sub-01_run-1_betas.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), path)
    return path


def test_scores_come_back_at_their_voxels(image, tmp_path):
    events = pd.DataFrame({"trial_type": list("abcd")})
    brain = load_brain(image, events=events)
    scores = pd.Series(np.arange(brain.sizes["neuroid"], dtype=float), brain.neuroid_id.values)
    written = nibabel.load(write_nifti(scores[::-1], image, tmp_path / "r.nii.gz"))
    volume = np.asarray(written.dataobj)
    np.testing.assert_allclose(written.affine, AFFINE)
    assert np.isnan(volume[0]).all()
    for name, score in scores.items():
        place = tuple(int(x) for x in name.split(".")[1].split("-"))
        assert volume[place] == score


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["monkey.IT.0"], "name no voxel"),
        (["sub-01.1-1-1", "sub-02.1-1-1"], "one file a subject"),
        (["sub-01.9-1-1"], "outside of"),
        (["sub-01.1-1-1", "sub-01.1-1-1"], "or are repeated"),
    ],
)
def test_what_is_no_map_gets_a_sentence(image, tmp_path, names, message):
    with pytest.raises(InvalidInputError, match=message):
        write_nifti(pd.Series(1.0, index=names), image, tmp_path / "r.nii.gz")


def test_a_map_never_takes_the_place_of_the_image_that_it_came_from(image, tmp_path):
    before = image.read_bytes()
    scores = pd.Series([1.0], index=["sub-01.1-1-1"])
    for path, message in (
        (image, "would be lost"),
        (tmp_path / "r.txt", "must end in .nii"),
        (tmp_path / "no" / "r.nii.gz", "no folder"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            write_nifti(scores, image, path)
    assert image.read_bytes() == before
    for wrong in ([1.0], scores.to_frame(), scores.astype(str)):
        with pytest.raises(InvalidInputError, match="must be a Series of numbers"):
            write_nifti(wrong, image, tmp_path / "r.nii.gz")

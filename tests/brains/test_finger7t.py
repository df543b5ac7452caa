import numpy as np
import pytest
from scipy.io import loadmat

from reprcompare.audit import audit
from reprcompare.brains import fetch, load_brain
from reprcompare.brains.finger7t import FINGERS, contrasts
from reprcompare.comparison import compare
from reprcompare.geometry import rdm
from reprcompare.recording import label_table, open_recording, save_recording, select


@pytest.fixture(scope="module")
def recording(data_dir):
    return load_brain("finger7T", data_dir)


def test_every_subjects_patterns_are_those_of_the_file(recording, data_dir):
    content = loadmat(fetch("finger7T", data_dir)["data_recipe_finger7T.mat"])
    for number in range(7):
        mine = select(recording, subject=f"subject-{number + 1}")
        patterns, fingers, runs = (content[n][0, number] for n in ("Y", "condVec", "partVec"))
        for row, finger, run in zip(patterns, fingers.ravel(), runs.ravel(), strict=True):
            one = select(mine, stimulus_id=FINGERS[finger - 1], run=str(run))
            np.testing.assert_array_equal(one.activity.values[0], row.astype(np.float32))


def test_runs_that_a_subject_did_not_do_are_missing(recording):
    n_runs = [
        int(np.isfinite(select(recording, subject=f"subject-{n}").activity[:, 0]).sum()) // 5
        for n in range(1, 8)
    ]
    assert n_runs == [8, 7, 7, 7, 8, 8, 8]


def test_contrasts_between_fingers_are_orthogonal_and_centred(recording):
    table = contrasts().to_numpy()
    products = table.T @ table
    np.testing.assert_array_equal(products, np.diag(np.diag(products)))
    np.testing.assert_array_equal(table.sum(axis=0), 0)
    assert label_table(recording).loc["index", "index_vs_later"] == 3


def test_it_is_saved_and_opened_without_loss(recording, tmp_path):
    opened = open_recording(save_recording(recording, tmp_path / "finger7T.nc"))
    assert opened.load().equals(recording)


def by_hand(mine):
    """Cross-validated squared distances of one subject: products of differences between runs."""
    runs = [select(mine, run=run).activity.values.astype(float) for run in np.unique(mine.run)]
    pairs = np.triu_indices(5, 1)
    differences = [p[pairs[0]] - p[pairs[1]] for p in runs if np.isfinite(p).all()]
    products = [
        (a * b).mean(axis=1)
        for i, a in enumerate(differences)
        for j, b in enumerate(differences)
        if i != j
    ]
    return np.mean(products, axis=0)


def test_crossnobis_over_the_runs_of_every_subject_is_that_written_out_by_hand(recording):
    found = rdm(recording, "crossnobis", precision=None)
    expected = [by_hand(select(recording, subject=f"subject-{n}")) for n in range(1, 8)]
    np.testing.assert_allclose(found.dissimilarities, expected, rtol=1e-4)


def test_natural_use_explains_the_geometry_better_than_muscles(recording, data_dir):
    """The published result (Ejaz et al. 2015), with its ceiling over subjects."""
    distances = rdm(recording, "crossnobis", precision=None)
    models = load_brain("finger7T/models", data_dir)
    result = compare(models, distances, comparator="correlation", resample="subjects")
    score = result.table.set_index("model_region")["score"]
    assert score["Naturalstats"] > score["Muscle"] > score["somatotopy"]
    leave_one_out = []
    for n in range(7):
        rest = np.delete(distances.dissimilarities, n, axis=0)
        rest = (rest - rest.mean(1, keepdims=True)) / rest.std(1, keepdims=True)
        leave_one_out.append(np.corrcoef(rest.mean(0), distances.dissimilarities[n])[0, 1])
    assert result.ceiling["lower"].item() == pytest.approx(np.mean(leave_one_out), abs=1e-6)
    assert score["Naturalstats"] < result.ceiling["lower"].item()


def test_every_finger_contrast_has_its_share_of_reliable_variance(recording):
    table = audit(recording).table.pivot(index="subject", columns="feature", values="share")
    assert table.shape == (7, 4)
    assert np.isfinite(table.to_numpy()).all()
    # Four orthogonal contrasts span all differences between five fingers, and the share is what a
    # contrast explains beyond chance, which is a quarter for each: the shares add up to nothing.
    np.testing.assert_allclose(table.sum(axis=1), 0, atol=1e-6)
    # The thumb stands out, which is what natural use predicts.
    assert (table.idxmax(axis=1) == "thumb_vs_later").sum() >= 6
    assert (table["thumb_vs_later"] > 0).all()

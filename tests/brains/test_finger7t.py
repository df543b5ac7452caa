import numpy as np
import pytest
from scipy.io import loadmat

from reprcompare.brains import fetch, load_brain
from reprcompare.brains.finger7t import FINGERS, contrasts
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


def test_natural_use_explains_the_geometry_better_than_muscles(recording, data_dir):
    """The published result, with cross-validated distances written out by hand."""
    models = load_brain("finger7T/models", data_dir)
    vectors = dict(zip(models.rdm_descriptors["region"], models.get_vectors(), strict=True))
    better = []
    for number in range(1, 8):
        mine = select(recording, subject=f"subject-{number}")
        runs = {}
        for run in sorted(set(mine.run.values)):
            patterns = select(mine, run=run).activity.values.astype(float)
            if np.isfinite(patterns).all():
                runs[run] = patterns
        differences = {
            run: np.stack([p[i] - p[j] for i in range(5) for j in range(i + 1, 5)])
            for run, p in runs.items()
        }
        distances = np.mean(
            [(differences[a] * differences[b]).mean(axis=1) for a in runs for b in runs if a != b],
            axis=0,
        )
        cosine = {
            name: distances @ v / np.linalg.norm(distances) / np.linalg.norm(v)
            for name, v in vectors.items()
        }
        better.append(cosine["Naturalstats"] - cosine["Muscle"])
    assert np.mean(better) > 0
    assert sum(value > 0 for value in better) >= 6

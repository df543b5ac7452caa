import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from reprcompare.brains import load_brain, load_stimuli
from reprcompare.recording import label_table


def mean_vector(rdms):
    return rdms.get_vectors().mean(axis=0)


def test_monkey_and_human_it_correlate_as_published(data_dir):
    human = mean_vector(load_brain("kriegeskorte2008/human", data_dir))
    monkey = mean_vector(load_brain("kriegeskorte2008/monkey", data_dir))
    assert pearsonr(human, monkey).statistic == pytest.approx(0.49, abs=0.005)
    assert spearmanr(human, monkey).statistic == pytest.approx(0.4389, abs=5e-5)


def test_labels_are_in_the_order_of_the_rdms(data_dir):
    """The animacy model made of the images' labels is the published one, and fits as known."""
    animate = label_table(load_stimuli("kriegeskorte2008", data_dir))["animacy"].to_numpy()
    differs = (animate[:, None] != animate).astype(float)[np.triu_indices(92, 1)]
    human = load_brain("kriegeskorte2008/human", data_dir)
    assert spearmanr(differs, mean_vector(human)).statistic == pytest.approx(0.5882, abs=5e-5)
    models = load_brain("kriegeskorte2008/models", data_dir).subset("region", "animacy")
    np.testing.assert_array_equal(models.get_vectors()[0], differs)


def test_images_are_in_the_order_of_the_rdms(data_dir):
    """The published silhouette RDM is recovered from the images, but not from reordered ones."""
    images = load_stimuli("kriegeskorte2008", data_dir).stimulus.values.astype(float)
    silhouettes = (np.abs(images - images[:, :1, :1]).max(axis=-1) > 8).reshape(92, -1)
    ours = 1 - np.corrcoef(silhouettes)
    published = load_brain("kriegeskorte2008/models", data_dir).subset("region", "Silhouette")
    pairs = np.triu_indices(92, 1)
    shuffled = np.random.default_rng(0).permutation(92)
    assert spearmanr(ours[pairs], published.get_vectors()[0]).statistic > 0.9
    moved = ours[np.ix_(shuffled, shuffled)][pairs]
    assert abs(spearmanr(moved, published.get_vectors()[0]).statistic) < 0.2


def test_all_parts_carry_the_same_stimulus_ids_and_full_descriptors(data_dir):
    ids = load_stimuli("kriegeskorte2008", data_dir).stimulus_id.values.tolist()
    sizes = {"": 9, "/human": 8, "/monkey": 1, "/behaviour": 16, "/models": 7}
    for part, size in sizes.items():
        rdms = load_brain(f"kriegeskorte2008{part}", data_dir)
        assert rdms.n_rdm == size
        assert rdms.pattern_descriptors["stimulus_id"] == ids
        assert {"subject", "session", "region"} <= set(rdms.rdm_descriptors)
    assert len(set(ids)) == 92


def test_sessions_belong_to_their_subjects(data_dir):
    human = load_brain("kriegeskorte2008/human", data_dir)
    subjects, sessions = (human.rdm_descriptors[name] for name in ("subject", "session"))
    assert subjects == ["BE", "BE", "KO", "KO", "SN", "SN", "TI", "TI"]
    assert sessions == ["1", "2"] * 4
    # The same person's sessions agree better than those of different people, on average.
    r = np.corrcoef(human.get_vectors())
    same = np.equal.outer(subjects, subjects)
    assert r[same & ~np.eye(8, dtype=bool)].mean() > r[~same].mean()


def test_labels_are_collinear_as_the_catalogue_says(data_dir):
    table = label_table(load_stimuli("kriegeskorte2008", data_dir))
    assert (table["animacy"] == table["face"] + table["body"]).all()
    assert (table["animacy"] == table["animal"]).all()
    combinations = table[["animacy", "face", "body", "human", "natural"]].drop_duplicates()
    assert len(combinations) == 6
    assert table["category"].value_counts().to_dict() == {
        "human bodypart": 12,
        "human face": 12,
        "nonhuman bodypart": 12,
        "nonhuman face": 12,
        "natural inanimate": 23,
        "artificial inanimate": 21,
    }

"""What `compare` promises: labels, sessions, what can be generalised to, published values."""

import os
from pathlib import Path

import numpy as np
import pytest
from rsatoolbox.rdm import RDMs
from scipy import io, stats
from scipy.spatial.distance import squareform

from reprcompare.comparison import compare
from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
)
from reprcompare.recording import build_recording

DATA = Path(os.environ.get("REPRCOMPARE_DATA_DIR", "")) / "kriegeskorte2008"
needs_data = pytest.mark.skipif(
    "REPRCOMPARE_DATA_DIR" not in os.environ or not DATA.exists(),
    reason="REPRCOMPARE_DATA_DIR does not lead to kriegeskorte2008",
)
N = 16


def labelled(vectors, ids=None, subjects=None, sessions=None, regions=None):
    vectors = np.atleast_2d(vectors)
    n = round((1 + np.sqrt(1 + 8 * vectors.shape[1])) / 2)
    k = len(vectors)
    return RDMs(
        vectors,
        rdm_descriptors={
            "subject": subjects or [f"s{i}" for i in range(k)],
            "session": sessions or [""] * k,
            "region": regions or ["IT"] * k,
        },
        pattern_descriptors={"stimulus_id": list(ids or [f"im{i}" for i in range(n)])},
    )


def recorded(activity, ids=None, subject="net", region="layer", kind="network"):
    ids = [f"im{i}" for i in range(len(activity))] if ids is None else ids
    return build_recording(activity, stimulus_id=ids, region=region, subject=subject, kind=kind)


@pytest.fixture
def group():
    """A model, and six subjects that share its geometry with noise."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(N, 10))
    subjects = [
        recorded(shared + rng.normal(size=(N, 10)), subject=f"p{k}", region="IT", kind="brain")
        for k in range(6)
    ]
    from reprcompare.geometry import rdm

    vectors = np.concatenate([rdm(one).dissimilarities for one in subjects])
    return recorded(shared), labelled(vectors)


def test_reversed_labels_are_joined_by_name(group):
    model, brain = group
    reversed_model = recorded(model.activity.values[::-1], ids=list(model.stimulus_id.values[::-1]))
    plain = compare({"m": model}, brain, n_bootstrap=19)
    joined = compare({"m": reversed_model}, brain, n_bootstrap=19)
    assert joined.table.score[0] == pytest.approx(plain.table.score[0], abs=1e-12)
    assert joined.table.se[0] == pytest.approx(plain.table.se[0], abs=1e-12)


def test_rdms_without_labels_are_refused(group):
    _, brain = group
    with pytest.raises(LabelMismatchError, match="never compared by position"):
        compare({"m": RDMs(brain.dissimilarities[:1])}, brain)


def test_stimuli_that_are_not_shared_are_dropped_and_reported(group):
    model, brain = group
    renamed = [*model.stimulus_id.values[:-2], "x", "y"]
    result = compare({"m": recorded(model.activity.values, renamed)}, brain, n_bootstrap=19)
    assert result.table.n_stimuli[0] == N - 2
    assert result.dropped == {"the brain": [f"im{N - 2}", f"im{N - 1}"], "m": ["x", "y"]}
    assert "2 of the brain, 2 of m" in result.method
    same = compare({"m": recorded(model.activity.values[:-2], renamed[:-2])}, brain, n_bootstrap=19)
    assert same.table.score[0] == pytest.approx(result.table.score[0], abs=1e-12)


def test_sessions_of_a_subject_are_averaged_and_not_counted_as_subjects(group):
    model, brain = group
    vectors = brain.dissimilarities
    sessions = labelled(
        np.concatenate([vectors - 0.01, vectors + 0.01]),
        subjects=[f"p{k}" for k in range(6)] * 2,
        sessions=["1"] * 6 + ["2"] * 6,
    )
    one, two = (compare({"m": model}, x, n_bootstrap=19) for x in (brain, sessions))
    assert two.ceiling.n_subjects[0] == 6
    for column in ("score", "se", "df", "p_ceiling"):
        assert two.table[column][0] == pytest.approx(one.table[column][0], abs=1e-9)
    assert "not counted as subjects" in two.method
    assert "not counted as subjects" not in one.method


def test_several_rdms_of_nobody_in_particular_are_refused(group):
    model, brain = group
    nobody = RDMs(
        brain.dissimilarities,
        pattern_descriptors={"stimulus_id": brain.pattern_descriptors["stimulus_id"]},
    )
    with pytest.raises(InvalidInputError, match="say which subject"):
        compare({"m": model}, nobody)


def test_with_one_subject_only_stimuli_are_generalised_to(group):
    model, brain = group
    one = labelled(brain.dissimilarities[0])
    result = compare({"m": model}, one, n_bootstrap=19)
    assert "one brain subject" in result.method
    assert np.isnan(result.ceiling.lower[0])
    assert np.isnan(result.table.p_ceiling[0])
    assert np.isfinite(result.table.se[0])
    with pytest.raises(NotIdentifiableError, match="one subject"):
        compare({"m": model}, one, resample="subjects")


def test_without_draws_there_is_a_score_and_nothing_that_rests_on_draws(group):
    model, brain = group
    result = compare({"m": model}, brain, n_bootstrap=0)
    (found,) = result.table.itertuples()
    assert np.isfinite([found.score, found.se, found.ci_low]).all()
    assert np.isnan([found.se_bootstrap, found.p_zero, found.p_zero_holm, found.p_zero_fdr]).all()
    assert "Nothing was resampled or permuted" in result.method
    with pytest.raises(InvalidInputError, match="labels must be a pandas.DataFrame"):
        compare({"m": model}, brain, labels="labels.csv")
    with pytest.raises(InvalidInputError, match="n_bootstrap must be at least 0, got -1"):
        compare({"m": model}, brain, n_bootstrap=-1)


def test_fixed_stimuli_give_the_t_test_over_subjects(group):
    model, brain = group
    result = compare({"m": model}, brain, "correlation", resample="subjects")
    from reprcompare.geometry import rdm

    scores = [
        stats.pearsonr(rdm(model).dissimilarities[0], y).statistic for y in brain.dissimilarities
    ]
    expected = stats.ttest_1samp(np.arctanh(scores), 0, alternative="greater")
    assert result.table.p_zero[0] == pytest.approx(expected.pvalue)
    low, high = stats.ttest_1samp(scores, 0).confidence_interval(0.95)
    assert result.table.ci_low[0] == pytest.approx(low)
    assert result.table.ci_high[0] == pytest.approx(high)


def test_wilcoxon_and_corrections_stand_beside_the_t_test(group):
    model, brain = group
    rng = np.random.default_rng(11)
    other = recorded(model.activity.values + 2 * rng.normal(size=(N, 10)))
    result = compare({"m": model, "o": other}, brain, "correlation", resample="subjects")
    by_subject = result.subjects.pivot(index="subject", columns="model", values="score")
    z = np.arctanh(by_subject)
    for name, row in result.table.set_index("model").iterrows():
        expected = stats.wilcoxon(z[name], alternative="greater").pvalue
        assert row.p_wilcoxon == pytest.approx(expected)
    expected = stats.wilcoxon(z["m"] - z["o"]).pvalue
    assert result.pairs.p_wilcoxon[0] == pytest.approx(expected)
    p = result.table.p_zero.to_numpy()
    assert result.table.p_zero_holm.to_numpy() == pytest.approx(np.minimum(1, _holm(p)))
    assert result.table.p_zero_fdr.to_numpy() == pytest.approx(stats.false_discovery_control(p))
    assert result.pairs.p_fdr[0] == result.pairs.p[0]
    assert "signed-rank" in result.method
    assert np.isnan(compare({"m": model}, brain, n_bootstrap=19).table.p_wilcoxon[0])


def _holm(p):
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = steps
    return adjusted


@pytest.mark.filterwarnings("ignore")
def test_distances_are_tested_as_they_are(group):
    """Fisher's z exists for correlations only; and patterns of few neuroids have no kernel."""
    model, of_few = group
    rng = np.random.default_rng(3)
    shared = rng.normal(size=(N, 40))
    brain = build_recording(
        np.hstack([shared + rng.normal(size=(N, 40)) for _ in range(4)]),
        stimulus_id=[f"im{i}" for i in range(N)],
        region="IT",
        subject=np.repeat(list("abcd"), 40),
    )
    options = {"resample": "subjects", "metric": "squared_euclidean"}
    result = compare({"m": recorded(shared)}, brain, "riemann", **options)
    assert result.table.score[0] < 0
    assert result.comparator.high == 0
    assert "scores as they are" in result.method
    with pytest.raises(NotIdentifiableError, match="at least as many neuroids as stimuli"):
        compare({"m": model}, of_few, "riemann", **options)


def test_an_untrained_network_stands_beside_its_model(group):
    model, brain = group
    before = recorded(np.random.default_rng(4).normal(size=(N, 10)))
    result = compare({"m": model}, brain, untrained={"m": before}, n_bootstrap=19)
    assert list(result.table.model) == ["m", "m (untrained)"]
    assert result.pairs.difference[0] > 0.2
    with pytest.raises(InvalidInputError, match="no model 'n'"):
        compare({"m": model}, brain, untrained={"n": before})


def test_crossnobis_of_a_recording_comes_with_a_crossvalidated_ceiling():
    rng = np.random.default_rng(12)
    shared = rng.normal(size=(N, 8))
    several = build_recording(
        np.hstack([np.tile(shared, (4, 1)) + rng.normal(size=(4 * N, 8)) for _ in range(3)]),
        stimulus_id=[f"im{i}" for i in range(N)] * 4,
        region="M1",
        subject=np.repeat(["p0", "p1", "p2"], 8),
        presentation={"run": np.repeat(list("1234"), N)},
    )
    model = labelled(((shared[:, None] - shared[None]) ** 2).sum(-1)[np.triu_indices(N, 1)])
    options = {"metric": "crossnobis", "n_bootstrap": 19}
    bound = compare({"m": model}, several, "whitened_correlation", **options).ceiling.iloc[0]
    assert bound.lower < bound.upper_crossvalidated < bound.upper
    ranks = compare({"m": model}, several, "rho-a", **options).ceiling.iloc[0]
    assert np.isnan(ranks.upper_crossvalidated)


def test_a_pair_that_is_missing_in_one_rdm_costs_its_stimuli_only(group):
    """rsatoolbox drops the pair from the whole stack, or raises (#452, #347)."""
    model, brain = group
    vectors = brain.dissimilarities.copy()
    vectors[2, 5] = np.nan
    result = compare({"m": model}, labelled(vectors), nan="drop", n_bootstrap=19)
    assert len(result.dropped["undefined"]) == 1
    assert result.table.n_subjects[0] == 6


def test_pairs_are_differences_of_the_scores_over_the_same_resamples(group):
    model, brain = group
    rng = np.random.default_rng(1)
    near = recorded(model.activity.values + 0.03 * rng.normal(size=(N, 10)))
    result = compare({"a": model, "b": near}, brain, n_bootstrap=19)
    difference = result.table.score[0] - result.table.score[1]
    assert result.pairs.difference[0] == pytest.approx(difference)
    assert result.pairs.se[0] < 0.05 * result.table.se[0]


def test_networks_of_one_class_are_a_random_factor(group):
    model, brain = group
    rng = np.random.default_rng(2)
    seeds = np.concatenate(
        [model.activity.values + rng.normal(size=(N, 10)) for _ in range(3)], axis=1
    )
    several = build_recording(
        seeds,
        stimulus_id=list(model.stimulus_id.values),
        region="layer",
        subject=np.repeat(["n0", "n1", "n2"], 10),
        kind="network",
    )
    result = compare({"m": several}, brain, n_bootstrap=19)
    assert result.table.n_networks[0] == 3
    assert len(result.table) == 1
    assert "new networks" in result.method


def test_undefined_dissimilarities_follow_the_policy(group):
    model, brain = group
    dead = model.activity.values.copy()
    dead[3] = 0
    with pytest.raises(InvalidInputError, match="nan='drop'"):
        compare({"m": recorded(dead)}, brain)
    result = compare({"m": recorded(dead)}, brain, nan="drop", n_bootstrap=19)
    assert result.dropped["undefined"] == ["im3"]
    assert result.table.n_stimuli[0] == N - 1
    assert "nan='drop'" in result.method


def test_the_cosine_is_tested_against_its_value_for_unrelated_rdms():
    rng = np.random.default_rng(5)
    noise = labelled(rng.random((5, N * (N - 1) // 2)))
    model = labelled(rng.random((1, N * (N - 1) // 2)))
    row = compare({"m": model}, noise, "cosine", n_bootstrap=199).table.iloc[0]
    assert row.score > 0.7
    assert row.unrelated == pytest.approx(0.75, abs=0.03)
    assert row.p_zero > 0.01


def test_a_seed_makes_results_repeatable(group):
    model, brain = group
    first, again = (compare({"m": model}, brain, seed=3, n_bootstrap=50) for _ in range(2))
    assert first.table.equals(again.table)


def test_the_figure_shows_every_model(group):
    model, brain = group
    figure = compare({"a": model, "b": model}, brain, n_bootstrap=19).plot()
    assert len(figure.axes[0].get_xticklabels()) == 2


def test_controls_stand_beside_every_model(group):
    model, brain = group
    result = compare({"m": model}, brain, n_bootstrap=99, controls=("permuted", "noise"))
    table = result.table.set_index("model")
    assert list(table.index) == ["m", "m (labels permuted)", "m (noise of equal dimension)"]
    assert table.score["m"] > 0.3
    assert (table.score.iloc[1:].abs() < 0.25).all()
    with pytest.raises(InvalidInputError, match="needs the recording"):
        compare({"m": brain}, brain, controls=("noise",))


def test_flexible_models_are_scored_on_held_out_data(group):
    model, brain = group
    rng = np.random.default_rng(8)
    from reprcompare.geometry import FlexibleModel, rdm

    noise = rng.random((40, brain.dissimilarities.shape[1]))
    flexible = FlexibleModel(labelled(noise))
    with_truth = FlexibleModel(labelled(np.concatenate([noise[:2], rdm(model).dissimilarities])))
    result = compare(
        {"noise": flexible, "truth": with_truth, "m": model}, brain, "correlation", n_bootstrap=99
    )
    score = result.table.set_index("model").score
    assert abs(score["noise"]) < 0.15
    assert 0.8 * score["m"] < score["truth"] < score["m"] + 0.02
    assert "Flexible models (noise, truth)" in result.method
    beside = compare(with_truth, brain, "correlation", n_bootstrap=9, controls=("permuted",))
    assert list(beside.table.model) == ["model", "model (labels permuted)"]
    assert beside.table.score[0] == pytest.approx(score["truth"])
    assert abs(beside.table.score[1]) < 0.2


def test_disattenuation_recovers_the_noiseless_score():
    """The model is what subjects share; its score is only limited by their noise."""
    rng = np.random.default_rng(9)
    truth = rng.random(N * (N - 1) // 2)
    brain = labelled(truth + 0.3 * rng.normal(size=(20, len(truth))))
    row = compare({"m": labelled(truth)}, brain, "correlation", n_bootstrap=9).table.iloc[0]
    assert row.score < 0.8
    assert row.disattenuated == pytest.approx(1, abs=0.03)


def matrix(one):
    values = one["RDM"].astype(float)
    return values.ravel() if 1 in values.shape else squareform(values, checks=False)


@pytest.fixture
def published():
    figure = io.loadmat(DATA / "Kriegeskorte_Neuron2008_supplementalData.mat")
    monkey, human = (labelled(matrix(x)) for x in figure["RDMs_mIT_hIT_fig1"][0])
    measured = io.loadmat(DATA / "92_brainRDMs.mat")["RDMs"][0]
    sessions = labelled(
        np.stack([matrix(measured[s, k]) for s in range(4) for k in range(2)]),
        subjects=[f"p{s}" for s in range(4) for _ in range(2)],
        sessions=["1", "2"] * 4,
    )
    models = {
        str(one["name"][0]): labelled(matrix(one))
        for one in io.loadmat(DATA / "92_modelRDMs.mat")["Models"][0]
    }
    return monkey, human, sessions, models


@needs_data
def test_published_values_of_monkey_and_human_it(published):
    monkey, human, sessions, models = published
    score = {
        name: compare({"m": monkey}, human, name, n_bootstrap=9).table.score[0]
        for name in ("correlation", "spearman")
    }
    assert score["correlation"] == pytest.approx(0.49, abs=0.005)
    assert score["spearman"] == pytest.approx(0.4389, abs=5e-5)
    animacy = compare({"animacy": models["animacy"]}, human, "spearman", n_bootstrap=9)
    assert animacy.table.score[0] == pytest.approx(0.5882, abs=5e-5)
    group = compare({"m": monkey}, sessions, "correlation", n_bootstrap=9)
    assert group.ceiling.n_subjects[0] == 4
    assert group.ceiling.lower[0] == pytest.approx(0.395, abs=0.001)


@needs_data
def test_natural_hand_use_explains_motor_cortex_better_than_muscle_activity():
    """The published result of Ejaz, Hamada & Diedrichsen (2015), from their voxels."""
    from reprcompare.brains import load_brain
    from reprcompare.geometry import rdm

    fingers = ["thumb", "index", "middle", "ring", "little"]
    file = io.loadmat(DATA.parent / "finger7T" / "data_recipe_finger7T.mat")
    models = {str(m["name"][0]): labelled(matrix(m), ids=fingers) for m in file["Model"][0]}
    brain = rdm(load_brain("finger7T", DATA.parent), "crossnobis", precision=None)
    result = compare(models, brain, "whitened_cosine", resample="subjects")
    score = result.table.set_index("model").score
    assert score["Naturalstats"] > score["Muscle"]
    pair = result.pairs.set_index(["model_a", "model_b"]).loc[("Muscle", "Naturalstats")]
    assert pair.p < 0.05
    assert result.ceiling.n_subjects[0] == 7

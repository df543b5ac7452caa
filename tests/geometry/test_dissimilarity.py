"""RDMs against rsatoolbox, brute force, and what they must not depend on."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.data.noise import prec_from_residuals
from rsatoolbox.rdm import calc_rdm, load_rdm
from rsatoolbox.rdm.calc_unbalanced import calc_rdm_unbalanced
from scipy.spatial.distance import pdist

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry import crossnobis, dissimilarities, rdm, residual_precision
from reprcompare.measurement import drop_missing
from reprcompare.recording import build_recording

RSATOOLBOX = {
    "correlation": "correlation",
    "squared_euclidean": "euclidean",
    "poisson": "poisson",
}
SCIPY = {
    "cosine": ("cosine", False),
    "euclidean": ("euclidean", True),
    "hamming": ("hamming", False),
    "jaccard": ("jaccard", False),
}


def presented(n_stimuli=6, n_runs=4, p=9, repeats=1, seed=0, gaps=()):
    """A recording of repeated presentations; `gaps` are (stimulus, run) that were not shown."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(n_stimuli, p))
    shown = [
        (s, r, k)
        for r in range(n_runs)
        for s in rng.permutation(n_stimuli)
        for k in range(repeats)
        if (s, r) not in gaps
    ]
    values = np.stack([base[s] + rng.normal(size=p) for s, _, _ in shown])
    stimulus, run, repetition = (np.array(x) for x in zip(*shown, strict=True))
    recording = build_recording(
        values,
        stimulus_id=[f"s{s}" for s in stimulus],
        region="M1",
        subject="p1",
        presentation={"run": [str(r) for r in run], "repetition": repetition},
    )
    dataset = Dataset(
        recording.activity.values.astype(float),
        obs_descriptors={"stimulus": [f"s{s}" for s in stimulus], "run": list(run)},
    )
    return recording, dataset


def by_name(rdms, names):
    """Matrix in the order of `names`."""
    ids = list(rdms.pattern_descriptors["stimulus_id"])
    order = [ids.index(name) for name in names]
    return rdms.get_matrices()[0][np.ix_(order, order)]


@pytest.mark.parametrize("metric", RSATOOLBOX)
def test_averaged_repetitions_equal_rsatoolbox(metric):
    recording, dataset = presented()
    recording["activity"] = np.abs(recording.activity)
    dataset.measurements = np.abs(dataset.measurements)
    expected = calc_rdm(dataset, RSATOOLBOX[metric], descriptor="stimulus")
    ours = rdm(recording, metric)
    names = list(expected.pattern_descriptors["stimulus"])
    np.testing.assert_allclose(by_name(ours, names), expected.get_matrices()[0], atol=1e-10)
    assert ours.descriptors["repetitions"] == "averaged"
    assert ours.dissimilarity_measure == expected.dissimilarity_measure


@pytest.mark.parametrize("metric", SCIPY)
def test_other_metrics_equal_scipy(metric):
    rng = np.random.default_rng(1)
    x = (rng.random((7, 20)) > 0.5).astype(float)
    name, root_mean = SCIPY[metric]
    expected = pdist(x if name != "jaccard" else x.astype(bool), name)
    if root_mean:
        expected = expected / np.sqrt(x.shape[1])
    np.testing.assert_allclose(dissimilarities([x], metric), expected, atol=1e-10)


@pytest.mark.parametrize("metric", ["correlation", "squared_euclidean", "cosine", "poisson"])
def test_reading_in_pieces_changes_nothing(metric):
    rng = np.random.default_rng(2)
    x = rng.random((9, 40)) + 1000
    whole = dissimilarities([x], metric)
    pieces = dissimilarities([x[:, :7], x[:, 7:30], x[:, 30:]], metric)
    np.testing.assert_allclose(pieces, whole, rtol=1e-7, atol=1e-12)


def test_a_torch_device_gives_the_same_numbers():
    x = np.random.default_rng(3).normal(size=(9, 40))
    np.testing.assert_allclose(dissimilarities([x], device="cpu"), dissimilarities([x]), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 11))
    shuffled = x[:, rng.permutation(11)]
    for metric in ("correlation", "squared_euclidean", "cosine"):
        np.testing.assert_allclose(
            dissimilarities([shuffled], metric), dissimilarities([x], metric), atol=1e-12
        )
    rotation, _ = np.linalg.qr(rng.normal(size=(11, 11)))
    np.testing.assert_allclose(
        dissimilarities([x @ rotation], "euclidean"), dissimilarities([x], "euclidean"), atol=1e-10
    )
    scaled = x * rng.uniform(0.1, 10, size=(6, 1)) + rng.normal(size=(6, 1))
    np.testing.assert_allclose(
        dissimilarities([scaled], "correlation"), dissimilarities([x], "correlation"), atol=1e-10
    )


def test_a_constant_pattern_is_undefined_and_the_others_are_not():
    x = np.random.default_rng(4).normal(size=(4, 10))
    x[1] = 0.1 + 0.2
    result = dissimilarities([x[:, :5], x[:, 5:]])
    assert np.isnan(result).tolist() == [True, False, False, True, True, False]


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("identity", [True, False])
def test_crossnobis_equals_rsatoolbox(repeats, identity):
    recording, dataset = presented(repeats=repeats)
    rng = np.random.default_rng(5)
    root = rng.normal(size=(9, 30))
    precision = None if identity else root @ root.T
    expected = calc_rdm(dataset, "crossnobis", "stimulus", noise=precision, cv_descriptor="run")
    ours = rdm(recording, "crossnobis", precision=precision)
    names = list(expected.pattern_descriptors["stimulus"])
    np.testing.assert_allclose(by_name(ours, names), expected.get_matrices()[0], atol=1e-10)
    assert ours.descriptors["repetitions"] == "cross-validated over run"


def test_crossnobis_with_a_precision_for_every_fold_equals_rsatoolbox():
    recording, dataset = presented()
    rng = np.random.default_rng(6)
    precisions = [(lambda a: a @ a.T)(rng.normal(size=(9, 30))) for _ in range(4)]
    expected = calc_rdm(dataset, "crossnobis", "stimulus", noise=precisions, cv_descriptor="run")
    ours = rdm(recording, "crossnobis", precision=precisions)
    names = list(expected.pattern_descriptors["stimulus"])
    np.testing.assert_allclose(by_name(ours, names), expected.get_matrices()[0], atol=1e-10)


def test_crossnobis_with_unequal_repetitions_equals_rsatoolbox_for_single_presentations():
    recording, dataset = presented(repeats=2, gaps=[(0, 1), (3, 2)])
    expected = calc_rdm_unbalanced(dataset, "crossnobis", "stimulus", cv_descriptor="run")
    ours = rdm(recording, "crossnobis", precision=None)
    names = list(expected.pattern_descriptors["stimulus"])
    np.testing.assert_allclose(by_name(ours, names), expected.get_matrices()[0], atol=1e-10)


def test_a_precision_for_every_fold_works_with_unequal_repetitions():
    """rsatoolbox#491. With equal precisions it must be the estimate with one precision."""
    recording, _ = presented(repeats=2, gaps=[(0, 1), (3, 2)])
    root = np.random.default_rng(10).normal(size=(9, 30))
    one = rdm(recording, "crossnobis", precision=root @ root.T)
    every = rdm(recording, "crossnobis", precision=[root @ root.T] * 4)
    np.testing.assert_allclose(every.dissimilarities, one.dissimilarities, atol=1e-9)


def test_crossnobis_of_pure_noise_is_zero_on_average_and_is_not_clipped():
    rng = np.random.default_rng(7)
    values = []
    for _ in range(40):
        recording = build_recording(
            rng.normal(size=(20, 30)),
            stimulus_id=[f"s{k}" for k in range(10)] * 2,
            region="M1",
            subject="p1",
            presentation={"run": ["1"] * 10 + ["2"] * 10},
        )
        values.append(rdm(recording, "crossnobis", precision=None).dissimilarities)
    assert min(v.min() for v in values) < 0
    assert abs(np.mean(values)) < 0.03


def test_poisson_cv_is_the_mean_over_all_folds():
    """rsatoolbox 0.3.2 returns the last fold only."""
    recording, dataset = presented()
    recording["activity"] = np.abs(recording.activity)
    dataset.measurements = np.abs(dataset.measurements)
    last = []
    runs = np.array(dataset.obs_descriptors["run"])
    for fold in range(4):
        relabelled = Dataset(
            dataset.measurements,
            obs_descriptors={
                "stimulus": dataset.obs_descriptors["stimulus"],
                "run": list((runs - fold - 1) % 4),
            },
        )
        last.append(calc_rdm(relabelled, "poisson_cv", "stimulus", cv_descriptor="run"))
    names = list(last[0].pattern_descriptors["stimulus"])
    expected = np.mean([one.get_matrices()[0] for one in last], axis=0)
    ours = by_name(rdm(recording, "poisson_cv"), names)
    np.testing.assert_allclose(ours, expected, atol=1e-10)


def test_mahalanobis_equals_rsatoolbox():
    recording, dataset = presented()
    root = np.random.default_rng(8).normal(size=(9, 30))
    expected = calc_rdm(dataset, "mahalanobis", "stimulus", noise=root @ root.T)
    ours = rdm(recording, "mahalanobis", precision=root @ root.T)
    names = list(expected.pattern_descriptors["stimulus"])
    np.testing.assert_allclose(by_name(ours, names), expected.get_matrices()[0], atol=1e-9)


@pytest.mark.parametrize("metric", ["mahalanobis", "crossnobis"])
@pytest.mark.parametrize("p", [9, 60])
def test_the_noise_of_the_presentations_equals_rsatoolbox(metric, p, monkeypatch):
    """With more neuroids than presentations, in pieces and without their precision."""
    monkeypatch.setattr(sys.modules[rdm.__module__], "PIECE_BYTES", 8 * 24 * 7)
    recording, dataset = presented(p=p)
    names = dataset.obs_descriptors["stimulus"]
    means = {one: dataset.measurements[np.array(names) == one].mean(axis=0) for one in set(names)}
    residuals = dataset.measurements - np.stack([means[one] for one in names])
    precision = prec_from_residuals(residuals, dof=24 - 6)
    options = {"cv_descriptor": "run"} if metric == "crossnobis" else {}
    expected = calc_rdm(dataset, metric, "stimulus", noise=precision, **options)
    ours = rdm(recording, metric)
    found = by_name(ours, list(expected.pattern_descriptors["stimulus"]))
    np.testing.assert_allclose(found, expected.get_matrices()[0], atol=1e-10)


@pytest.mark.parametrize("metric", ["crossnobis", "poisson_cv"])
def test_crossvalidated_metrics_are_read_in_pieces(metric, monkeypatch):
    recording, _ = presented(p=30, repeats=2, seed=3)
    recording["activity"] = np.abs(recording.activity)
    whole = rdm(recording, metric, precision=None)
    monkeypatch.setattr(sys.modules[rdm.__module__], "PIECE_BYTES", 8 * 48 * 4)
    pieces = rdm(recording, metric, precision=None, device="cpu")
    np.testing.assert_allclose(pieces.dissimilarities, whole.dissimilarities, atol=1e-12)


@pytest.mark.parametrize("p", [9, 60])
def test_neuroids_that_never_respond_are_no_obstacle_and_noiseless_ones_are_named(p):
    recording, _ = presented(p=p)
    silent = recording.copy(deep=True)
    silent["activity"][:, :3] = 2.0
    kept = silent.isel(neuroid=slice(3, None))
    found, expected = (rdm(one, "crossnobis").dissimilarities for one in (silent, kept))
    np.testing.assert_allclose(found * p, expected * (p - 3), rtol=1e-6)
    noiseless = recording.copy(deep=True)
    noiseless["activity"][:, 0] = [float(s[1:]) for s in recording.stimulus_id.values]
    with pytest.raises(NotIdentifiableError, match=f"1 of {p} neuroids tell stimuli apart"):
        rdm(noiseless, "crossnobis")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_crossnobis_depends_neither_on_the_axes_nor_on_the_order(seed, p):
    """Neuroids permuted, rotated under their noise; presentations and folds in another order."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(12, p))
    stimulus, fold = np.tile(np.arange(4), 3), np.repeat(np.arange(3), 4)
    plain = crossnobis(x, stimulus, fold)
    rotation, _ = np.linalg.qr(rng.normal(size=(p, p)))
    np.testing.assert_allclose(crossnobis(x @ rotation, stimulus, fold), plain, atol=1e-10)
    order, renamed = rng.permutation(12), rng.permutation(3)
    moved = crossnobis(x[order], stimulus[order], renamed[fold[order]])
    np.testing.assert_allclose(moved, plain, atol=1e-10)
    root = rng.normal(size=(p, 2 * p))
    noise = root @ root.T
    under = crossnobis(x, stimulus, fold, noise)
    turned = crossnobis(x @ rotation, stimulus, fold, rotation.T @ noise @ rotation)
    np.testing.assert_allclose(turned, under, rtol=1e-8, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_labelled_presentations_changes_nothing(seed):
    recording, _ = presented(p=12, repeats=2, seed=seed)
    order = np.random.default_rng(seed).permutation(recording.sizes["presentation"])
    for metric in ("correlation", "crossnobis", "mahalanobis"):
        plain, moved = rdm(recording, metric), rdm(recording.isel(presentation=order), metric)
        names = sorted(plain.pattern_descriptors["stimulus_id"])
        np.testing.assert_allclose(by_name(moved, names), by_name(plain, names), atol=1e-9)


def test_single_precision_and_fortran_order_in_give_the_numbers_of_double_precision():
    """rsatoolbox computes slowly or coarsely there; sums are always taken in double precision."""
    x = np.random.default_rng(12).normal(size=(8, 50)).astype(np.float32) + 100
    stimulus, fold = np.tile(np.arange(4), 2), np.repeat([0, 1], 4)
    for patterns in (x, np.asfortranarray(x)):
        result = crossnobis(patterns, stimulus, fold)
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, crossnobis(x.astype(float), stimulus, fold), rtol=1e-12)
    assert residual_precision(x, stimulus).shape == (50, 50)


def test_rdms_under_unequal_noise_are_saved_and_read(tmp_path):
    """rsatoolbox#454: its own RDMs with a list of precisions cannot be saved as HDF5."""
    recording, _ = presented()
    roots = np.random.default_rng(13).normal(size=(4, 9, 30))
    rdms = rdm(recording, "crossnobis", precision=[a @ a.T for a in roots])
    rdms.save(str(tmp_path / "rdms.h5"), file_type="hdf5")
    again = load_rdm(str(tmp_path / "rdms.h5"), file_type="hdf5")
    np.testing.assert_array_equal(again.dissimilarities, rdms.dissimilarities)
    assert list(again.pattern_descriptors["stimulus_id"]) == rdms.pattern_descriptors["stimulus_id"]


def test_one_labelled_rdm_for_every_subject_and_region():
    rng = np.random.default_rng(9)
    recording = build_recording(
        rng.normal(size=(4, 6)),
        stimulus_id=list("dcba"),
        region=["V4", "IT", "IT", "V4", "IT", "IT"],
        subject=["m1", "m1", "m1", "m2", "m2", "m2"],
    )
    rdms = rdm(recording, "squared_euclidean")
    assert rdms.pattern_descriptors["stimulus_id"] == list("dcba")
    described = zip(*(rdms.rdm_descriptors[k] for k in ("subject", "region")), strict=True)
    assert list(described) == [("m1", "V4"), ("m1", "IT"), ("m2", "V4"), ("m2", "IT")]
    assert rdms.rdm_descriptors["session"] == [""] * 4
    expected = pdist(recording.activity.values[:, 1:3].astype(float), "sqeuclidean") / 2
    np.testing.assert_allclose(rdms.dissimilarities[1], expected, atol=1e-10)


@pytest.mark.parametrize("metric", ["correlation", "crossnobis", "mahalanobis"])
def test_a_stimulus_that_one_subject_did_not_see_is_undefined_for_that_subject_only(metric):
    rng = np.random.default_rng(11)
    values = rng.normal(size=(12, 6))
    values[[3, 7, 11], 3:] = np.nan
    recording = build_recording(
        values,
        stimulus_id=list("abcd") * 3,
        region="IT",
        subject=["m1"] * 3 + ["m2"] * 3,
        presentation={"run": np.repeat(["1", "2", "3"], 4)},
    )
    precision = None if metric == "crossnobis" else np.eye(3)
    both = rdm(recording, metric, precision=precision).dissimilarities
    assert np.isnan(both).tolist() == [[False] * 6, [False, False, True, False, True, True]]


def test_a_neuroid_without_activity_is_not_passed_over_in_silence():
    activity = np.random.default_rng(0).normal(size=(5, 8))
    activity[:, 3] = np.nan
    recording = build_recording(activity, stimulus_id=list("abcde"), region="IT", subject="monkey")
    with pytest.warns(UserWarning, match="no dissimilarity is defined in monkey IT.*drop_missing"):
        made = rdm(recording)
    assert np.isnan(made.dissimilarities).all()
    assert not np.isnan(rdm(drop_missing(recording)).dissimilarities).any()


def test_wrong_use_is_answered_in_a_sentence():
    recording, _ = presented(n_runs=1)
    with pytest.raises(InvalidInputError, match="did you mean 'correlation'"):
        rdm(recording, "corelation")
    with pytest.raises(NotIdentifiableError, match="independent measurements"):
        rdm(recording, "crossnobis")
    with pytest.raises(NotIdentifiableError, match="presented twice"):
        rdm(recording, "mahalanobis")
    with pytest.raises(InvalidInputError, match="rates >= 0"):
        rdm(recording, "poisson")

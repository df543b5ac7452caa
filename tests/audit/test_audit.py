import itertools

import numpy as np
import pandas as pd
import pytest
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import pdist

from reprcompare.audit import audit, basis_of, components, density, explained_by_neuroid
from reprcompare.errors import InvalidInputError, InvalidRecordingError, LabelMismatchError
from reprcompare.recording import build_recording

TABLE = pd.DataFrame(
    list(itertools.product([0, 1], repeat=2)) * 16,
    columns=["easy", "hard"],
    index=[f"s{i}" for i in range(64)],
)


def network(seed=0, order=None, **more):
    """Region r1 carries easy four times as strongly as hard, r2 hard alone."""
    rng = np.random.default_rng(seed)
    easy, hard = TABLE.to_numpy().T[:, :, None] * np.ones((1, 1, 4))
    first = 2 * easy * [1, 1, 0, 0] + hard * [0, 0, 1, 1]
    activity = np.concatenate([first, hard], axis=1) + 1e-3 * rng.standard_normal((64, 8))
    rows = np.arange(64) if order is None else order
    return build_recording(
        activity[rows],
        stimulus_id=TABLE.index.to_numpy()[rows],
        region=["r1"] * 4 + ["r2"] * 4,
        subject=f"seed{seed}",
        labels=TABLE,
        **more,
    )


def row(found, region, feature):
    table = found.table.set_index(["region", "feature"])
    return table.loc[(region, feature)]


def test_share_and_density_of_a_constructed_network():
    found = audit(network(), n_permutations=20)
    assert row(found, "r1", "easy").share == pytest.approx(0.8, abs=0.01)
    assert row(found, "r1", "hard").share == pytest.approx(0.2, abs=0.02)
    assert row(found, "r2", "hard").share == pytest.approx(1, abs=0.01)
    assert row(found, "r1", "easy").density == 0.5
    assert row(found, "r1", "easy").decodability == 1
    assert row(found, "r2", "easy").decodability_p > 0.05
    assert (found.table.share_low <= found.table.share).all()
    assert (found.table.share <= found.table.share_high).all()


def test_labels_are_joined_by_stimulus_not_by_position():
    shuffled = network(order=np.random.default_rng(1).permutation(64))
    given = audit(shuffled, labels=TABLE.iloc[::-1], n_permutations=0)
    pd.testing.assert_series_equal(
        given.table.share, audit(network(), n_permutations=0).table.share
    )


def test_no_number_depends_on_the_order_of_presentation():
    order = np.random.default_rng(2).permutation(64)
    one, other = audit(network()), audit(network(order=order))
    numbers = ["share", "share_low", "density", "decodability", "decodability_p"]
    np.testing.assert_allclose(one.table[numbers], other.table[numbers], atol=1e-9)


def test_a_stimulus_labelled_twice_is_refused():
    twice = pd.concat([TABLE, 1 - TABLE.iloc[:1]])
    with pytest.raises(InvalidInputError, match="repeats stimuli: s0"):
        audit(network(), labels=twice)


def test_something_else_than_a_recording_gets_a_sentence():
    with pytest.raises(InvalidRecordingError, match="is a str, not an xarray.Dataset"):
        audit("my.nc")
    with pytest.raises(InvalidInputError, match="must be a pandas.DataFrame"):
        audit(network(), labels={"a": 1})


def test_kind_makes_no_difference():
    one, other = audit(network(kind="network")), audit(network(kind="brain"))
    pd.testing.assert_frame_equal(one.table, other.table)


def test_extraneous_properties_come_along():
    recorded = network().assign_coords(by_subject=["seed0"], complexity=("feature", [1, 2]))
    recorded["learning_rank"] = (("by_subject", "feature"), [[1, 2]])
    table = audit(recorded, n_permutations=0).table
    assert table.complexity.tolist() == [1, 2, 1, 2]
    assert table.learning_rank.tolist() == [1, 2, 1, 2]


def test_repetitions_make_it_the_share_of_reliable_variance():
    rng = np.random.default_rng(2)
    clean = network().activity.values
    noisy = np.concatenate([clean + 3 * rng.standard_normal(clean.shape) for _ in range(20)])
    recorded = build_recording(
        noisy,
        stimulus_id=np.tile(TABLE.index, 20),
        region=["r1"] * 4 + ["r2"] * 4,
        subject="monkey",
        presentation={"repetition": np.repeat(np.arange(20), 64)},
        labels=TABLE,
    )
    found = audit(recorded, n_permutations=0)
    assert "reliable" in found.method
    assert row(found, "r1", "easy").share == pytest.approx(0.8, abs=0.15)
    single = audit(recorded.isel(presentation=slice(0, 64)), n_permutations=0)
    assert row(single, "r1", "easy").share < 0.3


def test_rdms_have_shares_and_say_what_they_lack():
    patterns = network().activity.values[:, :4]
    rdms = RDMs(
        pdist(patterns, "sqeuclidean")[None],
        dissimilarity_measure="squared euclidean",
        pattern_descriptors={"stimulus_id": TABLE.index.tolist()},
        rdm_descriptors={"subject": ["m"], "session": ["1"], "region": ["r1"]},
    )
    found = audit(rdms, labels=TABLE.iloc[::-1])
    assert row(found, "r1", "easy").share == pytest.approx(0.8, abs=0.01)
    assert np.isnan(row(found, "r1", "easy").density)
    assert any("RDMs alone do not identify" in note for note in found.notes)


def test_collinear_and_constant_labels_are_named():
    table = TABLE.assign(same=1 - TABLE.easy, constant=1)
    found = audit(network(), labels=table, n_permutations=0)
    assert any("'easy' is collinear" in note for note in found.notes)
    assert any("'constant' has one value" in note for note in found.notes)
    assert np.isnan(row(found, "r1", "easy").share_unique)
    assert row(found, "r1", "hard").share_unique == pytest.approx(0.2, abs=0.02)


def test_labels_of_which_no_two_stimuli_share_one_are_named():
    found = audit(network(), labels=TABLE.assign(name=TABLE.index), n_permutations=0)
    assert any("'name' has another value for every stimulus" in note for note in found.notes)
    assert np.isnan(row(found, "r1", "name").share)
    assert not any("'easy' has another" in note for note in found.notes)


def test_silent_and_missing_neuroids_are_handled():
    recorded = network()
    recorded["activity"][:, 0] = np.nan
    recorded["activity"][:, 4:] = 0.7
    found = audit(recorded, n_permutations=0)
    assert any("1 neuroids with missing values were left out in" in note for note in found.notes)
    assert any("no neuroid varies" in note for note in found.notes)
    assert set(found.table.region) == {"r1"}


def test_wrong_labels_get_a_sentence():
    bare = network().drop_dims("feature")
    with pytest.raises(InvalidInputError, match="carries no labels; give labels="):
        audit(bare)
    with pytest.raises(LabelMismatchError, match="none of the stimuli"):
        audit(bare, labels=TABLE.rename(index=lambda name: "x" + name))
    assert set(audit(network(), features="easy", n_permutations=0).table["feature"]) == {"easy"}
    with pytest.raises(InvalidInputError, match="n_permutations must be at least 0, got -1"):
        audit(network(), n_permutations=-1)
    with pytest.raises(InvalidInputError, match="unknown features colour; labelled are easy, hard"):
        audit(network(), features=["colour"])


def test_the_first_component_is_the_strong_feature():
    found = audit(network(), n_permutations=0).components
    first = found[(found.region == "r1") & (found.component == 1)].set_index("feature")
    assert first.r2["easy"] > 0.99
    assert first.variance["easy"] == pytest.approx(0.8, abs=0.01)


def test_component_and_neuroid_numbers_equal_plain_correlations():
    rng = np.random.default_rng(5)
    patterns, y = rng.standard_normal((40, 3)), rng.integers(0, 2, 40)
    basis = basis_of(pd.DataFrame({"y": y}))
    r2 = np.array([np.corrcoef(patterns[:, j], y)[0, 1] ** 2 for j in range(3)])
    np.testing.assert_allclose(explained_by_neuroid(patterns, basis), 1 - (1 - r2) * 39 / 38)
    scores = np.linalg.svd(patterns - patterns.mean(axis=0))[0][:, 0]
    found = components(patterns, {"y": basis}, 1)
    assert found.r2[0] == pytest.approx(np.corrcoef(scores, y)[0, 1] ** 2)


def test_density_falls_with_the_threshold():
    swept = density(np.array([0.5, 0.3, 0.1, np.nan]), np.array([0.0, 0.2, 0.4]))
    assert swept.tolist() == [0.75, 0.5, 0.25]


def test_audit_over_training_has_a_row_for_each_step():
    activity = np.stack([network(s).activity.values for s in (0, 1)])
    recorded = build_recording(
        activity,
        stimulus_id=TABLE.index,
        region=["r1"] * 8,
        subject="s",
        labels=TABLE,
        training_steps=[0, 100],
    )
    assert audit(recorded, n_permutations=0).table.training_step.tolist() == [0, 0, 100, 100]

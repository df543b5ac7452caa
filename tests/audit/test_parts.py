import itertools

import numpy as np
import pandas as pd
import pytest

from reprcompare.audit import (
    audit,
    basis_of,
    effects_of,
    participation_ratio,
    reliable_fraction,
    selectivity,
)
from reprcompare.recording import build_recording

N = 32
CROSSED = pd.DataFrame(
    list(itertools.product([0, 1], repeat=3)) * N,
    columns=["a", "b", "c"],
    index=[f"s{i}" for i in range(8 * N)],
)


def recorded(activity, labels=CROSSED):
    return build_recording(
        activity, stimulus_id=labels.index.to_numpy(), region="r", subject="s", labels=labels
    )


def signs():
    return (2 * CROSSED.to_numpy() - 1).T


def test_the_parts_of_a_known_response_are_its_squared_coefficients():
    a, b, c = signs()
    noise = np.random.default_rng(0).standard_normal(len(a))
    noise = basis_of(CROSSED.astype(str).agg("".join, axis=1).to_frame("x")).residual(
        noise[:, None]
    )
    noise = noise[:, 0] / noise.std()
    response = 3 * a + 2 * b + 1 * a * b + 2 * a * b * c + 1 * noise
    found = audit(recorded(response[:, None] * [1.0, 2.0]), n_permutations=0)
    parts = found.parts.set_index("part").share
    total = 9 + 4 + 1 + 4 + 1
    expected = {"a": 9, "b": 4, "c": 0, "a:b": 1, "a:c": 0, "b:c": 0}
    for part, square in expected.items():
        assert parts[part] == pytest.approx(square / total, abs=0.01), part
    assert parts["higher orders"] == pytest.approx(4 / total, abs=0.02)
    assert parts["within combinations"] == pytest.approx(1 / total, abs=0.01)
    assert parts.sum() == pytest.approx(1, abs=1e-9)
    shares = found.table.set_index("feature")
    assert shares.share_total["a"] == pytest.approx((9 + 1 + 4) / total, abs=0.01)
    assert shares.share_total["b"] == pytest.approx((4 + 1 + 4) / total, abs=0.01)
    assert shares.share_total["c"] == pytest.approx(4 / total, abs=0.01)
    assert shares.share_joint.abs().max() < 0.01


def test_what_a_redundant_feature_explains_is_joint_and_not_unique():
    rng = np.random.default_rng(1)
    a = np.repeat([0, 1], 200)
    b = np.where(rng.random(400) < 0.9, a, 1 - a)
    labels = pd.DataFrame({"a": a, "b": b}, index=[f"s{i}" for i in range(400)])
    response = a + 0.2 * rng.standard_normal(400)
    table = audit(recorded(response[:, None], labels), n_permutations=0).table.set_index("feature")
    r = np.corrcoef(a, b)[0, 1]
    assert table.share_joint["b"] == pytest.approx(table.share["b"], abs=0.01)
    assert table.share["b"] == pytest.approx(r**2 * table.share["a"], abs=0.02)
    assert table.share_unique["a"] == pytest.approx((1 - r**2) * table.share["a"], abs=0.02)


def test_interactions_of_categories_have_their_degrees_of_freedom():
    table = pd.DataFrame(list(itertools.product("xyz", "pqrs")) * 2, columns=["first", "second"])
    effects = effects_of(table)
    assert effects.pairs["first", "second"].rank == 2 * 3
    assert effects.combinations.rank == 11
    assert (
        np.abs(effects.pairs["first", "second"].vectors.T @ effects.together.vectors).max() < 1e-12
    )


def test_features_that_are_not_crossed_have_no_total_share_and_it_is_said():
    labels = CROSSED.drop(index=CROSSED.index[CROSSED.eq([1, 1, 1]).all(axis=1)])
    activity = np.random.default_rng(0).standard_normal((len(labels), 3))
    found = audit(recorded(activity, labels), n_permutations=0)
    assert found.table.share_total.isna().all()
    assert any("not every combination" in note for note in found.notes)
    assert set(found.parts.part) == {"a", "b", "c", "a:b", "a:c", "b:c"}


def test_unrelated_activity_has_shares_around_0_in_every_part():
    parts = []
    for seed in range(60):
        activity = np.random.default_rng(seed).standard_normal((len(CROSSED), 5))
        parts.append(audit(recorded(activity), n_permutations=0).parts.set_index("part"))
    estimates = pd.concat([found.share for found in parts], axis=1).T
    effects = estimates.drop(columns="within combinations")
    assert (effects.mean().abs() < 4 * effects.std() / np.sqrt(60)).all()
    pair = pd.concat([found.loc[["a:b"]] for found in parts])
    covered = ((pair.share_low < 0) & (pair.share_high > 0)).mean()
    assert 0.85 <= covered <= 1


def test_the_participation_ratio_of_equal_directions_is_their_number():
    directions = np.concatenate([np.eye(7), -np.eye(7)])
    assert participation_ratio(directions) == pytest.approx(7)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 7)))[0]
    assert participation_ratio(directions @ turn) == pytest.approx(7)
    scaled = directions * np.sqrt([3.0, 1, 0, 0, 0, 0, 0])
    assert participation_ratio(scaled) == pytest.approx((3 + 1) ** 2 / (9 + 1))
    assert np.isnan(participation_ratio(np.ones((4, 3))))


def test_the_reliable_fraction_is_signal_over_everything():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((500, 20))
    patterns = signal + 2 * rng.standard_normal((6, 500, 20))
    assert reliable_fraction(patterns) == pytest.approx(1 / 5, abs=0.01)
    assert np.isnan(reliable_fraction(patterns[:1]))


def test_single_neuroids_are_listed_when_asked_for():
    a, b, _ = signs()
    found = audit(recorded(np.stack([a, b, a + b, 0 * a], 1)), n_permutations=0, neuroids=True)
    wide = found.neuroids.pivot_table(index="neuroid_id", columns="feature", values="explained")
    assert wide["a"].round(2).tolist() == [1, 0, 0.5]
    assert len(found.neuroids) == 4 * 3
    assert found.regions.silent.item() == 0.25
    assert found.regions.selectivity.item() == pytest.approx((1 + 1 + 0.5) / 3, abs=0.01)
    assert audit(recorded(a[:, None]), n_permutations=0).neuroids.empty


def test_selectivity_of_a_neuroid_that_carries_nothing_is_unknown():
    assert np.isnan(selectivity(pd.DataFrame({"a": [-0.01], "b": [np.nan]}))).all()

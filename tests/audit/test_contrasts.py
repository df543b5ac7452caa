"""Main-effect contrasts: unbiased, signed, the same from activity and RDMs."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from reprcompare.audit import agreement, contrasts_of_gram, design_of, gram_of_rdm
from reprcompare.audit.contrasts import profile_agreement
from reprcompare.errors import NotIdentifiableError


def crossed(n: int, n_features: int = 2) -> pd.DataFrame:
    """Fully crossed binary features."""
    bits = (np.arange(n)[:, None] >> np.arange(n_features)) & 1
    return pd.DataFrame(bits, columns=list("abcdef")[:n_features])


def simulated(rng, labels, sizes, noise=1.0, n_neuroids=20):
    axes = np.linalg.qr(rng.normal(size=(n_neuroids, len(sizes))))[0].T
    signal = (labels.to_numpy() - 0.5) * 2 @ (np.asarray(sizes)[:, None] * axes)
    return signal + noise * rng.normal(size=(len(labels), n_neuroids))


def test_strength_is_the_squared_effect_without_bias_from_noise():
    rng, labels = np.random.default_rng(0), crossed(128)
    found = []
    for _ in range(100):
        activity = simulated(rng, labels, (2.0, 0.0), noise=3.0)
        found.append(contrasts_of_gram(activity @ activity.T, design_of(labels)).strength)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert np.abs((mean - [4.0, 0.0]) / error).max() < 3.5
    assert (np.array(found)[:, 1] < 0).mean() > 0.3  # signed: no clipping at 0


def test_rdms_give_the_same_contrasts_as_activity():
    rng, labels = np.random.default_rng(1), crossed(64)
    activity = simulated(rng, labels, (2.0, 1.0))
    distances = squareform(pdist(activity, "sqeuclidean"))
    design = design_of(labels)
    one = contrasts_of_gram(activity @ activity.T, design)
    two = contrasts_of_gram(gram_of_rdm(distances), design)
    np.testing.assert_allclose(one.gram(), two.gram(), atol=1e-9)


def test_a_region_without_the_features_is_found_out_at_the_nominal_rate():
    rng, labels = np.random.default_rng(2), crossed(128, 3)
    p = [
        contrasts_of_gram(x @ x.T, design_of(labels), seed=k).p_carried(199, seed=k)
        for k in range(200)
        for x in [rng.normal(size=(128, 10))]
    ]
    rejected = np.mean(np.array(p) < 0.05)
    assert 0.02 < rejected < 0.09


def test_agreement_of_one_computation_through_noise_is_one():
    rng, labels = np.random.default_rng(3), crossed(256)
    scores = []
    for _ in range(30):
        sides = [
            contrasts_of_gram(x @ x.T, design_of(labels))
            for x in (simulated(rng, labels, (2.0, 1.0), noise=2.0) for _ in range(2))
        ]
        scores.append(agreement(*sides)[0])
    assert abs(np.mean(scores) - 1) < 3 * np.std(scores) / np.sqrt(len(scores)) + 0.01


def test_contributions_add_up_and_name_the_shared_feature():
    rng, labels = np.random.default_rng(4), crossed(256)
    sides = [
        contrasts_of_gram(x @ x.T, design_of(labels))
        for x in (simulated(rng, labels, sizes) for sizes in ((2.0, 2.0), (2.0, 0.0)))
    ]
    score, parts = agreement(*sides)
    assert parts.sum() == pytest.approx(score)
    assert score == pytest.approx(1 / np.sqrt(2), abs=0.05)
    assert parts[0] > 0.6 > 0.05 > abs(parts[1])


def test_large_effects_saturate():
    rng, labels = np.random.default_rng(5), crossed(256)
    activity = simulated(rng, labels, (4.0, 1.0))
    found = contrasts_of_gram(activity @ activity.T, design_of(labels))
    np.testing.assert_allclose(
        found.saturated().strength, found.strength / (1 + found.strength), rtol=1e-10
    )


def test_five_features_need_no_cells():
    labels = crossed(96, 5).sample(96, random_state=0, replace=True)
    activity = np.random.default_rng(0).normal(size=(96, 8)) + labels.to_numpy() @ np.ones((5, 8))
    design = design_of(labels.drop_duplicates().head(20))
    assert len(design.names) == 5
    assert contrasts_of_gram(activity @ activity.T, design_of(labels)).strength.shape == (5,)


def test_too_few_stimuli_are_said():
    with pytest.raises(NotIdentifiableError, match="too few"):
        contrasts_of_gram(np.eye(16), design_of(crossed(16)))


def test_overlapping_features_count_as_overlapping():
    labels = pd.DataFrame({"a": [0, 1] * 32, "b": ([0, 1] * 28 + [1, 0] * 4)})
    design = design_of(labels)
    score, parts = profile_agreement(np.array([1, 0]), np.array([0, 1]), design)
    r = np.corrcoef(labels.T)[0, 1]
    assert score == pytest.approx(r**2)
    assert parts.sum() == pytest.approx(score)

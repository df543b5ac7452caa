"""Flexible models: fitted where truth is known, and never tested on what they were fitted to."""

import numpy as np
import pandas as pd
import pytest
from rsatoolbox.rdm import RDMs

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry import (
    COMPARATORS,
    FlexibleModel,
    component_rdms,
    feature_rdms,
    fit_weights,
    predict_held_out,
    rdm,
)
from reprcompare.recording import build_recording

N = 20
PAIRS = N * (N - 1) // 2


@pytest.fixture
def components():
    return np.random.default_rng(0).random((4, PAIRS))


def test_true_weights_are_found(components):
    truth = np.array([0.5, 0.0, 2.0, 1.0])
    for fit in ("nonnegative", "ridge"):
        found = fit_weights(components, truth @ components + 7, fit)
        np.testing.assert_allclose(found, truth, atol=1e-4)


def test_selection_and_interpolation_find_their_component(components):
    np.testing.assert_array_equal(
        fit_weights(components, 3 * components[2], "selection"), [0, 0, 1, 0]
    )
    between = 0.3 * components[1] + 0.7 * components[2]
    np.testing.assert_allclose(
        fit_weights(components, between, "interpolation"), [0, 0.3, 0.7, 0], atol=1e-8
    )


def test_noise_is_not_predicted_however_many_components(components):
    """Fitted and tested on the same pairs, 60 components of noise would score 0.55."""
    rng = np.random.default_rng(1)
    many = rng.random((60, PAIRS))
    brains = rng.random((6, PAIRS))
    scores = []
    for fit in ("nonnegative", "ridge", "selection"):
        predicted = predict_held_out(many, brains, fit, COMPARATORS["correlation"])
        scores += [np.corrcoef(p, y)[0, 1] for p, y in zip(predicted, brains, strict=True)]
    assert abs(np.mean(scores)) < 0.05


def test_a_prediction_does_not_depend_on_the_pair_or_the_subject_that_it_is_for(components):
    brains = np.random.default_rng(2).random((3, PAIRS)) + components[0]
    before = predict_held_out(components, brains, "nonnegative", COMPARATORS["cosine"])
    changed = brains.copy()
    changed[1] = np.random.default_rng(3).random(PAIRS)
    after = predict_held_out(components, changed, "nonnegative", COMPARATORS["cosine"])
    np.testing.assert_allclose(after[1], before[1])
    assert not np.allclose(after[0], before[0])
    first_stimulus = brains.copy()
    first_stimulus[:, : N - 1] *= np.random.default_rng(4).random(N - 1)
    # Without pooling over subjects the scale of a subject's RDM plays no part.
    one = COMPARATORS["bures"]
    rows, columns = np.triu_indices(N, 1)
    moved = predict_held_out(components, first_stimulus, "nonnegative", one)
    kept = predict_held_out(components, brains, "nonnegative", one)
    own = (rows == 0) | (columns == 0)
    np.testing.assert_allclose(moved[:, own], kept[:, own])


def test_features_become_rdms_by_their_scale():
    labels = pd.DataFrame(
        {"kind": ["dog", "cat", "dog"], "size": [1.0, 4.0, 2.0]}, index=["a", "b", "c"]
    )
    rdms = feature_rdms(labels)
    assert rdms.rdm_descriptors["name"] == ["kind", "size"]
    np.testing.assert_array_equal(rdms.dissimilarities, [[1, 0, 1], [3, 1, 2]])


def test_components_add_up_to_the_rdm_and_stretching_is_found():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(N, 5))
    ids = [f"s{k}" for k in range(N)]
    recording = build_recording(x, stimulus_id=ids, region="IT", subject="net")
    components = component_rdms(recording, 5)
    whole = rdm(recording, "squared_euclidean").dissimilarities[0]
    np.testing.assert_allclose(components.dissimilarities.sum(axis=0), whole, atol=1e-6)
    target = np.array([3.0, 0, 1, 0, 0]) @ components.dissimilarities
    weights = fit_weights(components.dissimilarities, target, "nonnegative")
    np.testing.assert_allclose(weights, [3, 0, 1, 0, 0], atol=1e-6)
    two = build_recording(x, stimulus_id=ids, region=["a", "a", "b", "b", "b"], subject="net")
    with pytest.raises(InvalidInputError, match="one subject and region"):
        component_rdms(two)


def test_wrong_use_is_answered_in_a_sentence(components):
    rdms = RDMs(components)
    with pytest.raises(InvalidInputError, match="did you mean 'ridge'"):
        FlexibleModel(rdms, "rigde")
    with pytest.raises(InvalidInputError, match="at least two components"):
        FlexibleModel(rdms[0], "interpolation")
    with pytest.raises(NotIdentifiableError, match="at least 10"):
        predict_held_out(np.ones((1, 15)), np.ones((2, 15)), "ridge", COMPARATORS["cosine"])

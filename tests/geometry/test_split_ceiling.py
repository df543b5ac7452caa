"""The cross-validated ceiling: zero for noise, on the scale of the scores for signal."""

import numpy as np
import pytest

from reprcompare.errors import InvalidInputError, NotIdentifiableError
from reprcompare.geometry import (
    COMPARATORS,
    crossvalidated_upper,
    noise_ceiling,
    rdm,
    score_rdms,
    split_rdms,
)
from reprcompare.recording import build_recording

N, RUNS, P = 14, 6, 20


def subjects(rng, signal, n=6):
    """A recording of n subjects that share a geometry, or do not."""
    shared = rng.normal(size=(N, P))
    parts = []
    for _ in range(n):
        rotation, _ = np.linalg.qr(rng.normal(size=(P, P)))
        pattern = signal * shared @ rotation
        parts.append(np.tile(pattern, (RUNS, 1)) + rng.normal(size=(RUNS * N, P)))
    recording = build_recording(
        np.hstack(parts),
        stimulus_id=[f"s{k}" for k in range(N)] * RUNS,
        region="M1",
        subject=np.repeat([f"p{k}" for k in range(n)], P),
        presentation={"run": np.repeat([str(r) for r in range(RUNS)], N)},
    )
    true = ((shared[:, None] - shared[None]) ** 2).sum(-1)[np.triu_indices(N, 1)]
    return recording, true


def bounds(recording, name):
    halves = [
        (a.dissimilarities, b.dissimilarities) for a, b in split_rdms(recording, precision=None)
    ]
    whole = rdm(recording, "crossnobis", precision=None).dissimilarities
    return whole, crossvalidated_upper(whole, halves, COMPARATORS[name])


@pytest.mark.parametrize("name", ["correlation", "whitened_cosine"])
def test_it_is_zero_for_noise_where_the_plain_upper_bound_is_not(name):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(8):
        whole, upper = bounds(subjects(rng, 0)[0], name)
        found.append((upper, noise_ceiling(whole, COMPARATORS[name], 0).upper))
    crossvalidated, plain = np.mean(found, axis=0)
    assert abs(crossvalidated) < 0.1
    assert plain > 0.3


@pytest.mark.parametrize("name", ["correlation", "cosine", "whitened_correlation"])
def test_the_true_geometry_lies_between_the_lower_and_the_crossvalidated_bound(name):
    """All subjects have one geometry, so no bound but noise keeps a mean of them from it."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(5):
        recording, true = subjects(rng, 0.5)
        whole, upper = bounds(recording, name)
        ceiling = noise_ceiling(whole, COMPARATORS[name], 0)
        truth = score_rdms(true[None], whole, COMPARATORS[name]).mean()
        found.append((ceiling.lower, upper, truth, ceiling.upper))
    lower, upper, truth, plain = np.mean(found, axis=0)
    assert lower < upper < plain
    assert upper == pytest.approx(truth, abs=0.05)


def test_wrong_use_is_answered_in_a_sentence():
    recording, _ = subjects(np.random.default_rng(2), 1)
    with pytest.raises(InvalidInputError, match="cross-validated metrics"):
        next(split_rdms(recording, "correlation"))
    few = recording.isel(presentation=slice(0, 3 * N))
    with pytest.raises(NotIdentifiableError, match="run has 3"):
        next(split_rdms(few))
    with pytest.raises(InvalidInputError, match="rho-a"):
        crossvalidated_upper(np.ones((2, 6)), [], COMPARATORS["rho-a"])

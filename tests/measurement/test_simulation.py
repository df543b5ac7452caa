import json

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.measurement import INSTRUMENTS, average, ground_truth, simulate_brain
from reprcompare.measurement.instruments import haemodynamic_response, overlapping_noise
from reprcompare.recording import build_recording, select, validate_recording

N_STIMULI = 400


def network(n_subjects=1, n_units=30, seed=0):
    random = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(N_STIMULI)]
    labels = pd.DataFrame({"easy": random.integers(0, 2, N_STIMULI)}, index=names)
    activity = random.normal(size=(N_STIMULI, 2 * n_units * n_subjects)) * 3 + 1
    return build_recording(
        activity,
        stimulus_id=names,
        region=np.tile(np.repeat(["hidden", "out"], n_units), n_subjects),
        subject=np.repeat([f"net-{i}" for i in range(n_subjects)], 2 * n_units),
        labels=labels,
        kind="network",
        identifier="mlp",
    )


@pytest.mark.parametrize("instrument", list(INSTRUMENTS))
@pytest.mark.parametrize("snr", [0.2, 1.0, 5.0])
def test_signal_to_noise_is_what_it_is_defined_to_be(instrument, snr):
    options = {"n_neuroids": 20, "n_repetitions": 6, "n_subjects": 2, "seed": 3}
    brain = simulate_brain(network(), snr=snr, instrument=instrument, **options)
    truth = simulate_brain(network(), snr=np.inf, instrument=instrument, **options)
    signal = truth.activity.values
    if instrument == "spikes":  # counts follow the truth up to the gain of each cell
        signal = signal * (brain.activity.values.mean(0) / signal.mean(0))
    ratio = signal.var(0) / (brain.activity.values - signal).var(0)
    # 2400 draws a neuroid: the standard error of a variance ratio is about 3 %.
    np.testing.assert_allclose(ratio, snr, rtol=0.2)
    assert ratio.mean() == pytest.approx(snr, rel=0.02)


def test_repetitions_correlate_as_the_closed_form_says():
    snr, n = 0.5, 2
    brain = simulate_brain(network(), n_neuroids=60, n_repetitions=2 * n, n_subjects=2, snr=snr)
    halves = [
        average(select(brain, repetition=list(half))).activity.values
        for half in (range(n), range(n, 2 * n))
    ]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(halves[0].T, halves[1].T, strict=True)]
    assert np.mean(r) == pytest.approx(n * snr / (1 + n * snr), abs=0.01)


def test_the_truth_is_kept():
    options = {"n_neuroids": 5, "n_repetitions": 2, "n_subjects": 2, "snr": 2.0, "seed": 7}
    brain = simulate_brain(network(), **options)
    provenance = json.loads(brain.attrs["provenance"])
    assert options.items() <= provenance.items()
    truth = simulate_brain(network(), **(options | {"snr": np.inf}))
    np.testing.assert_allclose(
        truth.activity.values[:N_STIMULI].std(0) / np.sqrt(2.0), brain.noise_sd, rtol=1e-5
    )
    np.testing.assert_array_equal(
        truth.activity.values[:N_STIMULI], truth.activity.values[N_STIMULI:]
    )


@pytest.mark.parametrize("instrument", list(INSTRUMENTS))
def test_the_truth_behind_a_brain_is_found_again(instrument):
    options = {"n_neuroids": 5, "n_repetitions": 2, "n_subjects": 2, "seed": 7}
    options["instrument"] = instrument
    brain = simulate_brain(network(), snr=2.0, **options)
    truth = ground_truth(brain, network())
    assert truth.identical(simulate_brain(network(), snr=np.inf, **options))
    assert truth.neuroid_id.values.tolist() == brain.neuroid_id.values.tolist()
    with pytest.raises(InvalidInputError, match="simulated from 'mlp', not from 'other'"):
        ground_truth(brain, network().assign_attrs(identifier="other"))
    with pytest.raises(InvalidInputError, match="was not simulated"):
        ground_truth(network(), network())


def test_a_simulated_brain_is_a_recording_with_the_stimuli_and_their_labels():
    source = network()
    brain = validate_recording(simulate_brain(source, n_neuroids=3, n_repetitions=2))
    assert brain.attrs["kind"] == "brain"
    assert set(brain.region.values) == {"hidden", "out"}
    first = select(brain, repetition=0)
    assert first.stimulus_id.values.tolist() == source.stimulus_id.values.tolist()
    np.testing.assert_array_equal(first.label, source.label)


def test_sampled_neuroids_are_units_and_dead_ones_are_never_taken():
    source = network()
    source["activity"][:, :10] = 0.0
    truth = simulate_brain(
        select(source, region="hidden"),
        n_neuroids=20,
        n_repetitions=1,
        n_subjects=1,
        snr=np.inf,
        instrument="sampling",
    )
    alive = {tuple(column) for column in source.activity.values[:, 10:30].T}
    assert {tuple(column) for column in truth.activity.values.T} == alive
    with pytest.raises(InvalidInputError, match="only 20 of 30"):
        simulate_brain(select(source, region="hidden"), n_neuroids=21, instrument="sampling")


def test_spikes_are_counts_whose_variance_is_their_mean():
    brain = simulate_brain(
        network(), n_neuroids=10, n_repetitions=400, n_subjects=1, snr=0.5, instrument="spikes"
    )
    counts = brain.activity.values.reshape(400, N_STIMULI, -1)
    assert (counts == np.round(counts)).all()
    assert counts.min() == 0
    means, variances = counts.mean(0), counts.var(0)
    assert (variances.sum(0) / means.sum(0)) == pytest.approx(np.ones(20), abs=0.02)


def test_voxels_average_neighbours_and_leave_none_out():
    source = select(network(), region="hidden")
    options = {"n_repetitions": 1, "n_subjects": 1, "snr": np.inf, "instrument": "voxels"}
    pooled = simulate_brain(source, n_neuroids=10, **options).activity.values
    np.testing.assert_allclose(pooled.mean(1), source.activity.values.mean(1), rtol=1e-4)
    triples = np.stack([np.roll(source.activity.values, k, axis=1) for k in range(3)]).mean(0)
    distance = np.abs(pooled.T[:, None] - triples.T).max(axis=2)
    assert (distance.min(axis=1) < 1e-5).all()
    with pytest.raises(InvalidInputError, match="only 30 units"):
        simulate_brain(source, n_neuroids=31, **options)


def test_noise_of_overlapping_responses_has_the_covariance_of_least_squares():
    """Against the dense (X'X)^-1 of a design matrix written out second by second."""
    n_trials, seconds = 40, 4 * 40 + 40
    design = np.zeros((seconds, n_trials))
    for trial in range(n_trials):
        design[4 * trial : 4 * trial + 32, trial] = haemodynamic_response(np.arange(32.0))
    covariance = np.linalg.inv(design.T @ design)
    covariance /= covariance[20, 20]
    signals = np.tile(np.array([1.0, -1.0]), n_trials // 2)[:, None].repeat(20_000, axis=1)

    class InOrder:
        """Draws as usual, but shows the stimuli of a run in their own order."""

        def __init__(self):
            self.standard_normal = np.random.default_rng(0).standard_normal
            self.permutation = np.arange

    trials, deviation = overlapping_noise(signals, 1, 4.0, InOrder())
    assert deviation == pytest.approx(np.full(20_000, 0.5))
    found = np.cov(trials[0]) / 0.25
    np.testing.assert_allclose(found, covariance, atol=0.05)
    assert found[20, 21] < -0.3  # neighbours share their error


@pytest.mark.parametrize("instrument", ["sampling", "spikes", "voxels", "fmri"])
def test_instruments_favour_what_is_represented_densely(instrument):
    """Two features of equal variance, one in all units and one in a single unit."""
    random = np.random.default_rng(0)
    dense, sparse = random.choice([-1.0, 1.0], size=(2, N_STIMULI))
    activity = np.repeat(dense[:, None], 200, axis=1) / np.sqrt(200)
    activity[:, 7] += sparse
    source = build_recording(
        activity,
        stimulus_id=[f"s{i}" for i in range(N_STIMULI)],
        region="hidden",
        subject="net",
        kind="network",
    )
    wins = 0
    for seed in range(20):
        brain = simulate_brain(
            source,
            n_neuroids=20,
            n_repetitions=20,
            n_subjects=1,
            snr=0.5,
            seed=seed,
            instrument=instrument,
        )
        measured = average(brain).activity.values
        standard = (measured - measured.mean(0)) / measured.std(0)
        explained = [((feature @ standard) ** 2).sum() for feature in (dense, sparse)]
        wins += explained[0] > 2 * explained[1]
    assert wins >= 18


def test_subjects_measure_the_networks_in_turn():
    source = network(n_subjects=2)
    options = {"n_neuroids": 4, "n_repetitions": 1, "snr": np.inf, "instrument": "sampling"}
    brain = simulate_brain(source, n_subjects=3, **options)
    for number, name in enumerate(["net-0", "net-1", "net-0"], start=1):
        units = {tuple(c) for c in select(source, subject=name).activity.values.T}
        seen = {tuple(c) for c in select(brain, subject=f"subject-{number}").activity.values.T}
        assert seen <= units


def test_the_seed_decides_everything():
    options = {"n_neuroids": 3, "n_repetitions": 2, "n_subjects": 2}
    first, again, other = (simulate_brain(network(), seed=s, **options) for s in (1, 1, 2))
    assert first.identical(again)
    assert not first.activity.equals(other.activity)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"snr": 0.0}, "above 0"),
        ({"snr": float("nan")}, "above 0"),
        ({"n_repetitions": 0}, "n_repetitions must be at least 1"),
    ],
)
def test_impossible_instruments_are_refused(wrong, said):
    with pytest.raises(InvalidInputError, match=said):
        simulate_brain(network(), **wrong)


def test_an_unknown_instrument_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'mixing'"):
        simulate_brain(network(), instrument="mixin")


def test_repeated_stimuli_must_be_averaged_first():
    brain = simulate_brain(network(), n_repetitions=2)
    with pytest.raises(InvalidInputError, match="average it over 'repetition' first"):
        simulate_brain(brain)

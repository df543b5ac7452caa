import numpy as np
import pandas as pd
import pytest
import scipy.stats

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.measurement import (
    noise_ceiling,
    region_reliability,
    select_reliable,
    spearman_brown,
    split_half,
)
from reprcompare.measurement.reliability import _correlations, _jackknife_interval
from reprcompare.recording import build_recording, select

SNR = np.array([0.1, 0.5, 2.0])


def measured(random, n_stimuli=300, n_repetitions=4, snr=SNR, extra=0):
    """Neuroids whose signals and noise are normal; `snr` is the ratio of their variances."""
    signal = random.normal(size=(n_stimuli, len(snr))) * np.sqrt(snr)
    stimulus = np.tile(np.arange(n_stimuli), n_repetitions)
    stimulus = np.concatenate([stimulus, np.arange(extra)])
    activity = signal[stimulus] + random.normal(size=(len(stimulus), len(snr)))
    repetition = pd.Series(stimulus).groupby(stimulus).cumcount().to_numpy()
    return build_recording(
        activity,
        stimulus_id=[f"s{i}" for i in stimulus],
        region=["V4"] + ["IT"] * (len(snr) - 1),
        subject="monkey",
        presentation={"repetition": repetition},
    )


def simulated(n=200, n_stimuli=300, n_repetitions=4, snr=SNR, extra=0, seed=1):
    """Return `n` simulations at once: independent neuroids, each simulation a subject."""
    recording = measured(
        np.random.default_rng(seed), n_stimuli, n_repetitions, np.tile(snr, n), extra
    )
    subject = np.repeat([f"simulation-{i}" for i in range(n)], len(snr))
    region = np.tile(["V4", "IT", "IT"], n)
    return recording.assign_coords(subject=("neuroid", subject), region=("neuroid", region))


def as_one(recording):
    """Return the same neuroids as one region, which estimates per neuroid do not depend on."""
    n = recording.sizes["neuroid"]
    return recording.assign_coords(
        subject=("neuroid", np.full(n, "all")), region=("neuroid", np.full(n, "all"))
    )


def mean_by_snr(table, columns):
    """Average over simulations: array of shape (n_snr, n_columns)."""
    return table[columns].to_numpy().reshape(-1, len(SNR), len(columns)).mean(axis=0)


def coverage_by_snr(table, expected):
    low, high = (table[name].to_numpy().reshape(-1, len(SNR)) for name in ("ci_low", "ci_high"))
    return ((low <= expected) & (expected <= high)).mean(axis=0)


@pytest.mark.parametrize("n_repetitions", [2, 3, 4])
def test_split_half_is_unbiased_and_equals_the_closed_form(n_repetitions):
    table = split_half(as_one(simulated(n=1000, n_repetitions=n_repetitions)), n_splits=5)
    expected = n_repetitions * SNR / (1 + n_repetitions * SNR)
    found = mean_by_snr(table, ["reliability"])[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.01)
    # Nominal 0.95, with a standard error of 0.007.
    coverage = coverage_by_snr(table, expected)
    assert (coverage > 0.9).all()
    assert (coverage < 1.0).all()


@pytest.mark.parametrize("extra", [0, 150])
def test_signal_and_noise_variances_are_unbiased(extra):
    """Also when half of the stimuli were repeated once more than the others."""
    table = noise_ceiling(as_one(simulated(extra=extra)))
    found = mean_by_snr(table, ["signal_variance", "noise_variance"])
    np.testing.assert_allclose(found[:, 0], SNR, atol=0.03)
    np.testing.assert_allclose(found[:, 1], 1, atol=0.01)


def test_the_noise_ceiling_equals_the_closed_form():
    table = noise_ceiling(as_one(simulated(n_stimuli=600)))
    found = mean_by_snr(table, ["ncsnr", "ceiling_r2"])
    np.testing.assert_allclose(found[:, 0], np.sqrt(SNR), atol=0.01)
    np.testing.assert_allclose(found[:, 1], 4 * SNR / (1 + 4 * SNR), atol=0.01)


@pytest.mark.parametrize("extra", [0, 15])
def test_the_interval_of_the_noise_ceiling_covers_the_truth(extra):
    """Few stimuli, where an interval matters; 2000 simulations, standard error 0.005."""
    recording = as_one(simulated(n=2000, n_stimuli=30, extra=extra))
    mean_share = 1 / 4 if extra == 0 else (1 / 4 + 1 / 5) / 2
    table = noise_ceiling(recording)
    coverage = coverage_by_snr(table, SNR / (SNR + mean_share))
    np.testing.assert_allclose(coverage, 0.95, atol=0.015)
    narrow = noise_ceiling(recording, confidence=0.5)
    np.testing.assert_allclose(coverage_by_snr(narrow, SNR / (SNR + mean_share)), 0.5, atol=0.04)


def test_leaving_out_stimuli_equals_correlating_without_them():
    halves = np.random.default_rng(5).normal(size=(2, 20, 3))
    whole, left_out = _correlations(*halves)
    low, high = _jackknife_interval(whole, left_out, 0.9)
    for place in range(3):
        pair = halves[:, :, place]
        assert whole[place] == pytest.approx(np.corrcoef(pair)[0, 1])
        r = [np.corrcoef(np.delete(pair, i, axis=1))[0, 1] for i in range(20)]
        np.testing.assert_allclose(left_out[:, place], r)
        error = np.sqrt(19 / 20 * ((np.arctanh(r) - np.arctanh(r).mean()) ** 2).sum())
        reach = scipy.stats.t.ppf(0.95, 19) * error
        assert np.arctanh(high[place]) - np.arctanh(whole[place]) == pytest.approx(reach)
        assert np.arctanh(whole[place]) - np.arctanh(low[place]) == pytest.approx(reach)


def test_a_measurement_without_noise_is_wholly_reliable():
    activity = np.random.default_rng(0).normal(size=(10, 2))
    recording = build_recording(
        np.concatenate([activity, activity]),
        stimulus_id=[f"s{i}" for i in range(10)] * 2,
        region="IT",
        subject="m",
        presentation={"repetition": np.repeat([0, 1], 10)},
    )
    for table, name in (
        (split_half(recording), "reliability"),
        (noise_ceiling(recording), "ceiling_r2"),
        (region_reliability(recording), "reliability"),
    ):
        np.testing.assert_allclose(table[[name, "ci_low", "ci_high"]], 1, atol=1e-6)


def test_a_perfect_model_reaches_the_noise_ceiling_and_none_exceeds_it():
    random = np.random.default_rng(0)
    signal = random.normal(size=(5000, 1))
    activity = np.concatenate([signal + random.normal(size=signal.shape) for _ in range(3)])
    recording = build_recording(
        activity,
        stimulus_id=[f"s{i}" for i in range(5000)] * 3,
        region="IT",
        subject="m",
        presentation={"repetition": np.repeat(range(3), 5000)},
    )
    mean = activity.reshape(3, 5000).mean(axis=0)
    r2 = np.corrcoef(signal[:, 0], mean)[0, 1] ** 2
    assert noise_ceiling(recording)["ceiling_r2"][0] == pytest.approx(r2, abs=0.02)


def test_regions_pool_variance_and_their_interval_covers_the_truth():
    """Closed form: sums of signal over sums of signal and noise / n."""
    truth = {"V4": 0.4 / 1.4, "IT": 4 * 2.5 / (4 * 2.5 + 2)}
    table = region_reliability(simulated(n=500, seed=2), n_bootstrap=100)
    for region, expected in truth.items():
        rows = table[table["region"] == region]
        assert len(rows) == 500
        assert rows["reliability"].mean() == pytest.approx(expected, abs=0.01)
        covered = ((rows["ci_low"] <= expected) & (expected <= rows["ci_high"])).mean()
        assert covered >= 0.9  # nominal 0.95; 0.9 is five standard errors below


def drifting(recording):
    """Add an offset to every neuroid in every run, far larger than its noise."""
    run = recording.repetition.values
    drift = 10 * np.random.default_rng(0).normal(size=(4, recording.sizes["neuroid"]))
    shifted = recording.assign(activity=recording.activity + drift[run])
    return shifted.assign_coords(run=("presentation", run))


@pytest.mark.parametrize("n_stimuli", [5, 40])
def test_drift_between_runs_can_be_left_out_of_the_noise(n_stimuli):
    """Closed form without drift, however large the drift and however few the stimuli."""
    recording = as_one(simulated(n=10_000 // n_stimuli, n_stimuli=n_stimuli))
    table = noise_ceiling(drifting(recording), within="run")
    found = mean_by_snr(table, ["signal_variance", "noise_variance"])
    np.testing.assert_allclose(found[:, 1], 1, atol=0.05)
    np.testing.assert_allclose(found[:, 0], SNR, rtol=0.2)


def test_drift_between_runs_can_be_left_out_of_split_half():
    recording = drifting(as_one(simulated()))
    expected = 4 * SNR / (1 + 4 * SNR)
    table = split_half(recording, within="run", n_splits=5)
    np.testing.assert_allclose(mean_by_snr(table, ["reliability"])[:, 0], expected, atol=0.01)
    assert (mean_by_snr(split_half(recording, n_splits=5), ["reliability"])[:, 0] < expected).all()


def test_regions_and_neuroids_agree_on_drift():
    recording = measured(np.random.default_rng(0))
    recording["activity"] = recording.activity + 3 * recording.repetition
    ran = recording.assign_coords(run=("presentation", recording.repetition.values))
    neuroids = noise_ceiling(ran, within="run").groupby("region", sort=False)
    signal = neuroids["signal_variance"].sum()
    total = signal + neuroids["noise_variance"].sum() / 4
    regions = region_reliability(ran, within="run", n_bootstrap=1).set_index("region")
    pd.testing.assert_series_equal(regions["reliability"], signal / total, check_names=False)


def test_unbalanced_runs_and_unknown_coordinates_are_refused():
    recording = measured(np.random.default_rng(0), extra=10)
    ran = recording.assign_coords(run=("presentation", recording.repetition.values))
    with pytest.raises(InvalidInputError, match="unequally often"):
        noise_ceiling(ran, within="run")
    with pytest.raises(UnknownNameError, match="did you mean 'run'"):
        noise_ceiling(ran, within="runs")


def test_noise_alone_has_no_reliability_on_average():
    table = region_reliability(simulated(n=500, snr=np.zeros(3)), n_bootstrap=1)
    found = table.groupby("region")["reliability"].mean()
    np.testing.assert_allclose(found, 0, atol=0.01)


def test_every_number_carries_its_definition():
    recording = measured(np.random.default_rng(0))
    for table in (split_half(recording), noise_ceiling(recording), region_reliability(recording)):
        assert table["definition"].str.len().min() > 20
        assert (table["ci_low"] < table["ci_high"]).all()


def test_spearman_brown_inverts():
    assert spearman_brown(spearman_brown(0.3, 5), 1 / 5) == pytest.approx(0.3)


def test_without_repetitions_reliability_is_not_identifiable():
    single = select(measured(np.random.default_rng(0)), repetition=0)
    for estimate in (split_half, noise_ceiling, region_reliability, select_reliable):
        with pytest.raises(NotIdentifiableError, match=r"shown 1 time"):
            estimate(single)


def test_two_stimuli_are_too_few():
    recording = measured(np.random.default_rng(0), n_stimuli=2)
    with pytest.raises(NotIdentifiableError, match="at least three stimuli"):
        noise_ceiling(recording)


def test_missing_values_are_named_but_what_was_not_shown_is_left_out():
    recording = measured(np.random.default_rng(0))
    expected = noise_ceiling(select(recording, repetition=[0, 1, 2]))
    recording["activity"][recording.repetition.values == 3, :] = np.nan
    pd.testing.assert_frame_equal(noise_ceiling(recording), expected)
    recording["activity"][5, 2] = np.nan
    with pytest.raises(InvalidInputError, match=r"monkey.IT.1; drop such neuroids"):
        noise_ceiling(recording)


def test_reliable_neuroids_are_selected_on_other_trials_than_are_returned():
    recording = measured(np.random.default_rng(3), n_stimuli=1000)
    kept = select_reliable(recording, threshold=0.6)
    assert kept.neuroid_id.values.tolist() == ["monkey.IT.1"]  # 2 trials: 0.17, 0.5, 0.8
    assert kept.sizes["presentation"] == 2000
    # Trials that were used to select are gone, so changing them there changes the choice only.
    used = ~np.isin(recording.activity.values[:, 2], kept.activity.values[:, 0])
    assert used.sum() == 2000


def test_selection_of_pure_noise_does_not_make_it_reliable():
    random = np.random.default_rng(4)
    recording = measured(random, n_stimuli=60, n_repetitions=6, snr=np.zeros(400))
    kept = select_reliable(recording, threshold=0.2)
    assert 0 < kept.sizes["neuroid"] < 200
    assert region_reliability(kept)["reliability"].mean() == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none_is_refused(confidence):
    recording = measured(np.random.default_rng(0))
    for estimate in (split_half, noise_ceiling, region_reliability):
        with pytest.raises(InvalidInputError, match="confidence between 0 and 1"):
            estimate(recording, confidence=confidence)


def test_too_high_a_threshold_is_said():
    with pytest.raises(NotIdentifiableError, match="the best has 0"):
        select_reliable(measured(np.random.default_rng(0)), threshold=0.99)

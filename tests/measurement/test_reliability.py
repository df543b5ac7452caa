import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.measurement import (
    noise_ceiling,
    region_reliability,
    select_reliable,
    spearman_brown,
    split_half,
)
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


def mean_over_simulations(estimate, n=200, **options):
    random = np.random.default_rng(1)
    return np.mean([estimate(measured(random, **options)) for _ in range(n)], axis=0)


@pytest.mark.parametrize("n_repetitions", [2, 3, 4])
def test_split_half_is_unbiased_and_equals_the_closed_form(n_repetitions):
    found = mean_over_simulations(
        lambda recording: split_half(recording, n_splits=5)["reliability"],
        n_repetitions=n_repetitions,
    )
    expected = n_repetitions * SNR / (1 + n_repetitions * SNR)
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("extra", [0, 150])
def test_signal_and_noise_variances_are_unbiased(extra):
    """Also when half of the stimuli were repeated once more than the others."""
    found = mean_over_simulations(
        lambda recording: noise_ceiling(recording)[["signal_variance", "noise_variance"]],
        extra=extra,
    )
    np.testing.assert_allclose(found[:, 0], SNR, atol=0.03)
    np.testing.assert_allclose(found[:, 1], 1, atol=0.01)


def test_the_noise_ceiling_equals_the_closed_form():
    found = mean_over_simulations(
        lambda recording: noise_ceiling(recording)[["ncsnr", "ceiling_r2"]], n_stimuli=600
    )
    np.testing.assert_allclose(found[:, 0], np.sqrt(SNR), atol=0.01)
    np.testing.assert_allclose(found[:, 1], 4 * SNR / (1 + 4 * SNR), atol=0.01)


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
    random = np.random.default_rng(2)
    tables = [
        region_reliability(measured(random, n_stimuli=150), n_bootstrap=200) for _ in range(100)
    ]
    for place, (region, expected) in enumerate(truth.items()):
        rows = pd.DataFrame([table.iloc[place] for table in tables])
        assert set(rows["region"]) == {region}
        assert rows["reliability"].mean() == pytest.approx(expected, abs=0.015)
        covered = ((rows["ci_low"] <= expected) & (expected <= rows["ci_high"])).mean()
        assert covered >= 0.85  # nominal 0.95; 0.85 is four standard errors of 100 trials below


@pytest.mark.parametrize("n_stimuli", [5, 40])
def test_drift_between_runs_can_be_left_out_of_the_noise(n_stimuli):
    """Closed form without drift, however large the drift and however few the stimuli."""

    def estimate(recording):
        drift = 10 * np.random.default_rng(0).normal(size=(4, 3))
        drifting = recording.assign(
            activity=recording.activity + drift[recording.repetition.values]
        )
        drifting = drifting.assign_coords(run=("presentation", recording.repetition.values))
        table = noise_ceiling(drifting, within="run")
        return np.stack([table["signal_variance"], table["noise_variance"]])

    found = mean_over_simulations(estimate, n_stimuli=n_stimuli, n=2000 // n_stimuli)
    np.testing.assert_allclose(found[1], 1, atol=0.05)
    np.testing.assert_allclose(found[0], SNR, rtol=0.2)


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
    found = mean_over_simulations(
        lambda r: region_reliability(r, n_bootstrap=1)["reliability"], snr=np.zeros(3)
    )
    np.testing.assert_allclose(found, 0, atol=0.01)


def test_every_number_carries_its_definition():
    recording = measured(np.random.default_rng(0))
    for table in (split_half(recording), noise_ceiling(recording), region_reliability(recording)):
        assert table["definition"].str.len().min() > 20


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


def test_too_high_a_threshold_is_said():
    with pytest.raises(NotIdentifiableError, match="the best has 0"):
        select_reliable(measured(np.random.default_rng(0)), threshold=0.99)

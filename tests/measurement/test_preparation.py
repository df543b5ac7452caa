import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.measurement import drop_missing, normalise_noise, zscore
from reprcompare.recording import build_recording, select, validate_recording


def two_subjects(activity, n_repetitions=2):
    n, p = activity.shape
    n_stimuli = n // n_repetitions
    return build_recording(
        activity,
        stimulus_id=[f"s{i}" for i in range(n_stimuli)] * n_repetitions,
        region="IT",
        subject=["a"] * (p // 2) + ["b"] * (p - p // 2),
        presentation={
            "repetition": np.repeat(range(n_repetitions), n_stimuli),
            "run": [str(r) for r in np.repeat(range(n_repetitions), n_stimuli)],
        },
    )


def steps(recording):
    return json.loads(recording.attrs["preparation"])


def test_neuroids_with_gaps_go_and_what_a_subject_did_not_see_stays():
    activity = np.arange(48.0).reshape(8, 6)
    activity[6:, :3] = np.nan  # subject a saw six presentations only
    activity[7, 3:] = np.nan  # nobody saw the last
    activity[1, 4] = np.inf
    result = validate_recording(drop_missing(two_subjects(activity)))
    assert result.neuroid_id.values.tolist() == ["a.IT.0", "a.IT.1", "a.IT.2", "b.IT.0", "b.IT.2"]
    assert result.sizes["presentation"] == 7
    assert np.isnan(select(result, subject="a").activity.values[6]).all()
    assert steps(result) == [
        "dropped 1 of 6 neuroids with missing values: b.IT.1",
        "dropped 1 of 8 presentations without any value",
    ]


def test_a_whole_recording_is_left_as_it_is():
    recording = two_subjects(np.arange(48.0).reshape(8, 6))
    assert drop_missing(recording).identical(recording)


def test_nothing_left_is_an_error():
    activity = np.arange(16.0).reshape(4, 4)
    np.fill_diagonal(activity, np.nan)
    with pytest.raises(InvalidInputError, match="nothing would be left"):
        drop_missing(two_subjects(activity))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100))
def test_zscored_runs_have_mean_0_and_variance_1(seed):
    random = np.random.default_rng(seed)
    activity = random.normal(random.normal(size=4), random.uniform(0.1, 10, 4), (20, 4))
    result = zscore(two_subjects(activity), within="run")
    for run in ("0", "1"):
        values = select(result, run=run).activity.values.astype(float)
        np.testing.assert_allclose(values.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(0), 1, atol=1e-5)
    assert result.activity.attrs["scaling"] == "z-scored within run"


def test_zscoring_undoes_what_a_run_adds_and_multiplies():
    activity = np.random.default_rng(0).normal(size=(20, 4))
    drifted = activity.copy()
    drifted[10:] = 3 * drifted[10:] - 7
    np.testing.assert_allclose(
        zscore(two_subjects(drifted)).activity, zscore(two_subjects(activity)).activity, atol=1e-5
    )


def test_missing_values_stay_missing_and_constant_neuroids_become_zero():
    activity = np.random.default_rng(0).normal(size=(20, 4))
    activity[3, 0] = np.nan
    activity[:, 1] = 1e6 + 0.1
    result = zscore(two_subjects(activity)).activity.values
    assert np.isnan(result[3, 0])
    assert np.isnan(result).sum() == 1
    np.testing.assert_array_equal(result[:, 1], 0)
    assert np.nanmean(result[:10, 0]) == pytest.approx(0, abs=1e-6)


def test_zscoring_works_on_every_time_bin():
    activity = np.random.default_rng(0).normal(size=(6, 3, 4)) * 5 + 2
    recording = build_recording(
        activity,
        stimulus_id=list("abcdef"),
        region="IT",
        subject="m",
        time_bins=[(i, i + 1) for i in range(4)],
    )
    np.testing.assert_allclose(zscore(recording).activity.values.std(0), 1, atol=1e-5)


def correlated_noise(seed, n_stimuli=50, n_repetitions=40, p=6):
    random = np.random.default_rng(seed)
    root = random.normal(size=(p, p))
    signal = np.tile(5 * random.normal(size=(n_stimuli, p)), (n_repetitions, 1))
    return two_subjects(signal + random.normal(size=(len(signal), p)) @ root, n_repetitions)


def noise_covariance(recording, subject):
    """Of residuals around stimulus means, written out by hand."""
    mine = select(recording, subject=subject)
    residuals = []
    for name in set(mine.stimulus_id.values):
        values = select(mine, stimulus_id=name).activity.values.astype(float)
        residuals.append(values - values.mean(0))
    stacked = np.concatenate(residuals)
    return stacked.T @ stacked / (len(stacked) - len(residuals))


def test_univariate_normalisation_gives_every_neuroid_noise_of_variance_1():
    result = normalise_noise(correlated_noise(0), "univariate")
    for subject in ("a", "b"):
        np.testing.assert_allclose(np.diag(noise_covariance(result, subject)), 1, rtol=1e-4)


def test_multivariate_normalisation_whitens_noise():
    """With 2000 presentations of 3 neuroids hardly anything is shrunk."""
    result = normalise_noise(correlated_noise(0), "multivariate")
    for subject in ("a", "b"):
        np.testing.assert_allclose(noise_covariance(result, subject), np.eye(3), atol=0.05)
    assert steps(result) == ["multivariate noise normalisation"]


def test_normalisation_undoes_any_mixing_of_neuroids():
    """Mahalanobis distances do not depend on the basis (as long as little is shrunk)."""
    recording = correlated_noise(1)
    mixed = recording.copy(deep=True)
    mixed["activity"][:, :3] = recording.activity.values[:, :3] @ np.array(
        [[1, 0.5, 0], [0, 1, 0.3], [0, 0, 2]], dtype=np.float32
    )
    distances = [
        np.linalg.norm(np.diff(select(normalise_noise(r), subject="a").activity.values[:2], axis=0))
        for r in (recording, mixed)
    ]
    assert distances[0] == pytest.approx(distances[1], rel=0.05)


def test_shrinkage_is_that_of_ledoit_and_wolf():
    sklearn = pytest.importorskip("sklearn.covariance")
    random = np.random.default_rng(0)
    n, p = 30, 20
    activity = random.normal(size=(n, p)) * random.uniform(0.5, 2, p)
    # One stimulus, so that residuals are deviations from the mean, as in the reference.
    recording = build_recording(
        activity,
        stimulus_id="s",
        region="IT",
        subject="m",
        presentation={"repetition": np.arange(n)},
    )
    covariance, _ = sklearn.ledoit_wolf(activity)
    values, vectors = np.linalg.eigh(covariance)
    expected = activity @ (vectors / np.sqrt(values)) @ vectors.T
    found = normalise_noise(recording).activity.values
    # The reference divides by n, here by n - 1.
    np.testing.assert_allclose(found, expected * np.sqrt((n - 1) / n), rtol=0.02, atol=0.02)


def test_without_repetitions_noise_is_not_identifiable():
    single = select(correlated_noise(0), repetition=0)
    with pytest.raises(NotIdentifiableError, match=r"shown 1 time"):
        normalise_noise(single)


def test_copies_instead_of_repetitions_are_noticed():
    with pytest.raises(InvalidInputError, match="no noise at all"):
        normalise_noise(two_subjects(np.tile(np.eye(4), (2, 1))), "univariate")


def test_unknown_names_get_the_nearest():
    recording = correlated_noise(0)
    with pytest.raises(UnknownNameError, match="did you mean 'multivariate'"):
        normalise_noise(recording, "multivariat")
    with pytest.raises(UnknownNameError, match="did you mean 'run'"):
        zscore(recording, "runs")

"""Bootstraps against rsatoolbox on the same resamples."""

import numpy as np
import pytest
from rsatoolbox.inference import eval_bootstrap
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs
from rsatoolbox.util.inference_util import _dual_bootstrap

from reprcompare.geometry import (
    COMPARATORS,
    bootstrap_errors,
    bootstrap_scores,
    draw_counts,
    two_factor_variance,
)

N, SUBJECTS, DRAWS = 12, 5, 20
PRODUCTS = [name for name, one in COMPARATORS.items() if one.family != "matrix"]


@pytest.fixture
def rdms():
    rng = np.random.default_rng(0)
    n_pairs = N * (N - 1) // 2
    models = rng.random((3, n_pairs))
    models[0] = models[0] > 0.5
    return models, rng.random((SUBJECTS, n_pairs)) + 0.5 * models[1]


def same_draws(seed):
    """The resamples that rsatoolbox will draw after `np.random.seed(seed)`."""
    np.random.seed(seed)  # noqa: NPY002 (the peer uses the global generator)
    subjects, stimuli = [], []
    for _ in range(DRAWS):
        subjects.append(np.bincount(np.random.randint(0, SUBJECTS, SUBJECTS), minlength=SUBJECTS))  # noqa: NPY002
        stimuli.append(np.bincount(np.random.randint(0, N, N), minlength=N))  # noqa: NPY002
    return np.array(stimuli), np.array(subjects)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PRODUCTS)
def test_scores_and_ceilings_equal_rsatoolbox_on_the_same_resamples(name, rdms):
    models, brains = rdms
    stimuli, subjects = same_draws(7)
    ours = bootstrap_scores(models, brains, COMPARATORS[name], stimuli, subjects, ceiling=True)
    np.random.seed(7)  # noqa: NPY002
    peer = eval_bootstrap(
        [ModelFixed(str(k), RDMs(v[None])) for k, v in enumerate(models)],
        RDMs(brains),
        method=COMPARATORS[name].rsatoolbox,
        N=DRAWS,
    )
    np.testing.assert_allclose(ours.scores, peer.evaluations, atol=1e-8)
    np.testing.assert_allclose(ours.lower, peer.noise_ceiling[0], atol=1e-8)
    np.testing.assert_allclose(ours.upper, peer.noise_ceiling[1], atol=1e-8)


def test_the_corrected_variance_equals_rsatoolbox():
    rng = np.random.default_rng(1)
    subjects, stimuli = rng.random((2, 50))
    both = subjects + stimuli + rng.random(50)
    expected = _dual_bootstrap(np.array([both, subjects, stimuli]), SUBJECTS, N)
    ours = two_factor_variance(both, subjects, stimuli, n_subjects=SUBJECTS, n_stimuli=N)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_counts_are_resamples():
    counts = draw_counts(6, 500, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 6).all()
    assert counts.mean() == pytest.approx(1)
    assert counts.var() == pytest.approx(5 / 6, abs=0.05)


def test_errors_over_subjects_are_those_of_a_mean():
    rng = np.random.default_rng(2)
    models, brains = rng.random((2, 66)), rng.random((8, 66))
    comparator = COMPARATORS["correlation"]
    errors = bootstrap_errors([models[:1], models[1:]], brains, comparator, "subjects", 20_000, rng)
    scores = np.corrcoef(models, brains)[:2, 2:]
    np.testing.assert_allclose(errors, scores.std(axis=1, ddof=1) / np.sqrt(8), rtol=0.02)


def test_errors_of_networks_of_a_class_are_those_of_their_mean_score():
    rng = np.random.default_rng(3)
    models, brains = rng.random((3, 66)), rng.random((4, 66)) + 0.5
    comparator = COMPARATORS["cosine"]
    together = bootstrap_errors([models], brains, comparator, "both", 50, np.random.default_rng(0))
    draws = np.random.default_rng(0)
    stimuli, subjects = draw_counts(12, 50, draws), draw_counts(4, 50, draws)
    found = [
        bootstrap_scores(models, brains, comparator, a, b).scores.mean(axis=1).var(ddof=1)
        for a, b in (
            (stimuli, subjects),
            (np.ones_like(stimuli), subjects),
            (stimuli, np.ones_like(subjects)),
        )
    ]
    expected = two_factor_variance(*map(np.array, found), n_subjects=4, n_stimuli=12)
    np.testing.assert_allclose(together**2, expected)

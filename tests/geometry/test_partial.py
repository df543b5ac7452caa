"""Contributions of features to the similarity of RDMs, and partial correlations."""

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant

from reprcompare.errors import NotIdentifiableError
from reprcompare.geometry import feature_contributions, find_comparator

PEARSON = find_comparator("correlation")


@pytest.fixture
def rdms():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 120))
    a = features[0] + features[1] + rng.normal(size=120)
    b = features[0] + 2 * features[2] + rng.normal(size=120)
    return a, b, features


def test_contributions_and_residuals_add_up_to_the_correlation(rdms):
    a, b, features = rdms
    score, parts = feature_contributions(a, b, features, PEARSON)
    assert score == pytest.approx(np.corrcoef(a, b)[0, 1])
    design = add_constant(features.T)
    residuals = [OLS(x, design).fit().resid / (x.std() * np.sqrt(len(x))) for x in (a, b)]
    assert parts.sum() == pytest.approx(score - residuals[0] @ residuals[1])


def test_partial_score_is_the_correlation_of_residuals(rdms):
    a, b, features = rdms
    score, parts = feature_contributions(a, b, features, PEARSON, nuisance=[0])
    design = add_constant(features[0])
    residuals = [OLS(x, design).fit().resid for x in (a, b)]
    assert score == pytest.approx(np.corrcoef(*residuals)[0, 1])
    assert parts[0] == 0


def test_ranks_are_partialled_as_ranks(rdms):
    a, b, features = rdms
    monotone = feature_contributions(np.exp(a), b**3, features, find_comparator("spearman"), [0])
    plain = feature_contributions(a, b, features, find_comparator("spearman"), [0])
    assert monotone[0] == pytest.approx(plain[0])


def test_nothing_left_is_said(rdms):
    _, b, features = rdms
    with pytest.raises(NotIdentifiableError, match="nothing is left"):
        feature_contributions(features[0], b, features, PEARSON, nuisance=[0])


def test_tau_cannot_be_split(rdms):
    with pytest.raises(NotIdentifiableError, match="inner product"):
        feature_contributions(*rdms, find_comparator("tau-a"))

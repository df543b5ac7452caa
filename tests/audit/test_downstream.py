import itertools

import numpy as np
import pandas as pd
import pytest

from reprcompare.audit import downstream, rejections
from reprcompare.errors import InvalidInputError

LABELS = pd.DataFrame(list(itertools.product([0, 1], repeat=2)) * 64, columns=["easy", "hard"])


def patterns(easy, hard, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.standard_normal((30, 2)))[0].T
    signal = (2 * LABELS.to_numpy() - 1) * [easy, hard]
    return signal @ directions + noise * rng.standard_normal((len(LABELS), 30)) / np.sqrt(30)


def test_a_strong_feature_takes_fewer_stimuli():
    found = downstream(patterns(2.0, 0.3, noise=2.0), LABELS).learning
    table = found.pivot_table(index="n_training", columns="feature", values="accuracy")
    assert (table["easy"] > 0.95).all()
    assert table["hard"].is_monotonic_increasing
    assert table["hard"][8] < 0.7


def test_nothing_is_learned_of_a_feature_that_is_not_there():
    found = downstream(patterns(2.0, 0.0), LABELS, n_training=[32], n_draws=100).learning
    hard = found.set_index("feature").accuracy["hard"]
    assert abs(hard - 0.5) < 0.03


def test_ambiguous_stimuli_are_answered_by_the_stronger_feature():
    found = downstream(patterns(1.0, 0.5), LABELS, n_training=[16]).conflict
    preference = found.set_index("feature").preference
    assert preference["easy"] > 0.8
    assert preference.sum() == pytest.approx(1)
    equal = downstream(patterns(1.0, 1.0), LABELS, n_training=[16], n_draws=200).conflict
    assert equal.preference[0] == pytest.approx(0.5, abs=0.1)


def test_a_classifier_is_ridge_regression_on_its_stimuli():
    from reprcompare.audit.decodability import RIDGE
    from reprcompare.audit.downstream import _answers

    activity, target = patterns(1.0, 0.5), LABELS["hard"].to_numpy(float)
    rows = np.arange(40)
    x = activity[rows] - activity[rows].mean(axis=0)
    y = 2 * target[rows] - 1
    penalty = RIDGE * np.trace(x.T @ x) / 30
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(30), x.T @ (y - y.mean()))
    expected = (activity - activity[rows].mean(axis=0)) @ weights + y.mean() > 0
    np.testing.assert_array_equal(_answers(activity, rows, target), expected)


def test_what_cannot_be_trained_gets_a_sentence():
    with pytest.raises(InvalidInputError, match="two levels, 0 and 1"):
        downstream(patterns(1, 1), LABELS.assign(hard=range(256)))
    with pytest.raises(InvalidInputError, match="cannot be trained on 400 stimuli"):
        downstream(patterns(1, 1), LABELS, n_training=[400])


def test_rejections_are_counted_with_the_network_as_the_unit():
    table = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "b"],
            "region": ["r", "q"] * 2,
            "feature": "f",
            "decodability_p": [0.01, 0.02, 0.5, 0.05],
            "share_low": [0.1, -0.1, -0.1, -0.3],
            "share_high": [0.2, 0.1, 0.1, -0.1],
        }
    )
    found = rejections(table).set_index(["test", "region"])
    assert found.rate["decodability", "every"] == 0.75
    assert found.rate["decodability", "q"] == 1
    assert found.rate["share", "every"] == 0.5
    assert found.n["share", "every"] == 2

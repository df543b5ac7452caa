import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.statistics import dissociation


def networks(share, role, n=10, noise=0.02, seed=0):
    """Networks with given shares and roles of an easy and a hard feature."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "subject": np.repeat([f"n{i}" for i in range(n)], 2),
            "region": "hidden4",
            "feature": ["easy", "hard"] * n,
            "complexity": [1, 2] * n,
            "share": np.tile(share, n),
            "role": np.tile(role, n),
        }
    )
    rows[["share", "role"]] += rng.normal(0, noise, (2 * n, 2))
    return rows


@pytest.mark.parametrize(
    ("share", "role", "decision"),
    [
        ((0.6, 0.1), (1.0, 1.0), "dissociated"),
        ((0.6, 0.1), (1.0, 0.2), "together"),
        ((0.3, 0.3), (1.0, 0.2), "role alone"),
        ((0.3, 0.3), (1.0, 1.0), "neither"),
    ],
)
def test_the_four_cases_are_told_apart(share, role, decision):
    found = dissociation(networks(share, role))
    row = found.table.iloc[0]
    assert row.decision == decision
    assert row.share_effect == pytest.approx(share[0] - share[1], abs=0.03)
    assert row.role_low < role[0] - role[1] < row.role_high


def test_roles_that_are_known_too_badly_decide_nothing():
    rows = networks((0.6, 0.1), (1.0, 1.0))
    rows["role"] += np.random.default_rng(1).normal(0, 0.8, len(rows))
    assert dissociation(rows).table.decision.tolist() == ["undecided"]


def test_a_dissociation_that_is_not_there_is_rarely_found():
    """At the edge of the bound, equivalence is claimed in alpha of cases at most."""
    found = [
        dissociation(networks((0.6, 0.1), (1.0, 0.9), noise=0.05, seed=seed)).table.decision[0]
        for seed in range(100)
    ]
    assert found.count("dissociated") / 100 < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)


def test_excess_says_what_is_overrepresented():
    found = dissociation(networks((0.6, 0.2), (1.0, 1.0), noise=1e-6))
    excess = found.excess.set_index("feature")["estimate"]
    assert excess["easy"] == pytest.approx(0.75 - 0.5, abs=1e-4)
    assert excess["hard"] == pytest.approx(0.25 - 0.5, abs=1e-4)


def test_distractors_are_left_out_on_request():
    rows = networks((0.6, 0.1), (1.0, 1.0))
    more = rows[rows.feature == "hard"].assign(feature="unused", share=0.0, role=0.0, complexity=3)
    both = pd.concat([rows, more])
    assert set(dissociation(both, features=["easy", "hard"]).points.feature) == {"easy", "hard"}
    with pytest.raises(UnknownNameError, match="no feature 'esay' in table; did you mean 'easy'"):
        dissociation(both, features=["esay"])


def test_what_cannot_be_asked_is_said():
    rows = networks((0.6, 0.1), (1.0, 1.0))
    with pytest.raises(NotIdentifiableError, match=r"role is measured by reprcompare\.role"):
        dissociation(rows.assign(role=np.nan))
    with pytest.raises(UnknownNameError, match="no column 'prevalence'"):
        dissociation(rows, by="prevalence")
    with pytest.raises(InvalidInputError, match="bound must be above 0"):
        dissociation(rows, bound=0)

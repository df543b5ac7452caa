import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from reprcompare.errors import NotIdentifiableError, UnknownNameError
from reprcompare.statistics import (
    level_differences,
    level_means,
    median_interval,
    over_settings,
    variance_by_factor,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def crossed(rng, effects=True, missing=0, n=6):
    """Three factors, replicates that share their noise over settings; settings may be missing."""
    settings = list(itertools.product("pqr", "uv", "klmn"))
    for _ in range(missing):
        settings.pop(rng.integers(len(settings)))
    rows = []
    shared = 0.3 * rng.standard_normal(n)
    for a, b, c in settings:
        mean = (a == "p") + 0.5 * (b == "u") * (c == "k") if effects else 0.0
        for r in range(n):
            rows.append((a, b, c, f"seed-{r}", mean + shared[r] + 0.5 * rng.standard_normal()))
    return pd.DataFrame(rows, columns=["a", "b", "c", "subject", "value"])


@pytest.mark.parametrize("missing", [0, 4])
def test_sums_of_squares_are_those_of_statsmodels(rng, missing):
    table = crossed(rng, missing=missing)
    table = table.drop(index=table.index[[0, 1, 7]])  # unequal numbers, too
    found = variance_by_factor(table, "value", ["a", "b", "c"]).set_index("term")
    total = ((table["value"] - table["value"].mean()) ** 2).sum()
    # Factors beside factors, then pairs beside pairs: the residual stands for all that is above.
    mains = anova_lm(smf.ols("value ~ a + b + c", table).fit(), typ=2)["sum_sq"]
    pairs = anova_lm(smf.ols("value ~ (a + b + c) ** 2", table).fit(), typ=2)["sum_sq"]
    for term in "abc":
        assert found.eta2[term] == pytest.approx(mains[term] / total)
    for term in ("a:b", "a:c", "b:c"):
        assert found.eta2[term] == pytest.approx(pairs[term] / total)
    within = smf.ols("value ~ a:b:c", table).fit().ssr
    assert found.eta2["replicates"] == pytest.approx(within / total)
    assert found.eta2["all interactions"] == pytest.approx((mains["Residual"] - within) / total)
    assert found.partial_eta2["a"] == pytest.approx(mains["a"] / (mains["a"] + within))


def test_a_balanced_design_is_split_without_remainder(rng):
    found = variance_by_factor(crossed(rng), "value", ["a", "b", "c"]).set_index("term")
    parts = ["a", "b", "c", "all interactions", "replicates"]
    assert found.eta2[parts].sum() == pytest.approx(1.0)
    assert found.df[parts].sum() == 6 * 24 - 1


def test_intervals_hold_the_fraction_of_all_networks(rng):
    # Against many replicates: fractions of one sum of squares, estimated from 6 and from 2000.
    truth = variance_by_factor(
        crossed(np.random.default_rng(5), n=500).assign(subject="all"),
        "value",
        ["a", "b", "c"],
    ).set_index("term")
    inside = 0
    for _ in range(30):
        found = variance_by_factor(crossed(rng, n=8), "value", ["a", "b", "c"]).set_index("term")
        row = found.loc["a"]
        inside += row.eta2_low <= truth.eta2["a"] <= row.eta2_high
    assert inside >= 24


def test_what_does_nothing_explains_what_chance_says(rng):
    found = [
        variance_by_factor(
            crossed(rng, n=4).assign(value=lambda x: x.value + 3.0 * (x.c == "k")),
            "value",
            ["a", "b", "c"],
        ).set_index("term")
        for _ in range(80)
    ]
    # Neither the pair a:b nor the factor b beside b:c has any effect of its own.
    eta2 = np.mean([table.eta2["a:b"] for table in found])
    assert eta2 == pytest.approx(np.mean([table.chance["a:b"] for table in found]), rel=0.3)


def test_settings_count_once_however_many_replicates_they_have(rng):
    table = crossed(rng)
    more = pd.concat([table, table[(table.a == "p") & (table.b == "u")]])
    one, other = (level_means(x, "value", ["a", "b", "c"]) for x in (table, more))
    assert np.allclose(one["mean"], other["mean"])
    assert np.allclose(one[["low", "high"]], other[["low", "high"]])
    assert one[one.factor == "a"].n_settings.tolist() == [8, 8, 8]
    p = table[table.a == "p"].groupby(["b", "c"])["value"].mean()
    assert one["mean"][0] == pytest.approx(p.mean())


def test_differences_are_between_settings_alike_in_all_else(rng):
    # b = v is missing where a = p, whose values are higher: unmatched means would differ.
    table = crossed(rng, effects=False).assign(value=lambda x: 10.0 * (x.a == "p") + (x.b == "v"))
    table = table[~((table.a == "p") & (table.b == "v"))]
    found = level_differences(table, "value", ["a", "b", "c"])
    row = found[found.factor == "b"].iloc[0]
    assert (row.level, row.reference, row.n_matched) == ("v", "u", 8)
    assert row.difference == pytest.approx(1.0)


def test_the_distribution_over_settings_is_described(rng):
    table = crossed(rng, missing=3)
    means = table.groupby(["a", "b", "c"])["value"].mean()
    row = over_settings(table, "value", ["a", "b", "c"]).iloc[0]
    assert row.n_settings == 21
    assert row["median"] == pytest.approx(means.median())
    assert row.fraction_above_0 == pytest.approx((means > 0).mean())
    assert row.median_low < row["median"] < row.median_high


def test_median_intervals_cover_whatever_the_distribution(rng):
    draws = rng.exponential(size=(2000, 15))
    found = np.array([median_interval(row) for row in draws])
    covered = ((found[:, 1] <= np.log(2)) & (np.log(2) <= found[:, 2])).mean()
    assert 0.945 < covered < 0.985  # exactly 0.965
    assert median_interval([1.0, 2.0])[1:] == (-np.inf, np.inf)
    assert np.isnan(median_interval([])).all()


def test_what_cannot_be_split_is_said():
    table = pd.DataFrame({"a": ["x", "y"], "subject": ["s", "s"], "value": [1.0, 2.0]})
    with pytest.raises(NotIdentifiableError, match="2 settings have a value, with 1 replicates"):
        variance_by_factor(table, "value", ["a"])
    with pytest.raises(UnknownNameError, match="did you mean 'value'"):
        variance_by_factor(table, "valeu", ["a"])

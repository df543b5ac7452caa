"""Contrasts of shares per network, and the share model that keeps to what was randomised."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.statistics import (
    mediation,
    per_network_contrast,
    shapley_bounds,
    share_model,
)


def audit(n_networks=8, n_features=2, seed=0, gap=0.3):
    """Shares of networks in which half of the features are easy."""
    rng = np.random.default_rng(seed)
    rows = []
    for network in range(n_networks):
        for feature in range(n_features):
            hard = feature >= n_features / 2
            share = 0.4 - gap * hard + 0.05 * rng.normal()
            rows.append((f"net{network}", f"f{feature}", 1 + hard, share, "layer1"))
    return pd.DataFrame(rows, columns=["subject", "feature", "complexity", "share", "region"])


def test_the_contrast_is_the_paired_t_test_over_networks():
    table = audit()
    wide = table.pivot_table(index="subject", columns="complexity", values="share")
    expected = stats.ttest_rel(wide[1], wide[2])
    found = per_network_contrast(table)
    row = found.table.iloc[0]
    assert [row.t, row.p, row.df] == pytest.approx([expected.statistic, expected.pvalue, 7])
    assert row.estimate == pytest.approx((wide[1] - wide[2]).mean())
    low, high = expected.confidence_interval()
    assert [row.ci_low, row.ci_high] == pytest.approx([low, high])
    assert found.points.contrast.tolist() == pytest.approx((wide[1] - wide[2]).tolist())
    assert "8 subjects as units" in found.sentence


def test_easy_comes_first_and_levels_can_be_chosen():
    assert per_network_contrast(audit()).table.estimate[0] > 0
    turned = per_network_contrast(audit(), levels=(2, 1))
    assert turned.table.estimate[0] == pytest.approx(
        -per_network_contrast(audit()).table.estimate[0]
    )


def test_more_than_two_complexities_give_a_slope_per_network():
    table = audit(n_features=4).assign(complexity=np.tile([1, 2, 3, 4], 8))
    found = per_network_contrast(table)
    slopes = [np.polyfit(g.complexity, g.share, 1)[0] for _, g in table.groupby("subject")]
    assert found.points.contrast.tolist() == pytest.approx(slopes)
    assert found.table.p[0] == pytest.approx(stats.ttest_1samp(slopes, 0).pvalue)


def test_log_ratios_do_not_depend_on_the_remainder():
    table = audit()
    network = np.random.default_rng(1).uniform(0.3, 1, 8).repeat(2)
    first = per_network_contrast(table, scale="log_ratio")
    second = per_network_contrast(table.assign(share=table.share * network), scale="log_ratio")
    assert second.table.p[0] == pytest.approx(first.table.p[0])


def test_networks_without_both_sides_are_left_out():
    table = audit()
    table.loc[0, "share"] = np.nan
    assert len(per_network_contrast(table).points) == 7


@pytest.mark.parametrize(
    ("change", "arguments", "error", "reason"),
    [
        (lambda t: t, {"by": "complxity"}, UnknownNameError, "did you mean 'complexity'"),
        (lambda t: t, {"levels": (1, 5)}, UnknownNameError, "'5'"),
        (lambda t: t, {"scale": "logit"}, UnknownNameError, "log_ratio"),
        (lambda t: t[t.subject == "net0"], {}, NotIdentifiableError, "at least 2"),
        (lambda t: t.assign(complexity=1), {}, NotIdentifiableError, "needs two"),
        (lambda t: t.assign(share=0.2), {}, NotIdentifiableError, "copies of one network"),
        (lambda t: t.assign(share=-0.1), {"scale": "log_ratio"}, InvalidInputError, "logarithm"),
        (lambda t: pd.concat([t, t.assign(region="layer2")]), {}, InvalidInputError, "choose one"),
        (
            lambda t: t.assign(complexity=["a", "b"] * 7 + ["c", "d"]),
            {},
            NotIdentifiableError,
            "levels=",
        ),
    ],
)
def test_what_cannot_be_contrasted_is_a_sentence(change, arguments, error, reason):
    with pytest.raises(error, match=reason):
        per_network_contrast(change(audit()), **arguments)


def test_a_property_of_features_is_tested_on_feature_means():
    table = audit(n_features=8)
    means = table.groupby(["feature", "complexity"]).share.mean().reset_index()
    sides = [means.share[means.complexity == side] for side in (1, 2)]
    row = share_model(table).total.iloc[0]
    assert row.unit == "feature"
    assert row.df == 6
    assert row.p == pytest.approx(stats.ttest_ind(*sides).pvalue)


def test_two_features_are_not_generalised_over():
    model = share_model(audit())
    assert model.total.unit[0] == "subject"
    assert model.total.p[0] == pytest.approx(per_network_contrast(audit()).table.p[0])
    assert any("nothing is said about others" in note for note in model.notes)


def test_a_property_of_networks_is_tested_on_network_means():
    table = audit(n_features=4)
    table["width"] = table.subject.str[3:].astype(int) % 2
    model = share_model(table, ["complexity", "width"])
    means = table.groupby(["subject", "width"]).share.mean().reset_index()
    sides = [means.share[means.width == side] for side in (0, 1)]
    row = model.total.set_index("term").loc["width"]
    assert row.unit == "subject"
    assert row.p == pytest.approx(stats.ttest_ind(*sides).pvalue)
    assert "width" in model.summary()


def test_an_exposure_assigned_within_networks_has_networks_as_units():
    rng = np.random.default_rng(5)
    table = audit(n_features=4)
    table["prevalence"] = np.concatenate([rng.permutation([0.1, 0.1, 0.9, 0.9]) for _ in range(8)])
    row = share_model(table, ["prevalence"]).total.iloc[0]
    assert row.unit == "subject"
    assert row.df == 7


@pytest.mark.parametrize("observed", ["learning_rank", "accuracy", "role", "decodability"])
def test_what_was_observed_is_refused_as_an_exposure(observed):
    table = audit().assign(**{observed: 1.0})
    with pytest.raises(InvalidInputError, match="collider bias.*mediation"):
        share_model(table, ["complexity", observed])


def test_the_graph_names_exposures_mediators_and_unobserved_causes():
    graph = share_model(audit().assign(learning_rank=1)).graph
    assert "{complexity} -> {learning_rank} -> share" in graph
    assert "unobserved causes" in graph


def chain(direct, indirect, n_networks=40, seed=0):
    """Exposure -> mediator -> share, with known paths."""
    rng = np.random.default_rng(seed)
    table = audit(n_networks, n_features=4)
    x = table.complexity.to_numpy() - 1.0
    mediator = 2.0 * x + rng.normal(size=len(x))
    share = direct * x + indirect / 2.0 * mediator + 0.05 * rng.normal(size=len(x))
    return table.assign(complexity=x, learning_rank=mediator, share=share)


def test_mediation_recovers_known_paths():
    found = mediation(chain(-0.2, -0.1), "complexity", "learning_rank").set_index("effect")
    assert found.estimate.to_dict() == pytest.approx(
        {"total": -0.3, "indirect": -0.1, "direct": -0.2}, abs=0.02
    )
    assert (found.ci_low < found.estimate).all()
    assert (found.estimate < found.ci_high).all()
    total = found.estimate["indirect"] + found.estimate["direct"]
    assert total == pytest.approx(found.estimate["total"])
    assert "nothing unobserved" in found.assumption["direct"]


def test_mediation_of_a_mediator_that_follows_from_the_exposure_is_refused():
    table = chain(-0.2, -0.1).assign(learning_rank=lambda t: 2 * t.complexity)
    with pytest.raises(NotIdentifiableError, match="cannot be told apart"):
        mediation(table, "complexity", "learning_rank")


def test_shapley_values_sum_to_r2_and_lie_within_their_bounds():
    found = shapley_bounds(chain(-0.2, -0.1), ["complexity", "learning_rank"])
    table = chain(-0.2, -0.1)
    centred = table[["share", "complexity", "learning_rank"]]
    centred = centred - centred.groupby(table.subject).transform("mean")
    X, y = centred[["complexity", "learning_rank"]].to_numpy(), centred.share.to_numpy()
    rest = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    assert found.shapley.sum() == pytest.approx(1 - rest @ rest / (y @ y))
    assert (found.low <= found.shapley + 1e-12).all()
    assert (found.shapley <= found.high + 1e-12).all()
    assert (found.high - found.low > 0.1).all()  # correlated predictors: no unique answer

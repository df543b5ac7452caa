"""Questions to a fit against emmeans, anova, performance and predict (reference/questions.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.statistics import (
    contrast,
    influence,
    intraclass_correlation,
    likelihood_ratio,
    marginal_means,
    mixed_model,
    pairwise,
    predict,
    r_squared,
    residual_checks,
)

REFERENCE = Path(__file__).parent / "reference"
INTERACTION = "y ~ rule * order + width + (1 | subject)"


def read(name):
    return pd.read_csv(REFERENCE / f"{name}.csv")


@pytest.fixture(scope="module")
def interaction():
    return mixed_model(INTERACTION, read("interaction"))


def assert_same(found, expected, pairs):
    for ours, theirs in pairs.items():
        assert found[ours].to_numpy() == pytest.approx(expected[theirs].to_numpy(), rel=5e-5), ours


MEANS = {"estimate": "emmean", "se": "SE", "df": "df", "ci_low": "lower.CL", "ci_high": "upper.CL"}
PAIRS = {"estimate": "estimate", "se": "SE", "df": "df", "t": "t.ratio"}


def test_marginal_means_equal_emmeans(interaction):
    found = marginal_means(interaction, "rule")
    assert found.rule.tolist() == read("emmeans_rule").rule.tolist()
    assert_same(found, read("emmeans_rule"), MEANS)


def test_marginal_means_of_cells_equal_emmeans(interaction):
    expected = read("emmeans_rule_order").set_index(["rule", "order"])
    found = marginal_means(interaction, ["rule", "order"]).set_index(["rule", "order"])
    assert_same(found.loc[expected.index], expected, MEANS)


def test_pairs_with_holm_equal_emmeans(interaction):
    expected = read("emmeans_pairs")
    found = pairwise(interaction, "rule")
    assert found.contrast.tolist() == expected.contrast.tolist()
    assert_same(found, expected, {**PAIRS, "p_holm": "p.value"})


def test_pairs_within_a_factor_equal_emmeans(interaction):
    expected = read("emmeans_pairs_order").set_index(["order", "contrast"])
    found = pairwise(interaction, "rule", within="order", correction="none")
    found = found.set_index(["order", "contrast"]).loc[expected.index]
    assert_same(found, expected, {**PAIRS, "p": "p.value"})


def test_a_contrast_of_coefficients_equals_the_pair_of_means(interaction):
    weights = {"parity - xor": {"rule[T.parity]": 1, "rule[T.xor]": -1}}
    found = contrast(interaction, weights).iloc[0]
    expected = read("emmeans_pairs_order").query("order == 'easy_first'").iloc[2]
    assert found.estimate == pytest.approx(expected.estimate, rel=5e-5)
    assert found.df == pytest.approx(expected.df, rel=5e-5)


def test_a_contrast_with_one_coefficient_is_its_own_test(interaction):
    found = contrast(interaction, {"width": {"width": 1.0}}).iloc[0]
    row = interaction.fixed.set_index("term").loc["width"]
    assert [found.estimate, found.se, found.df, found.p] == pytest.approx(
        [row.estimate, row.se, row.df, row.p]
    )


def test_contrasts_at_the_boundary_have_the_df_of_the_levels():
    fit = mixed_model("y ~ complexity + (1|subject) + (1|feature)", read("singular_feature"))
    assert contrast(fit, {"c": {"complexity": 2.0}}).df[0] == 6
    means = marginal_means(fit, "complexity")
    assert means.complexity.tolist() == [0, 1]
    assert (means.df <= 6).all()


def test_likelihood_ratio_refits_by_ml_as_anova_does(interaction):
    smaller = mixed_model("y ~ rule + order + width + (1 | subject)", read("interaction"))
    expected = read("lrt_interaction")
    found = likelihood_ratio(smaller, interaction)
    assert found.parameters.tolist() == expected.npar.tolist()
    assert found.df[1] == expected.df[1]
    assert found.log_likelihood.to_numpy() == pytest.approx(expected.loglik.to_numpy(), abs=1e-5)
    assert found.aic.to_numpy() == pytest.approx(expected.aic.to_numpy(), abs=1e-5)
    assert found.bic.to_numpy() == pytest.approx(expected.bic.to_numpy(), abs=1e-5)
    assert found.p[1] == pytest.approx(expected.p[1], rel=1e-4)


def test_likelihood_ratio_refuses_other_rows_and_models_that_are_not_nested(interaction):
    fewer = mixed_model("y ~ rule + (1 | subject)", read("interaction").iloc[5:])
    with pytest.raises(InvalidInputError, match="same rows"):
        likelihood_ratio(fewer, interaction)
    with pytest.raises(InvalidInputError, match="not nested"):
        likelihood_ratio(interaction, mixed_model("y ~ rule + (1|subject)", read("interaction")))


@pytest.mark.parametrize(
    ("design", "formula"),
    [
        ("balanced", "y ~ x + (1 | subject)"),
        ("crossed", "y ~ complexity + position + (1 | subject) + (1 | feature)"),
        ("slope", "y ~ day + (day | subject)"),
    ],
)
def test_r2_and_icc_equal_performance(design, formula):
    expected = read("r2_icc").set_index("design").loc[design]
    fit = mixed_model(formula, read(design))
    found, icc = r_squared(fit), intraclass_correlation(fit).set_index("group").loc["all"]
    assert found["marginal"] == pytest.approx(expected.marginal, rel=5e-5)
    assert found["conditional"] == pytest.approx(expected.conditional, rel=5e-5)
    assert icc.icc == pytest.approx(expected.icc_adjusted, rel=5e-5)
    assert icc.icc_unadjusted == pytest.approx(expected.icc_unadjusted, rel=5e-5)


def test_predictions_equal_lme4_with_and_without_random_effects():
    fit = mixed_model("y ~ day + (day | subject)", read("slope"))
    expected = read("slope_predictions")
    assert predict(fit) == pytest.approx(expected["all"].to_numpy(), abs=1e-5)
    assert predict(fit, random=False) == pytest.approx(expected["fixed"].to_numpy(), abs=1e-5)
    assert predict(fit, read("slope")) == pytest.approx(predict(fit))


def test_new_rows_are_predicted_and_unseen_subjects_get_the_population():
    fit = mixed_model("y ~ day + (day | subject)", read("slope"))
    new = read("slope_new")
    assert predict(fit, new) == pytest.approx(new["all"].to_numpy(), abs=1e-5)
    assert predict(fit, new, random=False) == pytest.approx(new["fixed"].to_numpy(), abs=1e-5)


def test_predicting_with_an_unseen_category_or_a_missing_column_is_a_sentence(interaction):
    new = read("interaction").head(2)
    with pytest.raises(InvalidInputError, match="categories that the fit has seen"):
        predict(interaction, new.assign(rule="sum mod 5"))
    with pytest.raises(UnknownNameError, match="random=False"):
        predict(interaction, new.drop(columns="subject"))


def test_influence_equals_refits_in_lme4():
    expected = read("balanced_influence")
    fit = mixed_model("y ~ x + (1 | subject)", read("balanced"))
    found = influence(fit, "subject")
    assert found.subject.tolist() == expected.subject.tolist()
    assert found.Intercept.to_numpy() == pytest.approx(expected.intercept.to_numpy(), rel=5e-5)
    assert found.x.to_numpy() == pytest.approx(expected.x.to_numpy(), rel=5e-5)
    # lme4 takes the covariance of the refit, we that of the full fit: the ranking is the same.
    assert found.cook.idxmax() == expected.cook.idxmax()
    assert np.corrcoef(found.cook.rank(), expected.cook.rank())[0, 1] > 0.9


def test_influence_says_when_nothing_is_left_without_a_level():
    data = read("balanced")
    data = data[data.subject.isin(["s01", "s02"])]
    found = influence(mixed_model("y ~ x + (1 | subject)", data), "subject")
    assert found.x.isna().all()
    assert found.status.str.contains("at least 2 levels").all()


def test_residual_checks_find_what_is_wrong_and_only_that():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"subject": np.repeat(np.arange(20), 10), "x": np.tile([0.0, 1.0], 100)})
    data["y"] = data.x + np.repeat(rng.normal(size=20), 10) + rng.normal(size=200)
    clean = residual_checks(mixed_model("y ~ x + (1|subject)", data))
    assert (clean.finding == "no objection").all()
    data["y"] += rng.standard_cauchy(200)
    wild = residual_checks(mixed_model("y ~ x + (1|subject)", data)).set_index("check").finding
    assert wild["residuals normal"] == "in doubt"
    assert wild["no outlying residual"] == "in doubt"

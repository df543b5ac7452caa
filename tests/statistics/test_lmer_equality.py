"""Fits against stored reference values of lme4, lmerTest and pbkrtest (reference/designs.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprcompare.statistics import mixed_model, predict

REFERENCE = Path(__file__).parent / "reference"
SOUND = [
    "balanced",
    "unbalanced",
    "crossed",
    "nested",
    "slope",
    "interaction",
    "crossed_slope",
    "three_crossed",
]
SINGULAR = ["singular_feature", "singular_slope"]


def reference(design, what):
    return pd.read_csv(REFERENCE / f"{design}_{what}.csv")


def formula_and_data(design):
    return reference(design, "fit").formula[0], pd.read_csv(REFERENCE / f"{design}.csv")


def by_columns(term):
    """lme4 writes `rulexor:orderhard_first`, patsy `rule[T.xor]:order[T.hard_first]`."""
    plain = term.replace("[T.", "").replace("]", "").replace("(", "").replace(")", "")
    return ":".join(sorted(plain.split(":")))


def in_order_of_reference(fixed, expected):
    fixed = fixed.set_index(fixed.term.map(by_columns))
    return fixed.loc[expected.term.map(by_columns)].reset_index(drop=True)


def four_digits(value):
    return pytest.approx(value, rel=5e-5)


@pytest.mark.parametrize("design", SOUND)
def test_fixed_effects_equal_lmertest_to_four_digits(design):
    expected = reference(design, "fixed")
    fit = mixed_model(*formula_and_data(design))
    found = in_order_of_reference(fit.fixed, expected)
    assert len(found) == len(expected)
    assert fit.status == "sound"
    for column in ("estimate", "se", "df", "t", "p"):
        assert found[column].to_numpy() == four_digits(expected[column].to_numpy()), column


@pytest.mark.parametrize("design", SOUND)
def test_variance_components_equal_lme4_to_four_digits(design):
    expected = reference(design, "random").fillna("")
    random = mixed_model(*formula_and_data(design)).random
    found = {
        ("".join(sorted(row.group.lower().replace(":", ""))), by_columns(row.term)): row
        for row in random.itertuples()
    }
    for row in expected.itertuples():
        # lme4 writes subject:session as session:subject and || groups as subject.1.
        group = "".join(sorted(row.group.lower().split(".")[0].replace(":", "")))
        match = found[group, by_columns(row.term)]
        assert match.variance == four_digits(row.variance)
        assert match.sd == four_digits(row.sd)


@pytest.mark.parametrize("design", SOUND + SINGULAR)
def test_criterion_equals_lme4(design):
    formula, data = formula_and_data(design)
    expected = reference(design, "fit").iloc[0]
    assert mixed_model(formula, data).estimates.deviance == pytest.approx(expected.reml, abs=1e-5)
    ml = mixed_model(formula, data, reml=False)
    assert -ml.estimates.deviance / 2 == pytest.approx(expected.loglik_ml, abs=1e-5)


@pytest.mark.parametrize("design", SINGULAR)
def test_singular_designs_have_the_estimates_of_lme4_and_a_verdict(design):
    expected = reference(design, "fixed")
    fit = mixed_model(*formula_and_data(design))
    assert fit.status == "at the boundary"
    assert fit.fixed.estimate.to_numpy() == four_digits(expected.estimate.to_numpy())
    assert fit.fixed.se.to_numpy() == four_digits(expected.se.to_numpy())


def test_a_feature_predictor_keeps_the_df_of_the_features_at_the_boundary():
    fit = mixed_model(*formula_and_data("singular_feature"))
    lmertest = reference("singular_feature", "fixed").set_index("term")
    found = fit.fixed.set_index("term")
    assert lmertest.df["complexity"] > 60  # what dropping the term gives
    assert found.df["complexity"] == 6  # 8 features, 2 coefficients between them
    assert found.df["complexity"] == pytest.approx(lmertest.kr_df["complexity"])


def test_the_aggregated_test_beside_a_boundary_fit_is_least_squares_on_the_means():
    formula, data = formula_and_data("singular_feature")
    fit = mixed_model(formula, data)
    means = data.groupby("feature")[["complexity", "y"]].mean()
    easy, hard = (means.y[means.complexity == side] for side in (0, 1))
    pooled = np.sqrt((easy.var() + hard.var()) / 2 * (1 / 4 + 1 / 4))
    row = fit.aggregated.set_index("term").loc["complexity"]
    assert row.estimate == pytest.approx(hard.mean() - easy.mean())
    assert row.se == pytest.approx(pooled)
    assert row.df == 6


def test_a_random_slope_at_the_boundary_keeps_the_df_of_the_subjects():
    found = mixed_model(*formula_and_data("singular_slope")).fixed.set_index("term")
    kenward = reference("singular_slope", "fixed").set_index("term").kr_df
    assert found.df["day"] == pytest.approx(kenward["day"])  # 8 subjects: 7
    assert found.df["Intercept"] == pytest.approx(kenward["(Intercept)"])


@pytest.mark.parametrize("design", [d for d in SOUND if d != "interaction"])
def test_statsmodels_and_mixedlm_agree(design):
    formula, data = formula_and_data(design)
    ours = mixed_model(formula, data)
    reference_engine = mixed_model(formula, data, engine="statsmodels")
    np.testing.assert_allclose(
        reference_engine.fixed.estimate, ours.fixed.estimate, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(reference_engine.random.variance, ours.random.variance, rtol=1e-3)
    # statsmodels inverts the Hessian of all parameters, lme4 the block of the fixed effects.
    np.testing.assert_allclose(reference_engine.fixed.se, ours.fixed.se, rtol=1e-2)
    assert reference_engine.estimates.deviance == pytest.approx(ours.estimates.deviance, abs=1e-4)
    np.testing.assert_allclose(predict(reference_engine), predict(ours), atol=2e-3)
    assert np.isinf(reference_engine.fixed.df).all()
    assert reference_engine.df_method == "normal"


@pytest.mark.parametrize("design", SINGULAR)
def test_statsmodels_reaches_the_boundary_too(design):
    formula, data = formula_and_data(design)
    found = mixed_model(formula, data, engine="statsmodels")
    assert found.status != "sound"
    expected = mixed_model(formula, data).estimates.deviance
    assert found.estimates.deviance == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("design", SOUND + SINGULAR)
def test_kenward_roger_equals_pbkrtest(design):
    formula, data = formula_and_data(design)
    expected = reference(design, "fixed")
    found = in_order_of_reference(mixed_model(formula, data, df="kenward-roger").fixed, expected)
    assert found.df.to_numpy() == pytest.approx(expected.kr_df.to_numpy(), rel=5e-4)
    assert found.se.to_numpy() == pytest.approx(expected.kr_se.to_numpy(), rel=5e-4)
    assert found.p.to_numpy() == pytest.approx(expected.kr_p.to_numpy(), rel=5e-3)

"""What a user meets: formulas, verdicts, and a sentence for every degenerate input."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.statistics import mixed_model
from reprcompare.statistics.formula import parse_formula


def trials(n_subjects=8, n_rows=6, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "subject": np.repeat([f"s{i}" for i in range(n_subjects)], n_rows),
            "x": rng.normal(size=n_subjects * n_rows),
            "rule": np.tile(["linear", "xor"], n_subjects * n_rows // 2),
        }
    )
    effect = np.repeat(rng.normal(size=n_subjects), n_rows)
    table["y"] = table.x + (table.rule == "xor") + effect + rng.normal(size=len(table))
    return table


def test_without_random_terms_it_is_least_squares():
    table = trials()
    fit = mixed_model("y ~ x", table)
    slope, intercept = np.polyfit(table.x, table.y, 1)
    assert fit.fixed.estimate.tolist() == pytest.approx([intercept, slope])
    assert fit.fixed.df.tolist() == [46, 46]
    assert fit.df_method == "residual"


def test_balanced_one_way_variances_are_those_of_the_analysis_of_variance():
    table = trials()
    fit = mixed_model("y ~ 1 + (1|subject)", table)
    groups = table.groupby("subject").y
    within = groups.var().mean()
    between = groups.mean().var() - within / 6
    assert fit.random.variance.tolist() == pytest.approx([between, within], rel=1e-4)
    assert fit.fixed.df[0] == pytest.approx(7, rel=1e-4)
    assert fit.fixed.se[0] == pytest.approx(groups.mean().std() / np.sqrt(8), rel=1e-5)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-50, 50))
def test_changing_the_unit_of_the_outcome_changes_only_the_unit(seed, unit, zero):
    table = trials(seed=7)
    rows = np.random.default_rng(seed).permutation(len(table))
    other = table.iloc[rows].assign(y=lambda t: unit * t.y + zero)
    first, second = (mixed_model("y ~ x + (1|subject)", t) for t in (table, other))
    assert second.fixed.estimate[1] == pytest.approx(unit * first.fixed.estimate[1], rel=1e-4)
    assert second.fixed.p[1] == pytest.approx(first.fixed.p[1], rel=1e-3)
    assert second.fixed.df[1] == pytest.approx(first.fixed.df[1], rel=1e-3)


def test_columns_of_text_categories_and_booleans_are_coded_alike():
    table = trials()
    expected = mixed_model("y ~ rule + (1|subject)", table).fixed.estimate[1]
    as_category = table.assign(rule=pd.Categorical(table.rule, ["linear", "xor", "unused"]))
    fit = mixed_model("y ~ rule + (1|subject)", as_category)
    assert fit.fixed.estimate[1] == pytest.approx(expected)
    assert "unused" in fit.notes[0]
    as_bool = table.assign(rule=table.rule == "xor")
    assert mixed_model("y ~ rule + (1|subject)", as_bool).fixed.estimate[1] == pytest.approx(
        expected
    )


def test_nullable_columns_are_numbers_and_texts_like_any_other():
    expected = mixed_model("y ~ x + rule + (1|subject)", trials()).fixed.estimate
    found = mixed_model("y ~ x + rule + (1|subject)", trials().convert_dtypes()).fixed.estimate
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-6)


def test_rows_with_missing_values_are_left_out_and_counted():
    table = trials()
    table.loc[[3, 5], "x"] = np.nan
    fit = mixed_model("y ~ x + (1|subject)", table)
    assert len(fit.design.y) == 46
    assert "2 of 48 rows left out: missing x" in fit.notes
    assert "2 of 48" in fit.summary()


def test_the_summary_says_everything_a_reader_needs():
    text = mixed_model("y ~ x * rule + (1|subject)", trials()).summary()
    for part in (
        "48 rows, 8 subject",
        "Satterthwaite",
        "rule[T.xor]",
        "Verdict: sound",
        "residual",
    ):
        assert part in text


def test_two_groups_get_a_caution_and_no_error():
    fit = mixed_model("y ~ x + (1|subject)", trials(n_subjects=2, n_rows=10))
    assert "hardly known" in fit.verdict


DEGENERATE = {
    "one subject": (lambda t: t[t.subject == "s0"], "y ~ x + (1|subject)", "2 levels of 'subject'"),
    "constant outcome": (lambda t: t.assign(y=0.25), "y ~ x + (1|subject)", "0.25 in every row"),
    "collinear predictors": (
        lambda t: t.assign(z=2 * t.x + 1),
        "y ~ x + z + (1|subject)",
        "'z' cannot be estimated: it follows from Intercept, x",
    ),
    "a missing cell": (
        lambda t: t.assign(easy=t.x > 0)[lambda t: ~t.easy | (t.rule != "xor")],
        "y ~ rule * easy + (1|subject)",
        "collect the combination",
    ),
    "a level per row": (
        lambda t: t.assign(row=range(len(t))),
        "y ~ x + (1|row)",
        "cannot be told from the residual",
    ),
    "no complete row": (lambda t: t.assign(x=np.nan), "y ~ x + (1|subject)", "no row"),
    "more coefficients than rows": (lambda t: t.head(2), "y ~ x * rule", "rows"),
    "outcome made of predictors": (
        lambda t: t.assign(y=3 * t.x),
        "y ~ x + (1|subject)",
        "without any residual|could not be fitted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DEGENERATE)
def test_what_the_data_cannot_answer_is_a_sentence(case):
    change, formula, reason = DEGENERATE[case]
    with pytest.raises(NotIdentifiableError, match=reason):
        mixed_model(formula, change(trials()))


WRONG = {
    "unknown column": ("y ~ speed + (1|subject)", UnknownNameError, "no column 'speed'"),
    "unknown group": ("y ~ x + (1|subjct)", UnknownNameError, "did you mean 'subject'"),
    "no tilde": ("y + x", InvalidInputError, "outcome ~ predictors"),
    "bar outside": ("y ~ x + 1|subject", InvalidInputError, "outside parentheses"),
    "open parenthesis": ("y ~ x + (1|subject", InvalidInputError, "open"),
    "no group": ("y ~ x + (1|)", InvalidInputError, "must read"),
    "caret": ("y ~ x^2", InvalidInputError, r"\*\*"),
    "text outcome": ("rule ~ x", InvalidInputError, "holds text such as"),
    "logarithm of a negative": ("y ~ log(x)", InvalidInputError, "not finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_formula_is_a_sentence(case):
    formula, error, reason = WRONG[case]
    with pytest.raises(error, match=reason):
        mixed_model(formula, trials())


@pytest.mark.parametrize(
    "code", ["__import__('os').getcwd()", "x.sum()", "eval('1')", "[i for i in x]", "x[0]"]
)
def test_a_formula_never_runs_code(code):
    with pytest.raises(InvalidInputError, match="not allowed|cannot read"):
        parse_formula(f"y ~ x + {code}")


def test_wrong_arguments_name_the_choices():
    with pytest.raises(InvalidInputError, match="did you mean 'mixedlm'"):
        mixed_model("y ~ x + (1|subject)", trials(), "mixdlm")
    with pytest.raises(InvalidInputError, match="kenward-roger"):
        mixed_model("y ~ x + (1|subject)", trials(), df="kenward")
    with pytest.raises(InvalidInputError, match="DataFrame"):
        mixed_model("y ~ x", {"y": [1], "x": [2]})
    with pytest.raises(InvalidInputError, match="between 0 and 1"):
        mixed_model("y ~ x", trials(), level=95)
    with pytest.raises(InvalidInputError, match="restricted"):
        mixed_model("y ~ x + (1|subject)", trials(), df="kenward-roger", reml=False)


def test_lme4_shorthand_is_written_out():
    double = mixed_model("y ~ x + (x||subject)", trials())
    written = mixed_model("y ~ x + (1|subject) + (0 + x|subject)", trials())
    assert double.estimates.deviance == pytest.approx(written.estimates.deviance)
    table = trials().assign(run=np.tile([1, 1, 2, 2, 3, 3], 8))
    nested = mixed_model("y ~ x + (1|subject/run)", table)
    assert nested.random.group.tolist() == ["subject", "subject:run", "residual"]


def test_compositional_shares_are_recognised_and_the_right_model_offered():
    rng = np.random.default_rng(2)
    parts = rng.dirichlet([6, 2, 4], size=10)
    table = pd.DataFrame(
        {
            "subject": np.repeat(np.arange(10), 2),
            "complexity": np.tile([1, 2], 10),
            "share": parts[:, :2].ravel(),
        }
    )
    fit = mixed_model("share ~ complexity + (1|subject)", table)
    assert fit.status == "at the boundary"
    assert any("compositional" in note and "per_network_contrast" in note for note in fit.notes)
    two = pd.concat([table.assign(region=r) for r in ("layer1", "layer2")])
    notes = mixed_model("share ~ complexity + (1|subject)", two).notes
    assert any("compositional" in note for note in notes)
    assert any("2 regions" in note for note in notes)
    assert not any("compositional" in n for n in mixed_model("y ~ x + (1|subject)", trials()).notes)


def test_binary_outcomes_and_observed_predictors_get_a_note():
    table = trials().assign(correct=lambda t: (t.y > 0).astype(int), learning_rank=lambda t: t.x)
    notes = mixed_model("correct ~ rule + learning_rank + (1|subject)", table).notes
    assert any("two values" in note for note in notes)
    assert any("learning_rank was observed" in note for note in notes)


def test_statsmodels_never_gives_a_wrong_number_without_variance_between_groups():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"subject": np.repeat(np.arange(10), 5), "x": np.tile(range(5), 10)})
    for _ in range(6):
        table["y"] = 1 + 0.3 * table.x + rng.normal(size=50)
        expected = mixed_model("y ~ x + (1|subject)", table).fixed.estimate
        # A sentence is an honest answer too; a coefficient of exactly 0 is not.
        with contextlib.suppress(NotIdentifiableError):
            found = mixed_model("y ~ x + (1|subject)", table, engine="statsmodels")
            assert found.fixed.estimate.tolist() == pytest.approx(expected.tolist(), rel=1e-3)

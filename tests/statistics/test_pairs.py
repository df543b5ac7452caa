"""The pair model: one factor for both stimuli, order invariance, a dense likelihood, real data."""

import os

import numpy as np
import pandas as pd
import pytest
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import pdist, squareform

from reprcompare.brains import load_brain, load_stimuli
from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
)
from reprcompare.recording import label_table
from reprcompare.statistics import label_permutation, mixed_model, pair_model, pair_table


def recordings(n_stimuli=10, n_subjects=3, n_sessions=2, seed=0, effect=0.5):
    """RDMs of a geometry shared by subjects, with an effect of the label `alive`."""
    rng = np.random.default_rng(seed)
    ids = [f"i{k:02d}" for k in range(n_stimuli)]
    alive = rng.permutation(np.arange(n_stimuli) < n_stimuli // 2)
    labels = pd.DataFrame({"alive": alive, "size": rng.normal(size=n_stimuli).round(3)}, index=ids)
    shared = rng.normal(size=(n_stimuli, 6))
    differ = squareform(alive[:, None] != alive, checks=False)
    rows, subject, session = [], [], []
    for s in range(n_subjects):
        own = shared + 0.5 * rng.normal(size=shared.shape)
        for v in range(n_sessions):
            d = pdist(own + 0.5 * rng.normal(size=shared.shape), "sqeuclidean")
            rows.append(d / d.mean() + effect * differ)
            subject.append(f"s{s}")
            session.append(f"v{v}")
    rdms = RDMs(
        np.array(rows),
        pattern_descriptors={"stimulus_id": ids},
        rdm_descriptors={"subject": subject, "session": session},
    )
    return rdms, labels


@pytest.fixture(scope="module")
def table():
    return pair_table(*recordings())


def test_pairs_are_joined_by_label_whatever_the_order_of_the_labels():
    rdms, labels = recordings()
    shuffled = labels.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(pair_table(rdms, labels), pair_table(rdms, shuffled))
    with pytest.raises(LabelMismatchError, match="i09"):
        pair_table(rdms, labels.drop("i09"))
    with pytest.raises(UnknownNameError, match="alive"):
        pair_table(rdms, labels, ["alife"])


def test_numbers_become_differences_and_categories_become_differ_or_agree():
    rdms, labels = recordings()
    row = pair_table(rdms, labels).iloc[0]
    first, second = labels.loc["i00"], labels.loc["i01"]
    assert row["alive"] == float(first.alive != second.alive)
    assert row["size"] == pytest.approx(abs(first["size"] - second["size"]))


def test_the_order_of_stimuli_and_rows_changes_nothing_at_all(table):
    rng = np.random.default_rng(4)
    swap = rng.random(len(table)) < 0.5
    turned = table.copy()
    turned.loc[swap, ["stimulus_a", "stimulus_b"]] = table.loc[
        swap, ["stimulus_b", "stimulus_a"]
    ].to_numpy()
    turned = turned.sample(frac=1, random_state=5)
    first, second = pair_model(table, ["alive", "size"]), pair_model(turned, ["alive", "size"])
    pd.testing.assert_frame_equal(first.fixed, second.fixed, check_exact=True)
    pd.testing.assert_frame_equal(first.random, second.random, check_exact=True)


def dense_deviance(fit, variances):
    """-2 log restricted likelihood from the full covariance matrix of the rows."""
    y, X = fit.design.y, fit.design.X
    V = variances[-1] * np.eye(len(y))
    for term, variance in zip(fit.design.random, variances, strict=False):
        Z = term.Z.toarray()
        V += variance * Z @ Z.T
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    beta = np.linalg.solve(information, X.T @ inverse @ y)
    rest = y - X @ beta
    logdets = np.linalg.slogdet(V)[1] + np.linalg.slogdet(information)[1]
    n_free = len(y) - X.shape[1]
    return logdets + rest @ inverse @ rest + n_free * np.log(2 * np.pi), beta, information


def test_estimates_equal_a_brute_force_dense_likelihood(table):
    fit = pair_model(table, ["alive", "size"])
    variances = fit.random.variance.to_numpy()
    deviance, beta, information = dense_deviance(fit, variances)
    assert fit.estimates.deviance == pytest.approx(deviance, abs=1e-6)
    np.testing.assert_allclose(fit.fixed.estimate, beta, rtol=1e-6)
    np.testing.assert_allclose(fit.estimates.covariance, np.linalg.inv(information), rtol=1e-5)
    for place in range(len(variances)):  # a minimum: no variance can be improved
        for factor in (0.9, 1.1):
            changed = variances.copy()
            changed[place] = max(changed[place], 1e-4) * factor
            assert dense_deviance(fit, changed)[0] > deviance - 1e-8


def test_every_row_belongs_twice_to_the_one_stimulus_factor(table):
    fit = pair_model(table, ["alive"])
    stimulus = fit.design.random[0]
    assert stimulus.group == "stimulus"
    assert len(stimulus.levels) == 10
    assert (stimulus.Z.sum(axis=1) == 2).all()
    assert "mm(stimulus)" in fit.formula


def test_a_predictor_has_no_more_df_than_subjects_allow_at_the_boundary(table):
    fit = pair_model(table, ["alive", "size"])
    singular = fit.random.query("group == 'subject' and variance == 0").term
    df = fit.fixed.set_index("term").df
    assert all(df[term] <= 2 for term in singular)


def test_collinear_labels_are_left_out_and_named(table):
    fit = pair_model(table.assign(animate=1 - table.alive), ["alive", "animate", "size"])
    assert fit.fixed.term.tolist() == ["Intercept", "alive", "size"]
    assert "animate" in fit.notes[0]


def test_a_label_that_follows_from_others_gets_no_column_and_a_note():
    rdms, labels = recordings()
    face = labels.alive & (labels["size"] > labels["size"][labels.alive].median())
    labels = labels.assign(face=face, body=labels.alive & ~face)
    table = pair_table(rdms, labels, ["alive", "face", "body"])
    assert "body" not in table.columns
    assert table.attrs["left_out"] == ["body"]
    fit = pair_model(table, ["alive", "face", "body"])
    assert fit.fixed.term.tolist() == ["Intercept", "alive", "face"]
    assert "body" in fit.notes[0]


def test_the_naive_model_of_pairs_is_refused_with_the_reason(table):
    with pytest.raises(InvalidInputError, match="two ends of pairs.*pair_model"):
        mixed_model("dissimilarity ~ alive + (1|subject) + (1|stimulus_a) + (1|stimulus_b)", table)


def test_crossed_factors_with_the_same_integer_labels_are_not_taken_for_pairs():
    rng = np.random.default_rng(0)
    subject, feature = np.indices((6, 6)).reshape(2, -1)
    crossed = pd.DataFrame({"subject": subject, "feature": feature, "y": rng.normal(size=36)})
    assert mixed_model("y ~ 1 + (1|subject) + (1|feature)", crossed).fixed.estimate.notna().all()


def test_one_subject_and_one_session_leave_out_the_terms_that_need_more():
    rdms, labels = recordings(n_subjects=1, n_sessions=1)
    fit = pair_model(pair_table(rdms, labels), ["alive"])
    assert fit.random.group.tolist() == ["stimulus", "residual"]


def test_wrong_pairs_are_sentences(table):
    with pytest.raises(InvalidInputError, match="paired with itself"):
        pair_model(table.assign(stimulus_b=table.stimulus_a), ["alive"])
    with pytest.raises(InvalidInputError, match="occurs twice"):
        pair_model(table.drop(columns="session"), ["alive"])
    with pytest.raises(NotIdentifiableError, match="varies"):
        pair_model(table.assign(flat=1.0), ["flat"])
    with pytest.raises(UnknownNameError, match="alive"):
        pair_model(table, ["alife"])
    few = table[table.stimulus_a.isin(["i00", "i01"]) & table.stimulus_b.isin(["i01", "i02"])]
    with pytest.raises(NotIdentifiableError, match="5 stimuli"):
        pair_model(few, ["alive"])


def test_label_permutation_finds_the_effect_and_agrees_with_enumerated_least_squares(table):
    found = label_permutation(table, ["alive", "size"], n_permutations=200).set_index("term")
    mean = table.groupby(["stimulus_a", "stimulus_b"])[["dissimilarity", "alive", "size"]].mean()
    X = np.column_stack([np.ones(len(mean)), mean.alive, mean["size"]])
    expected = np.linalg.lstsq(X, mean.dissimilarity, rcond=None)[0]
    assert found.estimate.to_numpy() == pytest.approx(expected[1:])
    assert found.p["alive"] < 0.02
    assert found.p["size"] > 0.05


def test_label_permutation_is_uniform_without_an_effect():
    p = [
        label_permutation(
            pair_table(*recordings(n_subjects=1, n_sessions=1, seed=k, effect=0.0)),
            ["alive"],
            n_permutations=39,
        ).p[0]
        for k in range(60)
    ]
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) <= 0.05) < 0.15


DATA = os.environ.get("REPRCOMPARE_DATA_DIR")


@pytest.mark.slow
@pytest.mark.skipif(not DATA, reason="REPRCOMPARE_DATA_DIR does not point to the public data")
def test_human_it_separates_animate_from_inanimate():
    rdms = load_brain("kriegeskorte2008", data_dir=DATA).subset("region", "human IT")
    labels = label_table(load_stimuli("kriegeskorte2008", data_dir=DATA))
    table = pair_table(rdms, labels[["animacy"]])
    assert len(table) == 33488
    row = pair_model(table, ["animacy"]).fixed.set_index("term").loc["animacy"]
    assert row.estimate > 0
    assert row.df <= 3.5  # four subjects
    assert row.p < 0.06
    assert label_permutation(table, ["animacy"], n_permutations=99).p[0] == 0.01

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.cross_decomposition import PLSRegression

from reprcompare.encoding import LeakageWarning, encode
from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
)
from reprcompare.measurement import noise_ceiling, split_half, zscore
from reprcompare.recording import build_recording, open_recording, save_recording, select

QUICK = {"n_bootstrap": 20}


def test_the_layer_that_drives_the_brain_predicts_it(simulated):
    network, brain, _ = simulated()
    found = encode(network, brain, **QUICK)
    r = found.regions.set_index(["predictor", "subject"])["r"]
    assert r["late", "one"] > 0.9
    assert abs(r["early", "one"]) < 0.2
    assert r["chosen in training rows", "two"] == pytest.approx(r["late", "two"])
    assert set(found.choice["candidate"]) == {"late"}


def test_rows_are_joined_by_stimulus_id_and_not_by_position(simulated):
    network, brain, _ = simulated()
    order = np.random.default_rng(5).permutation(brain.sizes["presentation"])
    one = encode(network, brain, **QUICK)
    other = encode(network.isel(presentation=order[::-1]), brain.isel(presentation=order), **QUICK)
    pd.testing.assert_frame_equal(one.table, other.table, rtol=1e-4, atol=1e-5)


def test_weights_are_recovered_and_r2_is_that_of_the_truth(simulated):
    network, brain, weights = simulated(n=400, noise=0.01)
    late = select(network, region="late")
    found = encode(late, brain, weights=True, alphas=[1e-6], precision="float64", **QUICK)
    np.testing.assert_allclose(found.weights["late"], weights, atol=0.01)
    assert found.weights["late"].group.values.tolist() == ["late"] * 9
    noisy = simulated(n=2000, noise=3.0)
    signal = np.square(noisy[2]).sum(axis=0)
    r2 = encode(select(noisy[0], region="late"), noisy[1], **QUICK).table["r2"]
    np.testing.assert_allclose(r2, signal / (signal + 9), atol=0.05)


def test_the_ceiling_is_that_of_measurement_and_is_not_squared_twice(simulated):
    network, brain, _ = simulated(noise=3.0, repetitions=4)
    for name, reference, column in (
        ("noise_ceiling", noise_ceiling, "ceiling_r2"),
        ("split_half", split_half, "reliability"),
    ):
        found = encode(select(network, region="late"), brain, ceiling=name, **QUICK)
        expected = reference(brain).set_index("neuroid_id")[column]
        table = found.table.set_index("neuroid_id")
        np.testing.assert_allclose(table["ceiling_r2"], expected[table.index])
        np.testing.assert_allclose(table["ceiling"] ** 2, table["ceiling_r2"])
        np.testing.assert_allclose(table["r_of_ceiling"], table["r"] / table["ceiling"])
        # The network is the truth, so that it reaches the ceiling but for what fitting costs.
        assert 0.85 < found.regions["r_of_ceiling"].mean() < 1.1
        assert "largest r" in found.method


def test_without_repetitions_there_is_no_ceiling_and_a_note_says_so(simulated):
    network, brain, _ = simulated()
    found = encode(network, brain, **QUICK)
    assert found.table["ceiling"].isna().all()
    assert any("no noise ceiling" in note and "repetitions" in note for note in found.notes)


def test_the_table_has_the_columns_of_the_contract(simulated):
    network, brain, _ = simulated()
    found = encode(select(network, region="late"), brain, cv=4, **QUICK)
    assert {"neuroid_id", "region", "subject", "r", "r2", "ceiling", "alpha"} <= {*found.table}
    assert found.table["neuroid_id"].tolist() == brain.neuroid_id.values.tolist()
    assert dict(found.alphas.sizes) == {"predictor": 1, "fold": 4, "neuroid": 12}


def test_predictions_come_back_labelled_and_give_the_scores(simulated):
    network, brain, _ = simulated()
    found = encode(select(network, region="late"), brain, cv=4, predictions=True, **QUICK)
    given = found.predictions.sel(predictor="late")
    assert given.stimulus_id.values.tolist() == brain.stimulus_id.values.tolist()
    assert given.neuroid_id.values.tolist() == brain.neuroid_id.values.tolist()
    # Folds are those of any call with the same seed; each row lies in one of them.
    whole = np.corrcoef(given.values[:, 0], brain.activity.values[:, 0])[0, 1]
    assert found.table["r"][0] == pytest.approx(whole, abs=0.03)


def test_groups_split_r2_and_the_noise_group_gets_little(simulated):
    network, brain, _ = simulated()
    parts = {name: select(network, region=name) for name in ("early", "late")}
    found = encode(parts, brain, n_iter=4, **QUICK)
    split = found.groups.pivot_table(index="neuroid_id", columns="group", values="r2")
    table = found.table.set_index("neuroid_id")
    np.testing.assert_allclose(split.sum(axis=1), table["r2"][split.index], atol=1e-4)
    assert (split["early"].abs() < 0.1).all()
    assert "Banded" in found.method


def test_variance_is_partitioned_and_parts_sum(simulated):
    network, brain, _ = simulated(n=100)
    late = select(network, region="late")
    half = late.isel(neuroid=slice(0, 6))
    found = encode(
        {"a": half, "b": late.isel(neuroid=slice(3, 9)), "c": select(network, region="early")},
        brain,
        n_iter=2,
        partition=True,
        **QUICK,
    )
    parts = found.partition[found.partition["subject"] == "one"]
    total = parts.loc[parts["part"] == "total", "r2"].iloc[0]
    assert parts.loc[parts["part"].isin(["unique", "shared"]), "r2"].sum() == pytest.approx(total)
    assert parts.loc[parts["part"] == "shapley", "r2"].sum() == pytest.approx(total)
    named = parts.set_index(["part", "groups"])["r2"]
    assert named["unique", "c"] == pytest.approx(0, abs=0.03)
    assert named["shared", "a & b"] > 0.15
    assert (parts["low"] <= parts["r2"] + 1e-9).mean() > 0.8
    mine = found.subsets[found.subsets["subject"] == "one"]
    assert mine[mine["subset"] == "a & b & c"]["r2"].mean() == pytest.approx(total)


def test_negative_shared_variance_is_explained():
    random = np.random.default_rng(0)
    ids = [f"s{k}" for k in range(300)]
    signal, nuisance = random.normal(size=(2, 300, 1))
    target = build_recording(signal, stimulus_id=ids, region="IT", subject="monkey")
    # b carries nothing of the response, but takes the nuisance out of a.
    found = encode(
        {
            "a": pd.DataFrame(signal + nuisance, index=ids),
            "b": pd.DataFrame(nuisance + 0.01 * random.normal(size=(300, 1)), index=ids),
        },
        target,
        n_iter=4,
        partition=True,
        **QUICK,
    )
    shared = found.partition.set_index(["part", "groups"])["r2"]["shared", "a & b"]
    assert shared < -0.3
    assert any("suppression" in note for note in found.notes)


def test_labels_predict_and_nominal_ones_are_coded():
    ids = [f"s{k}" for k in range(40)]
    kinds = np.array(["dog", "car", "cup", "hat"] * 10)
    means = {"dog": 2.0, "car": -1.0, "cup": 0.5, "hat": -1.5}
    activity = np.array([[means[kind]] for kind in kinds])
    activity = activity + 0.1 * np.random.default_rng(0).normal(size=activity.shape)
    brain = build_recording(activity, stimulus_id=ids, region="IT", subject="m")
    found = encode(pd.DataFrame({"kind": kinds}, index=ids), brain, **QUICK)
    assert found.table["r"][0] > 0.95


def test_stimuli_without_predictors_are_left_out_and_named(simulated):
    network, brain, _ = simulated()
    found = encode(network.isel(presentation=slice(0, 60)), brain, **QUICK)
    assert any("20 stimuli of the brain have no predictors" in note for note in found.notes)
    with pytest.raises(LabelMismatchError, match="share no stimulus"):
        encode(
            network.assign_coords(stimulus_id=("presentation", [f"x{k}" for k in range(80)])), brain
        )


def test_runs_are_left_out_with_a_warning_that_stimuli_repeat(simulated):
    network, brain, _ = simulated(n=20, noise=2.0, repetitions=6)
    runs = brain.rename(repetition="run").assign_coords(
        run=("presentation", np.repeat([f"r{k}" for k in range(6)], 20))
    )
    with pytest.warns(LeakageWarning, match="20 stimuli .* repeated in several folds"):
        found = encode(select(network, region="late"), runs, cv="run", **QUICK)
    assert any("has seen the responses" in note for note in found.notes)
    single = noise_ceiling(runs, within="run").set_index("neuroid_id")
    expected = single["signal_variance"] / (single["signal_variance"] + single["noise_variance"])
    table = found.table.set_index("neuroid_id")
    np.testing.assert_allclose(table["ceiling_r2"], expected[table.index].clip(lower=0))


def test_averaged_repetitions_do_not_warn(simulated):
    network, brain, _ = simulated(repetitions=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(select(network, region="late"), brain, **QUICK)


def test_normalisation_outside_of_folds_is_warned_of(simulated):
    network, brain, _ = simulated()
    with pytest.warns(LeakageWarning, match="the brain was z-scored within the recording"):
        encode(select(network, region="late"), zscore(brain), **QUICK)
    with pytest.warns(LeakageWarning, match="'late' was z-scored"):
        encode(select(zscore(network), region="late"), brain, **QUICK)


def test_copies_of_a_stimulus_under_other_names_are_warned_of(simulated):
    network, brain, _ = simulated()
    copied = network.copy(deep=True)
    copied.activity[1:40:2] = copied.activity[0:40:2].values
    with pytest.warns(LeakageWarning, match="same pattern of 'late'"):
        encode(select(copied, region="late"), brain, **QUICK)


def test_choosing_a_layer_on_the_test_rows_is_warned_of(simulated):
    network, brain, _ = simulated()
    with pytest.warns(LeakageWarning, match="chosen by its score on the test data"):
        found = encode(network, brain, choose="test", **QUICK)
    assert "chosen on test rows" in set(found.table["predictor"])
    plain = encode(network, brain, choose="none", **QUICK)
    assert set(plain.table["predictor"]) == {"early", "late"}


def test_subjects_that_did_other_runs_are_predicted_in_their_own_rows(simulated):
    network, brain, _ = simulated()
    late = select(network, region="late")
    partial = brain.copy(deep=True)
    partial.activity[70:, 6:] = np.nan
    found = encode(late, partial, **QUICK).table.set_index("neuroid_id")
    alone = encode(late, select(brain, subject="two").isel(presentation=slice(0, 70)), **QUICK)
    pd.testing.assert_series_equal(
        found["r"].iloc[6:], alone.table.set_index("neuroid_id")["r"], rtol=1e-4
    )
    partial.activity[3, 0] = np.nan
    broken = encode(late, partial, **QUICK)
    assert np.isnan(broken.table["r"][0])
    assert broken.regions["n_neuroids"].tolist() == [5, 6]
    assert any("missing or infinite" in note for note in broken.notes)


def test_delays_find_the_lag_of_the_response_and_do_not_cross_runs():
    random = np.random.default_rng(0)
    n, lag = 200, 3
    columns = random.normal(size=(n, 4))
    ids = [f"t{k}" for k in range(n)]
    run = np.repeat([f"run {k}" for k in range(4)], n // 4)
    lagged = np.zeros(n)
    for start in range(0, n, 50):
        lagged[start + lag : start + 50] = columns[start : start + 50 - lag, 0]
    lagged += 0.1 * random.normal(size=n)
    brain = build_recording(
        lagged[:, None], stimulus_id=ids, region="V1", subject="s", presentation={"run": run}
    )
    table = pd.DataFrame(columns, index=ids)
    with_lag = encode(table, brain, cv="run", delays=[1, 2, 3, 4], weights=True, **QUICK)
    without = encode(table, brain, cv="run", **QUICK)
    assert with_lag.table["r"][0] > 0.95
    assert abs(without.table["r"][0]) < 0.2
    weights = with_lag.weights["labels"].isel(neuroid=0)
    best = weights.isel(column=int(np.abs(weights.values).argmax()))
    assert (int(best.delay), str(best.column_id.values)) == (3, "0")
    assert "within runs" in with_lag.method


def test_delays_by_kernel_and_by_columns_agree():
    random = np.random.default_rng(1)
    ids = [f"t{k}" for k in range(60)]
    columns = random.normal(size=(60, 5)).astype(np.float32)
    run = np.repeat(["a", "b", "c"], 20)
    activity = random.normal(size=(60, 3))
    brain = build_recording(
        activity, stimulus_id=ids, region="V1", subject="s", presentation={"run": run}
    )
    few = build_recording(columns, stimulus_id=ids, region="fc", subject="n")
    # The same kernel from more columns than rows: every column many times, scaled down.
    many = build_recording(np.tile(columns, 40), stimulus_id=ids, region="fc", subject="n")
    options = {"cv": "run", "delays": [0, 2], "precision": "float64", **QUICK}
    one, other = encode(few, brain, **options), encode(many, brain, **options)
    np.testing.assert_allclose(one.table["r2"], other.table["r2"], atol=1e-6)


def test_partial_least_squares_is_that_of_scikit_learn(simulated):
    network, brain, _ = simulated()
    late = select(network, region="late")
    folds = pd.Series(np.arange(80) % 4, index=brain.stimulus_id.values)
    found = encode(late, brain, "pls", cv=folds, n_components=[3], predictions=True, **QUICK)
    train, held = np.flatnonzero(np.arange(80) % 4), np.flatnonzero(np.arange(80) % 4 == 0)
    for subject in ("one", "two"):  # components are those of a region of a subject
        own = brain.subject.values == subject
        model = PLSRegression(3, scale=False).fit(late.activity[train], brain.activity[train, own])
        expected = model.predict(late.activity[held])
        np.testing.assert_allclose(found.predictions[0][held, own], expected, atol=1e-4)
    assert found.table["n_components"].eq(3).all()


@pytest.mark.parametrize(
    ("model", "kernel"),
    [("pca", "linear"), ("pls", "rbf"), ("ridge", "rbf"), ("ridge", "cosine")],
)
def test_every_model_and_kernel_predicts(simulated, model, kernel):
    network, brain, _ = simulated(n=120, n_neuroids=2)
    late = select(network, region="late")
    assert encode(late, brain, model, kernel=kernel, **QUICK).table["r"].mean() > 0.6


def test_nonlinear_kernels_see_what_linear_ones_do_not():
    random = np.random.default_rng(0)
    columns = random.normal(size=(300, 2))
    ids = [f"s{k}" for k in range(300)]
    brain = build_recording(
        columns[:, :1] * columns[:, 1:], stimulus_id=ids, region="IT", subject="m"
    )
    table = pd.DataFrame(columns, index=ids)
    assert encode(table, brain, **QUICK).table["r"][0] < 0.3
    assert encode(table, brain, kernel="polynomial", **QUICK).table["r"][0] > 0.95


def test_blocks_of_neuroids_change_nothing(simulated, monkeypatch, tmp_path):
    network, brain, _ = simulated(n_neuroids=80)
    late = select(network, region="late")
    whole = encode(late, brain, **QUICK)
    monkeypatch.setattr("reprcompare.encoding.responses.BLOCK_VALUES", 1)
    lazy = open_recording(save_recording(brain, tmp_path / "it.nc"))
    pieces = encode(late, lazy, **QUICK)
    pd.testing.assert_frame_equal(whole.table, pieces.table, rtol=1e-4, atol=1e-5)
    pd.testing.assert_frame_equal(whole.regions, pieces.regions, rtol=1e-4, atol=1e-5)


def test_workers_give_the_same(simulated):
    class Client:
        def map(self, job, items):
            return [job(item) for item in items]

        def gather(self, done):
            return done

    network, brain, _ = simulated()
    late = select(network, region="late")
    one, other = encode(late, brain, **QUICK), encode(late, brain, client=Client(), **QUICK)
    pd.testing.assert_frame_equal(one.table, other.table, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_intervals_cover_the_score_of_new_stimuli():
    """Of many data sets, in how many the interval holds the mean score over data sets."""
    covered, scores = [], []
    weights = np.random.default_rng(99).normal(size=(6, 1))
    for seed in range(30):
        random = np.random.default_rng(seed)
        columns = random.normal(size=(150, 6))
        target = columns @ weights + 2 * random.normal(size=(150, 1))
        ids = [f"s{k}" for k in range(150)]
        brain = build_recording(target, stimulus_id=ids, region="IT", subject="m")
        row = encode(pd.DataFrame(columns, index=ids), brain, n_bootstrap=100).regions.iloc[0]
        covered.append((row["r_low"], row["r_high"]))
        scores.append(row["r"])
    inside = [low <= np.mean(scores) <= high for low, high in covered]
    assert np.mean(inside) > 0.85


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "lasso"}, "no model 'lasso'"),
        ({"kernel": "gauss"}, "no kernel 'gauss'"),
        ({"alphas": [0, 1]}, "numbers above 0"),
        ({"n_components": [3]}, "belongs to the models 'pca' and 'pls'"),
        ({"delays": [-1]}, "whole numbers of presentations"),
        ({"partition": True}, "2 to 6 groups"),
        ({"choose": "best"}, "no way to choose"),
        ({"weights": True, "kernel": "rbf"}, "weights of columns exist for linear kernels"),
        ({"inner_cv": 1}, "inner_cv must be at least 2"),
        ({"precision": "half"}, "no precision 'half'"),
    ],
)
def test_wrong_arguments_get_a_sentence(simulated, options, message):
    network, brain, _ = simulated()
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        encode(network, brain, **options)


def test_wrong_data_get_a_sentence(simulated):
    network, brain, _ = simulated()
    with pytest.raises(InvalidInputError, match="must be a recording, a DataFrame of labels"):
        encode([1, 2], brain)
    with pytest.raises(NotIdentifiableError, match="same for all stimuli"):
        encode(network.assign(activity=xr.zeros_like(network.activity)), brain)
    steps = network.drop_vars("label", errors="ignore").expand_dims(training_step=[0, 1])
    with pytest.raises(InvalidInputError, match="axis 'training_step'"):
        encode(steps, brain)
    with pytest.raises(InvalidInputError, match="the brain still has the axis"):
        encode(network, steps)

"""What a user gives by mistake, and what data may look like: sentences, and no wrong numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from reprcompare.encoding import LeakageWarning, encode, universality
from reprcompare.errors import InvalidInputError, LabelMismatchError, NotIdentifiableError
from reprcompare.recording import build_recording, select

QUICK = {"n_bootstrap": 20}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": 1.0}, "alphas must be a list of penalties"),
        ({"alphas": [np.nan]}, "alphas must be a list of penalties"),
        ({"alphas": "auto"}, "alphas must be a list of penalties"),
        ({"model": "pca", "n_components": [1.5]}, "list of whole numbers from 1"),
        ({"delays": 2}, "delays must be a list of whole numbers"),
        ({"cv": 2.5}, "cv must be a number of folds"),
        ({"cv": 100}, "expected 2 to 26"),
        ({"cv": "blocks", "n_blocks": 2.5}, "n_blocks must be a whole number"),
        ({"inner_cv": "many"}, "inner_cv must be a whole number"),
        ({"n_bootstrap": 1.5}, "n_bootstrap must be a whole number"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"device": "gpu0"}, "no device 'gpu0'"),
        ({"client": "localhost:8786"}, "client must be a dask.distributed.Client, got a str"),
    ],
)
def test_wrong_types_and_numbers_get_a_sentence(simulated, options, message):
    network, brain, _ = simulated()
    with pytest.raises(InvalidInputError, match=message):
        encode(network, brain, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_said_before_anything_is_computed(simulated):
    network, brain, _ = simulated()
    with pytest.raises(InvalidInputError, match="device='cuda' cannot be used here: PyTorch says"):
        encode(network, brain, device="cuda")


def test_what_is_no_recording_gets_a_sentence(simulated):
    network, brain, _ = simulated()
    for wrong in ("it.nc", brain["activity"], brain["activity"].values, pd.DataFrame({"a": [1]})):
        with pytest.raises(InvalidInputError, match="the brain must be a recording"):
            encode(network, wrong)
    with pytest.raises(InvalidInputError, match="no neuroids"):
        encode(network.isel(neuroid=[]), brain)
    with pytest.raises(NotIdentifiableError, match="at least 6 stimuli .* got 1"):
        encode(network.isel(presentation=[0]), brain)


def test_tables_that_cannot_predict_get_a_sentence(simulated):
    _, brain, _ = simulated()
    ids = brain.stimulus_id.values
    table = pd.DataFrame({"a": np.arange(80) % 2}, index=ids)
    for wrong, message in (
        (table.assign(b=np.nan), "no stimulus .* values are missing in b"),
        (table.assign(b=[np.inf] + [0] * 79), "infinite values in b"),
        (pd.concat([table, table], axis=1), "two columns named a"),
        (table.iloc[:0], "has no rows"),
        (table.iloc[:, :0], "no columns beside the stimulus ids"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            encode(wrong, brain)
    with pytest.raises(InvalidInputError, match="may not contain ' & '"):
        encode({"a & b": table, "a": network_of(ids)}, brain, partition=True)


def network_of(ids):
    patterns = np.random.default_rng(5).normal(size=(len(ids), 4))
    return build_recording(patterns, stimulus_id=ids, region="fc", subject="other")


def test_a_column_that_only_held_out_stimuli_differ_in_cannot_explode():
    """Divided by its tiny deviation in the training rows, the odd one out would be predicted at
    hundreds of deviations from the rest."""
    random = np.random.default_rng(0)
    ids = [f"s{k}" for k in range(60)]
    good, odd = random.normal(size=60), np.full(60, 128.0)
    odd[7], odd[30] = 128.01, 160.0
    target = good[:, None] + random.normal(size=(60, 5))
    brain = build_recording(target, stimulus_id=ids, region="IT", subject="m")
    folds = pd.Series(np.arange(60) // 12, index=ids)
    options = {"cv": folds, "alphas": [1e-3], **QUICK}
    alone = encode(pd.DataFrame({"good": good}, index=ids), brain, **options)
    found = encode(pd.DataFrame({"good": good, "odd": odd}, index=ids), brain, **options)
    assert (found.table["r2"] > alone.table["r2"] - 0.1).all()
    assert "1 of 2 columns (odd) hardly vary" in found.notes[-1] + found.notes[0]


def test_text_that_names_every_stimulus_predicts_nothing_and_a_note_says_so(simulated):
    _, brain, _ = simulated()
    names = pd.DataFrame({"name": brain.stimulus_id.values}, index=brain.stimulus_id.values)
    found = encode(names, brain, **QUICK)
    assert (found.table["r"] == 0).all()
    assert any("80 of 80 columns" in note for note in found.notes)


def test_levels_of_a_category_name_the_weights(simulated):
    _, brain, _ = simulated()
    names = np.array(["cat", "dog", "cow", "hen"])[np.arange(80) % 4]
    table = pd.DataFrame({"kind": names}, index=brain.stimulus_id.values)
    found = encode(table, brain, weights=True, **QUICK).weights["labels"]
    assert found.column_id.values.tolist() == ["kind.cat", "kind.cow", "kind.dog", "kind.hen"]


@pytest.mark.parametrize(("unit", "base"), [(1e-14, 0.0), (1e20, 0.0), (1.0, 1e5)])
def test_units_of_responses_change_nothing(simulated, unit, base):
    """Tesla and raw scanner units alike: float32 must not eat small changes on a large base."""
    network, brain, _ = simulated(noise=2)
    late = select(network, region="late")
    other = brain.assign(activity=brain.activity.astype(float) * unit + base)
    options = {"weights": True, "predictions": True, **QUICK}
    one, two = encode(late, brain, **options), encode(late, other, **options)
    np.testing.assert_allclose(two.table["r"], one.table["r"], atol=1e-4)
    np.testing.assert_allclose(two.table["r2"], one.table["r2"], atol=1e-4)
    expected = one.predictions.values.astype(float) * unit + base
    np.testing.assert_allclose(two.predictions.values, expected, rtol=1e-5, atol=1e-3 * unit)
    np.testing.assert_allclose(
        two.weights["late"].values, one.weights["late"].values * unit, atol=1e-3 * unit
    )


@pytest.mark.parametrize("unit", [1e-25, 1e25])
def test_units_of_predictors_change_nothing(simulated, unit):
    network, brain, _ = simulated()
    late = select(network, region="late")
    scaled = late.assign(activity=late.activity.astype(float) * unit)
    one, two = encode(late, brain, **QUICK), encode(scaled, brain, **QUICK)
    np.testing.assert_allclose(two.table["r2"], one.table["r2"], atol=1e-4)


def test_a_neuroid_that_does_not_vary_has_no_r_and_a_note_says_so(simulated):
    network, brain, _ = simulated()
    values = brain.activity.values.copy()
    values[:, 3] = 7.3
    brain = brain.assign(activity=(brain.activity.dims, values))
    found = encode(select(network, region="late"), brain, **QUICK)
    assert np.isnan(found.table.loc[3, ["r", "r2"]].astype(float)).all()
    assert found.table["r"].notna().sum() == len(found.table) - 1
    assert any("same in all rows of a fold" in note for note in found.notes)


def test_intervals_of_rare_events_exist():
    """Draws without an event in a fold have no correlation there; the others still count."""
    random = np.random.default_rng(0)
    ids = [f"s{k}" for k in range(40)]
    rare = (np.arange(40) % 8 == 0).astype(float)
    brain = build_recording(rare[:, None], stimulus_id=ids, region="IT", subject="m")
    table = pd.DataFrame({"x": rare + random.normal(size=40)}, index=ids)
    one_in_each = pd.Series(np.arange(40) // 8, index=ids)
    row = encode(table, brain, cv=one_in_each, n_bootstrap=200).table.iloc[0]
    assert row["r_low"] < row["r"] < row["r_high"]


def test_a_brain_that_predicts_itself_is_warned_of(simulated):
    _, brain, _ = simulated()
    with pytest.warns(LeakageWarning, match="has 6 of the neuroids that it predicts"):
        found = encode(select(brain, subject="one"), brain, **QUICK)
    assert found.table["r"].max() <= 1


def test_stimuli_that_are_close_in_one_dimension_are_no_copies():
    ids = [f"s{k}" for k in range(80)]
    one = np.random.default_rng(0).normal(size=(80, 1))
    brain = build_recording(one, stimulus_id=ids, region="IT", subject="m")
    layer = build_recording(one[:, :1] * 2, stimulus_id=ids, region="fc", subject="net")
    notes = encode(layer, brain, **QUICK).notes
    assert not any("same pattern" in note for note in notes)
    copied = one.copy()
    copied[1:80:2] = copied[0:80:2]
    layer = build_recording(copied, stimulus_id=ids, region="fc", subject="net")
    with pytest.warns(LeakageWarning, match="same pattern"):
        encode(layer, brain, **QUICK)


def test_delays_without_runs_say_what_counts_as_one(simulated):
    network, brain, _ = simulated()
    found = encode(select(network, region="late"), brain, delays=[0, 1], **QUICK)
    assert any("all presentations for one run" in note for note in found.notes)


def test_a_coordinate_with_gaps_cannot_make_folds(simulated):
    network, brain, _ = simulated(repetitions=2)
    run = np.repeat(["1", "2"], 80).astype(object)
    run[3] = ""
    with pytest.raises(InvalidInputError, match="1 rows have no value of it"):
        encode(network, brain.assign_coords(run=("presentation", run.astype(str))), cv="run")
    gaps = pd.Series([np.nan] + [k % 3 for k in range(79)], index=brain.stimulus_id.values[:80])
    with pytest.raises(LabelMismatchError, match="no fold to 1 stimuli"):
        encode(network, brain, cv=gaps)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "universality takes a mapping"),
        ("ab", "universality takes a mapping"),
        ([1, 2], "must be a recording"),
        ({"a": np.ones(3), "b": np.ones(3)}, "network 'a' must be a recording"),
    ],
)
def test_what_are_no_networks_gets_a_sentence(given, message):
    with pytest.raises(InvalidInputError, match=message):
        universality(given)


def test_a_network_that_shares_nothing_or_is_constant_is_named():
    ids = [f"s{k}" for k in range(30)]
    one = network_of(ids)
    with pytest.raises(LabelMismatchError, match="'b' shares no stimulus with the rest"):
        universality({"a": one, "b": network_of([f"t{k}" for k in range(30)])})
    with pytest.raises(NotIdentifiableError, match="'b', 'fc' is the same for all stimuli"):
        universality({"a": one, "b": one.assign(activity=one.activity * 0)})
    with pytest.raises(InvalidInputError, match="n_components must be a whole number"):
        universality({"a": one, "b": one}, n_components=2.5)
    with pytest.raises(InvalidInputError, match="no device"):
        universality({"a": one, "b": one}, device="gpu0")

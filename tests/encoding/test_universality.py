import numpy as np
import pandas as pd
import pytest

from reprcompare.encoding import encode, universality
from reprcompare.encoding.folds import make_folds
from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import build_recording

IDS = [f"s{k}" for k in range(60)]


def nets(n=4, regions=1):
    """Networks whose first component is shared and whose others are their own."""
    random = np.random.default_rng(0)
    shared = random.normal(size=(60, 1)) * 5
    found = {}
    for k in range(n):
        activity = np.concatenate([shared, random.normal(size=(60, 3))], axis=1)
        found[f"n{k}"] = build_recording(
            np.concatenate([activity] * regions, axis=1),
            stimulus_id=IDS,
            region=np.repeat([f"r{j}" for j in range(regions)], 4),
            subject=f"n{k}",
            kind="network",
        )
    return found, shared


def test_shared_components_are_universal_and_own_ones_are_not():
    networks, shared = nets()
    brain = build_recording(
        np.random.default_rng(1).normal(size=(60, 4)) + shared,
        stimulus_id=IDS[::-1],
        region="IT",
        subject="m",
    ).isel(presentation=np.arange(60)[::-1])
    brain = brain.assign_coords(stimulus_id=("presentation", IDS))
    brain.activity[:] = brain.activity.values[::-1]
    found = universality(networks, brain, n_components=3)
    table = found.table.set_index(["network", "component"])
    for name in networks:
        assert table.loc[(name, 1), "universality"] > 0.95
        assert table.loc[(name, 1), "brain_similarity"] > 0.9
        assert abs(table.loc[(name, 2), "universality"]) < 0.35
    assert (found.table["n_networks"] == 3).all()
    assert found.table.groupby("network")["variance"].sum().max() <= 1
    assert len(found.plot().axes) == 2


def test_a_pair_is_what_encode_finds_of_the_component_of_the_training_stimuli():
    networks, _ = nets(2)
    options = {"alphas": [0.01], "precision": "float64"}
    found = universality(networks, n_components=2, **options)
    outer = make_folds(pd.DataFrame({"stimulus_id": sorted(IDS)}), 5).outer
    fold = pd.Series(outer, index=sorted(IDS))
    scores = np.zeros((5, 2))
    for number in range(5):
        held = fold[IDS].to_numpy() == number
        activity = networks["n0"].activity.values.astype(float)
        activity -= activity[~held].mean(axis=0)
        directions = np.linalg.svd(activity[~held], full_matrices=False)[2][:2]
        target = build_recording(activity @ directions.T, stimulus_id=IDS, region="r0", subject="a")
        direct = encode(
            networks["n1"], target, cv=fold, n_bootstrap=0, predictions=True, **options
        ).predictions.values[0]
        for k in range(2):
            truth = (activity @ directions.T)[held, k]
            scores[number, k] = np.corrcoef(truth, direct[held, k])[0, 1]
    pair = found.pairs[found.pairs["network"] == "n0"].set_index("component")["r"]
    np.testing.assert_allclose(pair, scores.mean(axis=0), atol=1e-4)


def test_what_predicts_the_first_component_does_not_predict_others_the_wrong_way_round():
    """Components of all stimuli would be uncorrelated over training and test stimuli together."""
    means = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        first = 5 * random.normal(size=(60, 1))
        networks = {
            name: build_recording(
                np.concatenate([first, random.normal(size=(60, 6))], axis=1),
                stimulus_id=IDS,
                region="r",
                subject=name,
            )
            for name in ("a", "b")
        }
        signal = first @ random.normal(size=(1, 10)) + 0.1 * random.normal(size=(60, 10))
        brain = build_recording(signal, stimulus_id=IDS, region="IT", subject="m")
        table = universality(networks, brain, n_components=4).table
        means.append(table.query("component > 1")["brain_similarity"].mean())
    assert np.mean(means) > -0.05
    assert np.mean(means) < 0.2


def test_regions_are_compared_by_name_and_else_with_whole_networks():
    networks = nets(2, regions=2)[0] | {
        "odd": nets(1)[0]["n0"].assign_coords(
            region=("neuroid", ["x"] * 4), subject=("neuroid", ["odd"] * 4)
        )
    }
    pairs = universality(networks, n_components=1).pairs
    sources = pairs.groupby(["network", "region"])[["source", "source_region"]].apply(
        lambda part: sorted(map(tuple, part.to_numpy()))
    )
    assert sources["n0", "r1"] == [("n1", "r1"), ("odd", "")]
    assert sources["odd", "x"] == [("n0", ""), ("n1", "")]


def test_subjects_of_a_recording_are_networks_and_one_is_too_few():
    networks, _ = nets(1)
    with pytest.raises(NotIdentifiableError, match="at least two"):
        universality(networks)
    one = networks["n0"]
    both = [one, one.assign_coords(subject=("neuroid", ["m"] * 4))]
    table = universality(both, n_components=1).table
    assert set(table["network"]) == {"network 1", "network 2"}

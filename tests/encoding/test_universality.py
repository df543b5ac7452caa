import numpy as np
import pytest

from reprcompare.encoding import encode, universality
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


def test_a_pair_is_what_encode_finds_of_the_component():
    networks, _ = nets(2)
    found = universality(networks, n_components=2, precision="float64")
    centred = networks["n0"].activity.values.astype(float)
    centred -= centred.mean(axis=0)
    scores = np.linalg.svd(centred, full_matrices=False)[0][:, :2]
    target = build_recording(scores, stimulus_id=IDS, region="r0", subject="n0")
    direct = encode(networks["n1"], target, n_bootstrap=0, precision="float64").table["r"]
    pair = found.pairs[found.pairs["network"] == "n0"].set_index("component")["r"]
    np.testing.assert_allclose(pair, direct, atol=1e-5)


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

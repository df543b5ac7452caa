import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rsatoolbox.data import Dataset, TemporalDataset
from rsatoolbox.rdm import RDMs, calc_rdm

from reprcompare.brains.assembling import Naming
from reprcompare.brains.rsatoolbox_files import from_rsatoolbox, read_rsatoolbox, to_rsatoolbox
from reprcompare.errors import InvalidInputError
from reprcompare.recording import build_recording, encode_labels

RESPONSES = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def recording(**options):
    return build_recording(
        RESPONSES,
        stimulus_id=["a", "b", "a", "b"],
        region=["V4", "IT", "IT"],
        subject=["m", "m", "n"],
        presentation={"run": ["1", "1", "2", "2"]},
        labels=pd.DataFrame({"animate": [1.0, 0.0], "kind": ["dog", "car"]}, index=["a", "b"]),
        identifier="it",
        units="Hz",
        provenance={"rig": "B"},
        **options,
    )


def temporal():
    return build_recording(
        np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32),
        stimulus_id=["a", "b"],
        region="IT",
        subject="m",
        time_bins=[(0, 50), (50, 80)],
    )


@pytest.mark.parametrize("make", [recording, temporal])
def test_a_round_trip_as_an_object_loses_nothing(make):
    xr.testing.assert_identical(from_rsatoolbox(to_rsatoolbox(make())), make())


@pytest.mark.parametrize("make", [recording, temporal])
def test_a_round_trip_through_a_file_loses_nothing(make, tmp_path):
    to_rsatoolbox(make()).save(str(tmp_path / "it.h5"), file_type="hdf5")
    back = read_rsatoolbox(tmp_path / "it.h5")
    expected = make() if make().attrs["identifier"] else make().assign_attrs(identifier="it")
    xr.testing.assert_identical(back, expected)


def test_attributes_and_the_order_of_levels_survive(tmp_path):
    size = pd.Categorical(["small", "large"], ["small", "large"], ordered=True)
    made = temporal().merge(
        encode_labels(pd.DataFrame({"size": size}, index=["a", "b"]), np.array(["a", "b"]))
    )
    made.attrs |= {"kind": "network", "identifier": "it", "limits": '{"role": "why"}'}
    made["activity"].attrs |= {"scaling": "z-scored", "original_dtype": "float64"}
    to_rsatoolbox(made).save(str(tmp_path / "it.h5"), file_type="hdf5")
    xr.testing.assert_identical(read_rsatoolbox(tmp_path / "it.h5"), made)


def test_what_a_data_set_cannot_hold_is_named_not_lost_in_silence():
    effect = (("by_subject", "by_region", "feature", "response"), np.ones((1, 1, 2, 1)))
    made = recording().assign(effect=effect).assign_coords(by_subject=["m"], by_region=["IT"])
    with pytest.warns(UserWarning, match="left out .*effect.* for which an rsatoolbox data set"):
        data = to_rsatoolbox(made)
    (said,) = json.loads(from_rsatoolbox(data).attrs["preparation"])
    assert "effect" in said
    assert "by_region" in said


def test_rsatoolbox_computes_on_what_it_gets():
    data = to_rsatoolbox(recording())
    rdm = calc_rdm(data, method="euclidean", descriptor="stimulus_id")
    means = RESPONSES.astype(float).reshape(2, 2, 3).mean(axis=0)
    assert rdm.dissimilarities.item() == pytest.approx(((means[0] - means[1]) ** 2).mean())


def test_data_sets_made_by_hand_are_understood():
    data = Dataset(
        RESPONSES,
        descriptors={"subj": 3, "subject": "s03", "roi": "FFA"},
        obs_descriptors={"conds": np.array([0, 1, 0, 1]), "sess": [1, 1, 2, 2]},
        channel_descriptors={"voxel": ["a", "b", "c"]},
    )
    found = from_rsatoolbox(data)
    assert found.stimulus_id.values.tolist() == ["0", "1", "0", "1"]
    assert found.session.values.tolist() == ["1", "1", "2", "2"]
    assert set(found.subject.values) == {"s03"}
    assert set(found.region.values) == {"FFA"}
    assert found.voxel.values.tolist() == ["a", "b", "c"]


def test_time_points_become_bins_that_reach_to_the_next():
    data = TemporalDataset(
        np.zeros((2, 3, 3)),
        obs_descriptors={"picture": ["x", "y"]},
        time_descriptors={"time": np.array([-10.0, 0.0, 20.0])},
    )
    found = from_rsatoolbox(data, Naming(stimulus="picture"))
    assert found.time_bin_start.values.tolist() == [-10, 0, 20]
    assert found.time_bin_end.values.tolist() == [0, 20, 40]


def test_rdm_files_get_the_descriptors_that_everything_relies_on(tmp_path):
    rdms = RDMs(
        np.arange(6.0).reshape(2, 3),
        rdm_descriptors={"subject": ["s1", "s2"]},
        pattern_descriptors={"conds": ["x", "y", "z"]},
    )
    rdms.save(str(tmp_path / "rdms.hdf5"), file_type="hdf5")
    read = read_rsatoolbox(tmp_path / "rdms.hdf5", Naming(region="V1"))
    np.testing.assert_array_equal(read.dissimilarities, rdms.dissimilarities)
    assert read.pattern_descriptors["stimulus_id"] == ["x", "y", "z"]
    assert read.rdm_descriptors["subject"] == ["s1", "s2"]
    assert read.rdm_descriptors["region"] == ["V1", "V1"]
    assert read.rdm_descriptors["session"] == ["1", "1"]


def test_rdms_whose_stimuli_have_one_name_are_refused(tmp_path):
    rdms = RDMs(np.arange(3.0)[None], pattern_descriptors={"conds": ["x", "x", "z"]})
    rdms.save(str(tmp_path / "twice.h5"), file_type="hdf5")
    with pytest.raises(InvalidInputError, match="'conds' names several patterns x"):
        read_rsatoolbox(tmp_path / "twice.h5")


def test_unlabelled_damaged_and_foreign_files_get_a_sentence(tmp_path):
    RDMs(np.arange(3.0)[None]).save(str(tmp_path / "bare.h5"), file_type="hdf5")
    with pytest.raises(InvalidInputError, match="nothing names the stimuli"):
        read_rsatoolbox(tmp_path / "bare.h5")
    Dataset(RESPONSES).save(str(tmp_path / "unlabelled.h5"), file_type="hdf5")
    with pytest.raises(InvalidInputError, match=r"unlabelled\.h5: nothing tells"):
        read_rsatoolbox(tmp_path / "unlabelled.h5")
    whole = (tmp_path / "bare.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInputError, match="damaged, cut off"):
        read_rsatoolbox(tmp_path / "cut.h5")
    xr.Dataset({"x": 1.0}).to_netcdf(tmp_path / "other.h5", engine="netcdf4")
    with pytest.raises(InvalidInputError, match="neither a data set nor RDMs"):
        read_rsatoolbox(tmp_path / "other.h5")

"""A session that is split and joined is the unsplit session."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from torch import nn

from reprcompare.errors import InvalidInputError, InvalidRecordingError, LabelMismatchError
from reprcompare.recording.checksum import verify_checksums
from reprcompare.sessions import join_shards, record
from reprcompare.sessions.shards import shard_path

N = 23
IDS = [f"{'stimulus ' * (number == 20)}{number}" for number in range(N)]
STIMULI = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
LABELS = pd.DataFrame({"even": np.arange(N) % 2, "kind": list("abcde" * 5)[:N]}, index=IDS)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 40), nn.Dropout(0.3), nn.Linear(40, 3))


def session(path, seed=0, **options):
    return record(
        network(seed), STIMULI, layers=None, path=path, stimulus_ids=IDS, labels=LABELS,
        outputs="logits", batch_size=4, training=True, reduce={"1": "project:10"}, **options,
    )  # fmt: skip


def assert_same_variables(one, other):
    with (
        xr.open_dataset(one, decode_cf=False) as a,
        xr.open_dataset(other, decode_cf=False) as b,
    ):
        assert set(a.variables) == set(b.variables)
        for name in a.variables:
            assert a[name].dims == b[name].dims
            assert a[name].values.tobytes() == b[name].values.tobytes(), name
            assert a[name].attrs == b[name].attrs, name
        assert a.attrs["checksums"] == b.attrs["checksums"]


@pytest.mark.parametrize("of", [1, 2, 5])
@pytest.mark.parametrize("steps", [False, True])
def test_joined_shards_equal_the_unsplit_session(tmp_path, of, steps):
    options = {}
    if steps:
        options["checkpoints"] = {10: network(1).state_dict(), 0: network(2).state_dict()}
    session(tmp_path / "whole.nc", **options)
    for number in reversed(range(of)):
        session(tmp_path / "a.nc", shard=(number, of), **options)
    joined = join_shards(tmp_path / "a.nc")
    assert joined.stimulus_id.values.tolist() == IDS
    assert_same_variables(tmp_path / "whole.nc", tmp_path / "a.nc")
    assert all(verify_checksums(tmp_path / "a.nc").values())
    again = session(tmp_path / "a.nc", **options)  # the joined file is that of the session
    assert again.sizes["presentation"] == N


def test_a_missing_shard_is_named(tmp_path):
    session(tmp_path / "a.nc", shard=(0, 3))
    session(tmp_path / "a.nc", shard=(2, 3))
    with pytest.raises(
        InvalidInputError, match=r"expected the shards 0/3 to 2/3, each once; found 0/3, 2/3"
    ):
        join_shards(tmp_path / "a.nc")


def test_shards_of_different_networks_are_not_joined(tmp_path):
    session(tmp_path / "a.nc", shard=(0, 2))
    session(tmp_path / "a.nc", seed=1, shard=(1, 2))
    with pytest.raises(LabelMismatchError, match="differs in weights_sha256"):
        join_shards(tmp_path / "a.nc")


def test_a_damaged_shard_is_not_joined(tmp_path):
    session(tmp_path / "a.nc", shard=(0, 2)).close()
    session(tmp_path / "a.nc", shard=(1, 2)).close()
    with h5py.File(shard_path(tmp_path / "a.nc", (1, 2)), "r+") as file:
        file["activity"][2, 2] += 1
    with pytest.raises(InvalidRecordingError, match="activity differ from the checksums"):
        join_shards(tmp_path / "a.nc")
    assert not (tmp_path / "a.nc").exists()


def test_more_shards_than_batches_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="too few for 7 shards"):
        session(tmp_path / "a.nc", shard=(0, 7))
    with pytest.raises(InvalidInputError, match="expected"):
        session(tmp_path / "a.nc", shard=(2, 2))

"""A session that is killed at any moment goes on from its last whole batch."""

import os
import random
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from reprcompare.errors import RecordingExistsError, RecordingFailedError, UnfinishedRecordingError
from reprcompare.recording import open_recording
from reprcompare.recording.checksum import verify_checksums
from reprcompare.sessions import record

BATCH, N_BATCHES = 4, 60
N = BATCH * N_BATCHES - 1
IDS = [f"s{number}" for number in range(N)]
STIMULI = torch.randn(N, 16, generator=torch.Generator().manual_seed(0))


class Counting(nn.Module):
    """Notes every forward call in a file, which outlives the process; its dropout is random."""

    def __init__(self, log, pause=0.0):
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(16, 300)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(300, 3)
        self.log, self.pause = log, pause

    def forward(self, x):
        with Path(self.log).open("ab") as file:
            file.write(b".")
        time.sleep(self.pause)
        return self.out(self.drop(torch.relu(self.hidden(x))))

    def extra_repr(self):
        return ""


def session(folder, pause=0.0, stimuli=STIMULI, **options):
    arguments = {
        "layers": ["hidden", "drop"], "path": folder / "a.nc", "stimulus_ids": IDS,
        "outputs": "logits", "batch_size": BATCH, "training": True, "progress": False,
    }  # fmt: skip
    torch.set_num_threads(1)
    return record(Counting(folder / "calls", pause), stimuli, **arguments | options)


def calls(folder):
    log = folder / "calls"
    return log.stat().st_size if log.exists() else 0


def kill_after(folder, n_calls, delay, **options):
    """Run the session in a process of its own and kill it; return whether it was still alive."""
    child = get_context("fork").Process(target=session, args=(folder, 0.004), kwargs=options)
    child.start()
    while calls(folder) < n_calls and child.is_alive():
        time.sleep(0.0005)
    time.sleep(delay)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    return child.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("options", "listed"),
    [({}, False), ({"compression": 3}, False), ({"stimulus_ids": None}, True)],
    ids=["contiguous", "compressed", "unknown length"],
)
def test_twenty_kills_change_nothing_and_cost_a_batch_each(tmp_path, options, listed):
    stimuli = Listed() if listed else STIMULI
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    session(whole, stimuli=stimuli, **options).close()
    draw = random.Random(0)
    kills = 0
    for number in range(20):
        # The first kill comes before the first batch, the others after 3 calls each, so that they
        # are spread over the session and come at any moment within a batch.
        target = calls(torn) + 3 * (number > 0)
        kills += kill_after(torn, target, draw.uniform(0, 0.008), stimuli=stimuli, **options)
    assert kills == 20
    assert calls(torn) > 40
    session(torn, stimuli=stimuli, **options).close()
    assert calls(torn) <= N_BATCHES + kills
    with (
        xr.open_dataset(whole / "a.nc", decode_cf=False) as one,
        xr.open_dataset(torn / "a.nc", decode_cf=False) as other,
    ):
        assert list(one.variables) == list(other.variables)
        for name in one.variables:
            assert one[name].values.tobytes() == other[name].values.tobytes(), name
            assert one[name].attrs == other[name].attrs, name
        assert one.attrs["checksums"] == other.attrs["checksums"]
    assert all(verify_checksums(torn / "a.nc").values())
    assert sorted(path.name for path in torn.iterdir()) == ["a.nc", "calls"]


class Listed:
    """An iterable whose length nobody knows."""

    def __iter__(self):
        yield from zip(IDS, STIMULI, strict=True)


def test_a_session_that_another_process_is_writing_is_refused(tmp_path):
    child = get_context("fork").Process(target=session, args=(tmp_path, 0.02))
    child.start()
    while calls(tmp_path) < 3:
        time.sleep(0.001)
    with pytest.raises(RecordingExistsError, match="another process"):
        session(tmp_path)
    child.join()
    assert child.exitcode == 0
    assert calls(tmp_path) == N_BATCHES
    open_recording(tmp_path / "a.nc").close()


class Fragile(torch.utils.data.Dataset):
    """One stimulus cannot be read until it is mended."""

    broken = True

    def __len__(self):
        return N

    def __getitem__(self, number):
        if number == 30 and self.broken:
            raise OSError("bad sector")
        return STIMULI[number]


def test_a_stimulus_that_cannot_be_read_is_named_and_the_rest_is_kept(tmp_path):
    stimuli = Fragile()
    with pytest.raises(RecordingFailedError, match=r"stimulus 's30' .* OSError: bad sector"):
        session(tmp_path, stimuli=stimuli)
    with pytest.raises(UnfinishedRecordingError, match="unfinished"):
        open_recording(tmp_path / "a.nc.partial")
    before = calls(tmp_path)
    assert before == 30 // BATCH
    stimuli.broken = False
    recording = session(tmp_path, stimuli=stimuli)
    assert calls(tmp_path) == N_BATCHES
    assert recording.sizes["presentation"] == N


def test_a_network_that_fails_is_reported_with_the_stimuli(tmp_path):
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 2)

        def forward(self, x):
            if (x == STIMULI[20]).all(dim=1).any():
                raise ValueError("odd stimulus")
            return self.layer(x)

    with pytest.raises(RecordingFailedError, match=r"'s20', 's21'.*ValueError: odd stimulus"):
        record(Failing(), STIMULI, layers="layer", path=tmp_path / "a.nc", stimulus_ids=IDS,
               batch_size=10)  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc.journal", "a.nc.partial"]


def test_ctrl_c_is_a_sentence_and_the_session_goes_on_later(tmp_path, monkeypatch):
    def interrupted(self, x):
        raise KeyboardInterrupt

    session_calls = Counting.forward
    count = {"n": 0}

    def forward(self, x):
        count["n"] += 1
        if count["n"] == 10:
            raise KeyboardInterrupt
        return session_calls(self, x)

    monkeypatch.setattr(Counting, "forward", forward)
    with pytest.raises(RecordingFailedError, match="interrupted after 36 stimuli"):
        session(tmp_path)
    monkeypatch.setattr(Counting, "forward", session_calls)
    session(tmp_path).close()
    assert calls(tmp_path) == N_BATCHES


def test_nan_is_reported_with_stimulus_and_layer(tmp_path):
    stimuli = STIMULI.clone()
    stimuli[17, 3] = float("nan")
    with pytest.raises(RecordingFailedError, match=r"layer hidden answered nan to stimulus 's17'"):
        session(tmp_path, stimuli=stimuli)
    with pytest.raises(RecordingFailedError, match=r"'s17'"):
        session(tmp_path, stimuli=stimuli)
    kept = session(tmp_path, stimuli=stimuli, nonfinite="keep")
    rows = np.flatnonzero(np.isnan(kept.activity.values).any(axis=1))
    assert rows.tolist() == [17]
    # The batch after the refused one was already on its way; nothing may have moved.
    (tmp_path / "whole").mkdir()
    whole = session(tmp_path / "whole", stimuli=stimuli, nonfinite="keep")
    np.testing.assert_array_equal(kept.activity.values, whole.activity.values)
    np.testing.assert_array_equal(kept.stimulus_crc32.values, whole.stimulus_crc32.values)
    assert '"nonfinite_values": 600' in kept.attrs["provenance"]


def test_large_finite_values_are_no_fault(tmp_path):
    recording = record(
        nn.Sequential(nn.Identity()), torch.full((4, 3), 3e38), layers="0",
        path=tmp_path / "a.nc", stimulus_ids=list("abcd"),
    )  # fmt: skip
    assert np.isfinite(recording.activity.values).all()

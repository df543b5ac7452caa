"""A session says what it will take, and does not begin what cannot end well."""

import io
import shutil
from collections import namedtuple

import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, RecordingFailedError
from reprcompare.sessions import preflight, record

IDS = [f"s{number}" for number in range(10)]
STIMULI = torch.zeros(10, 3, 8, 8)
NETWORK = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 5))
ROOM = "reprcompare.sessions.estimates"


def test_the_estimate_is_the_size_of_the_file(tmp_path):
    found = preflight(NETWORK, STIMULI, layers=["0", "2"], stimulus_ids=IDS, batch_size=4)
    assert found.layers["neuroids"].tolist() == [144, 5]
    assert found.layers["shape"].tolist() == [(4, 6, 6), (5,)]
    assert found.row_bytes == 4 * 149
    record(NETWORK, STIMULI, layers=["0", "2"], path=tmp_path / "a.nc", stimulus_ids=IDS)
    wide = preflight(
        nn.Sequential(nn.Linear(4, 50_000)), torch.zeros(10, 4), layers="0", stimulus_ids=IDS
    )
    record(
        nn.Sequential(nn.Linear(4, 50_000)), torch.zeros(10, 4), layers="0", stimulus_ids=IDS,
        path=tmp_path / "b.nc",
    )  # fmt: skip
    assert 0.5 < (tmp_path / "b.nc").stat().st_size / wide.file_bytes <= 1
    assert wide.seconds > 0
    assert "1 layers, 50,000 neuroids; 10 stimuli, 2.8 MB on disk" in str(wide)


def test_reductions_are_counted():
    found = preflight(NETWORK, STIMULI, layers="0", stimulus_ids=IDS, reduce="mean")
    assert found.layers["neuroids"].tolist() == [4]


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10_000, 5_000, 5_000))
    with pytest.raises(RecordingFailedError, match=r"needs .* and 5 kB are free.*reduce='mean'"):
        record(NETWORK, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS)
    assert list(tmp_path.iterdir()) == []


def test_memory_that_is_too_small_is_refused_with_a_batch_size_that_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{ROOM}.available_memory", lambda: 3 * 4 * 144 * 2 + 100)
    with pytest.raises(RecordingFailedError, match="batch_size=2 would fit"):
        record(NETWORK, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS, batch_size=5)
    record(NETWORK, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS, batch_size=2)


def test_memory_is_watched_during_the_first_forward_pass(tmp_path, monkeypatch):
    monkeypatch.setattr("reprcompare.sessions.session.available_memory", lambda: 4 * 144 * 9)
    with pytest.raises(RecordingFailedError, match="smaller batch_size"):
        record(NETWORK, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS)
    assert list(tmp_path.iterdir()) == []


def test_stimuli_that_can_be_read_only_once_are_not_used_up():
    with pytest.raises(InvalidInputError, match="only once"):
        preflight(NETWORK, iter(STIMULI), layers="0", stimulus_ids=IDS)


def test_a_terminal_shows_the_estimate_and_a_bar(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    record(NETWORK, STIMULI, layers="0", path=tmp_path / "a.nc", stimulus_ids=IDS, subject="n")
    assert "1 layers, 144 neuroids; 10 stimuli" in shown.getvalue()
    assert "recording n: 100%" in shown.getvalue()
    quiet = io.StringIO()
    monkeypatch.setattr("sys.stderr", quiet)
    record(NETWORK, STIMULI, layers="0", path=tmp_path / "b.nc", stimulus_ids=IDS)
    assert quiet.getvalue() == ""

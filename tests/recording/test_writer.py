"""A recording that is written batch by batch survives whatever interrupts it."""

import json
import os
import signal
import subprocess
from multiprocessing import get_context

import netCDF4
import numpy as np
import pytest
import xarray as xr

from reprcompare.errors import RecordingExistsError, RecordingFailedError
from reprcompare.recording import open_recording
from reprcompare.recording import writer as writing
from reprcompare.recording.checksum import verify_checksums
from reprcompare.recording.layout import Column, Stream, string_column
from reprcompare.recording.writer import RecordingWriter

N, BATCH, WIDTH = 12, 3, 5
VALUES = np.random.default_rng(0).standard_normal((N, WIDTH)).astype(np.float32)
STREAMS = [
    Stream("activity", ("presentation",), ("neuroid",), (WIDTH,)),
    Stream("output", ("presentation",), ("by_subject", "response"), (1, 2)),
]
ATTRS = {"reprcompare_format": "1", "kind": "network"}
SESSION = {"seed": 0}


def append(writer, start):
    rows = {
        "activity": VALUES[start : start + BATCH],
        "output": VALUES[start : start + BATCH, None, :2].copy(),
    }
    writer.append(start, rows, {"start": start})


def finish(writer, compression=0):
    columns = [
        string_column("stimulus_id", ("presentation",), [f"s{i}" for i in range(N)]),
        string_column("neuroid_id", ("neuroid",), [f"n{i}" for i in range(WIDTH)]),
        string_column("region", ("neuroid",), ["é"] * WIDTH),
        string_column("subject", ("neuroid",), ["a"] * WIDTH),
        Column("channel", ("neuroid",), iter([np.arange(2), np.arange(2, WIDTH)])),
    ]
    described = {"activity": {"units": "mV"}}
    sizes = {"presentation": N}
    return writer.finish(columns, ATTRS, described, sizes=sizes, compression=compression)


def write(path, batches=range(0, N, BATCH), sizes=None, compression=0):
    with RecordingWriter(path, SESSION) as writer:
        if writer.plan is None:
            writer.begin(STREAMS, {"presentation": N} if sizes is None else sizes)
        for start in batches:
            append(writer, start)
        finish(writer, compression)


def check(path):
    with open_recording(path) as recording:
        np.testing.assert_array_equal(recording.activity.values, VALUES)
        np.testing.assert_array_equal(recording.output.values, VALUES[:, None, :2])
        assert recording.stimulus_id.values.tolist() == [f"s{i}" for i in range(N)]
        assert recording.region.values.tolist() == ["é"] * WIDTH
        assert recording.channel.values.tolist() == list(range(WIDTH))
        assert recording.activity.attrs["units"] == "mV"
    assert all(verify_checksums(path).values())
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("compression", [0, 4])
@pytest.mark.parametrize("sizes", [{"presentation": N}, {}], ids=["known size", "open size"])
def test_what_was_appended_is_read_back(tmp_path, sizes, compression):
    write(tmp_path / "a.nc", sizes=sizes, compression=compression)
    check(tmp_path / "a.nc")


@pytest.mark.parametrize("sizes", [{"presentation": N}, {}], ids=["known size", "open size"])
def test_a_later_writer_goes_on_where_an_earlier_one_stopped(tmp_path, sizes):
    path = tmp_path / "a.nc"
    with RecordingWriter(path, SESSION) as writer:
        writer.begin(STREAMS, sizes)
        append(writer, 0)
        append(writer, 3)
    assert not path.exists()
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == 6
        assert writer.notes == [{"start": 0}, {"start": 3}]
        append(writer, 6)
        append(writer, 9)
        finish(writer)
    check(path)


def test_an_unfinished_file_is_refused_by_readers(tmp_path):
    with RecordingWriter(tmp_path / "a.nc", SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        append(writer, 0)
    with xr.open_dataset(tmp_path / "a.nc.partial") as staged:
        assert staged.attrs["complete"] == 0
        np.testing.assert_array_equal(staged.activity.values[:3], VALUES[:3])


def test_a_torn_journal_line_is_cut_off(tmp_path):
    path = tmp_path / "a.nc"
    with RecordingWriter(path, SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        append(writer, 0)
    with (tmp_path / "a.nc.journal").open("ab") as journal:
        journal.write(b'{"rows": 6, "sha2')
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == 3
        for start in (3, 6, 9):
            append(writer, start)
        finish(writer)
    check(path)


def test_rows_that_a_power_failure_swallowed_are_recorded_again(tmp_path):
    path = tmp_path / "a.nc"
    with RecordingWriter(path, SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        for start in (0, 3, 6):
            append(writer, start)
    offset = json.loads((tmp_path / "a.nc.journal").read_text().splitlines()[0])["places"]
    with (tmp_path / "a.nc.partial").open("rb+") as staged:
        staged.seek(offset["activity"][0] + 4 * WIDTH * 4)  # row 4, in the second batch
        staged.write(bytes(8))
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == 3
        for start in (3, 6, 9):
            append(writer, start)
        finish(writer)
    check(path)


def test_a_second_writer_is_refused(tmp_path):
    with RecordingWriter(tmp_path / "a.nc", SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        with pytest.raises(RecordingExistsError, match="another process"):
            RecordingWriter(tmp_path / "a.nc", SESSION)
        append(writer, 0)
    with RecordingWriter(tmp_path / "a.nc", SESSION) as writer:
        assert writer.rows_done == BATCH


def test_another_session_does_not_touch_unfinished_data(tmp_path):
    with RecordingWriter(tmp_path / "a.nc", SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        append(writer, 0)
    with pytest.raises(RecordingExistsError, match=r"differs in seed \(0, now 1\)"):
        RecordingWriter(tmp_path / "a.nc", {"seed": 1})
    with RecordingWriter(tmp_path / "a.nc", SESSION) as writer:
        assert writer.rows_done == BATCH
    with RecordingWriter(tmp_path / "a.nc", {"seed": 1}, overwrite=True) as writer:
        assert writer.rows_done == 0


def test_a_writer_that_begins_nothing_leaves_nothing(tmp_path):
    with RecordingWriter(tmp_path / "a.nc", SESSION):
        pass
    assert list(tmp_path.iterdir()) == []


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def _die_in_labels(path):
    writing.add_columns = lambda file, columns: (file.createDimension("x", 3), file.sync(), die())
    write(path)


def _die_before_rename(path):
    writing._sync = lambda ready: die()
    write(path)


def _die_after_rename(path):
    writing.Journal.remove = lambda journal: die()
    write(path)


@pytest.mark.parametrize("last_words", [_die_in_labels, _die_before_rename])
def test_dying_while_the_file_is_finished_loses_nothing(tmp_path, last_words):
    path = tmp_path / "a.nc"
    child = get_context("fork").Process(target=last_words, args=(path,))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert not path.exists()
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == N
        finish(writer)
    check(path)


def test_dying_after_the_rename_leaves_a_finished_file(tmp_path):
    path = tmp_path / "a.nc"
    child = get_context("fork").Process(target=_die_after_rename, args=(path,))
    child.start()
    child.join()
    open_recording(path).close()
    assert all(verify_checksums(path).values())


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    # A file that netCDF4 failed to close keeps the folder busy until the process ends.
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_noticed_before_the_first_batch(small_disk):
    large = [Stream("activity", ("presentation",), ("neuroid",), (100_000,))]
    with (
        RecordingWriter(small_disk / "a.nc", SESSION) as writer,
        pytest.raises(RecordingFailedError, match="No space left"),
    ):
        writer.begin(large, {"presentation": 2})
    assert not (small_disk / "a.nc").exists()


def test_a_disk_that_fills_up_keeps_what_was_written(small_disk):
    path, width = small_disk / "a.nc", 10_000
    rows = np.arange(3 * width, dtype=np.float32).reshape(3, 1, width)
    stream = [Stream("activity", ("presentation",), ("neuroid",), (width,))]
    with RecordingWriter(path, SESSION) as writer:
        writer.begin(stream, {})  # a number of rows that is not known cannot be reserved
        writer.append(0, {"activity": rows[0]}, {})
        (small_disk / "ballast").write_bytes(bytes(180_000))
        with pytest.raises(RecordingFailedError, match="No space left"):
            writer.append(1, {"activity": rows[1]}, {})
    (small_disk / "ballast").unlink()
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == 1
        writer.append(1, {"activity": rows[1]}, {})
        writer.append(2, {"activity": rows[2]}, {})
        writer.finish([], ATTRS, {}, sizes={"presentation": 3})
    with netCDF4.Dataset(path) as file:
        np.testing.assert_array_equal(file["activity"][:], rows[:, 0])


def test_a_disk_without_room_for_the_labels_loses_nothing(small_disk):
    path = small_disk / "a.nc"
    with RecordingWriter(path, SESSION) as writer:
        writer.begin(STREAMS, {"presentation": N})
        for start in range(0, N, BATCH):
            append(writer, start)
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "ballast").write_bytes(bytes(free))
        with pytest.raises(RecordingFailedError, match="the disk is full"):
            finish(writer)
    (small_disk / "ballast").unlink()
    with RecordingWriter(path, SESSION) as writer:
        assert writer.rows_done == N
        finish(writer)
    check(path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(RecordingFailedError, match="cannot be written to"):
        RecordingWriter(tmp_path / "missing" / "a.nc", SESSION)

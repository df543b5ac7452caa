import os
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster

from reprcompare.errors import (
    InvalidInputError,
    MissingExtraError,
    ReprcompareError,
)
from reprcompare.protocol import cluster, making, read_protocol, run_protocol, scheduling
from reprcompare.protocol.cluster import Need, _check_worker, _made_with
from reprcompare.recording import open_recording

# Four stacks of two networks.
SWEPT = (
    ("[task.two]", '[sweep]\n"training.quick.batch_size" = [61, 62, 63, 64]\n\n[task.two]'),
    ("n_networks = 3", "n_networks = 2"),
)


@pytest.fixture(scope="module")
def processes():
    """Two workers, each a process of its own."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as found:
        yield found.scheduler_address


@pytest.fixture(scope="module")
def threads():
    """One worker in this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as found:
        yield found.scheduler_address


@pytest.fixture
def make(write, tmp_path):
    """Make the networks of the small protocol; returns where they lie."""

    def make_networks(*replacements, scheduler=None, cache="cache"):
        protocol = read_protocol(write(*replacements))
        workshop = making.Workshop(making.Cache(tmp_path / cache), progress=False)
        scheduling.make_missing(protocol, workshop, ["nets"], scheduler)
        return [path for cell in protocol.cells for path in workshop.recordings(cell, "nets")]

    return make_networks


@pytest.fixture
def trained(monkeypatch):
    """Learn which seeds are trained in this process, stack by stack."""
    seeds = []
    real = making.train
    monkeypatch.setattr(making, "train", lambda *a, **k: seeds.append(k["seeds"]) or real(*a, **k))
    return seeds


def kill_a_worker_at_work(address, recordings, killed):
    """Once a first network is recorded, end (SIGKILL) a worker process that has work to do."""
    with Client(address, set_as_default=False) as client:
        pids = client.run(os.getpid)
        for _ in range(12_000):
            busy = [worker for worker, keys in client.processing().items() if keys]
            if busy and any(recordings.glob("*.nc")):
                killed.append(busy[0])
                os.kill(pids[busy[0]], signal.SIGKILL)
                return
            time.sleep(0.01)


def test_the_result_is_the_serial_one_though_a_worker_is_killed(write, tmp_path, processes):
    protocol = write(*SWEPT)
    # The other analyses take their time, and see networks only through these two.
    text = protocol.read_text()
    kept = text[: text.index('[[analysis]]\nname = "contrast"')]
    protocol.write_text(kept.replace("n_permutations = 20", "n_permutations = 0"))
    # Sums that are split over threads round differently; workers have one thread each.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    serial = run_protocol(protocol, tmp_path / "serial", cache=tmp_path / "one", progress=False)
    torch.set_num_threads(before)
    killed = []
    thread = threading.Thread(
        target=kill_a_worker_at_work, args=(processes, tmp_path / "two" / "recordings", killed)
    )
    thread.start()
    parallel = run_protocol(
        protocol,
        tmp_path / "parallel",
        cache=tmp_path / "two",
        progress=False,
        scheduler=processes,
    )
    thread.join()
    assert len(killed) == 1
    tables = sorted((serial.folder / "tables").iterdir())
    assert len(tables) >= 5
    for table in tables:
        assert table.read_bytes() == (parallel.folder / "tables" / table.name).read_bytes(), table
    names = sorted(path.name for path in (serial.folder / "recordings").iterdir())
    assert len(names) == 8
    for name in names:
        one, two = (
            open_recording(run.folder / "recordings" / name).load() for run in (serial, parallel)
        )
        assert np.array_equal(one.activity, two.activity)
        assert np.array_equal(one.output, two.output)


def test_work_that_fails_twice_is_named_and_the_rest_is_finished(make, tmp_path, processes):
    # A layer that exists and is not called a sixth time is told only when networks are recorded.
    layers = '"recording.nets.layers" = [["hidden1:5"], ["hidden1"]]'
    with pytest.raises(
        ReprcompareError,
        match=r"1 of 2 stacks .* failed twice: 'nets' \(layers \['hidden1:5'\]\), seeds 0, 1, 2: "
        "InvalidInputError: hidden1 returned no tensor",
    ):
        make(("[task.two]", f"[sweep]\n{layers}\n\n[task.two]"), scheduler=processes)
    assert len(list((tmp_path / "cache" / "recordings").glob("*.nc"))) == 3
    assert not list((tmp_path / "cache").glob(".run-*"))


def _n_executing(dask_worker):
    return dask_worker.state.executing_count


def test_an_interrupted_run_on_a_cluster_goes_on(make, monkeypatch, threads, trained):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "check_budget", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(*SWEPT, scheduler=threads)
    monkeypatch.undo()
    with Client(threads, set_as_default=False) as client:
        # What a worker has begun it ends; until then it holds the file that it writes.
        while any(client.run(_n_executing).values()):
            time.sleep(0.05)
    before = sum(len(seeds) for seeds in trained)
    assert before < 8
    assert all(path.is_file() for path in make(*SWEPT))


def test_what_is_there_is_not_made_again_on_a_cluster(make, threads, trained):
    make()
    make(("n_networks = 3", "n_networks = 5"), scheduler=threads)
    make(("n_networks = 3", "n_networks = 5"), scheduler="tcp://nobody.asked:1")
    assert trained == [[0, 1, 2], [3, 4]]


def test_the_budget_counts_what_the_workers_used(make, threads):
    tight = ("[task.two]", "[budget]\ncore_hours = 1e-9\n\n[task.two]")
    with pytest.raises(ReprcompareError, match="used up with 6 networks of 'nets' still to be"):
        make(*SWEPT, tight, scheduler=threads)


def test_workers_that_cannot_do_the_work_are_refused(make, tmp_path, threads):
    token = tmp_path / "token"
    need = Need("", str(token), _made_with(), False)
    with Client(threads, set_as_default=False) as client:
        with pytest.raises(ReprcompareError, match="does not see the cache folder"):
            client.run(_check_worker, need)
        token.touch()
        client.run(_check_worker, need)
        other = Need("", str(token), "another version", False)
        with pytest.raises(ReprcompareError, match="another version of reprcompare or of torch"):
            client.run(_check_worker, other)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as two,
        pytest.raises(ReprcompareError, match="does 2 tasks at a time .* --nthreads 1"),
    ):
        make(scheduler=two.scheduler_address)


def test_a_cluster_without_workers_is_not_waited_for_for_ever(make, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        pytest.raises(ReprcompareError, match="has no workers .* dask worker ADDRESS"),
    ):
        make(scheduler=empty.scheduler_address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "other://a"])
def test_a_scheduler_that_does_not_answer_is_named(make, monkeypatch, address):
    monkeypatch.setattr(cluster, "ANSWERS_WITHIN", 1)
    with pytest.raises(InvalidInputError, match=f"no Dask scheduler answers at '{address}'"):
        make(scheduler=address)


def test_without_dask_the_extra_is_named(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'reprcompare\[dask\]'"):
        make(scheduler="local")


@pytest.mark.slow
def test_local_starts_workers_of_its_own(make):
    assert all(path.is_file() for path in make(*SWEPT, scheduler="local"))

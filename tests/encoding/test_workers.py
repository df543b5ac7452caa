"""Regions and subjects over the processes of a Dask cluster."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest

from reprcompare.encoding import LeakageWarning, encode
from reprcompare.recording import build_recording

distributed = pytest.importorskip("distributed")

ALL = ("table", "regions", "subjects", "groups", "choice")


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process of its own."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as found,
    ):
        yield found


@pytest.fixture
def recordings():
    """A network of two layers, and a brain of three subjects with two regions each."""
    random = np.random.default_rng(0)
    ids = [f"s{k}" for k in range(60)]
    patterns = random.normal(size=(60, 40))
    network = build_recording(
        patterns, stimulus_id=ids, region=["early"] * 20 + ["late"] * 20, subject="net"
    )
    signal = patterns @ random.normal(size=(40, 120))
    brain = build_recording(
        signal + 5 * random.normal(size=signal.shape),
        stimulus_id=ids,
        region=np.tile(np.repeat(["V4", "IT"], 20), 3),
        subject=np.repeat(["a", "b", "c"], 40),
    )
    return network, brain


def kill_a_worker_at_work(client, killed):
    """End (SIGKILL) the first worker process that is seen to have work."""
    pids = client.run(os.getpid)
    killed.append(None)
    for _ in range(12_000):
        busy = [worker for worker, keys in client.processing().items() if keys]
        if busy:
            os.kill(pids[busy[0]], signal.SIGKILL)
            killed[0] = busy[0]
            return
        time.sleep(0.005)


def test_every_region_of_a_subject_is_done_though_a_worker_is_killed(client, recordings):
    network, brain = recordings
    serial = encode(network, brain, n_bootstrap=200)
    killed = []
    thread = threading.Thread(target=kill_a_worker_at_work, args=(client, killed))
    thread.start()
    while not killed:
        time.sleep(0.005)
    parallel = encode(network, brain, n_bootstrap=200, client=client)
    thread.join()
    assert killed[0]
    for name in ALL:
        one, other = getattr(serial, name), getattr(parallel, name)
        # Products of other shapes round differently in float32.
        pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-5)


def test_what_may_have_leaked_is_said_here_and_not_in_a_worker(client, recordings):
    network, brain = recordings
    twice = brain.assign_coords(run=("presentation", (np.arange(60) % 3).astype(str)))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = encode(network, twice, client=client, choose="test", n_bootstrap=0)
    leaks = [str(item.message) for item in said if item.category is LeakageWarning]
    assert len(leaks) == 1
    assert leaks[0] in found.notes

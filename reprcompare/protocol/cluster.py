"""Stacks of networks on a Dask cluster, whose workers write into the cache of the run.

Dask keeps the graph, moves the work of a worker that died to another one, and repeats what failed.
A network is in the cache as soon as it is recorded, so whatever happens to a worker, to the cluster
or to the run itself costs no more than the stacks that were in the making.
"""

import asyncio
import functools
import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from distributed import Client, Future, LocalCluster, Worker, get_worker, wait
from distributed.comm.core import connect
from tqdm import tqdm

from reprcompare.errors import InvalidInputError, ReprcompareError, listing
from reprcompare.protocol.cache import Cache, fingerprint
from reprcompare.protocol.making import ROOMS, Workshop
from reprcompare.protocol.reading import Protocol, parse_protocol
from reprcompare.protocol.scheduling import Stack, check_budget

LOCAL = "local"
"""Stands for a cluster on this machine, one worker a core, for this run alone."""

PATIENCE = 60
"""Seconds that a run waits for a first worker, or for another one when the last has died."""


ANSWERS_WITHIN = 20
"""Seconds in which a scheduler must answer."""


def make_on_cluster(
    protocol: Protocol,
    workshop: Workshop,
    stacks: Sequence[Stack],
    address: str,
    bar: "tqdm",
) -> None:
    """Make stacks on the workers of a cluster.

    Parameters
    ----------
    protocol, workshop
        As for `reprcompare.protocol.scheduling.make_missing`.
    stacks
        What is to be made.
    address
        Of the scheduler, or `LOCAL`.
    bar
        Told of every network.

    Raises
    ------
    ReprcompareError
        If there is no such scheduler or no worker, a worker cannot do the work, the budget is used
        up, or work failed twice: then the others are finished first.
    """
    folder = workshop.cache.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / f".run-{uuid.uuid4().hex}"
    token.touch()
    need = Need(protocol.text, str(token), _made_with(), workshop.allow_import)
    try:
        with _connected(address) as client:
            _check_workers(client, need)
            _make(client, protocol, stacks, need, bar)
    finally:
        token.unlink(missing_ok=True)


@dataclass(frozen=True)
class Need:
    """What every task gets to know.

    Attributes
    ----------
    text
        Of the protocol.
    token
        A file in the cache folder, by which a worker knows that it sees the same folder.
    made_with
        The code and the torch that the run has, since the cache's keys name them.
    allow_import
        As for the run.
    """

    text: str
    token: str
    made_with: str
    allow_import: bool


def _make(
    client: Client, protocol: Protocol, stacks: Sequence[Stack], need: Need, bar: "tqdm"
) -> None:
    run = uuid.uuid4().hex
    keys = [f"reprcompare-{run}-{number}" for number in range(len(stacks))]
    futures = client.map(_make_stack, stacks, need=need, key=keys, retries=1)
    waiting: dict[Future, Stack] = dict(zip(futures, stacks, strict=True))
    failed: dict[Stack, BaseException] = {}
    seconds = 0.0
    while waiting:
        for future in _finished(client, waiting):
            stack = waiting.pop(future)
            fault = future.exception()
            if fault is not None:
                failed[stack] = fault
                continue
            seconds += future.result()
            bar.update(len(stack.seeds))
        check_budget(protocol, seconds, [*waiting.values()])
    if failed:
        said = [f"{stack.describe(protocol)}: {_sentence(x)}" for stack, x in failed.items()]
        raise ReprcompareError(
            f"{len(failed)} of {len(stacks)} stacks of networks failed twice: {listing(said)} The "
            f"others are finished and kept; run again to make what is missing."
        )


def _finished(client: Client, waiting: dict[Future, Stack]) -> list[Future]:
    """Wait for the next futures that end, as long as there is anyone to work on them."""
    lost = ReprcompareError(
        f"the cluster has no worker left, with {sum(len(x.seeds) for x in waiting.values())} "
        "networks still to be made. Finished networks are kept: run again, with workers, to go on."
    )
    while True:
        try:
            return list(wait(list(waiting), timeout=PATIENCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            if not client.nthreads():
                raise lost from None
        except CancelledError as error:
            raise lost from error


def _make_stack(stack: Stack, need: Need) -> float:
    """Make one stack, on a worker."""
    _check_worker(need, get_worker())
    workshop = Workshop(Cache(Path(need.token).parent), need.allow_import, progress=False)
    return stack.make(_parsed(need.text), workshop)


@functools.lru_cache(maxsize=2)
def _parsed(text: str) -> Protocol:
    return parse_protocol(text)


def _made_with() -> str:
    return f"{fingerprint(*ROOMS)} torch {torch.__version__}"


def _check_worker(need: Need, dask_worker: Worker) -> None:
    """Check, on a worker, that it can do the work, and set how many threads it uses.

    Dask knows the second argument by its name, and fills it in.

    Raises
    ------
    ReprcompareError
        If it must not.
    """
    address, n_threads = dask_worker.address, dask_worker.state.nthreads
    if n_threads != 1:
        raise ReprcompareError(
            f"the worker {address} does {n_threads} tasks at a time in one "
            "process, where neither the random numbers of torch nor HDF5 files are safe; start "
            "more workers instead, each with --nthreads 1."
        )
    if not Path(need.token).is_file():
        raise ReprcompareError(
            f"the worker {address} does not see the cache folder {Path(need.token).parent} of "
            "this run; give --cache a folder on a file system that all of the cluster shares."
        )
    if _made_with() != need.made_with:
        raise ReprcompareError(
            f"the worker {address} has another version of reprcompare or of torch than "
            "this run, and would make other networks; install the same on both."
        )
    # Threads that wait for each other by spinning slow workers on one machine many times over.
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def _check_workers(client: Client, need: Need) -> None:
    """Wait for workers and check those that are there; later ones are checked by their tasks."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ReprcompareError(
            f"the scheduler {client.scheduler.address} has no workers (waited {PATIENCE} s); start "
            "some with: dask worker ADDRESS --nthreads 1"
        ) from None
    found = client.run(_check_worker, need, on_error="return")
    for address, fault in found.items():
        if isinstance(fault, ReprcompareError):
            raise fault
        if isinstance(fault, BaseException):
            raise ReprcompareError(
                f"the worker {address} cannot do the work: {_sentence(fault)} Is reprcompare "
                "installed there?"
            ) from fault


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    # Not as the default: what else uses Dask, as xarray does, stays in this process.
    if address == LOCAL:
        with (
            LocalCluster(threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
            Client(cluster, set_as_default=False) as client,
            client.as_current(),
        ):
            yield client
        return
    # A client that never connected is closed by the garbage collector, which can stop for ever if
    # another is being made then; so none is made where nobody answers.
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(asyncio.run, _knock(address)).result()
        except (OSError, ValueError) as error:
            raise InvalidInputError(
                f"no Dask scheduler answers at {address!r} ({type(error).__name__}); give the "
                "address that dask scheduler prints, such as tcp://10.0.0.1:8786, or local."
            ) from error
    with Client(address, set_as_default=False) as client, client.as_current():
        yield client


async def _knock(address: str) -> None:
    await (await connect(address, timeout=ANSWERS_WITHIN)).close()


def _sentence(fault: BaseException) -> str:
    first = (str(fault).splitlines() or [""])[0].rstrip(".")
    return f"{type(fault).__name__}: {first}."

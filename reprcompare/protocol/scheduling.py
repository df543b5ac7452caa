"""Make what a protocol needs and is not there yet: cut into stacks, here or on a Dask cluster."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from reprcompare.brains.optional import optional
from reprcompare.errors import ReprcompareError
from reprcompare.protocol.making import Workshop
from reprcompare.protocol.reading import Protocol

STACK = 20
"""Networks that are trained together: more gain nothing on a few cores, and cost memory."""


@dataclass(frozen=True)
class Stack:
    """Networks of one table in one cell of the sweep that are trained together: the unit of work.

    Attributes
    ----------
    cell
        Number of the cell.
    name
        Of the table ``[recording.NAME]``.
    seeds
        Of the networks that are missing.
    """

    cell: int
    name: str
    seeds: tuple[int, ...]

    def make(self, protocol: Protocol, workshop: Workshop, bar: "tqdm | None" = None) -> float:
        """Make the networks; returns the processor seconds that it took."""
        started = time.process_time()
        done = bar.update if bar is not None else lambda: None
        workshop.make(protocol.cells[self.cell], self.name, self.seeds, done)
        return time.process_time() - started

    def describe(self, protocol: Protocol) -> str:
        """Name the networks, as a message does."""
        settings = protocol.cells[self.cell].settings
        where = ", ".join(f"{key} {value}" for key, value in settings.items())
        seeds = ", ".join(str(seed) for seed in self.seeds)
        return f"{self.name!r}{f' ({where})' if where else ''}, seeds {seeds}"


def make_missing(
    protocol: Protocol, workshop: Workshop, names: Iterable[str], scheduler: str | None = None
) -> None:
    """Make every recording that is not in the cache yet.

    Parameters
    ----------
    protocol
        What is to be made.
    workshop
        Makes it, and knows the cache.
    names
        Of the tables ``[recording.NAME]`` that are needed.
    scheduler
        Address of a Dask scheduler, such as ``"tcp://10.0.0.1:8786"``; ``"local"`` for one process
        on every core of this machine; None for this process.

    Raises
    ------
    ReprcompareError
        If the budget is used up, or, on a cluster, work failed twice. What was finished is kept.
    MissingExtraError
        If there is a scheduler, but Dask is not installed.
    """
    stacks = missing_stacks(protocol, workshop, names)
    if not stacks:
        return
    for cell, name in dict.fromkeys((stack.cell, stack.name) for stack in stacks):
        workshop.check(protocol.cells[cell], name)
    left = sum(len(stack.seeds) for stack in stacks)
    bar = tqdm(
        total=left, desc="networks", unit="network", disable=None if workshop.progress else True
    )
    with bar:
        if scheduler is not None:
            optional("distributed", "dask", "Clusters")
            from reprcompare.protocol.cluster import make_on_cluster

            make_on_cluster(protocol, workshop, stacks, scheduler, bar)
            return
        for number, stack in enumerate(stacks):
            check_budget(protocol, time.process_time(), stacks[number:])
            stack.make(protocol, workshop, bar)


def missing_stacks(protocol: Protocol, workshop: Workshop, names: Iterable[str]) -> list[Stack]:
    """Cut what is missing into stacks, in the order of the sweep."""
    stacks = []
    wanted = list(names)
    for number, cell in enumerate(protocol.cells):
        for name in wanted:
            places = workshop.places(cell, name)
            missing = [seed for seed, path in places.items() if not path.is_file()]
            for first in range(0, len(missing), STACK):
                stacks.append(Stack(number, name, tuple(missing[first : first + STACK])))
    return stacks


def check_budget(protocol: Protocol, seconds: float, left: Sequence[Stack]) -> None:
    """Stop when a protocol has used up its core hours.

    Parameters
    ----------
    protocol
        With its budget.
    seconds
        Of processors, used so far.
    left
        What is still to be made.

    Raises
    ------
    ReprcompareError
        If they are used up and something is left.
    """
    core_hours = protocol.budget.core_hours if protocol.budget else np.inf
    if left and seconds > 3600 * core_hours:
        names = " and ".join(dict.fromkeys(repr(stack.name) for stack in left))
        raise ReprcompareError(
            f"the budget of {core_hours:g} core hours is used up with "
            f"{sum(len(stack.seeds) for stack in left)} networks of {names} still to be made. "
            "Finished networks are kept: raise core_hours under [budget] and run again to go on."
        )

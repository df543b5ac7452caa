"""Sweeps: one cell for every combination of the swept settings."""

import copy
import itertools
from dataclasses import dataclass
from typing import Any

from reprcompare.errors import ProtocolError, unknown_name


@dataclass(frozen=True)
class Cell:
    """One combination of the swept settings, and the tables that it makes of the protocol.

    Attributes
    ----------
    settings
        What is swept, by the last part of its path; empty without a sweep.
    tables
        Validated tables by section and name, for the sections of `schema.KINDS`.
    """

    settings: dict[str, Any]
    tables: dict[str, dict[str, Any]]


def combinations_of(
    raw: dict[str, Any], sweep: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Combine the swept settings.

    Parameters
    ----------
    raw
        The protocol as read from TOML.
    sweep
        Its `[sweep]`: dotted path = list; all combinations, or with ``zip = true`` one after the
        other. ``*`` in a path stands for every table, as in ``training.*.criterion``.

    Returns
    -------
    list of (settings, raw)
        The settings of every cell, and the protocol with them in place.

    Raises
    ------
    ProtocolError
        If a path does not exist, or lists do not fit.
    """
    axes = {path: values for path, values in sweep.items() if path != "zip"}
    for path, values in axes.items():
        if not isinstance(values, list) or not values:
            raise ProtocolError(f"sweep: {path!r} must be a list of values, got {values!r}.")
    if sweep.get("zip", False):
        lengths = {path: len(values) for path, values in axes.items()}
        if len(set(lengths.values())) > 1:
            raise ProtocolError(f"sweep: zipped lists must be of one length, got {lengths}.")
        combinations = list(zip(*axes.values(), strict=True))
    else:
        combinations = list(itertools.product(*axes.values()))
    cells = []
    for combination in combinations:
        cell = copy.deepcopy(raw)
        for path, value in zip(axes, combination, strict=True):
            _set(cell, path, value)
        cells.append((_settings(axes, combination, bool(sweep.get("zip", False))), cell))
    return cells


def _settings(
    axes: dict[str, list[Any]], combination: tuple[Any, ...], zipped: bool
) -> dict[str, Any]:
    """Name the values of a cell by the last part of their paths, where that tells them apart."""
    short = [path.split(".")[-1] for path in axes]
    distinct = {(name, str(values)) for name, values in zip(short, axes.values(), strict=True)}
    # The same list in several places that go together is one setting.
    if len(set(short)) == len(short) or (zipped and len(distinct) == len(set(short))):
        return dict(zip(short, combination, strict=True))
    return dict(zip(axes, combination, strict=True))


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    tables: list[Any] = [raw]
    for depth, part in enumerate(parents):
        above = ".".join(parents[:depth]) or "the file"
        if part == "*":
            tables = [inner for table in tables for inner in _known(table).values()]
            continue
        for table in tables:
            if part not in _known(table):
                raise ProtocolError(f"sweep: {unknown_name('table', part, _known(table), above)}")
        tables = [table[part] for table in tables]
    for table in tables:
        table[last] = value


def _known(table: Any) -> dict[str, Any]:
    return table if isinstance(table, dict) else {}

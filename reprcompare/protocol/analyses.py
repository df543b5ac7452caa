"""What a protocol can ask of recordings: each kind calls one function of a room below."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.audit import Audit, accuracy, audit
from reprcompare.brains import load_stimuli
from reprcompare.comparison import compare
from reprcompare.errors import NotIdentifiableError, listing
from reprcompare.geometry import rdm
from reprcompare.protocol import schema
from reprcompare.protocol.cache import fingerprint, key_of
from reprcompare.protocol.making import Workshop
from reprcompare.protocol.reading import Cell
from reprcompare.recording import concat, label_table, open_recording
from reprcompare.report import Section
from reprcompare.statistics import (
    label_permutation,
    mixed_model,
    pair_model,
    pair_table,
    per_network_contrast,
)

CODE = ("recording", "audit", "measurement")
"""Rooms whose code decides what an audit finds."""


@dataclass
class Outcome:
    """What an analysis gave.

    Attributes
    ----------
    name, kind
        As in the protocol.
    tables : dict of pandas.DataFrame
        With the swept settings as columns.
    results : list of (settings, result)
        What a report shows of every cell: the objects that the functions returned, or sections.
    notes : list of str
    shown : dict
        How a report shows the results, beside their kind.
    """

    name: str
    kind: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    results: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What analyses work on: the cells, the recordings made, and what came before."""

    workshop: Workshop
    cells: list[Cell]
    dropped: pd.DataFrame
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def counted(self, cell: Cell, name: str) -> list[Path]:
        """Return the recordings of networks that reached the criterion."""
        out = self.dropped
        gone = set(out[out["cell"] == str(cell.settings)]["file"]) if len(out) else set()
        return [path for path in self.workshop.recordings(cell, name) if path.name not in gone]


def analyse(table: Any, bench: Bench) -> Outcome:
    """Run one analysis in every cell of the sweep.

    Parameters
    ----------
    table
        A validated ``[[analysis]]``.
    bench
        What there is to work on.
    """
    return KINDS[table.kind](table, bench)


def _collect(
    name: str, kind: str, bench: Bench, make: Callable[[Cell], tuple[Any, dict[str, pd.DataFrame]]]
) -> Outcome:
    """Run `make` in every cell and stack its tables, with the settings as columns in front.

    `make` returns what a report shows of a cell, one object or a list, and its tables.
    """
    outcome = Outcome(name, kind)
    parts: dict[str, list[pd.DataFrame]] = {}
    for cell in bench.cells:
        result, tables = make(cell)
        shown = result if isinstance(result, list) else [result]
        outcome.results += [(cell.settings, item) for item in shown]
        for label, frame in tables.items():
            if cell.settings and "subject" in frame.columns:
                # The same seed in another cell is another network.
                suffix = ", ".join(str(value) for value in cell.settings.values())
                frame = frame.assign(subject=frame["subject"] + f" ({suffix})")
            parts.setdefault(label, []).append(_with_settings(frame, cell.settings))
    outcome.tables = {label: pd.concat(found, ignore_index=True) for label, found in parts.items()}
    return outcome


def _with_settings(frame: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)
    for place, (key, value) in enumerate(settings.items()):
        frame.insert(
            place, key, [value if isinstance(value, str | int | float) else str(value)] * len(frame)
        )
    return frame


def _accuracy(table: schema.AccuracyTable, bench: Bench) -> Outcome:
    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        found = []
        for name in table.recordings:
            counted = {path.name for path in bench.counted(cell, name)}
            for path in bench.workshop.recordings(cell, name):
                scores = accuracy(open_recording(path))
                found.append(scores.assign(recording=name, counted=path.name in counted))
        return None, {"table": pd.concat(found, ignore_index=True)}

    return _collect(table.name, table.kind, bench, make)


def _audit(table: schema.AuditTable, bench: Bench) -> Outcome:
    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        if table.brain is not None:
            found = [(table.brain, _of_brain(table, bench.workshop.brain(cell, table.brain)))]
        else:
            found = [
                (name, _of_file(table, path, bench))
                for name in table.recordings
                for path in bench.counted(cell, name)
            ]
        if not found:
            _none_counted(table.recordings, cell)
        tables = {
            label: pd.concat(
                [getattr(item, label).assign(recording=name) for name, item in found],
                ignore_index=True,
            )
            for label in ("table", "density", "components")
        }
        notes = list(dict.fromkeys(note for _, item in found for note in item.notes))
        whole = Audit(**tables, notes=notes, method=found[0][1].method)
        return whole, tables

    outcome = _collect(table.name, table.kind, bench, make)
    outcome.notes = list(
        dict.fromkeys(note for _, result in outcome.results for note in result.notes)
    )
    return outcome


def _of_brain(table: schema.AuditTable, brain: xr.Dataset | RDMs) -> Audit:
    labels = label_table(load_stimuli(table.labels)) if table.labels else None
    return audit(brain, labels, features=table.features, n_permutations=table.n_permutations)


def _of_file(table: schema.AuditTable, path: Path, bench: Bench) -> Audit:
    """Audit one network, or find in the cache what came out."""
    key = key_of(
        file=path.name,
        features=table.features,
        n_permutations=table.n_permutations,
        code=fingerprint(*CODE),
    )

    def compute() -> list[pd.DataFrame]:
        recording = open_recording(path)
        made = audit(recording, features=table.features, n_permutations=table.n_permutations)
        recording.close()
        words = pd.DataFrame({"words": [made.method, *made.notes]})
        return [made.table, made.density, made.components, words]

    found, density, components, words = bench.workshop.cache.tables(key, compute)
    method, *notes = words["words"]
    return Audit(found, density, components, notes, method)


def _share_contrast(table: schema.ContrastTable, bench: Bench) -> Outcome:
    rows = bench.outcomes[table.audit].tables["table"]

    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        own = _in_cell(rows, cell)
        result = per_network_contrast(own[own["region"] == table.region], by=table.by)
        return result, {"table": result.table, "points": result.points}

    return _collect(table.name, table.kind, bench, make)


def _mixed_model(table: schema.ModelTable, bench: Bench) -> Outcome:
    rows = bench.outcomes[table.audit].tables["table"]

    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        result = mixed_model(table.formula, _in_cell(rows, cell))
        return result, {"table": result.fixed, "random": result.random}

    return _collect(table.name, table.kind, bench, make)


def _in_cell(rows: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    for key, value in cell.settings.items():
        rows = rows[rows[key].astype(str) == str(value)]
    return rows


def _compare(table: schema.CompareTable, bench: Bench) -> Outcome:
    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        result = compare(
            {name: _model(name, table, cell, bench) for name in table.models},
            _rdms(bench.workshop.brain(cell, table.brain), table.metric),
            comparator=table.comparator,
            resample=table.resample,
            n_bootstrap=table.n_bootstrap,
            seed=table.seed,
        )
        tables = {"table": result.table, "pairs": result.pairs, "ceiling": result.ceiling}
        return result, tables

    outcome = _collect(table.name, table.kind, bench, make)
    outcome.shown = {"over_layers": table.over_layers}
    return outcome


def _pair_model(table: schema.PairModelTable, bench: Bench) -> Outcome:
    labels = label_table(load_stimuli(table.labels))

    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        brain = bench.workshop.brain(cell, table.brain)
        rows = pair_table(_rdms(brain, "correlation"), labels, table.features)
        result = pair_model(rows, table.features)
        permuted = label_permutation(
            rows, table.features, n_permutations=table.n_permutations, seed=table.seed
        )
        said = Section(
            "The same by permuting the labels of the stimuli",
            ["A test for these subjects, with the stimuli exchangeable."],
            {"Permutations": permuted},
        )
        tables = {"table": result.fixed, "random": result.random, "permutation": permuted}
        return [result, said], tables

    return _collect(table.name, table.kind, bench, make)


def _model(name: str, table: schema.CompareTable, cell: Cell, bench: Bench) -> RDMs:
    """Return the RDMs of a recorded class of networks, or of a brain that serves as a model."""
    if name in cell.tables["brain"]:
        return _rdms(bench.workshop.brain(cell, name), table.metric)
    recordings = [open_recording(path) for path in bench.counted(cell, name)]
    if not recordings:
        _none_counted([name], cell)
    joined = recordings[0] if len(recordings) == 1 else concat(recordings, dim="neuroid")
    return _rdms(joined, table.metric)


def _none_counted(names: list[str], cell: Cell) -> NoReturn:
    where = f" in {cell.settings}" if cell.settings else ""
    raise NotIdentifiableError(
        f"no network of {listing(names)} reached its criterion on held-out stimuli{where}; train "
        "longer (max_steps), or look at why in the accuracy of a run without this analysis."
    )


def _rdms(data: xr.Dataset | RDMs, metric: str) -> RDMs:
    return data if isinstance(data, RDMs) else rdm(data, metric=metric)


KINDS: dict[str, Callable[[Any, Bench], Outcome]] = {
    "accuracy": _accuracy,
    "audit": _audit,
    "share_contrast": _share_contrast,
    "mixed_model": _mixed_model,
    "pair_model": _pair_model,
    "compare": _compare,
}
"""What `kind` of an analysis calls."""

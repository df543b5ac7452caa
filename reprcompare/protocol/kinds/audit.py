"""The bias audit, of recorded networks or of a brain."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import xarray as xr
from pydantic import Field, model_validator
from rsatoolbox.rdm import RDMs

from reprcompare.audit import RELEVANCES, ROLES, Audit, audit, input_decodability
from reprcompare.errors import listing
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome, stimulus_labels, suffix_of
from reprcompare.protocol.cache import fingerprint, key_of
from reprcompare.protocol.schema import Analysis, RecordingNames, Refers
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording

CODE = ("recording", "audit", "measurement")
"""Rooms whose code decides what an audit finds."""

TABLES = ("table", "density", "components", "parts", "regions")
"""Tables of an audit that are stored."""

OF_REGIONS = ("subject", "region", "recording", "training_step", "time_bin_start")
KEYS = (*OF_REGIONS, "feature")


class AuditTable(Analysis):
    """``kind = "audit"``: share, density, decodability, components.

    With `input_decodability` a column says how well a linear decoder reads each feature from the
    stimuli themselves.
    """

    recordings: RecordingNames = Field(default_factory=list)
    brain: Annotated[str | None, Refers(("brain",))] = None
    labels: str | None = None
    features: list[str] | None = None
    image_statistics: bool = False
    n_permutations: Annotated[int, Field(ge=0)] = 100
    input_decodability: bool = False

    @model_validator(mode="after")
    def _something(self) -> "AuditTable":
        if bool(self.recordings) == (self.brain is not None):
            raise ValueError("give either 'recordings' or 'brain', and not both")
        if self.input_decodability and self.brain is not None:
            raise ValueError("'input_decodability' needs 'recordings', whose stimuli are known")
        return self


def run(table: AuditTable, bench: Bench) -> Outcome:
    """Audit every network that is counted, or the brain."""
    notes: dict[str, None] = {}
    methods: dict[str, None] = {}
    empty: list[str] = []

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        if table.brain is not None:
            found = [(table.brain, _of_brain(table, bench.workshop.brain(cell, table.brain)))]
        else:
            counted = {name: bench.counted(cell, name) for name in table.recordings}
            if not any(counted.values()):
                if not bench.any_counted(table.recordings):
                    bench.required(cell, table.recordings)
                empty.append(suffix_of(cell.settings).strip())
                return None, {}
            found = [
                (name, _of_file(table, path, bench))
                for name, paths in counted.items()
                for path in paths
            ]
        for _, item in found:
            notes.update(dict.fromkeys(item.notes))
            methods[item.method] = None
        tables = {
            label: pd.concat(
                [getattr(item, label).assign(recording=name) for name, item in found],
                ignore_index=True,
            )
            for label in TABLES
        }
        if table.input_decodability:
            tables["table"] = _with_inputs(tables["table"], bench, cell)
        return None, tables

    outcome = bench.collect(table.name, make)
    if empty:
        notes[
            f"No network reached its criterion in {len(empty)} of {len(bench.cells)} settings, "
            f"which are left out: {listing(empty)}."
        ] = None
    # One figure for the whole sweep, with a panel for every cell.
    whole = Audit(
        **outcome.tables, neuroids=pd.DataFrame(), notes=list(notes), method=" ".join(methods)
    )
    outcome.results = [({}, whole)]
    several = ["recording"] * (len(table.recordings) > 1)
    outcome.shown = {"panels": [*bench.cells[0].settings, *several]}
    return outcome


def _of_brain(table: AuditTable, brain: xr.Dataset | RDMs) -> Audit:
    if table.labels is None:
        return audit(brain, features=table.features, n_permutations=table.n_permutations)
    labels = stimulus_labels(table.labels, table.features, table.image_statistics)
    return audit(brain, labels, n_permutations=table.n_permutations)


def _with_inputs(rows: pd.DataFrame, bench: Bench, cell: Cell) -> pd.DataFrame:
    """Put beside every feature how well it is read from the stimuli of its recording."""
    read = [
        input_decodability(bench.workshop.stimuli(cell, name)).reset_index().assign(recording=name)
        for name in dict.fromkeys(rows["recording"])
    ]
    return rows.merge(pd.concat(read), on=["recording", "feature"], how="left")


def _of_file(table: AuditTable, path: Path, bench: Bench) -> Audit:
    """Audit one network, or find in the cache what came out."""
    key = key_of(
        file=path.name,
        features=table.features,
        n_permutations=table.n_permutations,
        code=fingerprint(*CODE),
    )

    def compute() -> list[pd.DataFrame]:
        with open_recording(path) as recording:
            made = audit(recording, features=table.features, n_permutations=table.n_permutations)
        words = pd.DataFrame({"words": [made.method, *made.notes]})
        return [*(getattr(made, label) for label in TABLES), words]

    *tables, words = bench.workshop.cache.tables(key, compute)
    method, *notes = words["words"]
    named = dict(zip(TABLES, tables, strict=True))
    return Audit(**named, neuroids=pd.DataFrame(), notes=notes, method=method)


KIND = Kind(
    AuditTable,
    run,
    {
        "table": Columns(
            (
                *KEYS,
                *("share", "share_low", "share_high", "share_unique", "share_joint"),
                *("share_total", "density", "decodability", "decodability_chance"),
                *("decodability_p", "input_decodability"),
                *ROLES,
                *RELEVANCES,
            ),
            of_features=True,
        ),
        "density": Columns((*KEYS, "threshold", "density")),
        "components": Columns((*KEYS, "component", "variance", "r2")),
        "parts": Columns((*OF_REGIONS, "part", "order", "share", "share_low", "share_high")),
        "regions": Columns(
            (
                *(*OF_REGIONS, "n_neuroids", "silent", "participation_ratio", "reliability"),
                "selectivity",
            )
        ),
    },
)

"""The causal role of features in recorded networks, measured by interventions on them."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.audit import BY_FEATURE, EFFECTS, ROLES, effect_table, roles
from reprcompare.errors import InvalidInputError
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.cache import fingerprint, key_of
from reprcompare.protocol.schema import Analysis, RecordingNames, RecordingTable
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording
from reprcompare.report import Section, role_section
from reprcompare.sessions import role

CODE = ("recording", "tasks", "networks", "sessions", "audit")
"""Rooms whose code decides what roles are found."""

KEYS = ("subject", "region", "feature")


class RoleTable(Analysis):
    """``kind = "role"``: interchange interventions, by region, feature and response."""

    recordings: RecordingNames
    features: list[str] | None = None
    n_null: Annotated[int, Field(ge=0)] = 20
    seed: int = 0


def run(table: RoleTable, bench: Bench) -> Outcome:
    """Intervene on every network that is counted."""
    notes: dict[str, None] = {}

    def make(cell: Cell) -> tuple[Section, dict[str, pd.DataFrame]]:
        found = [
            (name, _of_network(table, cell, name, path, bench))
            for name, paths in bench.required(cell, table.recordings).items()
            for path in paths
        ]
        for _, (_, _, words) in found:
            notes.update(dict.fromkeys(words["words"]))
        tables = {
            label: pd.concat(
                [parts[place].assign(recording=name) for name, parts in found], ignore_index=True
            )
            for place, label in enumerate(("table", "effects"))
        }
        return role_section(tables["table"], tuple(notes)), tables

    return bench.collect(table.name, make)


def _of_network(
    table: RoleTable, cell: Cell, name: str, path: Path, bench: Bench
) -> list[pd.DataFrame]:
    """Measure one network, or find in the cache what came out."""
    recorded: RecordingTable = cell.tables["recording"][name]
    if recorded.task is None:
        raise InvalidInputError(
            f"roles in {name!r} need counterfactual stimuli, which a task makes; it was recorded "
            f"with the stimuli {recorded.stimuli!r}."
        )
    task = cell.tables["task"][recorded.task]
    key = key_of(
        file=path.name,
        features=table.features,
        n_null=table.n_null,
        seed=table.seed,
        code=fingerprint(*CODE),
    )

    def compute() -> list[pd.DataFrame]:
        stimuli = bench.workshop.stimuli(cell, name)
        changed = {
            feature: task.counterfactuals(stimuli, feature, seed=table.seed)
            for feature in table.features or task.label_names
        }
        with open_recording(path) as recording:
            measured = role(
                bench.workshop.network(cell, name, path),
                recording,
                stimuli,
                changed,
                n_null=table.n_null,
                seed=table.seed,
                progress=False,
            )
            notes = str(measured["effect"].attrs["notes"])
            words = pd.DataFrame({"words": [part for part in notes.split("; ") if part]})
            return [roles(measured), effect_table(measured), words]

    return bench.workshop.cache.tables(key, compute)


KIND = Kind(
    RoleTable,
    run,
    {
        "table": Columns((*KEYS, *ROLES, "recording")),
        "effects": Columns((*KEYS, "response", "reports", *EFFECTS, *BY_FEATURE, "recording")),
    },
)

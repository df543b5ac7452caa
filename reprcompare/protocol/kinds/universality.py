"""How far the components of recorded networks are shared with each other and with a brain."""

from typing import Annotated, Any

import pandas as pd
from pydantic import Field
from rsatoolbox.rdm import RDMs

from reprcompare.encoding import universality
from reprcompare.errors import NotIdentifiableError
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, RecordingNames, Refers
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording, select


class UniversalityTable(Analysis):
    """``kind = "universality"``: all networks of the recordings are compared with each other."""

    recordings: RecordingNames
    # The mark of a reference is lost inside of a union, `BrainName | None`.
    brain: Annotated[str | None, Refers(("brain",))] = None
    region: str
    n_components: Annotated[int, Field(ge=1)] = 10
    cv: int = 5
    seed: int = 0


def run(table: UniversalityTable, bench: Bench) -> Outcome:
    """Score the components of every network that is counted."""

    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        brain = None if table.brain is None else bench.workshop.brain(cell, table.brain)
        if isinstance(brain, RDMs):
            raise NotIdentifiableError(
                f"analysis {table.name!r}: {table.brain!r} was published as RDMs, which hold no "
                "responses to predict from."
            )
        networks, classes = {}, {}
        for name, paths in bench.required(cell, table.recordings).items():
            for path in paths:
                with open_recording(path) as recording:
                    part = select(recording, region=table.region).load()
                subject = str(part["by_subject"].values[0])
                networks[subject], classes[subject] = part, name
        found = universality(
            networks, brain, n_components=table.n_components, cv=table.cv, seed=table.seed
        )
        rows = {
            label: item.rename(columns={"network": "subject"}).assign(
                recording=item["network"].map(classes)
            )
            for label, item in (
                ("table", found.table),
                ("pairs", found.pairs),
                ("relation", found.relation),
            )
        }
        return found, rows

    return bench.collect(table.name, make)


KEYS = ("subject", "recording", "region")

KIND = Kind(
    UniversalityTable,
    run,
    {
        "table": Columns(
            (
                *(*KEYS, "component", "variance", "universality", "low", "high"),
                *("n_networks", "brain_similarity"),
            )
        ),
        "pairs": Columns((*KEYS, "component", "kind", "source", "source_region", "r")),
        "relation": Columns((*KEYS, "correlation", "n_components")),
    },
)

"""Linear classifiers trained on few stimuli, on a region of recorded networks."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.audit import downstream
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import label_table, open_recording, select
from reprcompare.report.downstream import downstream_section


class DownstreamTable(Analysis):
    """``kind = "downstream"``: how fast features are learned, and which is preferred."""

    recordings: RecordingNames
    region: str
    n_training: list[Annotated[int, Field(ge=2)]] = Field(default=[8, 16, 32, 64, 128])
    n_draws: Annotated[int, Field(ge=1)] = 50
    seed: int = 0


def run(table: DownstreamTable, bench: Bench) -> Outcome:
    """Train classifiers on every network that is counted."""

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        learning, conflict = [], []
        for name, paths in bench.required(cell, table.recordings).items():
            for path in paths:
                with open_recording(path) as recording:
                    found = downstream(
                        select(recording, region=table.region)["activity"].values.astype(float),
                        label_table(recording),
                        n_training=table.n_training,
                        n_draws=table.n_draws,
                        seed=table.seed,
                    )
                    known = {"subject": str(recording["by_subject"].values[0]), "recording": name}
                learning.append(found.learning.assign(**known))
                conflict.append(found.conflict.assign(**known))
        return None, {
            "table": pd.concat(learning, ignore_index=True),
            "conflict": pd.concat(conflict, ignore_index=True),
        }

    outcome = bench.collect(table.name, make)
    title = table.name.replace("_", " ").capitalize()
    section = downstream_section(
        outcome.tables, title, table.name, table.region, list(bench.cells[0].settings)
    )
    outcome.results = [({}, section)]
    return outcome


KIND = Kind(
    DownstreamTable,
    run,
    {
        "table": Columns(("subject", "recording", "n_training", "feature", "accuracy")),
        "conflict": Columns(
            ("subject", "recording", "n_training", "feature", "rival", "preference")
        ),
    },
)

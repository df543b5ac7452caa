"""How well recorded networks report the features of held-out stimuli."""

import pandas as pd

from reprcompare.audit import accuracy
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording


class AccuracyTable(Analysis):
    """``kind = "accuracy"``: all networks, those below their criterion too."""

    recordings: RecordingNames


def run(table: AccuracyTable, bench: Bench) -> Outcome:
    """Score what every network answered."""

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        found = []
        for name in table.recordings:
            counted = {path.name for path in bench.counted(cell, name)}
            for path in bench.workshop.recordings(cell, name):
                with open_recording(path) as recording:
                    scores = accuracy(recording)
                found.append(scores.assign(recording=name, counted=path.name in counted))
        return None, {"table": pd.concat(found, ignore_index=True)}

    return bench.collect(table.name, make)


KIND = Kind(
    AccuracyTable,
    run,
    {
        "table": Columns(
            (
                *("subject", "feature", "training_step", "accuracy", "margin"),
                *("n_presentations", "recording", "counted"),
            )
        )
    },
)

"""Where pairs of stimuli end: what the two-point theory predicts against what was recorded."""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.kinds.pair_fit import fits_of
from reprcompare.protocol.schema import Analysis, RecordingNames, Refers
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import labels_of, open_recording, select
from reprcompare.report import Plot, Section, plot_structure
from reprcompare.theory import ends_of, pairs_of, predict_ends, structure

KEYS = ("subject", "recording", "region")


class PairStructureTable(Analysis):
    """``kind = "pair_structure"``: pairs of all cells that differ in the settings `over` only.

    The theory's ratio of rates is fitted to the networks of `reference`, in the same cell.
    Distances are those in the middle region.
    """

    recordings: RecordingNames
    reference: Annotated[str, Refers(("recording",))]
    reference_pairs: list[tuple[str, str]] | None = None
    over: list[str] = Field(default_factory=list)


def run(table: PairStructureTable, bench: Bench) -> Outcome:
    """Predict and correlate."""
    settings = list(bench.cells[0].settings)
    by = [name for name in settings if name not in table.over]
    parts = [_ends(table, cell, bench) for cell in bench.cells]
    ends = pd.concat(parts, ignore_index=True)
    found = structure(ends, by, unit="subject")
    said = Section(
        table.name.replace("_", " ").capitalize(),
        [
            "Squared distances of pairs of stimuli in the middle layer at the end of learning: "
            "recorded, and as the two-point theory predicts them with the ratio of rates that was "
            f"fitted to the networks {table.reference!r}. r is Pearson's correlation over all "
            "pairs of all networks; intervals by a jackknife over networks (Fisher's z, t)."
        ],
        {"Correlations": found},
        [
            Plot(
                f"{table.name}-ends",
                plot_structure(ends, found, by),
                "A point is a pair of stimuli in one network. The dashed line is equality.",
                ends,
            )
        ],
    )
    return Outcome(table.name, {"table": found, "pairs": ends}, [({}, said)])


def _ends(table: PairStructureTable, cell: Cell, bench: Bench) -> pd.DataFrame:
    ratio = _ratio(table, cell, bench)
    found = []
    for name, paths in bench.required(cell, table.recordings).items():
        pairs = pairs_of(bench.workshop.stimuli(cell, name))
        for path in paths:
            with open_recording(path) as recording:
                regions = labels_of(recording, "region")
                middle = select(recording, region=regions[len(regions) // 2])
                ends = predict_ends(ends_of(middle, pairs), ratio)
            found.append(ends.assign(recording=name, ratio=ratio))
    return pd.concat(found, ignore_index=True).assign(**cell.settings)


def _ratio(table: PairStructureTable, cell: Cell, bench: Bench) -> float:
    """Return the ratio of rates of the reference networks, their geometric mean."""
    pairs = pairs_of(bench.workshop.stimuli(cell, table.reference), table.reference_pairs)
    logs = []
    for path in bench.required(cell, [table.reference])[table.reference]:
        rates = fits_of(path, pairs, 0, bench).table.query("middle")
        logs.append(float(np.log(rates["rate_h"].iloc[0] / rates["rate_y"].iloc[0])))
    return float(np.exp(np.mean(logs)))


KIND = Kind(
    PairStructureTable,
    run,
    {
        "table": Columns(("prediction", "r", "r_low", "r_high", "slope", "n_pairs", "n_units")),
        "pairs": Columns(
            (
                *(*KEYS, "first", "second", "dx2", "dy2", "h_start", "y_start", "h_end", "y_end"),
                *("h_end_predicted", "h_rich", "ratio"),
            )
        ),
    },
)

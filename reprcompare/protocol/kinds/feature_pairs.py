"""Pairs of stimuli that differ in one feature, against the two-point theory."""

import pandas as pd

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording
from reprcompare.report import Plot, Section, plot_features
from reprcompare.theory import Which, compare_features, feature_pairs

MEASURES = (
    *("dx2", "h_start", "h_end", "y_start", "y_end", "h_predicted", "h_matched"),
    *("h_middle", "h_restarted"),
)


class FeaturePairsTable(Analysis):
    """``kind = "feature_pairs"``: the theory is calibrated on the pairs of `reference`."""

    recordings: RecordingNames
    reference: str
    pairs: Which = "counterfactual"
    region: str | None = None


def run(table: FeaturePairsTable, bench: Bench) -> Outcome:
    """Compare recorded and predicted distances, feature by feature."""

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        found = []
        for name, paths in bench.required(cell, table.recordings).items():
            pairs = feature_pairs(bench.workshop.stimuli(cell, name), table.pairs)
            for path in paths:
                with open_recording(path) as recording:
                    compared = compare_features(recording, pairs, table.reference, table.region)
                found.append(compared.assign(recording=name))
        return None, {"table": pd.concat(found, ignore_index=True)}

    outcome = bench.collect(table.name, make)
    compared = outcome.tables["table"]
    panels = list(bench.cells[0].settings)
    said = Section(
        table.name.replace("_", " ").capitalize(),
        [
            "Squared distances of pairs that differ in one feature, over those of pairs that "
            f"differ in {table.reference!r}. The two-point theory has one free parameter, the "
            f"ratio of its rates, which is set so that it is right about {table.reference!r}."
        ],
        {"Distances": compared},
        [
            Plot(
                f"{table.name}-features",
                plot_features(compared, table.reference, panels),
                "Small points are networks, large ones their geometric means with 95 % intervals "
                "(t). The dashed line is what two points predict that are matched in everything.",
                compared,
            )
        ],
    )
    outcome.results = [({}, said)]
    return outcome


KIND = Kind(
    FeaturePairsTable,
    run,
    {
        "table": Columns(
            (
                *("subject", "recording", "region", "feature", "n_pairs", "ratio", "learned_at"),
                *MEASURES,
                *(f"log_{name}" for name in MEASURES),
                "log_unexplained",
            )
        )
    },
)

"""RSA between classes of recorded networks, plain and corrected for differences between seeds."""

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from reprcompare.geometry import class_scores, rdm
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, ComparatorName, Metric, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording
from reprcompare.report.class_scores import class_scores_section


class ClassScoresTable(Analysis):
    """``kind = "class_scores"``: every recording is a class; its networks differ in seed.

    `region` is one name for all, or one a recording.
    """

    recordings: Annotated[RecordingNames, Field(min_length=2)]
    region: str | dict[str, str]
    metric: Metric = "squared_euclidean"
    comparator: ComparatorName = "correlation"

    @model_validator(mode="after")
    def _every_region(self) -> "ClassScoresTable":
        if isinstance(self.region, dict) and set(self.region) != set(self.recordings):
            raise ValueError(f"'region' must name one region for each of {self.recordings}")
        return self


def run(table: ClassScoresTable, bench: Bench) -> Outcome:
    """Compare the RDMs of all networks."""

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        rdms, subjects = {}, {}
        for name, paths in bench.required(cell, table.recordings).items():
            found = []
            region = table.region if isinstance(table.region, str) else table.region[name]
            for path in paths:
                with open_recording(path) as recording:
                    found.append(rdm(recording, metric=table.metric, region=region))
            rdms[name] = np.concatenate([item.dissimilarities for item in found])
            subjects[name] = [str(item.rdm_descriptors["subject"][0]) for item in found]
        result = class_scores(rdms, table.comparator)
        names = [
            subjects[row["class"]][row["number"]] for row in result.networks.to_dict("records")
        ]
        networks = result.networks.drop(columns="number").assign(subject=names)
        own = networks[networks["class"] == networks["other"]].drop(columns="other")
        return None, {"table": result.classes, "networks": networks, "own": own}

    outcome = bench.collect(table.name, make)
    label = f"{table.comparator} of RDMs ({table.metric})".replace("_", " ")
    title = table.name.replace("_", " ").capitalize()
    section = class_scores_section(
        outcome.tables, title, table.name, label, list(bench.cells[0].settings)
    )
    outcome.results = [({}, section)]
    return outcome


KIND = Kind(
    ClassScoresTable,
    run,
    {
        "table": Columns(
            (
                *("first", "second", "score", "score_low", "score_high", "disattenuated"),
                *("disattenuated_low", "disattenuated_high", "n_first", "n_second"),
            )
        ),
        "networks": Columns(("class", "other", "score", "subject")),
        "own": Columns(("class", "score", "subject")),
    },
)

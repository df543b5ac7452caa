"""Brains predicted from recorded networks and labels, network by network."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, model_validator
from rsatoolbox.rdm import RDMs

from reprcompare.encoding import Encoding, encode
from reprcompare.errors import NotIdentifiableError
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.cache import fingerprint, key_of
from reprcompare.protocol.schema import Analysis, BrainName, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import label_table, open_recording, select
from reprcompare.report import predictivity_section

CODE = ("recording", "measurement", "encoding")
"""Rooms whose code decides what an encoding model finds."""

NETWORK = "network"
"""What the network is called as a group beside labels."""

OWNERS = ("subject", "recording", "brain_subject", "brain_region")


class EncodeTable(Analysis):
    """``kind = "encode"``: every recorded network predicts a brain by itself.

    With `labels`, features of the stimuli predict beside it, and variance is partitioned between
    the network and every one of them.
    """

    recordings: RecordingNames
    brain: BrainName
    region: str | None = None
    labels: list[str] = Field(default_factory=list)
    model: str | None = None
    cv: int | str = 5
    n_iter: Annotated[int, Field(ge=0)] = 10
    n_bootstrap: Annotated[int, Field(ge=0)] = 200
    seed: int = 0

    @model_validator(mode="after")
    def _one_region(self) -> "EncodeTable":
        if self.labels and self.region is None:
            raise ValueError("'labels' beside a network need one 'region' of it")
        return self


def run(table: EncodeTable, bench: Bench) -> Outcome:
    """Predict the brain from every network that is counted."""

    def make(cell: Cell) -> tuple[Any, dict[str, pd.DataFrame]]:
        brain = bench.workshop.brain(cell, table.brain)
        if isinstance(brain, RDMs):
            raise NotIdentifiableError(
                f"analysis {table.name!r}: {table.brain!r} was published as RDMs, which hold no "
                "responses to predict."
            )
        made_from = _ingredients(table, cell, bench)
        found: dict[str, list[pd.DataFrame]] = {}
        said = ""
        for name, paths in bench.required(cell, table.recordings).items():
            for path in paths:
                key = key_of(
                    file=path.name,
                    brain=made_from,
                    table=table.model_dump(exclude={"recordings", "name"}),
                    code=fingerprint(*CODE),
                )

                def compute(path: Path = path) -> list[pd.DataFrame]:
                    with open_recording(path) as recording:
                        result = _encoded(table, recording.load(), brain)
                        subject = str(recording["by_subject"].values[0])
                    return [
                        _owned(result.regions, subject),
                        _owned(result.partition, subject),
                        pd.DataFrame({"words": [result.method]}),
                    ]

                scores, parts, words = bench.workshop.cache.tables(key, compute)
                said = words["words"][0]
                found.setdefault("table", []).append(scores.assign(recording=name))
                found.setdefault("partition", []).append(parts.assign(recording=name))
        tables = {label: pd.concat(parts, ignore_index=True) for label, parts in found.items()}
        if not table.labels:
            del tables["partition"]
        title = ", ".join(
            [table.name.capitalize(), *(f"{key} {value}" for key, value in cell.settings.items())]
        )
        section = predictivity_section(tables["table"], tables.get("partition"), said, title)
        return section, tables

    return bench.collect(table.name, make)


def _encoded(table: EncodeTable, recording: Any, brain: Any) -> Encoding:
    part = recording if table.region is None else select(recording, region=table.region)
    predictors: Any = part
    if table.labels:
        labels = label_table(recording)
        predictors = {NETWORK: part} | {name: labels[[name]] for name in table.labels}
    return encode(
        predictors,
        brain,
        table.model,
        cv=table.cv,
        n_iter=table.n_iter,
        n_bootstrap=table.n_bootstrap,
        partition=bool(table.labels),
        seed=table.seed,
    )


def _owned(rows: pd.DataFrame, subject: str) -> pd.DataFrame:
    """Give rows the predicting network as subject; the brain's own names get a prefix."""
    named = rows.rename(columns={"subject": "brain_subject", "region": "brain_region"})
    return named.assign(subject=subject)


def _ingredients(table: EncodeTable, cell: Cell, bench: Bench) -> dict[str, Any]:
    """Return what a brain was made from, for the key of the cache."""
    brain = cell.tables["brain"][table.brain]
    source = getattr(brain, "recording", None)
    files = [path.name for path in bench.workshop.recordings(cell, source)] if source else []
    return {"brain": brain.model_dump(), "files": files}


SCORES = ("r", "r_low", "r_high", "r2", "r2_low", "r2_high")

KIND = Kind(
    EncodeTable,
    run,
    {
        "table": Columns(
            (
                *OWNERS,
                *("predictor", "n_neuroids", *SCORES),
                *("ceiling", "ceiling_r2", "r_of_ceiling", "r2_of_ceiling"),
            )
        ),
        "partition": Columns((*OWNERS, "part", "groups", "r2", "low", "high")),
    },
)

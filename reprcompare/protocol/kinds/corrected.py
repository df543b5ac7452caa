"""Models against a brain, with scores corrected for bias beside the plain ones."""

from typing import Annotated

import pandas as pd
import xarray as xr
from pydantic import Field
from rsatoolbox.rdm import RDMs

from reprcompare.comparison import Comparison, compare
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome, stimulus_labels
from reprcompare.protocol.schema import (
    Analysis,
    BrainName,
    ComparatorName,
    Corrections,
    Metric,
    ModelNames,
    Resampled,
)
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import concat, open_recording

KEYS = ("model", "model_region", "brain_region", "correction")


class CorrectedTable(Analysis):
    """``kind = "corrected"``: what a score is without the strength of features.

    Labels are those of a public stimulus set, `labels`, or those that the recordings carry;
    `image_statistics` adds luminance, contrast, spatial frequency, area, colour and V1-like energy
    of its images.
    """

    models: ModelNames
    brain: BrainName
    correct: Corrections
    labels: str | None = None
    features: list[str] | None = None
    image_statistics: bool = False
    nuisance: list[str] = Field(default_factory=list)
    metric: Metric = "correlation"
    comparator: ComparatorName | None = None
    resample: Resampled = "both"
    n_bootstrap: Annotated[int, Field(ge=0)] = 100
    seed: int = 0


def run(table: CorrectedTable, bench: Bench) -> Outcome:
    """Score every model, plain and corrected, and say what each feature contributes."""

    def make(cell: Cell) -> tuple[Comparison, dict[str, pd.DataFrame]]:
        labels = None
        if table.labels is not None:
            labels = stimulus_labels(table.labels, table.features, table.image_statistics)
        result = compare(
            {name: _source(bench, cell, name) for name in table.models},
            bench.workshop.brain(cell, table.brain),
            comparator=table.comparator,
            metric=table.metric,
            resample=table.resample,
            n_bootstrap=table.n_bootstrap,
            seed=table.seed,
            correct=table.correct,
            labels=labels,
            nuisance=table.nuisance,
        )
        return result, {
            "table": result.corrected,
            "contributions": result.contributions,
            "scores": result.table,
            "ceiling": result.ceiling,
        }

    return bench.collect(table.name, make)


def _source(bench: Bench, cell: Cell, name: str) -> xr.Dataset | RDMs:
    if name in cell.tables["brain"]:
        return bench.workshop.brain(cell, name)
    recordings = [open_recording(path) for path in bench.required(cell, [name])[name]]
    return recordings[0] if len(recordings) == 1 else concat(recordings, dim="neuroid")


KIND = Kind(
    CorrectedTable,
    run,
    {
        "table": Columns(
            (
                *KEYS,
                *("plain", "corrected", "ci_low", "ci_high", "se", "reason"),
                *("n_stimuli", "n_subjects", "n_networks"),
            )
        ),
        "contributions": Columns((*KEYS, "feature", "plain", "corrected")),
        "scores": Columns(("model", "model_region", "brain_region", "score"), closed=False),
        "ceiling": Columns(("brain_region", "lower", "upper"), closed=False),
    },
)

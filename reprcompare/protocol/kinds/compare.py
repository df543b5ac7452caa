"""Models against a brain."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.comparison import Comparison, compare
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import (
    Analysis,
    BrainName,
    ComparatorName,
    Metric,
    ModelNames,
    Resampled,
)
from reprcompare.protocol.sweep import Cell

INTERVAL = ("se", "ci_low", "ci_high", "df")


class CompareTable(Analysis):
    """``kind = "compare"``: recorded networks, or brains that serve as models, with a brain."""

    models: ModelNames
    brain: BrainName
    metric: Metric = "correlation"
    comparator: ComparatorName | None = None
    resample: Resampled = "both"
    n_bootstrap: Annotated[int, Field(ge=0)] = 1000
    seed: int = 0
    over_layers: bool = False


def run(table: CompareTable, bench: Bench) -> Outcome:
    """Score every model under the noise ceiling."""

    def make(cell: Cell) -> tuple[Comparison, dict[str, pd.DataFrame]]:
        result = compare(
            {name: bench.rdms(cell, name, table.metric) for name in table.models},
            bench.rdms(cell, table.brain, table.metric),
            comparator=table.comparator,
            resample=table.resample,
            n_bootstrap=table.n_bootstrap,
            seed=table.seed,
        )
        tables = {"table": result.table, "pairs": result.pairs, "ceiling": result.ceiling}
        return result, tables

    outcome = bench.collect(table.name, make)
    outcome.shown = {"over_layers": table.over_layers}
    return outcome


KIND = Kind(
    CompareTable,
    run,
    {
        "table": Columns(
            (
                *("model", "model_region", "brain_region", "score", *INTERVAL, "se_bootstrap"),
                *("p_zero", "p_zero_holm", "p_zero_fdr", "p_wilcoxon", "p_ceiling"),
                *("unrelated", "disattenuated", "reliability"),
                *("n_stimuli", "n_subjects", "n_networks", "comparator"),
            )
        ),
        "pairs": Columns(
            (
                *("brain_region", "model_a", "region_a", "model_b", "region_b"),
                *("difference", *INTERVAL, "p", "p_wilcoxon", "p_holm", "p_fdr"),
            )
        ),
        "ceiling": Columns(
            (
                *("brain_region", "lower", "upper", "upper_null", "lower_null"),
                *("n_subjects", "reliability", "upper_crossvalidated"),
            )
        ),
    },
)

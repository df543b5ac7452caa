"""A mixed-effects model on the table of an audit."""

import pandas as pd

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, AuditFormula, AuditName
from reprcompare.protocol.sweep import Cell
from reprcompare.statistics import MixedModel, mixed_model


class ModelTable(Analysis):
    """``kind = "mixed_model"``: a formula as lme4 writes it, over the rows of an audit."""

    audit: AuditName
    formula: AuditFormula


def run(table: ModelTable, bench: Bench) -> Outcome:
    """Fit the model in every cell."""

    def make(cell: Cell) -> tuple[MixedModel, dict[str, pd.DataFrame]]:
        result = mixed_model(table.formula, bench.rows(table.audit, cell))
        return result, {"table": result.fixed, "random": result.random}

    return bench.collect(table.name, make)


KIND = Kind(
    ModelTable,
    run,
    {
        "table": Columns(("term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high")),
        "random": Columns(("group", "term", "variance", "sd")),
    },
)

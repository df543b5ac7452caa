"""Share against role, by region."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, AuditColumn, AuditName, Refers
from reprcompare.protocol.sweep import Cell
from reprcompare.statistics import Dissociation, dissociation

KEYS = ["subject", "region", "feature"]


class DissociationTable(Analysis):
    """``kind = "dissociation"``: the shares of an audit against roles measured before."""

    audit: AuditName
    role: Annotated[str, Refers(("analysis",), "role")]
    by: AuditColumn = "complexity"
    bound: Annotated[float, Field(gt=0)] = 0.1
    features: list[str] | None = None


def run(table: DissociationTable, bench: Bench) -> Outcome:
    """Put shares and roles of the same networks together, and contrast both."""

    def make(cell: Cell) -> tuple[Dissociation, dict[str, pd.DataFrame]]:
        measured = bench.rows(table.role, cell)[[*KEYS, "role"]]
        shares = bench.rows(table.audit, cell).drop(columns="role", errors="ignore")
        result = dissociation(
            shares.merge(measured, on=KEYS), table.by, bound=table.bound, features=table.features
        )
        found = {"table": result.table, "points": result.points, "excess": result.excess}
        return result, found

    return bench.collect(table.name, make)


CHANGE = ("effect", "low", "high", "p")

KIND = Kind(
    DissociationTable,
    run,
    {
        "table": Columns(
            (
                "region",
                *(f"{value}_{name}" for value in ("share", "role") for name in CHANGE),
                *("role_p_equivalent", "decision"),
            )
        ),
        "points": Columns((*KEYS, "share", "role", "share_part", "role_part", "excess")),
        "excess": Columns(
            ("region", "feature", "estimate", "ci_low", "ci_high", "n_subjects"),
        ),
    },
)
"""Its expectations take the rows of "points", with the network as the unit."""

"""The contrast of shares per network, with the network as the unit."""

import pandas as pd

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, AuditName
from reprcompare.protocol.sweep import Cell
from reprcompare.statistics import NetworkContrast, per_network_contrast


class ContrastTable(Analysis):
    """``kind = "share_contrast"``: of the shares in one region that an audit found."""

    audit: AuditName
    region: str
    by: str = "complexity"


def run(table: ContrastTable, bench: Bench) -> Outcome:
    """Contrast the shares of every network and test their mean."""

    def make(cell: Cell) -> tuple[NetworkContrast, dict[str, pd.DataFrame]]:
        rows = bench.rows(table.audit, cell)
        result = per_network_contrast(rows[rows["region"] == table.region], by=table.by)
        return result, {"table": result.table, "points": result.points}

    return bench.collect(table.name, make)


KIND = Kind(
    ContrastTable,
    run,
    {
        "table": Columns(("term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high")),
        "points": Columns(("subject",), closed=False),
    },
)

"""The contrast of shares per network, with the network as the unit."""

from dataclasses import replace

import pandas as pd

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, AuditColumn, AuditName
from reprcompare.protocol.sweep import Cell
from reprcompare.statistics import NetworkContrast, per_network_contrast


class ContrastTable(Analysis):
    """``kind = "share_contrast"``: of the shares in one region that an audit found.

    The last region of every recording where none is named.
    """

    audit: AuditName
    region: str = ""
    by: AuditColumn = "complexity"


def run(table: ContrastTable, bench: Bench) -> Outcome:
    """Contrast the shares of every network and test their mean, by the recording's name."""

    def make(cell: Cell) -> tuple[list[NetworkContrast], dict[str, pd.DataFrame]]:
        shown, tables, points = [], [], []
        for name, rows in bench.rows(table.audit, cell).groupby("recording", sort=False):
            region = table.region or rows["region"].iloc[-1]
            result = per_network_contrast(rows[rows["region"] == region], by=table.by)
            shown.append(replace(result, sentence=f"{name}: {result.sentence}"))
            tables.append(result.table.assign(recording=name))
            points.append(result.points.assign(recording=name))
        found = {"table": pd.concat(tables), "points": pd.concat(points)}
        return shown, found

    return bench.collect(table.name, make)


KIND = Kind(
    ContrastTable,
    run,
    {
        "table": Columns(
            ("term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high", "recording")
        ),
        "points": Columns(("subject", "recording"), closed=False),
    },
)

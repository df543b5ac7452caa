"""How often the tests of an audit reject, where there is nothing to find or something."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.audit import rejections
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, AuditName
from reprcompare.protocol.sweep import Cell


class RejectionsTable(Analysis):
    """``kind = "rejections"``: of decodability and of share, over the networks of an audit."""

    audit: AuditName
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05


def run(table: RejectionsTable, bench: Bench) -> Outcome:
    """Count in every cell."""

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        return None, {"table": rejections(bench.rows(table.audit, cell), table.alpha)}

    return bench.collect(table.name, make)


KIND = Kind(
    RejectionsTable,
    run,
    {"table": Columns(("test", "region", "feature", "rate", "rate_low", "rate_high", "n"))},
)

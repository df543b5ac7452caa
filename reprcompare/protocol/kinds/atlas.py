"""An atlas: how the share of a feature depends on all that a sweep varies."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.errors import ProtocolError, unknown_name
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome, plain, suffix_of
from reprcompare.protocol.schema import Analysis, AuditName
from reprcompare.report.atlas import atlas_section
from reprcompare.statistics import (
    level_differences,
    level_means,
    over_settings,
    variance_by_factor,
)

VALUES = ("hard", "easy", "easy - hard")
"""What is described: two shares of a region's variance, and what lies between them."""


class AtlasTable(Analysis):
    """``kind = "atlas"``: of the shares that an audit found, over the settings of the sweep.

    `factors` are the settings that are told apart, all by default; those that follow from others,
    such as the layer that an architecture is recorded in, are left out.
    """

    audit: AuditName
    easy: str = "easy"
    hard: str = "hard"
    factors: list[str] | None = None
    criterion: Annotated[float | None, Field(ge=0, le=1)] = None


def run(table: AtlasTable, bench: Bench) -> Outcome:
    """Put one row a network on one table, and describe it by factor."""
    settings = list(bench.cells[0].settings)
    if not settings:
        raise ProtocolError(f"analysis {table.name!r}: an atlas needs a [sweep].")
    factors = settings if table.factors is None else table.factors
    for factor in factors:
        if factor not in settings:
            raise ProtocolError(
                f"analysis {table.name!r}: {unknown_name('factor', factor, settings, 'the sweep')}"
            )
    networks = _networks(table, bench, settings, factors)
    if not networks["counted"].any():
        raise ProtocolError(
            f"analysis {table.name!r}: no network reached its criterion in any setting."
        )
    outcome = Outcome(table.name)
    outcome.tables = {
        "table": networks,
        "effects": variance_by_factor(networks, "hard", factors, replicate="seed"),
        **{
            label: pd.concat(
                [describe(networks, value, factors).assign(value=value) for value in VALUES],
                ignore_index=True,
            )
            for label, describe in (
                ("levels", level_means),
                ("differences", level_differences),
                ("overall", over_settings),
            )
        },
    }
    title = table.name.replace("_", " ").capitalize()
    outcome.results = [({}, atlas_section(outcome.tables, title, table.name))]
    return outcome


def _networks(
    table: AtlasTable, bench: Bench, settings: list[str], factors: list[str]
) -> pd.DataFrame:
    """Return one row a network; those that are not counted have no shares."""
    audited = bench.outcomes[table.audit].tables["table"]
    last = audited.groupby("subject", sort=False)["region"].transform("last")
    shares = audited[audited["region"] == last].pivot(
        index="subject", columns="feature", values="share"
    )
    for feature in (table.easy, table.hard):
        if feature not in shares.columns:
            raise ProtocolError(
                f"analysis {table.name!r}: the audit {table.audit!r} has no feature {feature!r}."
            )
    networks = bench.networks[bench.networks["recording"].isin(audited["recording"])]
    networks = networks.assign(seed=networks["subject"]).reset_index(drop=True)
    for setting in settings:
        networks[setting] = networks[setting].map(plain)
    if table.criterion is not None:
        above = networks["lowest_accuracy"] > table.criterion
        networks["counted"] = networks["counted"].astype(bool) & above
    names = [
        seed + suffix_of(dict(zip(settings, row, strict=True)))
        for seed, *row in networks[["seed", *settings]].itertuples(index=False)
    ]
    # Networks that are not counted were not audited, or are above a lower criterion only.
    found = shares.reindex(names).reset_index(drop=True).where(networks["counted"])
    return networks[[*factors, "seed", "lowest_accuracy", "counted"]].assign(
        hard=found[table.hard],
        easy=found[table.easy],
        **{"easy - hard": found[table.easy] - found[table.hard]},
    )


DESCRIBED = ("n_settings", "n_replicates")
QUANTILES = ("q05", "q25", "median", "q75", "q95")

KIND = Kind(
    AtlasTable,
    run,
    {
        "table": Columns(("seed", "lowest_accuracy", "counted", *VALUES)),
        "effects": Columns(
            ("term", "df", "eta2", "eta2_low", "eta2_high", "partial_eta2", "chance")
        ),
        "levels": Columns(
            ("factor", "level", *DESCRIBED, "mean", "low", "high", *QUANTILES, "value")
        ),
        "differences": Columns(
            ("factor", "level", "reference", "difference", "low", "high", "n_matched", "value")
        ),
        "overall": Columns(
            (
                *DESCRIBED,
                *("median_low", "median_high", *QUANTILES),
                *("lowest", "highest", "fraction_above_0", "value"),
            )
        ),
    },
)

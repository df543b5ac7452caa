"""Dissimilarities of all pairs regressed on differences of labels, as a mixed model."""

from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.brains import load_stimuli
from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.schema import Analysis, BrainName
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import label_table
from reprcompare.report import Section
from reprcompare.statistics import MixedModel, label_permutation, pair_model, pair_table


class PairModelTable(Analysis):
    """``kind = "pair_model"``: subjects and both stimuli of a pair are random factors."""

    brain: BrainName
    labels: str
    features: list[str]
    n_permutations: Annotated[int, Field(ge=1)] = 1000
    seed: int = 0


def run(table: PairModelTable, bench: Bench) -> Outcome:
    """Fit the model, and permute the labels of the stimuli beside it."""
    labels = label_table(load_stimuli(table.labels))

    def make(cell: Cell) -> tuple[list[MixedModel | Section], dict[str, pd.DataFrame]]:
        rows = pair_table(bench.rdms(cell, table.brain, "correlation"), labels, table.features)
        result = pair_model(rows, table.features)
        permuted = label_permutation(
            rows, table.features, n_permutations=table.n_permutations, seed=table.seed
        )
        said = Section(
            "The same by permuting the labels of the stimuli",
            ["A test for these subjects, with the stimuli exchangeable."],
            {"Permutations": permuted},
        )
        tables = {"table": result.fixed, "random": result.random, "permutation": permuted}
        return [result, said], tables

    return bench.collect(table.name, make)


KIND = Kind(
    PairModelTable,
    run,
    {
        "table": Columns(("term", "estimate", "se", "df", "t", "p", "ci_low", "ci_high")),
        "random": Columns(("group", "term", "variance", "sd")),
        "permutation": Columns(("term", "estimate", "p")),
    },
)

"""The two-point theory of representation learning, fitted to networks recorded over training."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import Field

from reprcompare.protocol.bench import Bench, Columns, Kind, Outcome
from reprcompare.protocol.cache import fingerprint, key_of
from reprcompare.protocol.schema import Analysis, RecordingNames
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording
from reprcompare.theory import PairFits, fit_pairs, pairs_of

CODE = ("recording", "theory")
"""Rooms whose code decides what a fit finds."""

KEYS = ("subject", "region", "place", "middle", "recording")

TABLES = ("table", "pairs", "dynamics", "best", "trajectories")


class PairFitTable(Analysis):
    """``kind = "pair_fit"``: of every pair of the stimuli, or of those named by stimulus id."""

    recordings: RecordingNames
    pairs: list[tuple[str, str]] | None = None
    n_folds: Annotated[int, Field(ge=0)] = 5


def run(table: PairFitTable, bench: Bench) -> Outcome:
    """Fit the theory in every region, and its controls in the middle one, of every network."""
    notes: dict[str, None] = {}
    methods: dict[str, None] = {}

    def make(cell: Cell) -> tuple[None, dict[str, pd.DataFrame]]:
        found = []
        for name, paths in bench.required(cell, table.recordings).items():
            pairs = pairs_of(bench.workshop.stimuli(cell, name), table.pairs)
            found += [(name, fits_of(path, pairs, table.n_folds, bench)) for path in paths]
        for _, item in found:
            notes.update(dict.fromkeys(item.notes))
            methods[item.method] = None
        return None, {
            label: pd.concat(
                [getattr(item, label).assign(recording=name) for name, item in found],
                ignore_index=True,
            )
            for label in TABLES
        }

    outcome = bench.collect(table.name, make)
    # One figure for the whole sweep, with a panel for every cell.
    whole = PairFits(**outcome.tables, notes=list(notes), method=" ".join(methods))
    outcome.results = [({}, whole)]
    outcome.shown = {"panels": list(bench.cells[0].settings)}
    return outcome


def fits_of(path: Path, pairs: pd.DataFrame, n_folds: int, bench: Bench) -> PairFits:
    """Fit the pairs of one network, or find in the cache what came out.

    Parameters
    ----------
    path
        A recording made over training.
    pairs
        As `reprcompare.theory.pairs_of` returns them.
    n_folds
        As for `reprcompare.theory.fit_pairs`.
    bench
        Holds the cache.
    """
    key = key_of(
        file=path.name, pairs=pairs.to_dict("list"), n_folds=n_folds, code=fingerprint(*CODE)
    )

    def compute() -> list[pd.DataFrame]:
        with open_recording(path) as recording:
            made = fit_pairs(recording, pairs, n_folds=n_folds, controls="middle")
        words = pd.DataFrame({"words": [made.method, *made.notes]})
        return [*(getattr(made, label) for label in TABLES), words]

    *tables, words = bench.workshop.cache.tables(key, compute)
    method, *notes = words["words"]
    return PairFits(**dict(zip(TABLES, tables, strict=True)), notes=notes, method=method)


RATES = tuple(f"rate_{name}{end}" for name in ("h", "y", "mean") for end in ("", "_low", "_high"))

KIND = Kind(
    PairFitTable,
    run,
    {
        "table": Columns(
            (
                *(*KEYS, *RATES, "error", "error_h", "error_y", "error_w", "sum_of_squares"),
                *("cv_error", "loss_error"),
            )
        ),
        "pairs": Columns(
            (
                *(*KEYS, "first", "second", "dx2", "dy2", "h_start", "y_start", "h_end", "y_end"),
                *("h_end_fitted", "h_rich", "log_to_fitted", "log_to_rich", "log_to_start"),
            )
        ),
        "dynamics": Columns(
            (*KEYS, "dynamics", "rate_h", "rate_y", "error", "cv_error", "log_ratio")
        ),
        "best": Columns((*KEYS, "error")),
        "trajectories": Columns(
            (
                *("subject", "region", "recording", "first", "second", "training_step"),
                *("h", "y", "w", "mean_error", "dx2", "dy2", "h_fitted", "y_fitted", "w_fitted"),
                *("loss", "loss_fitted"),
            )
        ),
    },
)

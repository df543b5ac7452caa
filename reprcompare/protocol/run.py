"""Run a protocol: make what is missing, analyse, answer what was expected, write the folder."""

import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reprcompare.audit import accuracy
from reprcompare.errors import NotIdentifiableError
from reprcompare.protocol import schema
from reprcompare.protocol.bench import Bench, Outcome
from reprcompare.protocol.cache import Cache, fingerprint
from reprcompare.protocol.expectations import answer
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.making import Workshop, link
from reprcompare.protocol.page import counted_by_cell, page_of
from reprcompare.protocol.reading import Protocol, read_protocol
from reprcompare.protocol.scheduling import make_missing
from reprcompare.recording import open_recording
from reprcompare.report import Plot, versions


@dataclass(frozen=True)
class Run:
    """What a run left behind.

    Attributes
    ----------
    folder
        recordings/, tables/, figures/, report.html, manifest.json.
    expectations
        The answers.
    outcomes
        What every analysis gave.
    """

    folder: Path
    expectations: pd.DataFrame
    outcomes: dict[str, Outcome]

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"


def run_protocol(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    allow_import: bool = False,
    progress: bool = True,
    scheduler: str | None = None,
) -> Run:
    """Run a protocol.

    Work is cached by content, one entry a network: a second run, or one with a few lines changed,
    computes only what is new, and an interrupted run goes on.

    Parameters
    ----------
    path
        A protocol file, or the name of one that comes with the package.
    out
        Folder for the results, ``runs/<name>`` by default.
    cache
        Folder of finished work; REPRCOMPARE_CACHE or the user's cache folder by default.
    allow_import
        Whether networks named by ``module:attribute`` may be imported.
    progress
        Whether bars are shown.
    scheduler
        Address of a Dask scheduler on whose workers networks are made; ``"local"`` for a worker on
        every core of this machine; None for this process. What comes out is the same.

    Returns
    -------
    Run

    Raises
    ------
    ProtocolError
        If something in the file is wrong; nothing is run then.
    ReprcompareError
        If the budget is used up, or work on the cluster failed; what was finished is kept.
    """
    started = time.time()
    protocol = read_protocol(path)
    folder = Path(out) if out is not None else Path("runs") / protocol.heading.name
    for part in ("recordings", "tables", "figures"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    expected = hashlib.sha256(
        json.dumps([item.model_dump() for item in protocol.expectations], sort_keys=True).encode()
    ).hexdigest()
    workshop = Workshop(Cache(cache), allow_import, progress)
    used = _used_recordings(protocol)
    make_missing(protocol, workshop, used, scheduler)
    judged = _judge(protocol, workshop, used)
    files = _place_recordings(protocol, workshop, used, folder / "recordings")
    bench = Bench(workshop, protocol.cells, judged)
    for table in protocol.analyses:
        bench.outcomes[table.name] = ANALYSES[table.kind].run(table, bench)
    outcomes = bench.outcomes
    answers = answer(
        protocol.expectations, {name: outcome.tables for name, outcome in outcomes.items()}
    )
    for name, outcome in outcomes.items():
        for label, table in outcome.tables.items():
            stem = name if label == "table" else f"{name}_{label}"
            table.to_csv(folder / "tables" / f"{stem}.csv", index=False)
    answers.to_csv(folder / "tables" / "expectations.csv", index=False)
    judged.to_csv(folder / "tables" / "networks.csv", index=False)
    counted_by_cell(judged).to_csv(folder / "tables" / "cells.csv", index=False)
    page = page_of(protocol, outcomes, answers, judged, expected)
    for section in page.sections:
        for plot in section.plots:
            (folder / "figures" / f"{plot.name}.png").write_bytes(plot.png())
            if isinstance(plot, Plot):
                (folder / "figures" / f"{plot.name}.svg").write_text(plot.svg(), encoding="utf-8")
    page.save(folder / "report.html")
    _write_manifest(folder, protocol, expected, files, time.time() - started)
    return Run(folder, answers, outcomes)


def _used_recordings(protocol: Protocol) -> list[str]:
    """Return the recordings that analyses use, in the order of the file."""
    tables = protocol.cells[0].tables
    used: set[str] = set()
    for analysis in protocol.analyses:
        named = {name for _, _, names in schema.references(analysis) for name in names}
        brains = [tables["brain"][name] for name in named if name in tables["brain"]]
        used |= named | {
            name for x in brains for _, _, names in schema.references(x) for name in names
        }
    return [name for name in tables["recording"] if name in used]


def _judge(protocol: Protocol, workshop: Workshop, used: Iterable[str]) -> pd.DataFrame:
    """Say which trained networks reach their criterion."""
    rows: list[dict[str, Any]] = []
    for cell in protocol.cells:
        for name in used:
            table = cell.tables["recording"][name]
            for path in workshop.recordings(cell, name):
                recording = open_recording(path)
                lowest = _lowest_accuracy(recording) if table.training else None
                rows.append(
                    {
                        "recording": name,
                        **cell.settings,
                        "subject": str(recording["subject"].values[0]),
                        "lowest_accuracy": lowest,
                        "criterion": table.criterion if table.training else None,
                        "counted": lowest is None or lowest > table.criterion,
                        "cell": str(cell.settings),
                        "file": path.name,
                    }
                )
                recording.close()
    return pd.DataFrame(rows, columns=None if rows else ["cell", "file", "counted"])


def _lowest_accuracy(recording: Any) -> float | None:
    """Return the accuracy of the worst of the trained features at the end of training."""
    try:
        scores = accuracy(recording)
    except NotIdentifiableError:
        return None
    if "training_step" in scores:
        scores = scores[scores["training_step"] == scores["training_step"].max()]
    if "trained" in recording:
        learned = recording["feature"].values[recording["trained"].values[0] > 0]
        scores = scores[scores["feature"].isin(learned.astype(str))]
    return float(scores["accuracy"].min())


def _place_recordings(
    protocol: Protocol, workshop: Workshop, used: Iterable[str], folder: Path
) -> dict[str, str]:
    """Put the recordings under readable names; returns the names and the names in the cache."""
    files = {}
    for cell in protocol.cells:
        suffix = "".join(
            f".{key}={value}".replace("/", "-") for key, value in cell.settings.items()
        )
        for name in used:
            for number, path in enumerate(workshop.recordings(cell, name)):
                target = folder / f"{name}{suffix}.{number}.nc"
                link(path, target)
                files[target.name] = path.name
    return files


def _write_manifest(
    folder: Path, protocol: Protocol, expected: str, files: dict[str, str], seconds: float
) -> None:
    listed = sorted(
        path for part in ("recordings", "tables", "figures") for path in (folder / part).iterdir()
    )
    manifest = {
        "protocol": protocol.text,
        "expectations_sha256": expected,
        "versions": versions(),
        "source_sha256": fingerprint(""),
        "cells": [cell.settings for cell in protocol.cells],
        "seeds": {
            name: list(range(table.first_seed, table.first_seed + table.n_networks))
            for name, table in protocol.cells[0].tables["recording"].items()
        },
        "cached_as": files,
        "seconds": round(seconds, 1),
        "sha256": {
            path.relative_to(folder).as_posix(): _sha256(path)
            for path in [*listed, folder / "report.html"]
        },
    }
    target = folder / "manifest.json"
    target.write_text(json.dumps(manifest, indent=1, default=str), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

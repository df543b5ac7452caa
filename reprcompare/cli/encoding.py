"""Commands that predict brains."""

import warnings
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.cli.frame import (
    INPUT,
    OUT,
    as_json,
    labels_of_file,
    named_recordings,
    print_notes,
    print_table,
    say,
    write_report,
)


@click.command()
@click.argument("predictors", nargs=-1)
@click.argument("brain")
@click.option("--labels", type=INPUT, help="CSV of labels that predict, first column stimulus id.")
@click.option("--together", is_flag=True, help="All PREDICTORS and labels predict together.")
@click.option("--partition", is_flag=True, help="Say what each of them explains alone and shared.")
@click.option("--model", help="ridge, banded, pca or pls (default: ridge, banded if together).")
@click.option("--kernel", default="linear", show_default=True, help="linear, rbf, polynomial ...")
@click.option("--cv", default="5", show_default=True, help="Folds, or run, session, blocks ...")
@click.option("--delays", default="0", show_default=True, help="Lags in presentations, as 1,2,3.")
@click.option("--out", type=OUT, help="Folder for report.html and the tables.")
@click.option("--bootstrap", default=1000, show_default=True, type=click.IntRange(min=0))
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where to compute: cuda:0 ...")
@as_json
def encode(
    predictors: tuple[str, ...],
    brain: str,
    labels: Path | None,
    together: bool,
    partition: bool,
    model: str | None,
    kernel: str,
    cv: str,
    delays: str,
    out: Path | None,
    bootstrap: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Predict every neuroid of BRAIN from PREDICTORS, recordings.

    Every region of a recording predicts by itself, and the best is chosen within the training data;
    with --together, recordings and labels are groups that predict together.
    """
    import pandas as pd

    from reprcompare.encoding import LeakageWarning

    try:
        lags = [int(delay) for delay in delays.split(",")]
    except ValueError as error:
        raise click.BadParameter(
            f"expected whole numbers such as 1,2,3; got {delays!r}."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakageWarning)  # they are notes as well
        found = {
            name: rc.encode(
                given,
                rc.load_brain(brain),
                model,
                cv=int(cv) if cv.isdigit() else cv,
                kernel=kernel,
                delays=lags,
                partition=partition,
                n_bootstrap=bootstrap,
                seed=seed,
                device=device,
            )
            for name, given in _given(predictors, labels, together or partition).items()
        }
    tables = {
        part: pd.concat(
            [getattr(item, part).assign(recording=name) for name, item in found.items()],
            ignore_index=True,
        )
        for part in ("regions", "table", "partition", "choice")
    }
    print_table(tables["regions"], as_json)
    for name, item in found.items():
        if not as_json:
            say(f"\n{name}: {item.method}")
        print_notes(item.notes, as_json)
    named = {"encoding" if part == "table" else part: table for part, table in tables.items()}
    filled = {name: table for name, table in named.items() if len(table)}
    write_report(out, "Encoding models", found, filled)


def _given(names: tuple[str, ...], labels: Path | None, together: bool) -> dict[str, Any]:
    """Return what predicts, by its name: each by itself, or one mapping of groups."""
    recordings = named_recordings(names)
    table = labels_of_file(labels)
    if not recordings and table is None:
        raise click.UsageError("name recordings that predict, or give --labels.")
    if not together:
        return recordings | ({} if table is None else {"labels": table})
    columns = {} if table is None else {str(name): table[[name]] for name in table.columns}
    both = [name for name in columns if name in recordings]
    if both:
        raise click.UsageError(f"{both[0]!r} is both a recording and a label; rename one of them.")
    return {"together": {**recordings, **columns}}

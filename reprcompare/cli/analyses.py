"""Commands that analyse recordings and tables."""

from pathlib import Path

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
    table_of_file,
    write_report,
)


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.argument("brain")
@click.option("--out", type=OUT, help="Folder for report.html and scores.csv.")
@click.option("--comparator", help="How RDMs are compared (default: rho-a).")
@click.option("--metric", default="correlation", show_default=True, help="Dissimilarity.")
@click.option("--resample", default="both", show_default=True, help="subjects, stimuli or both.")
@click.option("--bootstrap", default=1000, show_default=True, type=click.IntRange(min=0))
@click.option("--correct", multiple=True, help="role, contrasts, partial, ...; repeat for several.")
@click.option("--labels", type=INPUT, help="CSV of labels, first column the stimulus id.")
@click.option("--nuisance", multiple=True, help="Label that 'partial' takes out; repeat.")
@click.option("--seed", default=0, show_default=True)
@as_json
def compare(
    models: tuple[str, ...],
    brain: str,
    out: Path | None,
    comparator: str | None,
    metric: str,
    resample: str,
    bootstrap: int,
    correct: tuple[str, ...],
    labels: Path | None,
    nuisance: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> None:
    """Compare MODELS, one or more recordings, with BRAIN.

    MODELS and BRAIN are recordings, other files that load without options, or catalogue names.
    """
    result = rc.compare(
        named_recordings(models),
        rc.load_brain(brain),
        comparator=comparator,
        resample=resample,
        n_bootstrap=bootstrap,
        seed=seed,
        metric=metric,
        correct=correct,
        labels=labels_of_file(labels),
        nuisance=nuisance,
    )
    if not as_json:
        say(result.method + "\n")
    print_table(result.corrected if correct else result.table, as_json)
    tables = {"scores": result.table, "pairs": result.pairs}
    if correct:
        tables |= {"corrected": result.corrected, "contributions": result.contributions}
    write_report(out, "Comparison", result, tables)


@click.command()
@click.argument("recordings", nargs=-1, required=True)
@click.option("--labels", type=INPUT, help="CSV of labels, first column the stimulus id.")
@click.option("--feature", "features", multiple=True, help="Audit only these; repeat for several.")
@click.option("--out", type=OUT, help="Folder for report.html and audit.csv.")
@click.option("--permutations", default=200, show_default=True, type=click.IntRange(min=0))
@click.option("--seed", default=0, show_default=True)
@as_json
def audit(
    recordings: tuple[str, ...],
    labels: Path | None,
    features: tuple[str, ...],
    out: Path | None,
    permutations: int,
    seed: int,
    as_json: bool,
) -> None:
    """Say how strongly every feature is represented in RECORDINGS.

    RECORDINGS are files or catalogue names; share, density and decodability are told for every
    region and subject.
    """
    import pandas as pd

    found = {
        name: rc.audit(
            recording,
            labels_of_file(labels),
            features=list(features) or None,
            n_permutations=permutations,
            seed=seed,
        )
        for name, recording in named_recordings(recordings).items()
    }
    tables = [item.table.assign(recording=name) for name, item in found.items()]
    table = pd.concat(tables, ignore_index=True)
    print_table(table, as_json)
    print_notes([note for item in found.values() for note in item.notes], as_json)
    write_report(out, "Bias audit", found, {"audit": table})


@click.command()
@click.argument("formula")
@click.argument("table", type=INPUT)
@click.option("--out", type=OUT, help="Folder for report.html and the tables.")
@as_json
def model(formula: str, table: Path, out: Path | None, as_json: bool) -> None:
    """Fit the mixed-effects model FORMULA to TABLE, a CSV file."""
    fit = rc.mixed_model(formula, table_of_file(table))
    if as_json:
        print_table(fit.fixed, as_json)
    else:
        click.echo(fit.summary())
    write_report(out, "Mixed-effects model", fit, {"fixed": fit.fixed, "random": fit.random})

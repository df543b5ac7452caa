"""Commands for public data sets, and for files of other formats."""

import json
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.cli.frame import (
    FILE,
    FOLDER,
    INPUT,
    Commands,
    as_json,
    is_recording,
    labels_of_file,
    pair_of,
    print_table,
)
from reprcompare.errors import UnknownNameError


@click.group(cls=Commands)
def data() -> None:
    """Public data sets, and files of other formats."""


@data.command("list")
@click.argument("name", required=False)
@as_json
def list_(name: str | None, as_json: bool) -> None:
    """List the public data sets, or all that is known of NAME."""
    from reprcompare.brains import catalogue, entry

    if name is not None:
        said = entry(name).model_dump()
        lines = [f"{key}: {value}" for key, value in said.items() if value]
        click.echo(json.dumps(said) if as_json else "\n".join(lines))
        return
    table = catalogue()
    if as_json:
        print_table(table, as_json)
        return
    for item in table.to_dict("records"):
        size = f"{item['megabytes']:.1f} MB" if item["megabytes"] > 0 else "by hand"
        click.echo(f"{item['name']:<24} {size:>8}  {item['title']}")


@data.command()
@click.argument("name")
@click.option("--data-dir", type=FOLDER, help="Where public data sets lie.")
def fetch(name: str, data_dir: Path | None) -> None:
    """Fetch the data set NAME, and check it."""
    from reprcompare.brains import fetch as fetch_

    for path in fetch_(name, data_dir).values():
        click.echo(str(path))


@data.command("import")
@click.argument("source")
@click.option("--out", "path", type=FILE, required=True, help="The recording to write (.nc).")
@click.option("--window", help="START:END in ms, averaged, where responses have time.")
@click.option("--stimulus", help="Column that names the stimulus of each presentation.")
@click.option("--region", help="Column of the neuroids, or one name for all of them.")
@click.option("--subject", help="Column of the neuroids, or one name for all of them.")
@click.option("--labels", type=INPUT, help="CSV of labels, first column the stimulus id.")
@click.option("--label", "columns", multiple=True, help="Column of SOURCE that is a label; repeat.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the reader of this format, such as bin_width=10 or mask=m.nii; repeat.",
)
@click.option("--data-dir", type=FOLDER, help="Where public data sets lie.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def import_(
    source: str,
    path: Path,
    window: str | None,
    stimulus: str | None,
    region: str | None,
    subject: str | None,
    labels: Path | None,
    columns: tuple[str, ...],
    options: tuple[str, ...],
    data_dir: Path | None,
    overwrite: bool,
) -> None:
    """Turn SOURCE, of another format, into a recording.

    SOURCE is a file (.nwb, .fif, .nii, .mat, .h5, .csv, .tsv, .parquet, .npy, .npz or an assembly
    .nc) or a name of the catalogue.
    """
    if labels is not None and columns:
        raise click.UsageError("give --labels, a table, or --label, columns of SOURCE, not both.")
    given: dict[str, Any] = dict(_named_value(text) for text in options)
    if window is not None:
        given["window"] = pair_of(window, ":", float, "START:END in ms")
    brain = rc.load_brain(
        source,
        data_dir,
        stimulus=stimulus,
        region=region,
        subject=subject,
        labels=list(columns) or labels_of_file(labels),
        **given,
    )
    if not is_recording(brain):
        raise UnknownNameError(
            f"{source!r} was published as RDMs, which are no recording; compare and audit take "
            "its name as it is."
        )
    rc.save_recording(brain, path, overwrite=overwrite)
    click.echo(str(path))


def _named_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE; names with a hyphen mean those with an underscore."""
    name, equals, value = text.partition("=")
    taken = ("window", "stimulus", "region", "subject", "labels", "data_dir")
    name = name.strip().replace("-", "_")
    if not equals or not name or not value:
        raise click.BadParameter(f"expected NAME=VALUE, got {text!r}.", param_hint="--option")
    if name in taken:
        flag = name.replace("_", "-")
        raise click.BadParameter(f"{name} has a flag: use --{flag}.", param_hint="--option")
    return name, value

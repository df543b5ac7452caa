"""Commands for whole experiments and their reports."""

import json
from pathlib import Path

import click

from reprcompare.cli.frame import FILE, FOLDER, OUT, as_json


@click.command()
@click.argument("protocol")
@click.option("--out", type=OUT, help="Folder for the results (default: runs/NAME).")
@click.option("--cache", type=FOLDER, help="Folder of finished work (default: REPRCOMPARE_CACHE).")
@click.option("--allow-import", is_flag=True, help="Import networks that the protocol names.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Dask scheduler on whose workers networks are made, or local: a worker on every core.",
)
@as_json
def run(
    protocol: str,
    out: Path | None,
    cache: Path | None,
    allow_import: bool,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Run PROTOCOL, a file or the name of a shipped one.

    What is finished is kept in the cache: an interrupted run goes on when it is run again.
    """
    from reprcompare.protocol import run_protocol

    done = run_protocol(
        protocol,
        out,
        cache=cache,
        allow_import=allow_import,
        progress=not as_json,
        scheduler=scheduler,
    )
    if as_json:
        answers = json.loads(done.expectations.to_json(orient="records"))
        click.echo(json.dumps({"report": str(done.report), "expectations": answers}))
        return
    for row in done.expectations.itertuples():
        click.echo(f"{row.answer:>12}  {row.claim}")
    click.echo(f"report: {done.report}")


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", "path", type=FILE, help="The page: .html, .md or .pdf (in FOLDER).")
def report(folder: Path, path: Path | None) -> None:
    """Make a page of the tables and figures in FOLDER.

    Such a folder is what run leaves behind, and what the other commands write with --out.
    """
    from reprcompare.report import report_of_folder

    click.echo(str(report_of_folder(folder).save(path or folder / "tables.html")))

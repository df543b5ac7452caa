"""What the commands share: options, tables in and out, reports of results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.errors import ReprcompareError, unknown_name

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Commands(click.Group):
    """A group that offers the nearest command for one that does not exist."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by name."""
        if self.get_command(ctx, args[0]) is None:
            ctx.fail(unknown_name("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


def recording_or_path(name: str) -> Any:
    """Return the path of a recording as it is, or load it by its name in the catalogue."""
    import xarray as xr

    if Path(name).suffix or Path(name).exists():
        return name
    found = rc.load_brain(name)
    if not isinstance(found, xr.Dataset):
        raise ReprcompareError(f"{name!r} was published as RDMs, which are no recording.")
    return found


def labels_of_file(path: Path | None) -> Any:
    """Read a table of labels, indexed by its first column, the stimulus id."""
    if path is None:
        return None
    table = table_of_file(path)
    return table.set_index(table.columns[0])


def table_of_file(path: Path) -> Any:
    """Read a CSV table."""
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ReprcompareError(f"{path} could not be read as a CSV table: {error}.") from error


def pair_of(text: str, separator: str, of: Callable[[str], Any], expected: str) -> tuple[Any, Any]:
    """Split an option of two values, such as START:END."""
    try:
        first, second = (of(part) for part in text.split(separator))
    except ValueError as error:
        raise click.BadParameter(f"expected {expected}, got {text!r}.") from error
    return first, second


def print_table(table: Any, as_json: bool) -> None:
    """Print a table, for people or for programs."""
    click.echo(table.to_json(orient="records") if as_json else table.to_string(index=False))


def write_report(out: Path | None, title: str, results: Any, tables: dict[str, Any]) -> None:
    """Write a report and its tables, if a folder was asked for."""
    if out is None:
        return
    page = rc.report(title, results if isinstance(results, list) else [results])
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_csv(out / f"{name}.csv", index=False)
        saved = page.save(out / "report.html")
    except OSError as error:
        raise ReprcompareError(
            f"the report could not be written to {out}: {error.strerror or error}. Give --out a "
            "folder that can be written to."
        ) from error
    click.echo(f"report: {saved}", err=True)

"""What the commands share: options, tables in and out, reports of results."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.errors import InvalidInputError, ReprcompareError, UnknownNameError, unknown_name


class OutputFolder(click.Path):
    """A folder for results, made before anything is computed."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Make the folder, or refuse it."""
        folder = Path(str(value))
        super().convert(value, param, ctx)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.fail(f"{folder} cannot be made: {error.strerror}.", param, ctx)
        if not os.access(folder, os.W_OK):
            self.fail(f"{folder} cannot be written to.", param, ctx)
        return folder


FILE = click.Path(dir_okay=False, path_type=Path)
INPUT = click.Path(dir_okay=False, path_type=Path, exists=True)
FOLDER = click.Path(file_okay=False, path_type=Path)
OUT = OutputFolder(file_okay=False, path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Commands(click.Group):
    """A group that offers the nearest command, and says in one sentence what went wrong."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by name."""
        if self.get_command(ctx, args[0]) is None:
            ctx.fail(unknown_name("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors become those of the command line, unless --debug is given."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as error:
            if ctx.find_root().obj:
                raise
            command = self.commands[str(ctx.invoked_subcommand)]
            said = in_options(_sentence(error), command, ctx.find_root().command)
            raise click.ClickException(said) from error


def _sentence(error: Exception) -> str:
    """Say what went wrong: whose fault it is, and what to do."""
    if isinstance(error, ReprcompareError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return (
        f"unexpected {type(error).__name__}: {error}. This is a fault of reprcompare; please "
        "report it with what `reprcompare --debug ...` prints."
    )


def recording_or_path(name: str) -> Any:
    """Return the path of a recording as it is, or load what the catalogue holds under its name."""
    return name if Path(name).suffix or Path(name).exists() else rc.load_brain(name)


def is_recording(found: Any) -> bool:
    """Tell a recording from data that were published as RDMs."""
    import xarray as xr

    return isinstance(found, xr.Dataset)


def named_recordings(names: Sequence[str]) -> dict[str, Any]:
    """Load recordings under the names of their files, or under their paths where names repeat."""
    stems = [Path(name).stem for name in names]
    chosen = stems if len(set(stems)) == len(stems) else list(names)
    if len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"a recording is named twice: {' '.join(names)}.")
    return {key: rc.load_brain(name) for key, name in zip(chosen, names, strict=True)}


def stimuli_of(name: str) -> Any:
    """Return a folder of images as it is, or load a stimulus set by its file or public name."""
    import xarray as xr

    path = Path(name)
    if path.is_dir():
        return name
    if path.suffix != ".nc":
        if not path.exists() and (path.suffix or path.name != name):
            raise InvalidInputError(f"{name} does not exist; expected {STIMULI}.")
        try:
            return rc.load_stimuli(name)
        except UnknownNameError as error:
            raise UnknownNameError(f"there is no folder {name}, and {error}") from error
    try:
        return xr.load_dataset(path)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{name} could not be read ({error}); expected {STIMULI}.") from (
            error
        )


STIMULI = (
    "a folder of images, a stimulus set (.nc), a table of images (.csv), or the name of a public "
    "data set with stimuli"
)


def labels_of_file(path: Path | None) -> Any:
    """Read a table of labels, indexed by its first column, the stimulus id."""
    if path is None:
        return None
    table = table_of_file(path)
    if table.shape[1] < 2:
        raise InvalidInputError(
            f"{path} has {table.shape[1]} column; expected the stimulus id in the first column and "
            "a feature in each of the others."
        )
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
    """Print a table: whole for programs; for people rounded, without columns that say nothing."""
    if as_json:
        click.echo(table.to_json(orient="records"))
        return
    said = table.dropna(axis="columns", how="all")
    say(said.to_string(index=False, na_rep="", float_format="{:.4g}".format))


def print_notes(notes: Sequence[str], as_json: bool) -> None:
    """Print what could not be said, and why; apart from JSON, so that programs can read that."""
    for note in dict.fromkeys(notes):
        say(f"note: {note}", err=as_json)


def say(text: str, err: bool = False) -> None:
    """Print what a function returned in words."""
    context = click.get_current_context()
    click.echo(in_options(text, context.command, context.find_root().command), err=err)


def in_options(message: str, command: click.Command, root: click.Command) -> str:
    """Turn the Python arguments that a message names into the options of the command line.

    Options of other commands are named with their command.
    """
    elsewhere = {
        name: f"{option} of {words}"
        for words, other in _commands(root, "reprcompare")
        for name, option in _options(other).items()
    }
    options = elsewhere | _options(command)
    # Longer names first, so that none is taken for the beginning of another.
    names = "|".join(sorted(options, key=len, reverse=True))
    said = re.sub(
        rf"\b({names})=(?:True\b|'([^']*)'|(\w+))?",
        lambda found: " ".join(filter(None, (options[found[1]], found[2], found[3]))),
        message,
    )
    return said.replace("reprcompare.load_brain", "reprcompare data import")


def _options(command: click.Command) -> dict[str, str]:
    """Return the options of a command by the names of their parameters."""
    return {
        str(option.name): option.opts[-1]
        for option in command.params
        if isinstance(option, click.Option)
    }


def _commands(group: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Go through the commands below a group, with the words that call them."""
    for word, command in getattr(group, "commands", {}).items():
        yield f"{name} {word}", command
        yield from _commands(command, f"{name} {word}")


def write_report(out: Path | None, title: str, results: Any, tables: dict[str, Any]) -> None:
    """Write a report and its tables, if a folder was asked for."""
    if out is None:
        return
    page = rc.report(title, results)
    try:
        for name, table in tables.items():
            table.to_csv(out / f"{name}.csv", index=False)
        saved = page.save(out / "report.html")
    except OSError as error:
        raise ReprcompareError(
            f"the report could not be written to {out}: {error.strerror or error}. Give --out a "
            "folder that can be written to."
        ) from error
    click.echo(f"report: {saved}", err=True)

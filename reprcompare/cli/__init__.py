"""The command line: parse arguments, call one function, print."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import click

from reprcompare.cli.analyses import audit, compare, model
from reprcompare.cli.data import data
from reprcompare.cli.encoding import encode
from reprcompare.cli.frame import Commands
from reprcompare.cli.interventions import role
from reprcompare.cli.recordings import join, record, show, validate, why
from reprcompare.cli.running import report, run
from reprcompare.errors import ReprcompareError

# Threads that wait by spinning make two jobs on one machine many times slower than one after the
# other; this must be said before the first parallel region of OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="reprcompare")
@click.pass_context
def commands(ctx: click.Context, debug: bool) -> None:
    """Compare what networks and brains represent, and separate bias from role."""
    ctx.obj = debug


for command in (
    run,
    record,
    compare,
    encode,
    audit,
    model,
    data,
    report,
    validate,
    show,
    why,
    join,
    role,
):
    commands.add_command(command)


def main(arguments: list[str] | None = None, run: Callable[..., Any] = commands) -> None:
    """Run the command line: status 0, 1 for a failure of the work, 2 for wrong use."""
    debug = "--debug" in (sys.argv if arguments is None else arguments)
    try:
        run.main(arguments, standalone_mode=False)  # type: ignore[attr-defined]
    except click.exceptions.Abort:
        sys.exit("reprcompare: interrupted; what was finished is kept.")
    except KeyboardInterrupt:
        sys.exit("reprcompare: interrupted; what was finished is kept.")
    except click.ClickException as error:
        click.echo(f"reprcompare: {error.format_message()}", err=True)
        sys.exit(2)
    except ReprcompareError as error:
        if debug:
            raise
        click.echo(f"reprcompare: {_as_typed(str(error), run)}", err=True)
        sys.exit(1)


def _as_typed(message: str, run: Any) -> str:
    """Turn the Python arguments that a message names into the options of the command line."""
    options = {
        str(option.name): option.opts[-1]
        for command in run.commands.values()
        for option in command.params
        if isinstance(option, click.Option)
    }
    # Longer names first, so that none is taken for the beginning of another.
    names = "|".join(sorted(options, key=len, reverse=True))
    return re.sub(
        rf"\b({names})=(?:True\b|'([^']*)'|(\w+))?",
        lambda found: " ".join(filter(None, (options[found[1]], found[2], found[3]))),
        message,
    )

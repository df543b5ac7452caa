"""The command line: parse arguments, call one function, print."""

import os
import sys

import click

from reprcompare.cli.analyses import audit, compare, model
from reprcompare.cli.data import data
from reprcompare.cli.encoding import encode
from reprcompare.cli.frame import Commands
from reprcompare.cli.interventions import role
from reprcompare.cli.recordings import join, record, show, validate, why
from reprcompare.cli.running import report, run

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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: status 0, 1 for a failure of the work, 2 for wrong use."""
    try:
        commands.main(arguments, prog_name="reprcompare", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit("reprcompare: interrupted; what was finished is kept.")
    except click.ClickException as error:
        click.echo(f"reprcompare: {error.format_message()}", err=True)
        sys.exit(error.exit_code)

"""The command line: parse arguments, call one function, print."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.errors import ReprcompareError, UnknownNameError, unknown_name

# Threads that wait by spinning make two jobs on one machine many times slower than one after the
# other; this must be said before the first parallel region of OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="reprcompare")
@click.pass_context
def commands(ctx: click.Context, debug: bool) -> None:
    """Compare what networks and brains represent, and separate bias from role."""
    ctx.obj = debug


@commands.command()
@click.argument("protocol")
@click.option("--out", type=FOLDER, help="Folder for the results (default: runs/NAME).")
@click.option("--cache", type=FOLDER, help="Folder of finished work (default: REPRCOMPARE_CACHE).")
@click.option("--allow-import", is_flag=True, help="Import networks that the protocol names.")
@as_json
def run(
    protocol: str, out: Path | None, cache: Path | None, allow_import: bool, as_json: bool
) -> None:
    """Run PROTOCOL, a file or the name of one that comes with the package."""
    from reprcompare.protocol import run_protocol

    done = run_protocol(protocol, out, cache=cache, allow_import=allow_import, progress=not as_json)
    if as_json:
        answers = json.loads(done.expectations.to_json(orient="records"))
        click.echo(json.dumps({"report": str(done.report), "expectations": answers}))
        return
    for row in done.expectations.itertuples():
        click.echo(f"{row.answer:>12}  {row.claim}")
    click.echo(f"report: {done.report}")


@commands.command()
@click.argument("network")
@click.option("--stimuli", required=True, help="A folder of images, or a catalogue name.")
@click.option("--labels", type=FILE, help="CSV of labels, first column the stimulus id.")
@click.option("--layers", multiple=True, help="Name or pattern; repeat for several.")
@click.option("--out", "path", type=FILE, required=True, help="The recording to write (.nc).")
@click.option("--weights", help="A file of weights, or DEFAULT for the trained ones.")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--subject", help="Name of this network (default: from NETWORK).")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", help="Where to run, such as cuda:0.")
@click.option("--compression", default=0, show_default=True, type=click.IntRange(0, 9))
@click.option("--reduce", help="Make responses smaller first: mean, max, sparse, subset:N, ...")
@click.option("--shard", help="NUMBER/OF: record only this part of the stimuli, from 0/OF.")
@click.option("--outputs", is_flag=True, help="Store what the network answers, too.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
@click.option("--allow-import", is_flag=True, help="Import NETWORK where it is module:attribute.")
def record(
    network: str,
    stimuli: str,
    labels: Path | None,
    layers: tuple[str, ...],
    path: Path,
    weights: str | None,
    batch_size: int,
    subject: str | None,
    seed: int,
    device: str | None,
    compression: int,
    reduce: str | None,
    shard: str | None,
    outputs: bool,
    overwrite: bool,
    allow_import: bool,
) -> None:
    """Put NETWORK through a recording session.

    NETWORK is efficientnet_lite0, pixels, v1_like, torchvision:NAME, timm:NAME, or, with
    --allow-import, module:attribute.
    """
    from reprcompare.networks import named_network

    there = path.is_file() and not overwrite
    made, preprocess = named_network(network, weights, seed, allow_import)
    shown: Any = stimuli if Path(stimuli).is_dir() else rc.load_stimuli(stimuli)
    recording = rc.record(
        made,
        shown,
        layers=list(layers) or None,
        path=path,
        labels=_labels(labels),
        batch_size=batch_size,
        subject=subject or network.replace(":", "-"),
        seed=seed,
        preprocess=preprocess,
        device=device,
        compression=compression,
        reduce=reduce,
        shard=_pair(shard, "/", int, "NUMBER/OF") if shard else None,
        outputs="logits" if outputs else None,
        overwrite=overwrite,
    )
    sizes = dict(recording.sizes)
    said = f"{path}: {sizes['presentation']} presentations x {sizes['neuroid']} neuroids"
    click.echo(said + (", finished before by the same session" if there else ""))


@commands.command()
@click.argument("models", nargs=-1, required=True)
@click.argument("brain")
@click.option("--out", type=FOLDER, help="Folder for report.html and scores.csv.")
@click.option("--comparator", help="How RDMs are compared (default: rho-a).")
@click.option("--metric", default="correlation", show_default=True, help="Dissimilarity.")
@click.option("--resample", default="both", show_default=True, help="subjects, stimuli or both.")
@click.option("--bootstrap", default=1000, show_default=True, type=click.IntRange(min=0))
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
    seed: int,
    as_json: bool,
) -> None:
    """Compare MODELS, recordings, with BRAIN, a recording or a catalogue name."""
    result = rc.compare(
        {Path(name).stem: rc.load_brain(name) for name in models},
        rc.load_brain(brain),
        comparator=comparator,
        resample=resample,
        n_bootstrap=bootstrap,
        seed=seed,
        metric=metric,
    )
    if not as_json:
        click.echo(result.method + "\n")
    _show(result.table, as_json)
    _write(out, "Comparison", result, {"scores": result.table, "pairs": result.pairs})


@commands.command()
@click.argument("recordings", nargs=-1, required=True)
@click.option("--labels", type=FILE, help="CSV of labels, first column the stimulus id.")
@click.option("--feature", "features", multiple=True, help="Audit only these; repeat for several.")
@click.option("--out", type=FOLDER, help="Folder for report.html and audit.csv.")
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
    """Say how strongly, densely and decodably RECORDINGS represent every feature."""
    import pandas as pd

    found = {
        name: rc.audit(
            rc.load_brain(name),
            _labels(labels),
            features=list(features) or None,
            n_permutations=permutations,
            seed=seed,
        )
        for name in recordings
    }
    tables = [item.table.assign(recording=Path(name).stem) for name, item in found.items()]
    table = pd.concat(tables, ignore_index=True)
    _show(table, as_json)
    notes = list(dict.fromkeys(note for item in found.values() for note in item.notes))
    for note in [] if as_json else notes:
        click.echo(f"note: {note}")
    _write(out, "Bias audit", list(found.values()), {"audit": table})


@commands.command()
@click.argument("formula")
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=FOLDER, help="Folder for report.html and the tables.")
@as_json
def model(formula: str, table: Path, out: Path | None, as_json: bool) -> None:
    """Fit the mixed-effects model FORMULA to TABLE, a CSV file."""
    fit = rc.mixed_model(formula, _csv(table))
    if as_json:
        _show(fit.fixed, as_json)
    else:
        click.echo(fit.summary())
    _write(out, "Mixed-effects model", fit, {"fixed": fit.fixed, "random": fit.random})


@commands.group(cls=Commands)
def data() -> None:
    """Public data sets, and files of other formats."""


@data.command("list")
@click.argument("name", required=False)
@as_json
def list_(name: str | None, as_json: bool) -> None:
    """List the public data sets of the catalogue, or all that is known of NAME."""
    from reprcompare.brains import catalogue, entry

    if name is not None:
        said = entry(name).model_dump()
        lines = [f"{key}: {value}" for key, value in said.items() if value]
        click.echo(json.dumps(said) if as_json else "\n".join(lines))
        return
    table = catalogue()
    if as_json:
        _show(table, as_json)
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
@click.option("--labels", type=FILE, help="CSV of labels, first column the stimulus id.")
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
    """Turn SOURCE, a file of another format or a catalogue name, into a recording."""
    import xarray as xr

    if labels is not None and columns:
        raise click.UsageError("give --labels, a table, or --label, columns of SOURCE, not both.")
    given: dict[str, Any] = dict(_named_value(text) for text in options)
    if window is not None:
        given["window"] = _pair(window, ":", float, "START:END in ms")
    brain = rc.load_brain(
        source,
        data_dir,
        stimulus=stimulus,
        region=region,
        subject=subject,
        labels=list(columns) or _labels(labels),
        **given,
    )
    if not isinstance(brain, xr.Dataset):
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


@commands.command()
@click.argument("folder", type=FOLDER)
@click.option("--out", "path", type=FILE, help="The page: .html, .md or .pdf (in FOLDER).")
def report(folder: Path, path: Path | None) -> None:
    """Make a report of the tables and figures in FOLDER, such as a run leaves behind."""
    from reprcompare.report import report_of_folder

    click.echo(str(report_of_folder(folder).save(path or folder / "tables.html")))


@commands.command()
@click.argument("recording")
def validate(recording: str) -> None:
    """Check that RECORDING, a file or a catalogue name, follows the format and is undamaged."""
    from reprcompare.recording import check_checksums

    found = _recording(recording)
    if not isinstance(found, str):
        rc.validate_recording(found, recording)
        click.echo(f"{recording} is a valid recording.")
        return
    rc.validate_recording(rc.open_recording(found), recording)
    check_checksums(found)
    click.echo(f"{recording} is a valid recording, and is as it was written.")


@commands.command()
@click.argument("recording")
@as_json
def show(recording: str, as_json: bool) -> None:
    """Show what RECORDING, a file or a catalogue name, is and where it came from."""
    from reprcompare.recording import describe, describe_text

    found = _recording(recording)
    click.echo(json.dumps(describe(found)) if as_json else describe_text(found))


@commands.command()
@click.argument("first")
@click.argument("second")
@as_json
def why(first: str, second: str, as_json: bool) -> None:
    """Say why the recordings FIRST and SECOND differ, the most telling difference first."""
    from reprcompare.recording import why as why_

    differences = why_(_recording(first), _recording(second))
    if as_json:
        click.echo(json.dumps([vars(item) for item in differences]))
        return
    for item in differences:
        click.echo(str(item))
    if not differences:
        click.echo("They do not differ.")


@commands.command()
@click.argument("path", type=FILE)
def join(path: Path) -> None:
    """Join the shards of the recording PATH, once all of them are there."""
    from reprcompare.sessions import join_shards

    click.echo(f"{path}: {join_shards(path).sizes['presentation']} presentations")


def _recording(name: str) -> Any:
    """Return the path of a recording as it is, or load it by its name in the catalogue."""
    import xarray as xr

    if Path(name).suffix or Path(name).exists():
        return name
    found = rc.load_brain(name)
    if not isinstance(found, xr.Dataset):
        raise ReprcompareError(f"{name!r} was published as RDMs, which are no recording.")
    return found


def _labels(path: Path | None) -> Any:
    if path is None:
        return None
    table = _csv(path)
    return table.set_index(table.columns[0])


def _csv(path: Path) -> Any:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise ReprcompareError(f"{path} could not be read as a CSV table: {error}.") from error


def _pair(text: str, separator: str, of: Callable[[str], Any], expected: str) -> tuple[Any, Any]:
    try:
        first, second = (of(part) for part in text.split(separator))
    except ValueError as error:
        raise click.BadParameter(f"expected {expected}, got {text!r}.") from error
    return first, second


def _show(table: Any, as_json: bool) -> None:
    click.echo(table.to_json(orient="records") if as_json else table.to_string(index=False))


def _write(out: Path | None, title: str, results: Any, tables: dict[str, Any]) -> None:
    """Write a report and its tables, if a folder was asked for."""
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False)
    page = rc.report(title, results if isinstance(results, list) else [results])
    click.echo(f"report: {page.save(out / 'report.html')}", err=True)


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

"""Commands that make recordings and look into them."""

import json
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.cli.frame import FILE, as_json, labels_of_file, pair_of, recording_or_path


@click.command()
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
        labels=labels_of_file(labels),
        batch_size=batch_size,
        subject=subject or network.replace(":", "-"),
        seed=seed,
        preprocess=preprocess,
        device=device,
        compression=compression,
        reduce=reduce,
        shard=pair_of(shard, "/", int, "NUMBER/OF") if shard else None,
        outputs="logits" if outputs else None,
        overwrite=overwrite,
    )
    sizes = dict(recording.sizes)
    said = f"{path}: {sizes['presentation']} presentations x {sizes['neuroid']} neuroids"
    click.echo(said + (", finished before by the same session" if there else ""))


@click.command()
@click.argument("path", type=FILE)
def join(path: Path) -> None:
    """Join the shards of the recording PATH, once all of them are there."""
    from reprcompare.sessions import join_shards

    click.echo(f"{path}: {join_shards(path).sizes['presentation']} presentations")


@click.command()
@click.argument("recording")
def validate(recording: str) -> None:
    """Check that RECORDING, a file or a catalogue name, follows the format and is undamaged."""
    from reprcompare.recording import check_checksums

    found = recording_or_path(recording)
    if not isinstance(found, str):
        rc.validate_recording(found, recording)
        click.echo(f"{recording} is a valid recording.")
        return
    rc.validate_recording(rc.open_recording(found), recording)
    check_checksums(found)
    click.echo(f"{recording} is a valid recording, and is as it was written.")


@click.command()
@click.argument("recording")
@as_json
def show(recording: str, as_json: bool) -> None:
    """Show what RECORDING, a file or a catalogue name, is and where it came from."""
    from reprcompare.recording import describe, describe_text

    found = recording_or_path(recording)
    click.echo(json.dumps(describe(found)) if as_json else describe_text(found))


@click.command()
@click.argument("first")
@click.argument("second")
@as_json
def why(first: str, second: str, as_json: bool) -> None:
    """Say why the recordings FIRST and SECOND differ, the most telling difference first."""
    from reprcompare.recording import why as why_

    differences = why_(recording_or_path(first), recording_or_path(second))
    if as_json:
        click.echo(json.dumps([vars(item) for item in differences]))
        return
    for item in differences:
        click.echo(str(item))
    if not differences:
        click.echo("They do not differ.")

"""Commands that make recordings and look into them."""

import json
from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.cli.frame import (
    FILE,
    INPUT,
    as_json,
    is_recording,
    labels_of_file,
    pair_of,
    recording_or_path,
    stimuli_of,
)
from reprcompare.errors import InvalidInputError, listing


@click.command()
@click.argument("network")
@click.option(
    "--stimuli",
    required=True,
    help="A folder of images, a set (.nc), a table (.csv), a public name.",
)
@click.option("--labels", type=INPUT, help="CSV of labels, first column the stimulus id.")
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
    from reprcompare.sessions import shard_path

    part = pair_of(shard, "/", int, "NUMBER/OF") if shard else None
    target = path if part is None else shard_path(path, part)
    there = target.is_file() and not overwrite
    made, preprocess = named_network(network, weights, seed, allow_import)
    recording = rc.record(
        made,
        stimuli_of(stimuli),
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
        shard=part,
        outputs="logits" if outputs else None,
        overwrite=overwrite,
    )
    sizes = dict(recording.sizes)
    said = f"{target}: {sizes['presentation']} presentations x {sizes['neuroid']} neuroids"
    click.echo(said + (", finished before by the same session" if there else ""))


@click.command()
@click.argument("path", type=FILE)
def join(path: Path) -> None:
    """Join the shards of the recording PATH.

    All of them must be there: PATH is what was given to --out when they were recorded.
    """
    from reprcompare.sessions import join_shards

    click.echo(f"{path}: {join_shards(path).sizes['presentation']} presentations")


@click.command()
@click.argument("recording")
def validate(recording: str) -> None:
    """Check that RECORDING follows the format and is undamaged.

    RECORDING is a file or a catalogue name.
    """
    from reprcompare.recording import check_checksums

    found = recording_or_path(recording)
    if isinstance(found, str):
        rc.validate_recording(rc.open_recording(found), recording)
        check_checksums(found)
        click.echo(f"{recording} is a valid recording, and is as it was written.")
    elif is_recording(found):
        rc.validate_recording(found, recording)
        click.echo(f"{recording} is a valid recording; its files are as published.")
    else:
        click.echo(f"{recording} holds {found.n_rdm} RDMs; its files are as published.")


@click.command()
@click.argument("recording")
@as_json
def show(recording: str, as_json: bool) -> None:
    """Show what RECORDING is and where it came from.

    RECORDING is a file or a catalogue name.
    """
    from reprcompare.recording import describe, describe_text

    found = recording_or_path(recording)
    if not isinstance(found, str) and not is_recording(found):
        said = _described(found)
        lines = [f"{name:<13} {value}" for name, value in said.items() if value]
        click.echo(json.dumps(said) if as_json else "\n".join(lines))
        return
    click.echo(json.dumps(describe(found)) if as_json else describe_text(found))


def _described(rdms: Any) -> dict[str, object]:
    """Return what a person wants to know first of data that were published as RDMs."""
    from reprcompare.geometry import stimulus_ids

    whose = {
        f"{name}s": listing(dict.fromkeys(map(str, rdms.rdm_descriptors.get(name, []))), most=8)
        for name in ("subject", "session", "region")
    }
    return {
        "identifier": str(rdms.descriptors.get("identifier", "")),
        "kind": "RDMs",
        "rdms": rdms.n_rdm,
        **whose,
        "stimuli": rdms.n_cond,
        "first_stimuli": listing(stimulus_ids(rdms)[:3]),
        "dissimilarity": str(rdms.dissimilarity_measure or ""),
    }


@click.command()
@click.argument("first")
@click.argument("second")
@as_json
def why(first: str, second: str, as_json: bool) -> None:
    """Say why the recordings FIRST and SECOND differ.

    Each is a file or a catalogue name. The most telling difference comes first.
    """
    from reprcompare.recording import why as why_

    both = [recording_or_path(name) for name in (first, second)]
    for name, found in zip((first, second), both, strict=True):
        if not isinstance(found, str) and not is_recording(found):
            raise InvalidInputError(
                f"{name!r} was published as RDMs, which are no recording; how much RDMs agree is "
                "told by `reprcompare compare`."
            )
    differences = why_(*both)
    if as_json:
        click.echo(json.dumps([vars(item) for item in differences]))
        return
    for item in differences:
        click.echo(str(item))
    if not differences:
        click.echo("They do not differ.")

"""Commands that intervene on networks."""

from pathlib import Path
from typing import Any

import click

import reprcompare as rc
from reprcompare.cli.frame import (
    FILE,
    INPUT,
    as_json,
    print_notes,
    print_table,
    stimuli_of,
)


@click.command()
@click.argument("network")
@click.argument("recording", type=INPUT)
@click.option("--stimuli", required=True, help="A folder of images, a stimulus set (.nc), ...")
@click.option(
    "--counterfactual",
    "counterfactuals",
    multiple=True,
    required=True,
    metavar="FEATURE=STIMULI",
    help="Stimuli that differ in FEATURE: a folder of images named as the stimuli, or a set with "
    "'counterfactual_of' (.nc); repeat for several features.",
)
@click.option("--out", "path", type=FILE, help="The recording with its effects to write (.nc).")
@click.option("--weights", help="A file of weights, or DEFAULT for the trained ones.")
@click.option("--region", "regions", multiple=True, help="Only these; repeat for several.")
@click.option("--subject", help="Which subject of RECORDING the network is.")
@click.option("--response", "responses", multiple=True, help="Feature of each response, in order.")
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option("--device", help="Where to run, such as cuda:0.")
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
@click.option("--allow-import", is_flag=True, help="Import NETWORK where it is module:attribute.")
@as_json
def role(
    network: str,
    recording: Path,
    stimuli: str,
    counterfactuals: tuple[str, ...],
    path: Path | None,
    weights: str | None,
    regions: tuple[str, ...],
    subject: str | None,
    responses: tuple[str, ...],
    batch_size: int,
    seed: int,
    device: str | None,
    overwrite: bool,
    allow_import: bool,
    as_json: bool,
) -> None:
    """Measure the causal role of features in NETWORK.

    RECORDING, of NETWORK, names its regions. NETWORK is named as for record.
    """
    from reprcompare.audit import roles
    from reprcompare.networks import named_network

    made, preprocess = named_network(network, weights, seed, allow_import)
    with rc.open_recording(recording) as opened:
        measured = rc.role(
            made,
            opened,
            stimuli_of(stimuli),
            dict(_counterfactuals(text) for text in counterfactuals),
            regions=list(regions) or None,
            subject=subject,
            responses=list(responses) or None,
            preprocess=preprocess,
            batch_size=batch_size,
            seed=seed,
            device=device,
        )
        if path is not None:
            rc.save_recording(measured, path, overwrite=overwrite)
        print_table(roles(measured), as_json)
    notes = str(measured["effect"].attrs["notes"])
    print_notes(notes.split("; ") if notes else [], as_json)


def _counterfactuals(text: str) -> tuple[str, Any]:
    feature, equals, place = text.partition("=")
    if not (feature and equals and place):
        raise click.BadParameter(
            f"expected FEATURE=STIMULI, got {text!r}.", param_hint="--counterfactual"
        )
    return feature, stimuli_of(place)

"""Put a network through a recording session."""

import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn
from tqdm import tqdm

from reprcompare.errors import InvalidInputError, RecordingExistsError
from reprcompare.recording import open_recording
from reprcompare.recording.provenance import read_session
from reprcompare.recording.writer import RecordingWriter, differences, same_session
from reprcompare.sessions import identity
from reprcompare.sessions.capture import Capture, TimeAxis
from reprcompare.sessions.estimates import available_memory
from reprcompare.sessions.images import Preprocess
from reprcompare.sessions.labelling import feature_columns
from reprcompare.sessions.layers import choose_layers
from reprcompare.sessions.run import Settings, run_session
from reprcompare.sessions.shards import part_of, shard_path
from reprcompare.sessions.states import Checkpoints, States, as_it_was
from reprcompare.sessions.stimuli import open_stimuli


def record(
    network: nn.Module,
    stimuli: object,
    *,
    layers: str | Sequence[str] | None,
    path: str | os.PathLike[str],
    stimulus_ids: Sequence[object] | np.ndarray | None = None,
    labels: pd.DataFrame | None = None,
    extraneous: pd.DataFrame | None = None,
    outputs: str | None = None,
    batch_size: int = 64,
    subject: str = "network",
    seed: int = 0,
    preprocess: Preprocess | None = None,
    reduce: str | Mapping[str, str] | None = None,
    time_axis: TimeAxis = None,
    checkpoints: Checkpoints | None = None,
    training: bool = False,
    nonfinite: str = "error",
    compression: int = 0,
    keep_bits: int | None = None,
    shard: tuple[int, int] | None = None,
    device: str | torch.device | None = None,
    identifier: str = "",
    overwrite: bool = False,
    progress: bool = True,
) -> xr.Dataset:
    """Run stimuli through a network and stream what its layers do to a file.

    Memory does not grow with the number of stimuli. A session that was interrupted goes on from its
    last whole batch when it is called again with the same arguments, and gives the same file.

    Parameters
    ----------
    network
        Any torch network. It is left as it was: mode, device, hooks.
    stimuli
        A stimulus set, array, tensor, torch Dataset or DataLoader, iterable, or folder of images;
        see `reprcompare.sessions.open_stimuli`.
    layers
        Names or patterns, None for all leaf modules; see `choose_layers`.
    path
        The file to write. If it is finished by the same session it is returned; if it is
        unfinished it is gone on with; anything else is an error unless `overwrite`.
    stimulus_ids
        One id a stimulus, unless the stimuli carry theirs.
    labels
        Feature labels, a table indexed by stimulus id.
    extraneous
        Properties of the features in this network, a table indexed by feature with one column a
        property (`learning_rank`, `prevalence`, `trained`, ...).
    outputs
        ``"logits"`` stores what the network returns as `output`.
    batch_size
        Stimuli in one forward pass.
    subject
        Name of this network.
    seed
        Seed of everything random: dropout if `training`, projections, subsets.
    preprocess
        Called with every batch, or with every image of a folder.
    reduce
        What to do to responses before they are stored, for all layers or by layer pattern; see
        `reprcompare.sessions.reductions.prepare`.
    time_axis
        Makes an axis of the responses (``1`` for tokens) or the ``"calls"`` of a module time bins.
    checkpoints
        States of the network by training step, or files that hold them: one recording over
        training.
    training
        Leave the network in its present mode (dropout on) instead of evaluation mode.
    nonfinite
        What to do about NaN and infinite responses: ``"error"`` stops, ``"keep"`` stores and
        counts them.
    compression
        Level of lossless compression, 0 (none) to 9.
    keep_bits
        Round responses to so many bits of the mantissa (1 to 23), which compresses better.
    shard
        ``(number, of_how_many)``, counted from 0: record only this part of the stimuli, to
        ``shard_path(path, shard)``; see `join_shards`.
    device
        Where to run; where the network is by default.
    identifier
        Name of the recording, `subject` by default.
    overwrite
        Replace what is at `path`.
    progress
        Show a bar if the terminal can.

    Returns
    -------
    xarray.Dataset
        The recording, opened lazily.

    Raises
    ------
    UnknownLayerError
        If a layer does not exist.
    InvalidInputError
        If an argument does not fit.
    RecordingExistsError
        If the path is taken by something else, or by another process.
    RecordingFailedError
        If the session had to stop; it can be resumed.

    Examples
    --------
    >>> import tempfile
    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recording = record(network, torch.eye(4), layers="1", path=folder + "/mlp.nc",
    ...                        stimulus_ids=list("abcd"), subject="mlp-0", progress=False)
    ...     print(dict(recording.sizes), recording.neuroid_id.values[0])
    ...     recording.close()
    {'presentation': 4, 'neuroid': 3} mlp-0.1.0
    """
    seed = _whole("seed", seed, 0)
    batch_size = _whole("batch_size", batch_size, 1)
    target = Path(path) if shard is None else shard_path(path, shard)
    settings = Settings(
        subject=subject, seed=seed, batch_size=batch_size, outputs=outputs, reduce=reduce,
        time_axis=time_axis, nonfinite=nonfinite, compression=compression,
        keep_bits=keep_bits,
        identifier=identifier or subject,
    )  # fmt: skip
    if not isinstance(network, nn.Module):
        raise InvalidInputError(
            f"network is a {type(network).__name__}, expected a torch.nn.Module."
        )
    source = open_stimuli(stimuli, stimulus_ids, labels, preprocess)
    features = list(feature_columns(extraneous, source, subject))
    chosen = choose_layers(network, layers)
    states = States(network, checkpoints)
    session = identity.plain(
        {
            **identity.describe_network(network, states.sha256),
            "layers": [[layer.module, layer.call, layer.part] for layer in chosen],
            "stimuli": source.fingerprint,
            "n_stimuli": source.total,
            "labels": identity.describe_labels(source),
            "extraneous": identity.describe_table(extraneous),
            "preprocess": identity.describe_function(preprocess),
            "training_steps": states.steps,
            "training": training,
            **settings.identity(),
        }
    )
    if shard is not None:
        session["shard"] = list(shard)
        source = part_of(source, shard, batch_size)
    if not overwrite and _is_finished(target, session):
        return open_recording(target)
    with (
        RecordingWriter(target, session, overwrite=overwrite) as writer,
        as_it_was(network, device, training) as place,
        Capture(network, chosen, time_axis, available_memory()) as capture,
        tqdm(
            total=None if source.size is None else source.size * max(1, len(states.steps)),
            unit="stimulus",
            desc=f"recording {subject}",
            disable=None if progress else True,
        ) as bar,
    ):
        # Another process may have finished the same session while this one waited for nothing.
        if overwrite or not _is_finished(target, session):
            run_session(network, source, states, capture, writer, settings, features, place, bar)
    return open_recording(target)


def _whole(name: str, value: int, least: int) -> int:
    """Return a whole number, whether it came from Python or numpy."""
    if not isinstance(value, Integral) or value < least:
        raise InvalidInputError(f"{name} must be a whole number from {least} on, got {value!r}.")
    return int(value)


def _is_finished(target: Path, session: Mapping[str, object]) -> bool:
    """Tell whether the session's file is there already; anything else that is there is an error."""
    if not target.exists():
        if not target.parent.is_dir():
            raise InvalidInputError(f"the folder {target.parent} does not exist; create it first.")
        return False
    earlier = read_session(target)
    if earlier and same_session(earlier, session):
        return True
    why = (
        f"was recorded by a session that {differences(earlier, session)}"
        if earlier
        else "is no recording of a session"
    )
    raise RecordingExistsError(
        f"{target} exists and {why}; choose another path, or pass overwrite=True to replace it."
    )

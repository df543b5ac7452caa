"""Make what a protocol describes: networks, their recordings, brains."""

import dataclasses
import inspect
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from rsatoolbox.rdm import RDMs
from torch import nn
from tqdm import tqdm

from reprcompare.brains import load_brain, load_stimuli
from reprcompare.errors import (
    InvalidInputError,
    ProtocolError,
    ReprcompareError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.geometry import group_mean
from reprcompare.measurement import simulate_brain
from reprcompare.networks import (
    NETWORKS,
    Architecture,
    Trained,
    Training,
    import_object,
    load_weights,
    train,
)
from reprcompare.protocol import schema
from reprcompare.protocol.cache import Cache, fingerprint, key_of
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import open_recording, select
from reprcompare.sessions import record
from reprcompare.sessions.layers import choose_layers
from reprcompare.sessions.states import Checkpoints
from reprcompare.tasks import with_counterfactuals

PROPERTIES_OF_TRAINING = (
    *("trained", "learned_at", "learning_rank", "training_steps"),
    *("validation_accuracy", "validation_loss"),
)
"""What training adds to the properties that a task gives its features."""

ROOMS = ("recording", "tasks", "networks", "sessions")
"""Rooms whose code decides what a recording of a network contains."""


@dataclass(frozen=True)
class Workshop:
    """What is needed to make things.

    Attributes
    ----------
    cache
        Finished work.
    allow_import
        Whether networks that a protocol names by ``module:attribute`` may be imported.
    progress
        Whether bars are shown.
    """

    cache: Cache
    allow_import: bool = False
    progress: bool = True

    def places(self, cell: Cell, name: str) -> dict[int, Path]:
        """Return where the recordings of a table lie, or will lie, by seed.

        Parameters
        ----------
        cell
            A cell of the sweep.
        name
            Of a table ``[recording.NAME]``.
        """
        table: schema.RecordingTable = cell.tables["recording"][name]
        seeds = range(table.first_seed, table.first_seed + table.n_networks)
        return {seed: self.cache.recording(self._key(cell, name, table, seed)) for seed in seeds}

    def recordings(self, cell: Cell, name: str) -> list[Path]:
        """Return the recordings of a table, one file a network, in the order of the seeds."""
        return list(self.places(cell, name).values())

    def make(
        self,
        cell: Cell,
        name: str,
        seeds: Sequence[int],
        done: Callable[[], object] = lambda: None,
    ) -> None:
        """Make, train and record the networks of some seeds together, unless all are there.

        All of them are trained where one is missing, since the last bits of a network depend on
        the stack that it is trained in, and must not depend on where a worker died.

        Parameters
        ----------
        cell, name
            As for `places`.
        seeds
            Of the table.
        done
            Called after every network.
        """
        places = self.places(cell, name)
        paths = {seed: places[seed] for seed in seeds}
        if not all(path.is_file() for path in paths.values()):
            self._record(cell, name, cell.tables["recording"][name], paths, done)

    def check(self, cell: Cell, name: str) -> None:
        """Check that a network of a table can be made and has the layers that are recorded.

        Parameters
        ----------
        cell, name
            As for `places`.

        Raises
        ------
        ProtocolError
            With the place in the file, before hours are spent on training.
        """
        table: schema.RecordingTable = cell.tables["recording"][name]
        place = f"network.{table.network}"
        try:
            network, _ = self._network(cell, table, table.first_seed)
            place = f"recording.{name}.layers"
            choose_layers(network, table.layers)
        except InvalidInputError as error:
            raise ProtocolError(f"{place}: {error}") from error

    def network(self, cell: Cell, name: str, path: Path) -> nn.Module:
        """Build a network again that was recorded, with the weights that it had then.

        Parameters
        ----------
        cell
            A cell of the sweep.
        name
            Of a table ``[recording.NAME]``.
        path
            One of its recordings.
        """
        table: schema.RecordingTable = cell.tables["recording"][name]
        seed = next(seed for seed, place in self.places(cell, name).items() if place == path)
        network, _ = self._network(cell, table, seed)
        if table.training is not None:
            weights = _weights(path)
            if not weights.is_file():
                raise ReprcompareError(
                    f"the weights of {name}-{seed} are not beside its recording in the cache; "
                    f"remove {path}, so that the network is made again."
                )
            network.load_state_dict(load_weights(weights))
        return network.eval()

    def stimuli(self, cell: Cell, name: str) -> xr.Dataset:
        """Make or load the stimuli that the networks of a table are recorded with.

        Parameters
        ----------
        cell
            A cell of the sweep.
        name
            Of a table ``[recording.NAME]``.
        """
        table: schema.RecordingTable = cell.tables["recording"][name]
        if table.task is None:
            return load_stimuli(str(table.stimuli))
        task = cell.tables["task"][table.task]
        stimuli = task.evaluation_set(table.n_per_cell, seed=table.evaluation_seed)
        if table.counterfactuals:
            stimuli = with_counterfactuals(task, stimuli, table.evaluation_seed)
        return stimuli.assign_coords(response_feature=("response", task.response_features))

    def brain(self, cell: Cell, name: str) -> xr.Dataset | RDMs:
        """Load or simulate a brain.

        Parameters
        ----------
        cell
            A cell of the sweep.
        name
            Of a table ``[brain.NAME]``.
        """
        table = cell.tables["brain"][name]
        if isinstance(table, schema.SimulatedBrain):
            seen = open_recording(self.recordings(cell, table.recording)[0])
            return simulate_brain(
                seen,
                n_neuroids=table.n_neuroids,
                n_repetitions=table.n_repetitions,
                n_subjects=table.n_subjects,
                snr=table.snr,
                seed=table.seed,
            )
        brain = load_brain(table.source)
        if isinstance(brain, RDMs):
            for descriptor, value in table.select.items():
                known = [str(item) for item in brain.rdm_descriptors.get(descriptor, [])]
                if str(value) not in known:
                    raise UnknownNameError(unknown_name(descriptor, str(value), set(known), name))
                brain = brain.subset(descriptor, value)
            return group_mean(brain) if table.average_subjects else brain
        return select(brain, **table.select)

    def _key(self, cell: Cell, name: str, table: schema.RecordingTable, seed: int) -> str:
        used = {
            section: cell.tables[section][chosen]
            for section in ("task", "network", "training")
            if (chosen := getattr(table, section)) is not None
        }
        own = table.model_dump(exclude={"n_networks", "first_seed", "criterion", *used})
        # The version of torch decides the last bits; the number of networks in a stack does not.
        return key_of(
            name=name,
            seed=seed,
            table=own,
            code=fingerprint(*ROOMS),
            torch=torch.__version__,
            **{section: _described(item) for section, item in used.items()},
        )

    def _record(
        self,
        cell: Cell,
        name: str,
        table: schema.RecordingTable,
        paths: dict[int, Path],
        done: Callable[[], object],
    ) -> None:
        """Make and train networks; record those that are not there yet."""
        stimuli = self.stimuli(cell, name)
        if table.task is None:
            for seed, path in paths.items():
                if not path.is_file():
                    network, architecture = self._network(cell, table, seed)
                    self._session(name, table, network, stimuli, seed, path, architecture)
                done()
            return
        task = cell.tables["task"][table.task]
        made = [self._network(cell, table, seed) for seed in paths]
        networks = [network for network, _ in made]
        properties = [pd.DataFrame({"trained": 0}, index=task.properties.index)] * len(networks)
        states: list[Checkpoints | None] = [None] * len(networks)
        if table.training is not None:
            settings: Training = cell.tables["training"][table.training]
            trained = _train(task, networks, settings, table, list(paths), self.progress)
            properties = [
                # Networks are not asked for distractors.
                _learned(task.feature_names, item)
                .reindex(task.properties.index)
                .fillna({"trained": 0})
                for item in trained
            ]
            for network, item in zip(networks, trained, strict=True):
                network.load_state_dict(item.state)
            if settings.checkpoints or settings.checkpoint_every:
                states = [item.checkpoints | {item.steps: item.state} for item in trained]
        order: list[str] | None = getattr(networks[0], "order", None)
        if order is not None:
            # Where a network answers in an order of its own, that is the position of its features.
            stimuli = stimuli.drop_vars("position")
            places = pd.Series(range(len(task.levels)), index=order)
            properties = [item.assign(position=places) for item in properties]
        for (seed, path), network, extraneous, checkpoints in zip(
            paths.items(), networks, properties, states, strict=True
        ):
            if path.is_file():
                done()
                continue
            if table.training is not None:
                _keep(network, path)
            self._session(
                name,
                table,
                network,
                stimuli,
                seed,
                path,
                extraneous=extraneous,
                outputs="logits",
                checkpoints=checkpoints,
            )
            done()

    def _session(
        self,
        name: str,
        table: schema.RecordingTable,
        network: nn.Module,
        stimuli: xr.Dataset,
        seed: int,
        path: Path,
        architecture: Architecture | None = None,
        **more: Any,
    ) -> None:
        record(
            network,
            stimuli,
            layers=table.layers,
            path=path,
            subject=f"{name}-{seed}",
            seed=seed,
            reduce=table.reduce,
            batch_size=table.batch_size,
            preprocess=architecture.preprocess if architecture else None,
            identifier=name,
            progress=False,
            **more,
        ).close()

    def _network(
        self, cell: Cell, table: schema.RecordingTable, seed: int
    ) -> tuple[nn.Module, Architecture]:
        spec = cell.tables["network"][table.network]
        known: dict[str, Any] = {"seed": seed}
        if table.task is not None:
            task = cell.tables["task"][table.task]
            known |= {
                "n_inputs": math.prod(task.input_shape),
                "n_outputs": task.n_outputs,
                "input_shape": task.input_shape,
                "levels": task.levels,
                "feature_names": task.feature_names,
            }
        if isinstance(spec, schema.ImportedNetwork):
            architecture = Architecture(import_object(spec.object, self.allow_import))
            options = dict(spec.options)
        else:
            architecture = NETWORKS[spec.kind]
            options = {field: getattr(spec, field) for field in type(spec).model_fields}
            options.pop("kind")
        return architecture.make(**options, **_accepted(architecture.make, known)), architecture


def _weights(recording: Path) -> Path:
    """Return where the weights of a recorded network lie."""
    return recording.with_suffix(".pt")


def _keep(network: nn.Module, recording: Path) -> None:
    """Keep the weights of a network beside its recording, for interventions on it."""
    target = _weights(recording)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    torch.save(network.state_dict(), partial)
    partial.replace(target)


def _accepted(make: Any, known: dict[str, Any]) -> dict[str, Any]:
    """Return those of the known values that a function that makes networks takes."""
    parameters = inspect.signature(make).parameters
    return {name: value for name, value in known.items() if name in parameters}


def _described(item: Any) -> Any:
    return dataclasses.asdict(item) if dataclasses.is_dataclass(item) else item.model_dump()  # type: ignore[arg-type]


def _train(
    task: Any,
    networks: Sequence[nn.Module],
    settings: Training,
    table: schema.RecordingTable,
    seeds: Sequence[int],
    progress: bool,
) -> list[Trained]:
    """Train networks together, each on training stimuli of its own."""
    drawn = [task.examples(table.n_training, "train", [seed, 1]) for seed in seeds]
    held_out = task.examples(table.n_validation, "validation", table.evaluation_seed)
    with tqdm(
        total=settings.max_steps, desc="train", unit="step", disable=None if progress else True
    ) as bar:
        return train(
            networks,
            [x for x, _ in drawn],
            [y for _, y in drawn],
            held_out,
            settings,
            seeds=seeds,
            features=task.feature_names,
            levels=task.levels,
            progress=bar.update,
        )


def _learned(features: list[str], trained: Trained) -> pd.DataFrame:
    """Return what training tells about each feature, indexed by feature."""
    at = pd.Series(trained.learned_at, index=pd.Index(features, name="feature"))
    return pd.DataFrame(
        {
            "trained": trained.trained.astype(int),
            "learned_at": at,
            # Features that were never learned come last.
            "learning_rank": at.fillna(np.inf).rank(method="min"),
            "training_steps": trained.steps,
            "validation_accuracy": trained.accuracy,
            "validation_loss": trained.loss,
        }
    )


def link(source: Path, target: Path) -> None:
    """Put a file of the cache into an output folder, without copying where the disk allows it."""
    target.unlink(missing_ok=True)
    # One file under two names: writing to the one must not damage the other.
    source.chmod(0o444)
    try:
        os.link(source, target)
    except OSError:
        target.write_bytes(source.read_bytes())

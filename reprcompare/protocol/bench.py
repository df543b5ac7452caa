"""What analyses work on and what they leave: the ground that all kinds of analysis stand on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from rsatoolbox.rdm import RDMs

from reprcompare.brains import load_stimuli
from reprcompare.errors import InvalidInputError, NotIdentifiableError, listing, unknown_name
from reprcompare.geometry import rdm
from reprcompare.networks.image_statistics import image_statistics
from reprcompare.protocol import schema
from reprcompare.protocol.making import Workshop
from reprcompare.protocol.sweep import Cell
from reprcompare.recording import concat, label_table, open_recording


@dataclass(frozen=True)
class Columns:
    """The columns that a table of an analysis has, for checking expectations before the run.

    The settings of the sweep stand in front of every table, and need not be named.

    Attributes
    ----------
    names
        Columns that it always has.
    of_features
        Whether it also carries the extraneous properties of features, which depend on the task.
    closed
        Whether there are no others; where False, an unknown name is left to the run.
    """

    names: tuple[str, ...]
    of_features: bool = False
    closed: bool = True


@dataclass
class Outcome:
    """What an analysis gave.

    Attributes
    ----------
    name
        As in the protocol.
    tables : dict of pandas.DataFrame
        With the swept settings as columns.
    results : list of (settings, result)
        What a report shows of every cell: the objects that the functions returned, or sections.
        Where there are none, it shows the first table.
    shown : dict
        How a report shows the results, beside their kind.
    """

    name: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    results: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What analyses work on: the cells, the recordings made, and what came before.

    Attributes
    ----------
    workshop
        Knows where recordings lie, and loads brains.
    cells
        Of the sweep.
    networks
        Every network, and whether it is counted, as in ``tables/networks.csv``.
    outcomes
        Of the analyses before this one.
    """

    workshop: Workshop
    cells: list[Cell]
    networks: pd.DataFrame
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def counted(self, cell: Cell, name: str) -> list[Path]:
        """Return the recordings of networks that reached the criterion; there may be none."""
        own = self.networks[self.networks["cell"] == str(cell.settings)]
        gone = set(own[~own["counted"].astype(bool)]["file"])
        return [path for path in self.workshop.recordings(cell, name) if path.name not in gone]

    def any_counted(self, names: Sequence[str]) -> bool:
        """Tell whether any network of these tables is counted, in any cell."""
        own = self.networks[self.networks["recording"].isin(names)]
        return bool(own["counted"].any())

    def required(self, cell: Cell, names: Sequence[str]) -> dict[str, list[Path]]:
        """Return the recordings of networks that reached the criterion, by the table's name.

        Raises
        ------
        NotIdentifiableError
            If no network of any of these tables did.
        """
        found = {name: self.counted(cell, name) for name in names}
        if not any(found.values()):
            where = f" in {cell.settings}" if cell.settings else ""
            raise NotIdentifiableError(
                f"no network of {listing(names)} reached its criterion on held-out stimuli{where}; "
                "train longer (max_steps), or look at why in the accuracy of a run without this "
                "analysis."
            )
        return found

    def rows(self, analysis: str, cell: Cell, table: str = "table") -> pd.DataFrame:
        """Return what an earlier analysis found in a cell."""
        rows = self.outcomes[analysis].tables[table]
        for key, value in cell.settings.items():
            rows = rows[rows[key].astype(str) == str(value)]
        return rows

    def rdms(self, cell: Cell, name: str, metric: str) -> RDMs:
        """Return the RDMs of recorded networks, or of a brain.

        Parameters
        ----------
        cell
            A cell of the sweep.
        name
            Of a table ``[recording.NAME]`` or ``[brain.NAME]``.
        metric
            As for `reprcompare.geometry.rdm`; data published as RDMs stay what they are.
        """
        if name in cell.tables["brain"]:
            brain = self.workshop.brain(cell, name)
            return brain if isinstance(brain, RDMs) else rdm(brain, metric=metric)
        recordings = [open_recording(path) for path in self.required(cell, [name])[name]]
        joined = recordings[0] if len(recordings) == 1 else concat(recordings, dim="neuroid")
        return rdm(joined, metric=metric)

    def collect(
        self, name: str, make: Callable[[Cell], tuple[Any, Mapping[str, pd.DataFrame]]]
    ) -> Outcome:
        """Run `make` in every cell and stack its tables, with the settings as columns in front.

        Parameters
        ----------
        name
            Of the analysis.
        make
            Returns what a report shows of a cell (one object, a list, None) and its tables.
        """
        outcome = Outcome(name)
        parts: dict[str, list[pd.DataFrame]] = {}
        for cell in self.cells:
            result, tables = make(cell)
            shown = result if isinstance(result, list) else [result]
            outcome.results += [(cell.settings, item) for item in shown if item is not None]
            for label, frame in tables.items():
                if "subject" in frame.columns:
                    frame = frame.assign(subject=frame["subject"] + suffix_of(cell.settings))
                parts.setdefault(label, []).append(_with_settings(frame, cell.settings))
        outcome.tables = {
            label: pd.concat(found, ignore_index=True) for label, found in parts.items()
        }
        return outcome


@dataclass(frozen=True)
class Kind:
    """A kind of analysis: what its table may say, what it does, and what comes out.

    Attributes
    ----------
    table
        The model of its ``[[analysis]]``.
    run
        Called with the validated table and the bench.
    columns
        Of its tables, by their names; "table" is the first.
    """

    table: type[schema.Analysis]
    run: Callable[[Any, Bench], Outcome]
    columns: Mapping[str, Columns]


def stimulus_labels(
    name: str, features: Sequence[str] | None = None, statistics: bool = False
) -> pd.DataFrame:
    """Return the labels of a public stimulus set.

    Parameters
    ----------
    name
        As for `load_stimuli`.
    features
        The labels wanted; all by default.
    statistics
        Whether statistics of the images stand beside them; see `image_statistics`.
    """
    stimuli = load_stimuli(name)
    labels = label_table(stimuli)
    unknown = [feature for feature in features or [] if feature not in labels.columns]
    if unknown:
        raise InvalidInputError(unknown_name("label", unknown[0], labels.columns, name))
    labels = labels if features is None else labels[list(features)]
    if not statistics:
        return labels
    images = stimuli["stimulus"].values
    return labels.join(image_statistics(images, [str(one) for one in labels.index]))


def suffix_of(settings: Mapping[str, Any]) -> str:
    """Return what is added to a subject's name: the same seed in another cell is another network.

    Examples
    --------
    >>> suffix_of({"coding": "0/1", "depth": 2}), suffix_of({})
    (' (0/1, 2)', '')
    """
    return f" ({', '.join(str(value) for value in settings.values())})" if settings else ""


def plain(value: Any) -> str | int | float:
    """Return a swept value as a table holds it."""
    return value if isinstance(value, str | int | float) else str(value)


def _with_settings(frame: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    frame = frame.reset_index(drop=True)
    for place, (key, value) in enumerate(settings.items()):
        frame.insert(place, key, [plain(value)] * len(frame))
    return frame

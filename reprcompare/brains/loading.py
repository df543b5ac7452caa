"""One call for every brain recording: a name of the catalogue, or a file."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import xarray as xr
from rsatoolbox.rdm import RDMs

from reprcompare.brains import finger7t, kriegeskorte2008
from reprcompare.brains.catalogue import Entry, catalogue, entry
from reprcompare.brains.fetching import fetch
from reprcompare.errors import UnknownNameError, unknown_name
from reprcompare.recording import open_recording

Parts = Mapping[str, Callable[[Mapping[str, Path]], xr.Dataset | RDMs]]

READERS: Final[dict[str, Parts]] = {
    "finger7T": finger7t.PARTS,
    "kriegeskorte2008": kriegeskorte2008.PARTS,
}
"""What reads each public data set, by part; the part '' is the whole."""

STIMULI: Final[dict[str, Callable[[Mapping[str, Path]], xr.Dataset]]] = {
    "kriegeskorte2008": kriegeskorte2008.stimuli
}
"""What reads the stimuli of a public data set."""


def load_brain(
    source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> xr.Dataset | RDMs:
    """Load a brain recording, from the catalogue of public data sets or from a file.

    Parameters
    ----------
    source
        A name in the catalogue (``"kriegeskorte2008"``), a part of an entry after a slash
        (``"kriegeskorte2008/behaviour"``; `catalogue` lists the parts), or the path of a file.
    data_dir
        Folder that holds public data sets; see `fetch` for where else they are looked for.

    Returns
    -------
    xarray.Dataset or rsatoolbox.rdm.RDMs
        A recording of kind "brain"; RDMs where only those were published. What the data cannot
        answer is kept with them, see `why_not`.

    Raises
    ------
    UnknownNameError
        If there is neither such an entry, nor such a part, nor such a file.
    DownloadError
        If the data set is not here and cannot be fetched.
    """
    name, _, part = str(source).partition("/")
    if isinstance(source, str) and name in READERS:
        parts = READERS[name]
        if part not in parts:
            known = [item for item in parts if item]
            raise UnknownNameError(unknown_name("part", part, known, name))
        return _described(parts[part](fetch(name, data_dir)), entry(name))
    path = Path(source)
    if not path.exists():
        raise UnknownNameError(
            unknown_name("file or data set", str(source), catalogue()["name"], "the catalogue")
        )
    return open_recording(path)


def load_stimuli(name: str, data_dir: str | os.PathLike[str] | None = None) -> xr.Dataset:
    """Load the stimuli of a public data set, with their ids and labels.

    Parameters
    ----------
    name
        Name in the catalogue.
    data_dir
        As for `load_brain`.

    Returns
    -------
    xarray.Dataset
        `stimulus` (presentation, ...) with `stimulus_id`, and `label`.

    Raises
    ------
    UnknownNameError
        If no stimuli of that name are public.
    DownloadError
        If the data set is not here and cannot be fetched.
    """
    if name not in STIMULI:
        raise UnknownNameError(unknown_name("public stimulus set", name, STIMULI))
    return STIMULI[name](fetch(name, data_dir))


def _described(data: xr.Dataset | RDMs, data_set: Entry) -> xr.Dataset | RDMs:
    """Attach what the catalogue says of a data set."""
    said = {
        "identifier": data_set.name,
        "stimulus_set": data_set.name,
        "kind": "brain",
        "limits": data_set.limits_text(),
    }
    if isinstance(data, xr.Dataset):
        return data.assign_attrs(said)
    data.descriptors.update(said)
    return data

"""One call for every brain recording: a name of the catalogue, or a file."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import netCDF4
import pandas as pd
import xarray as xr
from pydantic import ConfigDict, TypeAdapter, ValidationError
from rsatoolbox.rdm import RDMs

from reprcompare.brains import finger7t, kriegeskorte2008
from reprcompare.brains.assembling import Naming
from reprcompare.brains.brainio import read_brainio, read_stimulus_set
from reprcompare.brains.catalogue import Entry, catalogue, entry
from reprcompare.brains.fetching import fetch
from reprcompare.brains.matlab import read_matlab
from reprcompare.brains.mne_files import read_mne
from reprcompare.brains.nifti import read_nifti
from reprcompare.brains.nwb import read_nwb
from reprcompare.brains.rsatoolbox_files import read_rsatoolbox
from reprcompare.brains.tables import read_numpy, read_table
from reprcompare.errors import InvalidInputError, UnknownNameError, listing, unknown_name
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


Reader = Callable[..., xr.Dataset | RDMs]

FORMATS: Final[dict[str, Reader]] = {
    ".csv": read_table,
    ".tsv": read_table,
    ".parquet": read_table,
    ".npy": read_numpy,
    ".npz": read_numpy,
    ".mat": read_matlab,
    ".h5": read_rsatoolbox,
    ".hdf5": read_rsatoolbox,
    ".nwb": read_nwb,
    ".fif": read_mne,
    ".fif.gz": read_mne,
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
}
"""What reads a file, by its ending; recordings and assemblies (.nc) are told apart by content."""


def load_brain(
    source: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    stimulus: str | None = None,
    region: str | None = None,
    subject: str | None = None,
    labels: Sequence[str] | pd.DataFrame | None = None,
    **options: object,
) -> xr.Dataset | RDMs:
    """Load a brain recording, from the catalogue of public data sets or from a file.

    Parameters
    ----------
    source
        A name in the catalogue (``"kriegeskorte2008"``), a part of an entry after a slash
        (``"kriegeskorte2008/behaviour"``; `catalogue` lists the parts), or the path of a file: a
        recording or Brain-Score assembly (.nc), rsatoolbox (.h5, .hdf5), MATLAB (.mat), tables
        (.csv, .tsv, .parquet), NumPy (.npy, .npz), NWB (.nwb), MNE (.fif), NIfTI (.nii, .nii.gz).
    data_dir
        Folder that holds public data sets; see `fetch` for where else they are looked for.
    stimulus, region, subject
        For files whose names are not recognised: the column that names the stimulus of each
        presentation; a column of the neuroids, or one name for all of them.
    labels
        Feature labels: columns of the file's presentations, or a table indexed by stimulus id.
    **options
        What the reader of this format takes, such as ``window=(70, 170)`` for NWB; see the
        function `FORMATS` names for it.

    Returns
    -------
    xarray.Dataset or rsatoolbox.rdm.RDMs
        A recording of kind "brain"; RDMs where only those were published. What the data cannot
        answer is kept with them, see `why_not`.

    Raises
    ------
    UnknownNameError
        If there is neither such an entry, nor such a part, nor such a file, nor such an option.
    InvalidInputError
        If the file is damaged, empty, unlabelled or contradicts itself, or an option has a wrong
        type.
    DownloadError
        If the data set is not here and cannot be fetched.
    """
    if not isinstance(source, str | os.PathLike):
        raise InvalidInputError(
            f"source must be a name of the catalogue or a path, got a {type(source).__name__}; "
            "reprcompare.recording.build_recording makes a recording of an array."
        )
    naming = Naming(stimulus, region, subject, labels)
    name, _, part = str(source).partition("/")
    if isinstance(source, str) and name in READERS:
        if naming.given or options:
            raise InvalidInputError(
                f"{name} is a public data set with names of its own; stimulus=, region=, subject=, "
                "labels= and other options are for files. Use select to choose parts of it."
            )
        parts = READERS[name]
        if part not in parts:
            known = [item for item in parts if item]
            raise UnknownNameError(unknown_name("part", part, known, name))
        return _described(parts[part](fetch(name, data_dir)), entry(name))
    path = Path(source)
    if path.is_dir():
        inside = listing(sorted(item.name for item in path.iterdir())) or "nothing"
        raise InvalidInputError(f"{source} is a folder; name a file in it. It holds {inside}.")
    if not path.is_file():
        raise UnknownNameError(_nothing_there(str(source), path, data_dir))
    return _read(path, naming, options)


def _nothing_there(source: str, path: Path, data_dir: str | os.PathLike[str] | None) -> str:
    """Say that neither a file nor a data set has this name, with the nearest that there is."""
    if path.suffix or path.name != source:
        beside = [p.name for p in path.parent.glob("*") if p.is_file()]
        return unknown_name("file", path.name, sorted(beside), f"the folder {path.parent}")
    names = list(catalogue()["name"])
    if source in names:
        fetch(source, data_dir)  # raises: it says how this one is fetched by hand
    return unknown_name("data set", source, names, "the catalogue")


def _read(path: Path, naming: Naming, options: Mapping[str, object]) -> xr.Dataset | RDMs:
    suffix = next((s for s in FORMATS if path.name.lower().endswith(s)), path.suffix.lower())
    if suffix == ".nc":
        return _read_netcdf(path, naming, options)
    if suffix not in FORMATS:
        raise UnknownNameError(
            unknown_name("format", suffix, [".nc", *FORMATS], f"those that {path.name} could have")
        )
    reader = FORMATS[suffix]
    return reader(path, naming, **_checked(reader, options, path))


def _read_netcdf(path: Path, naming: Naming, options: Mapping[str, object]) -> xr.Dataset:
    """Open a recording as it is, or read an assembly of Brain-Score."""
    try:
        with netCDF4.Dataset(path) as file:
            is_recording = "reprcompare_format" in file.ncattrs()
    except OSError:
        is_recording = True  # open_recording says what is wrong with the file
    if not is_recording:
        return read_brainio(path, naming, **_checked(read_brainio, options, path))
    if naming.given or options:
        raise InvalidInputError(
            f"{path} is a recording and carries its own names; change them with xarray, or leave "
            "out stimulus=, region=, subject= and labels=."
        )
    return open_recording(path)


def _checked(reader: Reader, options: Mapping[str, object], path: Path) -> dict[str, object]:
    """Return the options in the types that the reader takes, so that numbers may come as text."""
    known = dict(list(inspect.signature(reader).parameters.items())[2:])
    checked = {}
    for name, value in options.items():
        if name not in known:
            raise UnknownNameError(unknown_name("option", name, known, f"reading {path.name}"))
        expected = known[name].annotation
        try:
            checked[name] = TypeAdapter(expected, config=_ANY_CLASS).validate_python(value)
        except ValidationError as error:
            raise InvalidInputError(
                f"reading {path.name}: {name} is {value!r}, expected "
                f"{inspect.formatannotation(expected)}."
            ) from error
    return checked


_ANY_CLASS: Final = ConfigDict(arbitrary_types_allowed=True)


def load_stimuli(
    source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> xr.Dataset:
    """Load the stimuli of a public data set, or of a table of images, with ids and labels.

    Parameters
    ----------
    source
        Name in the catalogue; or the path of a CSV table that names image files, as Brain-Score's
        stimulus sets do (see `read_stimulus_set`).
    data_dir
        As for `load_brain`; of a table, the folder of the images (by default that of the table).

    Returns
    -------
    xarray.Dataset
        `stimulus` (presentation, ...) with `stimulus_id`, and `label`.

    Raises
    ------
    UnknownNameError
        If no stimuli of that name are public, and there is no such table.
    DownloadError
        If the data set is not here and cannot be fetched.
    InvalidInputError
        If images are missing or damaged.
    """
    name = str(source)
    if name in STIMULI:
        return STIMULI[name](fetch(name, data_dir))
    if Path(source).is_file():
        return read_stimulus_set(Path(source), Path(data_dir) if data_dir else None)
    raise UnknownNameError(unknown_name("public stimulus set or table", name, STIMULI))


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

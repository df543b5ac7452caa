"""Find the files of a public data set on this computer, or fetch them, whole and verified."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pooch
from requests.exceptions import RequestException

from reprcompare.brains.catalogue import Entry, RemoteFile, entry
from reprcompare.errors import DownloadError, InvalidInputError

TIMEOUT: Final = 30
"""Seconds without an answer after which a server counts as down."""


def fetch(name: str, data_dir: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """Return the files of a catalogue entry, downloading those that are not here yet.

    Each file is looked for as ``folder/entry/file`` and ``folder/file`` in `data_dir`, then in the
    folder REPRCOMPARE_DATA_DIR, then in the cache (REPRCOMPARE_CACHE, or the user's cache folder);
    what is missing is downloaded into the cache. Nothing is used whose sha256 differs.

    Parameters
    ----------
    name
        Name in the catalogue.
    data_dir
        A folder that holds data sets.

    Returns
    -------
    dict of str to pathlib.Path
        By file name.

    Raises
    ------
    UnknownNameError
        If the catalogue has no such entry.
    InvalidInputError
        If `data_dir` is no folder.
    DownloadError
        If a file can neither be found nor downloaded, or is damaged.
    """
    return fetch_files(entry(name), data_dir)


def fetch_files(data_set: Entry, data_dir: str | os.PathLike[str] | None = None) -> dict[str, Path]:
    """Return the files of an entry that need not stand in the catalogue; see `fetch`."""
    if not data_set.files:
        raise DownloadError(
            f"{data_set.name} cannot be fetched automatically; follow {data_set.source} and load "
            "the files with reprcompare.load_brain."
        )
    folders = _folders(data_dir)
    return {file.name: _find(data_set, file, folders) for file in data_set.files}


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that downloads are kept in."""
    chosen = environment.get("REPRCOMPARE_CACHE")
    return (Path(chosen) if chosen else Path(pooch.os_cache("reprcompare"))) / "data"


def _folders(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Return the folders to look in, in order; a folder that was named must exist."""
    named = {"data_dir": data_dir, "REPRCOMPARE_DATA_DIR": os.environ.get("REPRCOMPARE_DATA_DIR")}
    folders = {origin: Path(folder) for origin, folder in named.items() if folder}
    for origin, folder in folders.items():
        if not folder.is_dir():
            raise InvalidInputError(
                f"{origin} is {str(folder)!r}, which is no folder; name the folder that holds the "
                "data sets, or leave it out to have them downloaded."
            )
    return list(folders.values())


def _find(data_set: Entry, file: RemoteFile, folders: list[Path]) -> Path:
    for folder in folders:
        for path in (folder / data_set.name / file.name, folder / file.name):
            if path.is_file():
                return _verified(path, file)
    return _download(data_set, file)


def _verified(path: Path, file: RemoteFile) -> Path:
    size = path.stat().st_size
    if size != file.size or pooch.file_hash(str(path), "sha256") != file.sha256:
        raise DownloadError(
            f"{path} ({size:,} bytes) is not the published file ({file.size:,} bytes, sha256 "
            f"{file.sha256[:12]}...): it is damaged or another version. Remove it to have it "
            f"fetched again from {file.url}"
        )
    return path


def _download(data_set: Entry, file: RemoteFile) -> Path:
    """Download one file into the cache; pooch moves it into place only when its hash is right."""
    folder = cache_folder() / data_set.name
    by_hand = (
        f"Try again later, or put the file into a folder {data_set.name}/ of your data folder and "
        f"name that by data_dir or REPRCOMPARE_DATA_DIR. Source: {file.url}"
    )
    watched = sys.stderr.isatty()
    pooch.get_logger().setLevel("INFO" if watched else "WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, progressbar=watched)
    try:
        path = pooch.retrieve(
            file.url, f"sha256:{file.sha256}", file.name, folder, downloader=downloader
        )
    except ValueError as error:
        raise DownloadError(
            f"{file.name} of {data_set.name} arrived, but is not the published file (its sha256 "
            f"differs): it was cut off, damaged or replaced. Nothing was kept. {by_hand}"
        ) from error
    except (RequestException, OSError) as error:
        raise DownloadError(
            f"{file.name} of {data_set.name} could not be downloaded: {_reason(error)}. Nothing "
            f"was kept. {by_hand}"
        ) from error
    return Path(path)


def _reason(error: Exception) -> str:
    """Say in a few words what went wrong with a connection or a disk."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    if isinstance(error, RequestException):
        return f"the connection failed ({type(error).__name__})"
    return str(error)

"""How a recording was made."""

import json
import os
from collections.abc import Mapping

import netCDF4
import xarray as xr


def provenance_of(recording: xr.Dataset) -> dict:
    """Return the provenance of a recording as a dictionary, empty if it carries none.

    Parameters
    ----------
    recording
        A recording.
    """
    return parse_provenance(recording.attrs)


def parse_provenance(attrs: Mapping[str, object]) -> dict:
    """Return the attribute `provenance` as a dictionary, empty if there is none or it is no JSON.

    Examples
    --------
    >>> parse_provenance({"provenance": '{"seed": 1}'})
    {'seed': 1}
    """
    try:
        found = json.loads(str(attrs.get("provenance", "{}")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_session(path: str | os.PathLike[str]) -> dict:
    """Return what identifies the session that a file was recorded by, empty if that is unknown.

    Parameters
    ----------
    path
        Any file; only its attributes are read.
    """
    try:
        with netCDF4.Dataset(path) as file:
            attrs = {name: file.getncattr(name) for name in file.ncattrs()}
    except (OSError, RuntimeError):
        return {}
    session = parse_provenance(attrs).get("session", {})
    return session if isinstance(session, dict) else {}

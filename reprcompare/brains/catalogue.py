"""The catalogue of public data sets: one TOML file each, and what each cannot answer."""

import json
import tomllib
from functools import cache
from typing import Literal

import pandas as pd
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field
from rsatoolbox.rdm import RDMs

from reprcompare.errors import UnknownNameError, unknown_name
from reprcompare.shipped import shipped


class RemoteFile(BaseModel):
    """One file of a data set, and how it is recognised."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    url: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(gt=0, description="bytes")


class Entry(BaseModel):
    """What is known of a public data set.

    An entry without files is a pointer: the set is described, but has to be fetched by hand.
    `checked` says how far addresses and sums were verified.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    kind: Literal["dissimilarities", "activity"]
    citation: list[str]
    licence: str
    source: str
    checked: str
    stimuli: str = ""
    notes: str = ""
    parts: dict[str, str] = {}
    limits: dict[str, str] = {}
    files: list[RemoteFile] = []

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def limits_text(self) -> str:
        """Return the limits as loaded data carry them: one JSON string."""
        return json.dumps(self.limits, sort_keys=True)


@cache
def _entries() -> dict[str, Entry]:
    folder = shipped("data") / "catalogue"
    read = [tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    return {entry.name: entry for entry in map(Entry.model_validate, read)}


def entry(name: str) -> Entry:
    """Return the catalogue entry of a public data set.

    Parameters
    ----------
    name
        Such as ``"kriegeskorte2008"``.

    Returns
    -------
    Entry

    Raises
    ------
    UnknownNameError
        If the catalogue has no such entry; the message offers the nearest.

    Examples
    --------
    >>> entry("kriegeskorte2008").kind
    'dissimilarities'
    """
    if name not in _entries():
        raise UnknownNameError(unknown_name("data set", name, _entries(), "the catalogue"))
    return _entries()[name]


def catalogue() -> pd.DataFrame:
    """Return the catalogue as a table, one data set a row.

    Returns
    -------
    pandas.DataFrame
        name, title, kind, parts, megabytes (NaN where nothing can be fetched), licence, citation,
        source.

    Examples
    --------
    >>> "kriegeskorte2008" in set(catalogue()["name"])
    True
    """
    return pd.DataFrame(
        {
            "name": item.name,
            "title": item.title,
            "kind": item.kind,
            "parts": ", ".join(item.parts),
            "megabytes": round(item.size / 1e6, 1) if item.files else float("nan"),
            "licence": item.licence,
            "citation": "; ".join(item.citation),
            "source": item.source,
        }
        for item in _entries().values()
    )


def why_not(data: xr.Dataset | RDMs, question: str) -> str | None:
    """Say why a data set cannot answer a question, as its catalogue entry states it.

    Parameters
    ----------
    data
        A recording or RDMs, as `load_brain` gives them; others have no stated limits.
    question
        ``"share"``, ``"density"``, ``"decodability"``, ``"role"``, ``"encoding"`` or
        ``"reliability"``.

    Returns
    -------
    str or None
        The reason, or None if nothing is stated against it.

    Examples
    --------
    >>> data = xr.Dataset(attrs={"limits": '{"role": "nothing was intervened on"}'})
    >>> why_not(data, "role"), why_not(data, "share")
    ('nothing was intervened on', None)
    """
    stated = data.attrs if isinstance(data, xr.Dataset) else data.descriptors
    limits: dict[str, str] = json.loads(str(stated.get("limits") or "{}"))
    return limits.get(question)

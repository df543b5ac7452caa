"""A report of a folder of tables and figures, such as a run leaves behind."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reprcompare.errors import InvalidInputError
from reprcompare.report.atlas import COLUMNS, atlas_plot
from reprcompare.report.content import Section
from reprcompare.report.page import Page
from reprcompare.report.plots import Picture, Plot


def report_of_folder(folder: str | os.PathLike[str]) -> Page:
    r"""Put the tables and figures of a folder on one page.

    Parameters
    ----------
    folder
        Holds ``tables/*.csv`` (or ``*.csv``) and ``figures/*.png``, and perhaps ``manifest.json``:
        what a run leaves behind, also after tables were edited or added.

    Returns
    -------
    Page
        A section for every table, with the figures whose names begin with the table's. The figure
        of an atlas is drawn from its table where it is not there.

    Raises
    ------
    InvalidInputError
        If there is nothing to show.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "tables").mkdir()
    >>> _ = (folder / "tables" / "audit.csv").write_text("feature,share\neasy,0.7\n")
    >>> [section.title for section in report_of_folder(folder).sections]
    ['Audit']
    """
    place = Path(folder)
    if not place.is_dir():
        raise InvalidInputError(f"{place} is no folder; give the folder of a run.")
    tables = {path.stem: _read(path) for path in sorted(_tables(place))}
    drawings = {path.stem: path for path in sorted((place / "figures").glob("*.png"))}
    if not tables and not drawings:
        raise InvalidInputError(
            f"{place} holds neither tables/*.csv nor figures/*.png; give the folder of a run."
        )
    sections = []
    for name, table in tables.items():
        if table.empty:
            continue
        own = [stem for stem in drawings if stem.split("-")[0] == name]
        plots: list[Plot | Picture] = [
            Picture(stem, drawings.pop(stem).read_bytes(), data=table) for stem in own
        ]
        if not plots and {*COLUMNS} <= {*table.columns}:
            plots.append(atlas_plot(table, name))
        title = name.replace("_", " ").capitalize()
        sections.append(Section(title, tables={title: table}, plots=plots))
    rest = [Picture(stem, path.read_bytes()) for stem, path in drawings.items()]
    if rest:
        sections.append(Section("Figures", plots=rest))
    manifest = place / "manifest.json"
    said = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    provenance = {"Folder": place.name} | {
        str(name): str(version) for name, version in said.get("versions", {}).items()
    }
    return Page(place.resolve().name, sections, provenance)


def _tables(place: Path) -> Iterator[Path]:
    """Return the tables of a run, or those that lie in the folder itself."""
    inner = place / "tables"
    return (inner if inner.is_dir() else place).glob("*.csv")


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} could not be read as a CSV table: {error}.") from error

"""The report: one self-contained HTML file, for readers without Python."""

import base64
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from reprcompare.errors import (
    InvalidInputError,
    RecordingFailedError,
    UnknownNameError,
    unknown_name,
)
from reprcompare.report.cells import cell, is_number
from reprcompare.report.content import Content
from reprcompare.report.exports import markdown, pdf

PACKAGES = ("reprcompare", "torch", "numpy", "scipy", "xarray", "rsatoolbox", "statsmodels")
"""Whose versions are stored with results."""


class Page(Content):
    """A report that can be saved."""

    def html(self) -> str:
        """Return the page as HTML; whatever is in the data is shown as text, never as markup."""
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters |= {"cell": cell, "csv": csv_address}
        environment.tests["number"] = is_number
        template = files("reprcompare.report").joinpath("page.html").read_text(encoding="utf-8")
        return environment.from_string(template).render(page=self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Parameters
        ----------
        path
            Where to; replaced if it exists. Its ending chooses the form: .html (one file that needs
            nothing else), .md (Markdown) or .pdf (A4; needs the extra [pdf]).

        Returns
        -------
        pathlib.Path

        Raises
        ------
        UnknownNameError
            If the ending is another one.
        InvalidInputError
            If the folder does not exist.
        RecordingFailedError
            If it cannot be written to.
        MissingExtraError
            If what a form needs is not installed.
        """
        target = Path(path)
        if target.suffix not in FORMS:
            raise UnknownNameError(unknown_name("form of report", target.suffix, FORMS))
        if not target.parent.is_dir():
            raise InvalidInputError(f"the folder {target.parent} does not exist; create it first.")
        content = FORMS[target.suffix](self)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(content)
            partial.replace(target)
        except OSError as error:
            raise RecordingFailedError(
                f"{target} could not be written: {error.strerror or error}."
            ) from error
        return target


def csv_address(table: pd.DataFrame) -> str:
    """Return a table as an address from which a browser saves a CSV file."""
    written: str = table.to_csv(index=False)
    text = base64.b64encode(written.encode()).decode()
    return f"data:text/csv;charset=utf-8;base64,{text}"


def versions() -> dict[str, str]:
    """Return what results were made with, for the provenance of a page.

    Returns
    -------
    dict of str
        Names of packages and of Python, and their versions.
    """
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


def made_with() -> dict[str, str]:
    """Return `versions` in one line, as a page shows them.

    Returns
    -------
    dict of str
        One entry, "Versions".
    """
    return {"Versions": ", ".join(f"{name} {number}" for name, number in versions().items())}


FORMS: dict[str, Callable[[Page], bytes]] = {
    ".html": lambda page: page.html().encode(),
    ".md": lambda page: markdown(page).encode(),
    ".pdf": pdf,
}
"""What a page can be saved as."""

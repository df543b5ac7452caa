"""The report: one self-contained HTML file, for readers without Python."""

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd

from reprcompare.errors import InvalidInputError, UnknownNameError, unknown_name
from reprcompare.report.cells import cell, is_number
from reprcompare.report.plots import Picture, Plot


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    title
        Its heading.
    paragraphs
        What was asked, done and found.
    tables
        Tables by caption.
    plots
        Figures.
    notes
        What could not be said, and why.
    text
        Preformatted text, such as the summary of a model.
    """

    title: str
    paragraphs: Sequence[str] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    plots: Sequence[Plot | Picture] = ()
    notes: Sequence[str] = ()
    text: str = ""


@dataclass(frozen=True)
class Page:
    """A report that can be saved.

    Attributes
    ----------
    title
        Of the page.
    sections
        In order.
    provenance
        What it was made with, by name.
    """

    title: str
    sections: Sequence[Section]
    provenance: dict[str, str] = field(default_factory=dict)

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
        partial.write_bytes(content)
        partial.replace(target)
        return target


def csv_address(table: pd.DataFrame) -> str:
    """Return a table as an address from which a browser saves a CSV file."""
    written: str = table.to_csv(index=False)
    text = base64.b64encode(written.encode()).decode()
    return f"data:text/csv;charset=utf-8;base64,{text}"


def _html(page: Page) -> bytes:
    return page.html().encode()


def _markdown(page: Page) -> bytes:
    from reprcompare.report.exports import markdown

    return markdown(page).encode()


def _pdf(page: Page) -> bytes:
    from reprcompare.report.exports import pdf

    return pdf(page)


FORMS: dict[str, Callable[[Page], bytes]] = {".html": _html, ".md": _markdown, ".pdf": _pdf}
"""What a page can be saved as."""

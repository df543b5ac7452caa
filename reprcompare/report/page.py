"""The report: one self-contained HTML file, for readers without Python."""

import base64
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

# Text stays text, so that it can be read aloud, searched, and shown in the reader's font.
SVG: dict[Any, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10.0}


@dataclass(frozen=True)
class Plot:
    """A figure with what stands below it and behind it.

    Attributes
    ----------
    name
        Short, for file names and anchors.
    figure
        What is drawn.
    caption
        What is to be seen, and what points, intervals and bands are.
    data
        The table behind it, offered as CSV.
    """

    name: str
    figure: Figure
    caption: str
    data: pd.DataFrame

    def svg(self) -> str:
        """Return the figure as SVG text, the same for the same figure."""
        buffer = io.StringIO()
        with rc_context({**SVG, "svg.hashsalt": self.name}):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        text = buffer.getvalue()
        return text[text.index("<svg") :]


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
    plots: Sequence[Plot] = ()
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
        """Return the page as text; whatever is in the data is shown as text, never as markup."""
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        environment.filters |= {"cell": cell, "csv": csv_address, "svg": drawing}
        environment.tests["number"] = is_number
        template = files("reprcompare.report").joinpath("page.html").read_text(encoding="utf-8")
        return environment.from_string(template).render(page=self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Parameters
        ----------
        path
            Where to; replaced if it exists.

        Returns
        -------
        pathlib.Path
        """
        target = Path(path)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        partial.write_text(self.html(), encoding="utf-8")
        partial.replace(target)
        return target


def cell(value: object) -> str:
    """Write a value as a table shows it.

    Examples
    --------
    >>> cell(0.123456), cell(3.0), cell(1.2e-9), cell(float("nan")), cell("IT")
    ('0.1235', '3', '1.2e-09', '', 'IT')
    """
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return "" if value is None else str(value)


def is_number(value: object) -> bool:
    """Tell whether a table shows a value flush right."""
    return isinstance(value, float | int) and not isinstance(value, bool)


def drawing(plot: Plot) -> Markup:
    """Return a figure as markup; matplotlib has escaped the texts in it."""
    return Markup(plot.svg())


def csv_address(table: pd.DataFrame) -> str:
    """Return a table as an address from which a browser saves a CSV file."""
    written: str = table.to_csv(index=False)
    text = base64.b64encode(written.encode()).decode()
    return f"data:text/csv;charset=utf-8;base64,{text}"

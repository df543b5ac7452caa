"""A report in other forms than HTML: Markdown for a repository, PDF for a printer."""

import base64
import io
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from PIL import Image

from reprcompare.errors import MissingExtraError
from reprcompare.report.cells import cell
from reprcompare.report.content import Content, Section
from reprcompare.report.plots import DPI

MOST_ROWS = 40
"""Rows of a table that are printed; the rest is named, and lies in the CSV files."""


def markdown(page: Content) -> str:
    """Write a page as Markdown, with its figures inside as PNG.

    Parameters
    ----------
    page
        The report.

    Returns
    -------
    str
    """
    parts = [f"# {_escaped(page.title)}"]
    for section in page.sections:
        parts.append(f"## {_escaped(section.title)}")
        parts += [_escaped(text) for text in section.paragraphs]
        for plot in section.plots:
            picture = base64.b64encode(plot.png()).decode()
            parts.append(f"![{_escaped(plot.caption)}](data:image/png;base64,{picture})")
            parts.append(f"*{_escaped(plot.caption)}*")
        for caption, table in section.tables.items():
            if len(table):
                parts += [f"**{_escaped(caption)}**", _markdown_table(table)]
        if section.notes:
            parts.append("\n".join(f"- {_escaped(note)}" for note in section.notes))
    if page.provenance:
        parts.append("## Provenance")
        lines = [f"- {_escaped(name)}: {_escaped(text)}" for name, text in page.provenance.items()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Keep what is in the data from acting as markup."""
    for mark in "\\`*_{}[]<>#|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _markdown_table(table: pd.DataFrame) -> str:
    table = table.dropna(axis="columns", how="all")
    lines = [
        "| " + " | ".join(_escaped(str(name)) for name in table.columns) + " |",
        "|" + " --- |" * table.shape[1],
    ]
    for row in table.head(MOST_ROWS).itertuples(index=False):
        lines.append("| " + " | ".join(_escaped(cell(value)) for value in row) + " |")
    if len(table) > MOST_ROWS:
        lines += ["", f"... and {len(table) - MOST_ROWS} more rows."]
    return "\n".join(lines)


def pdf(page: Content) -> bytes:
    """Write a page as PDF, A4.

    Parameters
    ----------
    page
        The report.

    Returns
    -------
    bytes
        Of the file.

    Raises
    ------
    MissingExtraError
        If fpdf2 is not installed.
    """
    try:
        from fpdf import FPDF
    except ImportError as error:
        raise MissingExtraError(
            "a PDF report needs fpdf2; install it with: pip install 'reprcompare[pdf]'"
        ) from error
    paper = FPDF(format="A4")
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paper.add_font("text", fname=fonts / "DejaVuSans.ttf")
    paper.add_font("text", style="B", fname=fonts / "DejaVuSans-Bold.ttf")
    paper.add_font("fixed", fname=fonts / "DejaVuSansMono.ttf")
    paper.set_title(page.title)
    paper.set_auto_page_break(True, margin=15)
    paper.add_page()
    _lines(paper, page.title, 18, "B")
    for section in page.sections:
        _section(paper, section)
    if page.provenance:
        _lines(paper, "Provenance", 14, "B")
        for name, value in page.provenance.items():
            _lines(paper, f"{name}: {value}", 8)
    return bytes(paper.output())


def _lines(paper: Any, text: str, size: float, style: str = "", family: str = "text") -> None:
    paper.set_font(family, style=style, size=size)
    paper.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT", align="L")
    paper.ln(size * 0.15)


def _section(paper: Any, section: Section) -> None:
    paper.ln(3)
    _lines(paper, section.title, 14, "B")
    for text in section.paragraphs:
        _lines(paper, " ".join(text.split()), 10)
    for plot in section.plots:
        with Image.open(io.BytesIO(plot.png())) as image:
            width = min(paper.epw, 25.4 * image.width / DPI)
            paper.image(image, w=width, alt_text=plot.caption or plot.name)
        if plot.caption:
            _lines(paper, plot.caption, 8)
    for caption, table in section.tables.items():
        if len(table):
            _pdf_table(paper, caption, table)
    for note in section.notes:
        _lines(paper, f"• {note}", 9)


def _pdf_table(paper: Any, caption: str, table: pd.DataFrame) -> None:
    _lines(paper, caption, 9, "B")
    table = table.dropna(axis="columns", how="all")
    shown = [
        [cell(value) for value in row] for row in table.head(MOST_ROWS).itertuples(index=False)
    ]
    names = [str(name) for name in table.columns]
    longest = [
        min(24, max(len(text) for text in column)) for column in zip(names, *shown, strict=True)
    ]
    paper.set_font("text", size=max(3.5, min(8.0, 800 / max(1, sum(longest)) ** 1.1)))
    with paper.table(col_widths=[width + 2 for width in longest], text_align="LEFT") as grid:
        for row in [names, *shown]:
            grid.row(row)
    if len(table) > MOST_ROWS:
        _lines(paper, f"... and {len(table) - MOST_ROWS} more rows.", 8)
    paper.ln(2)

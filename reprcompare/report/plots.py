"""Figures as a report holds them: drawn here, or read from a file."""

import base64
import io
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

# Text stays text, so that it can be read aloud, searched, and shown in the reader's font.
SVG: dict[Any, Any] = {"svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10.0}
DPI = 150


@dataclass(frozen=True)
class Picture:
    """A figure that exists as pixels, with what stands below it and behind it.

    Attributes
    ----------
    name
        Short, for file names and anchors.
    pixels
        The content of a PNG file.
    caption
        What is to be seen, and what points, intervals and bands are.
    data
        The table behind it, offered as CSV.
    """

    name: str
    pixels: bytes = field(repr=False)
    caption: str = ""
    data: pd.DataFrame = field(default_factory=pd.DataFrame)

    def markup(self) -> Markup:
        """Return the figure for an HTML page."""
        address = f"data:image/png;base64,{base64.b64encode(self.pixels).decode()}"
        return Markup('<img alt="{}" src="{}">').format(self.caption or self.name, address)

    def png(self) -> bytes:
        """Return the figure as the content of a PNG file."""
        return self.pixels


@dataclass(frozen=True)
class Plot:
    """A figure with what stands below it and behind it; attributes as those of `Picture`.

    Attributes
    ----------
    name, caption, data
        As of a `Picture`.
    figure
        What is drawn.
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

    def markup(self) -> Markup:
        """Return the figure for an HTML page; matplotlib has escaped the texts in it."""
        return Markup(self.svg())

    def png(self) -> bytes:
        """Return the figure as the content of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
        return buffer.getvalue()


def anchor(title: str) -> str:
    """Turn a title into what can name a file and a place on a page.

    Examples
    --------
    >>> anchor("Share against role, coding 0/1")
    'share-against-role--coding-0-1'
    """
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())

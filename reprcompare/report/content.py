"""What a report holds, whatever it is saved as."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

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
    """

    title: str
    paragraphs: Sequence[str] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    plots: Sequence[Plot | Picture] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """A title, sections, and where they come from.

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

"""Figures of linear classifiers that are trained on few stimuli of a representation."""

from collections.abc import Sequence

import pandas as pd

from reprcompare.report.content import Section
from reprcompare.report.curves import plot_along
from reprcompare.report.plots import Plot


def downstream_section(
    tables: dict[str, pd.DataFrame], title: str, name: str, region: str, panels: Sequence[str] = ()
) -> Section:
    """Show how few stimuli each feature takes, and which of two a classifier follows.

    Parameters
    ----------
    tables
        table (`Downstream.learning`) and conflict, with a column subject; a table without rows has
        no figure.
    title
        Heading.
    name
        For file names.
    region
        That the classifiers read.
    panels
        Columns whose combinations get a panel each, such as swept settings.
    """
    marks = "Thin lines are networks, thick ones their means with 95 % intervals over networks (t)."
    drawn = [
        (
            "learning", "table", "accuracy", "accuracy",
            "How well a feature is read from stimuli that were not trained, by the number of "
            f"training stimuli; the dashed line is chance. {marks}",
        ),
        (
            "conflict", "conflict", "preference", "preference",
            "Trained on stimuli in which two features agree: how often the classifier follows a "
            f"feature where they disagree. {marks}",
        ),
    ]  # fmt: skip
    return Section(
        title,
        [f"Ridge classifiers that read {region}."],
        {"Learning": tables["table"], "Conflict": tables["conflict"]},
        [
            Plot(
                f"{name}-{part}",
                plot_along(
                    tables[table].assign(region=region),
                    "n_training",
                    measure,
                    ("number of training stimuli", said),
                    panels,
                    chance=0.5,
                ),
                caption,
                tables[table],
            )
            for part, table, measure, said, caption in drawn
            if len(tables[table])
        ],
    )

"""The figure of scores between classes of networks: who looks like whom."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reprcompare.report.content import Section
from reprcompare.report.figures import MARKERS, PANEL, colours_of, panel_grid, panels_of
from reprcompare.report.plots import Plot
from reprcompare.statistics import mean_interval


def plot_class_scores(networks: pd.DataFrame, label: str, panels: Sequence[str] = ()) -> Figure:
    """Draw how alike every network is to the networks of every class.

    Parameters
    ----------
    networks
        One row a network and class: class, other, score, subject.
    label
        What the y axis says.
    panels
        Columns whose combinations get a panel each, such as swept settings.

    Returns
    -------
    matplotlib.figure.Figure
        Thin lines are networks, each by its mean score with the networks of the class on the
        x axis, itself left out; large points are means with 95 % intervals over networks (t).
    """
    classes = list(dict.fromkeys(networks["class"]))
    colours = colours_of(classes)
    parts = panels_of(networks, panels)
    figure, axes = panel_grid(len(parts), max(PANEL[0], 0.9 * len(classes) + 0.8), label)
    for axis, (title, part) in zip(axes, parts, strict=True):
        for number, (name, colour) in enumerate(colours.items()):
            places = np.arange(len(classes)) + (number - (len(classes) - 1) / 2) * 0.2
            wide = part[part["class"] == name].pivot_table(
                index="other", columns="subject", values="score"
            )
            scores = wide.reindex(classes).to_numpy()
            axis.plot(places, scores, color=colour, lw=0.6, alpha=0.35, zorder=2)
            found = np.array([mean_interval(row[~np.isnan(row)]) for row in scores])
            reach = np.nan_to_num(found[:, 2] - found[:, 0], posinf=0.0)
            axis.errorbar(
                places, found[:, 0], yerr=reach, color=colour, marker=MARKERS[number % 7], ms=6,
                lw=0, elinewidth=1.6, capsize=3, label=name, zorder=3,
            )  # fmt: skip
        axis.set_xticks(range(len(classes)), [f"with\n{name}" for name in classes])
        axis.set_xlim(-0.5, len(classes) - 0.5)
        axis.set_title(title, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, title="networks of")
    return figure


def class_scores_section(
    tables: dict[str, pd.DataFrame], title: str, name: str, label: str, panels: Sequence[str] = ()
) -> Section:
    """Show scores between classes of networks: every network, and the classes corrected.

    Parameters
    ----------
    tables
        table (`ClassScores.classes`) and networks.
    title
        Heading.
    name
        For file names.
    label
        What a score is, for the y axis.
    panels
        As for `plot_class_scores`.
    """
    caption = (
        "How alike every network is to the other networks of each class. Thin lines are networks, "
        "each the mean over the pairs that it is in; large points are their means with 95 % "
        "intervals over networks (t). Lines that rise to another class than their own: a network "
        "looks more like that one than like its own kind."
    )
    return Section(
        title,
        [
            "Disattenuated scores are divided by the geometric mean of what each class reaches "
            "with itself, from seed to seed; their intervals are jackknifed over networks (95 %)."
        ],
        {"Classes, plain and disattenuated": tables["table"]},
        [
            Plot(
                f"{name}-classes",
                plot_class_scores(tables["networks"], label, panels),
                caption,
                tables["networks"],
            )
        ],
    )

"""Figures of a measure along a number: over training, over thresholds of density."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reprcompare.report.figures import MARKERS, PANEL, colours_of, panel_grid, panels_of
from reprcompare.statistics import mean_interval, subject_means


def plot_along(
    table: pd.DataFrame,
    x: str,
    measure: str,
    labels: tuple[str, str],
    panels: Sequence[str] = (),
    region: str = "",
    chance: float = 0.0,
) -> Figure:
    """Draw a measure of every feature along a number: thin lines are subjects, thick their mean.

    Parameters
    ----------
    table
        One row per subject, region, feature and value of `x`.
    x, measure
        Columns to draw.
    labels
        What the x and the y axis say, with their units.
    panels
        Columns whose combinations get a panel each.
    region
        The region to draw; the last one where empty.
    chance
        Where the dashed line is.

    Returns
    -------
    matplotlib.figure.Figure
        Means carry 95 % intervals over subjects (t).
    """
    chosen = region or str(table["region"].iloc[-1])
    rows = subject_means(table[table["region"] == chosen], [measure], [*panels, x, "feature"])
    parts = panels_of(rows, panels)
    colours = colours_of(list(dict.fromkeys(table["feature"])))
    figure, axes = panel_grid(len(parts), PANEL[0], f"{labels[1]} of {chosen}")
    for axis, (title, part) in zip(axes, parts, strict=True):
        axis.axhline(chance, color="black", lw=0.8, ls="--", zorder=1)
        for number, (feature, colour) in enumerate(colours.items()):
            own = part[part["feature"] == feature]
            wide = own.pivot_table(index=x, columns="subject", values=measure)
            axis.plot(wide.index, wide.to_numpy(), color=colour, lw=0.6, alpha=0.35, zorder=2)
            found = [mean_interval(values[~np.isnan(values)]) for values in wide.to_numpy()]
            means = np.array([mean for mean, _, _ in found])
            reach = np.array([high - mean if np.isfinite(high) else 0 for mean, _, high in found])
            axis.errorbar(
                wide.index, means, yerr=reach, color=colour, marker=MARKERS[number % 7], ms=4,
                lw=1.6, capsize=2, label=feature, zorder=3,
            )  # fmt: skip
        axis.set_xlabel(labels[0])
        axis.set_title(title or chosen, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, title="feature")
    return figure

"""How role, and its dissociation from share, are shown."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reprcompare.report.content import Section
from reprcompare.report.figures import MARKERS, PANEL, colours_of, plot_by_region
from reprcompare.report.plots import Plot, anchor
from reprcompare.statistics import Dissociation, mean_interval

MOST_PANELS = 4


def role_section(table: pd.DataFrame, notes: tuple[str, ...] = (), title: str = "Role") -> Section:
    """Show the roles of features over regions.

    Parameters
    ----------
    table
        As `reprcompare.audit.roles` returns it, of one network or several.
    notes
        What could not be measured, and why.
    title
        Heading.

    Returns
    -------
    Section
    """
    said = (
        "The role of a feature in a region is the effect on the response that reports it when the "
        "region's activity, in a subspace learned on other stimuli, is exchanged for that of a "
        "counterfactual stimulus; 1 is the effect of that stimulus itself. A feature that no "
        "response reports has the largest effect that it has on any."
    )
    plot = Plot(
        anchor(title),
        plot_by_region(table, "role", "role (1: the whole effect)"),
        "Role of each feature by region. Points are networks, bars 95 % intervals of their mean "
        "(t). The dashed line is no role.",
        table,
    )
    return Section(title, [said], {f"{title}, every row": table}, [plot], notes)


def dissociation_section(result: Dissociation, title: str = "Share against role") -> Section:
    """Show share against role: where they part, and by how much.

    Parameters
    ----------
    result
        What `reprcompare.statistics.dissociation` returned.
    title
        Heading.

    Returns
    -------
    Section
    """
    plot = Plot(
        anchor(title),
        plot_dissociation(result.points),
        "Share of a region's variance (x) against causal role (y). Points are networks, crosses "
        "means with 95 % intervals over networks.",
        result.points,
    )
    tables = {f"{title}, by region": result.table, "Excess of share over role": result.excess}
    return Section(title, [result.sentence], tables, [plot])


def plot_dissociation(points: pd.DataFrame) -> Figure:
    """Draw share against role, one panel a region, one colour a feature.

    Parameters
    ----------
    points
        As `Dissociation.points`; the last regions are drawn if there are many.

    Returns
    -------
    matplotlib.figure.Figure
    """
    regions = list(dict.fromkeys(points["region"]))[-MOST_PANELS:]
    colours = colours_of(list(dict.fromkeys(points["feature"])))
    figure = Figure(figsize=(0.8 * PANEL[0] * len(regions) + 1.0, PANEL[1]), layout="constrained")
    axes = figure.subplots(1, len(regions), sharey=True, sharex=True, squeeze=False)[0]
    for axis, region in zip(axes, regions, strict=True):
        for number, (feature, colour) in enumerate(colours.items()):
            rows = points[(points["region"] == region) & (points["feature"] == feature)]
            marker = MARKERS[number % len(MARKERS)]
            axis.scatter(
                rows["share"], rows["role"], s=10, alpha=0.4, lw=0, color=colour, marker=marker
            )
            centre = [mean_interval(rows[name].to_numpy()) for name in ("share", "role")]
            (x, _, x_high), (y, _, y_high) = centre
            reach = [value if np.isfinite(value) else 0.0 for value in (x_high - x, y_high - y)]
            axis.errorbar(
                x, y, xerr=reach[0], yerr=reach[1], color=colour, marker=marker, ms=6, capsize=3,
                label=feature,
            )  # fmt: skip
        axis.axhline(0, color="black", lw=0.8, ls="--", zorder=1)
        axis.set_title(region, fontsize="medium")
        axis.set_xlabel("share of variance")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("role (1: the whole effect)")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, title="feature")
    return figure

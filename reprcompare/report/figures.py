"""Figures of the bias audit: every point shown, one colour per feature throughout a report."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprcompare.statistics import mean_interval, subject_means

# Okabe & Ito's palette, which colour-blind readers can tell apart, without its pale yellow.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
PANEL = (3.4, 3.2)
MOST_ACROSS = 4
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def colours_of(features: Sequence[str]) -> dict[str, str]:
    """Give every feature its colour.

    Examples
    --------
    >>> colours_of(["easy", "hard"])
    {'easy': '#0072B2', 'hard': '#D55E00'}
    """
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(features)}


def plot_by_region(
    table: pd.DataFrame,
    measure: str,
    label: str,
    panels: Sequence[str] = (),
    chance: str | None = None,
) -> Figure:
    """Draw a measure of every feature over regions: points are subjects, the line is their mean.

    Parameters
    ----------
    table
        One row per subject, region and feature, as in `Audit.table`.
    measure
        The column to draw.
    label
        What the y axis says, with its unit.
    panels
        Columns whose combinations get a panel each, such as swept settings.
    chance
        Column of the value expected for an unrelated feature, drawn where it is known; 0 where
        None.

    Returns
    -------
    matplotlib.figure.Figure
        Means carry 95 % intervals over subjects (t); a single subject carries its own interval over
        stimuli, where the table has one.
    """
    alone = table["subject"].nunique() == 1 and {f"{measure}_low", f"{measure}_high"} <= {*table}
    ends = [f"{measure}_low", f"{measure}_high"] if alone else []
    columns = [measure, *ends] if chance is None else [measure, chance, *ends]
    table = subject_means(table, columns, [*panels, "region", "feature"])
    parts = panels_of(table, panels)
    features = list(dict.fromkeys(table["feature"]))
    colours = colours_of(features)
    widest = max(rows["region"].nunique() for _, rows in parts)
    width = max(PANEL[0], 0.4 * widest + 0.8)
    figure, axes = panel_grid(len(parts), width, label)
    for axis, (title, rows) in zip(axes, parts, strict=True):
        regions = list(dict.fromkeys(rows["region"]))
        level = 0.0 if chance is None else float(rows[chance].mean())
        if np.isfinite(level):
            axis.axhline(level, color="black", lw=0.8, ls="--", zorder=1)
        for number, feature in enumerate(features):
            shift = (number - (len(features) - 1) / 2) * min(0.22, 0.7 / len(features))
            own = rows[rows["feature"] == feature]
            _points(axis, own, measure, regions, shift, colours[feature], MARKERS[number % 7])
            if alone:
                places = [regions.index(region) + shift for region in own["region"]]
                axis.vlines(places, own[ends[0]], own[ends[1]], color=colours[feature], lw=1.2)
        axis.set_xticks(range(len(regions)), regions)
        if max(len(str(region)) for region in regions) * len(regions) > 9 * width:
            axis.tick_params("x", rotation=60, labelsize="small")
            for text in axis.get_xticklabels():
                text.set(horizontalalignment="right", rotation_mode="anchor")
        axis.set_xlim(-0.5, len(regions) - 0.5)
        axis.set_title(title, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False, title="feature")
    return figure


def panel_grid(n: int, width: float, label: str) -> tuple[Figure, list[Axes]]:
    """Make a figure of several panels, at most four beside each other.

    Parameters
    ----------
    n
        Number of panels.
    width
        Of a panel, in inches.
    label
        What the y axes say.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of Axes
        One a panel; they share their y axis.
    """
    across = min(n, MOST_ACROSS)
    down = -(-n // across)
    figure = Figure(figsize=(width * across + 0.8, PANEL[1] * down), layout="constrained")
    grid = figure.subplots(down, across, sharey=True, squeeze=False)
    for axis in grid[:, 0]:
        axis.set_ylabel(label)
    for axis in grid.flat[n:]:
        axis.set_visible(False)
    return figure, list(grid.flat[:n])


def panels_of(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Cut a table into what gets a panel each, with the title of the panel."""
    if not by:
        return [("", table)]
    return [
        (
            fill(", ".join(f"{name} {value}" for name, value in zip(by, values, strict=True)), 34),
            rows,
        )
        for values, rows in table.groupby(list(by), sort=False)
    ]


def _points(
    axis: Axes,
    rows: pd.DataFrame,
    measure: str,
    regions: list[str],
    shift: float,
    colour: str,
    marker: str,
) -> None:
    groups = [rows.loc[rows["region"] == region, measure].dropna().to_numpy() for region in regions]
    for place, values in enumerate(groups):
        spread = np.linspace(-0.05, 0.05, len(values)) if len(values) > 1 else np.zeros(len(values))
        axis.scatter(
            place + shift + spread,
            values,
            s=9,
            color=colour,
            alpha=0.4,
            lw=0,
            marker=marker,
            zorder=2,
        )
    found = [mean_interval(values) for values in groups]
    means = [mean for mean, _, _ in found]
    reach = [high - mean if np.isfinite(high) else 0.0 for mean, _, high in found]
    axis.errorbar(
        np.arange(len(regions)) + shift,
        means,
        yerr=reach,
        color=colour,
        marker=marker,
        ms=6,
        lw=1.2,
        capsize=3,
        label=str(rows["feature"].iloc[0]) if len(rows) else None,
        zorder=3,
    )


def plot_components(table: pd.DataFrame, panels: Sequence[str] = (), region: str = "") -> Figure:
    """Draw how much of each principal component's scores every feature explains.

    Parameters
    ----------
    table
        As `Audit.components`.
    panels
        Columns whose combinations get a panel each.
    region
        The region to draw; the last one where empty.

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = region or str(table["region"].iloc[-1])
    rows = table[table["region"] == chosen]
    numbered = rows.assign(region=rows["component"].astype(int).astype(str))
    figure = plot_by_region(
        numbered[numbered["component"] <= 6], "r2", "R² of component scores", panels
    )
    for axis in figure.axes:
        axis.set_xlabel(f"principal component of {chosen}")
    return figure

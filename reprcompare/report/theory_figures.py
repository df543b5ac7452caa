"""Figures of the two-point theory: what was recorded as points, what the theory says as lines."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reprcompare.report.figures import MARKERS, PALETTE, colours_of
from reprcompare.statistics import mean_interval

VARIABLES = {"h": "representations, h", "y": "outputs, y", "w": "alignment, w"}
SMALL = (2.9, 2.5)
COLUMNS = 4
MARKS = tuple(digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5))

NAMES = {
    "output_twice": "y' doubled",
    "hidden_twice": "h' doubled",
    "alignment_reversed": "w' with a sign reversed",
    "output_uncoupled": "y' without h'",
}
"""How figures call the ablated dynamics."""

PREDICTIONS = {
    "end_state": ("h_end_predicted", "predicted from the recorded start"),
    "rich_limit": ("h_rich", "predicted for a small start, ∝ |dx||dy|"),
    "start": ("h_start", "before learning"),
}


def plot_trajectories(table: pd.DataFrame, panels: Sequence[str] = ()) -> Figure:
    """Draw h, y and w over training in units of their largest value, recorded and fitted.

    Parameters
    ----------
    table
        As `PairFits.trajectories`; the first pair of the first subject's middle region is drawn in
        each panel.
    panels
        Columns whose combinations get a panel each.
    """
    figure, axes, parts = _grid(table, panels)
    for axis, (title, rows) in zip(axes, parts, strict=True):
        one = rows[rows["subject"] == rows["subject"].iloc[0]]
        regions = one["region"].unique()
        first = one[one["region"] == regions[len(regions) // 2]].iloc[0]
        keys = ["subject", "region", "first", "second"]
        own = rows[(rows[keys] == first[keys]).all(axis=1)].sort_values("training_step")
        for (name, label), colour, marker in zip(VARIABLES.items(), PALETTE, MARKERS, strict=False):
            size = max(own[name].abs().max(), np.finfo(float).tiny)
            steps = own["training_step"]
            axis.plot(steps, own[f"{name}_fitted"] / size, color=colour, lw=1.4, zorder=2)
            axis.scatter(
                steps, own[name] / size, s=9, color=colour, marker=marker, alpha=0.6, lw=0,
                label=label, zorder=3,
            )  # fmt: skip
        _tidy(axis, f"{title} ({first['region']})" if title else str(first["region"]))
    _label(figure, axes, "training step", "value / largest")
    handles, labels = axes[0].get_legend_handles_labels()
    columns = 1 if len(axes) == 1 else 3  # three are wider than one panel
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
    return figure


def plot_error_by_layer(table: pd.DataFrame, panels: Sequence[str] = ()) -> Figure:
    """Draw the error of the fit over layers: a line a network.

    Parameters
    ----------
    table
        As `PairFits.table`.
    panels
        Columns whose combinations get a panel each.
    """
    figure, axes, parts = _grid(table, panels, share_y=True)
    for axis, (title, rows) in zip(axes, parts, strict=True):
        for _, own in rows.groupby("subject", sort=False):
            axis.plot(own["place"], own["error"], color=PALETTE[0], lw=0.8, alpha=0.4)
        means = rows.groupby("place")["error"].mean()
        axis.plot(means.index, means, color=PALETTE[0], marker="o", ms=4, lw=1.6)
        middle = rows[rows["middle"]]["place"]
        if len(middle):
            axis.axvline(float(middle.iloc[0]), color="black", lw=0.8, ls=":")
        axis.set_yscale("log")
        _tidy(axis, title)
    _label(figure, axes, "place of the layer (0 first, 1 last)", "error / largest value")
    return figure


def plot_controls(table: pd.DataFrame, panels: Sequence[str] = ()) -> Figure:
    """Draw how much worse the ablated dynamics predict left-out checkpoints than the theory.

    Parameters
    ----------
    table
        As `PairFits.dynamics`.
    panels
        Columns whose combinations get a row each.
    """
    others = table[(table["dynamics"] != "two_points") & table["middle"]]
    names = list(dict.fromkeys(others["dynamics"]))
    colours = colours_of(names)
    parts = _parts(others, panels)
    figure = Figure(figsize=(6.4, 1.2 + 0.6 * len(parts)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(1.0, color="black", lw=0.8, ls="--")
    for place, (_, rows) in enumerate(parts):
        for number, name in enumerate(names):
            values = rows.loc[rows["dynamics"] == name, "log_ratio"].to_numpy()
            height = place + (number - (len(names) - 1) / 2) * 0.18
            _forest(axis, values, height, colours[name], MARKERS[number], NAMES.get(name, name))
    _log_ticks(axis)
    axis.set_yticks(range(len(parts)), [title or "all" for title, _ in parts])
    axis.set_ylim(len(parts) - 0.5, -0.5)
    axis.set_xlabel("cross-validated error / that of the theory")
    axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside right upper", frameon=False)
    return figure


def plot_structure(ends: pd.DataFrame, table: pd.DataFrame, panels: Sequence[str] = ()) -> Figure:
    """Draw recorded against predicted distances at the end of learning, a point a pair.

    Parameters
    ----------
    ends
        As `reprcompare.theory.predict_ends` returns it.
    table
        As `reprcompare.theory.structure` returns it: the correlations that are written in.
    panels
        Columns whose combinations get a row of panels each.

    Returns
    -------
    matplotlib.figure.Figure
    """
    parts = _parts(ends, panels)
    found = _parts(table, panels)
    figure = Figure(
        figsize=(SMALL[0] * len(PREDICTIONS), SMALL[1] * len(parts) + 0.3), layout="constrained"
    )
    axes = figure.subplots(len(parts), len(PREDICTIONS), squeeze=False)
    for row, ((title, rows), (_, numbers)) in enumerate(zip(parts, found, strict=True)):
        for axis, (name, (column, label)) in zip(axes[row], PREDICTIONS.items(), strict=True):
            line = numbers[numbers["prediction"] == name].iloc[0]
            top = float(max(rows[column].max(), rows["h_end"].max()))
            axis.plot([0, top], [0, top], color="black", lw=0.8, ls="--", zorder=1)
            axis.scatter(rows[column], rows["h_end"], s=10, color=PALETTE[0], alpha=0.5, lw=0)
            said = f"r {line['r']:.2f} ({line['r_low']:.2f} to {line['r_high']:.2f})"
            _tidy(axis, f"{title}\n{said}" if title else said)
            if row == len(parts) - 1:
                axis.set_xlabel(label, fontsize="small")
        axes[row][0].set_ylabel("squared distance\nafter learning", fontsize="small")
    return figure


def plot_features(table: pd.DataFrame, reference: str, panels: Sequence[str] = ()) -> Figure:
    """Draw how far pairs end apart that differ in a feature, over those of the reference feature.

    Parameters
    ----------
    table
        As `reprcompare.theory.compare_features` returns it, with a column `recording`.
    reference
        The feature that the theory was calibrated on.
    panels
        Columns whose combinations get a row each, beside `recording` and feature.

    Returns
    -------
    matplotlib.figure.Figure
        On a logarithmic axis, 1 where a feature ends as the theory has it.
    """
    shown = {
        "log_h_end": "recorded",
        "log_h_matched": "two points, outputs matched",
        "log_h_predicted": "two points, outputs as reached",
        "log_h_restarted": "two points, from when the reference was learned",
    }
    shown = {name: label for name, label in shown.items() if name in table}
    keys = ["recording", *panels]
    wide = table.pivot_table(index=[*keys, "subject"], columns="feature", values=[*shown])
    others = [name for name in dict.fromkeys(table["feature"]) if name != reference]
    parts = _parts(wide.reset_index(), keys)
    rows = [(title, rows, name) for title, rows in parts for name in others]
    figure = Figure(figsize=(7.6, 1.7 + 0.7 * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.axvline(1.0, color="black", lw=0.8, ls="--")
    colours = colours_of([*shown])
    for place, (_, part, name) in enumerate(rows):
        for number, (measure, label) in enumerate(shown.items()):
            values = (part[measure][name] - part[measure][reference]).dropna().to_numpy()
            height = place + (number - (len(shown) - 1) / 2) * 0.18
            _forest(axis, values, height, colours[measure], MARKERS[number], label)
    _log_ticks(axis)
    ticks = [f"{title}, {name}" for title, _, name in rows]
    axis.set_yticks(range(len(rows)), ticks)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(f"squared distance / that of pairs that differ in {reference!r}")
    axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", frameon=False)
    return figure


def _forest(
    axis: Axes, logs: np.ndarray, height: float, colour: str, marker: str, label: str
) -> None:
    """Draw single networks and the interval of their mean, of logarithms on a linear scale."""
    if not len(logs):
        return
    axis.scatter(np.exp(logs), np.full(len(logs), height), s=8, color=colour, alpha=0.4, lw=0)
    mean, low, high = np.exp(mean_interval(logs))
    if np.isfinite(high):
        axis.hlines(height, low, high, color=colour, lw=1.6)
    axis.scatter([mean], [height], s=26, color=colour, marker=marker, label=label, zorder=3)


def _log_ticks(axis: Axes) -> None:
    """Make the x axis logarithmic, with few plain numbers on it."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    marks = [mark for mark in MARKS if low <= mark <= high]
    if len(marks) < 3:
        marks = [mark for mark in MaxNLocator(4).tick_values(low, high) if low <= mark <= high]
    axis.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axis.set_xticks([], minor=True)


def _parts(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    if not by:
        return [("", table)]
    single = [name if isinstance(table.columns, pd.Index) and table.columns.nlevels == 1
              else (name, "") for name in by]  # fmt: skip
    return [
        (", ".join(_named(name, value) for name, value in zip(by, values, strict=True)), rows)
        for values, rows in table.groupby(single, sort=False)
    ]


def _named(name: str, value: object) -> str:
    """Write a setting; recordings are known by their name alone."""
    return str(value) if name == "recording" else f"{name} {value}"


def _grid(
    table: pd.DataFrame, panels: Sequence[str], share_y: bool = False
) -> tuple[Figure, list[Axes], list[tuple[str, pd.DataFrame]]]:
    parts = _parts(table, panels)
    across = min(COLUMNS, len(parts))
    down = -(-len(parts) // across)
    figure = Figure(figsize=(SMALL[0] * across, SMALL[1] * down + 0.4), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, sharey=share_y).ravel()
    for axis in axes[len(parts) :]:
        axis.set_visible(False)
    return figure, list(axes[: len(parts)]), parts


def _tidy(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize="small")
    axis.tick_params(labelsize="small")
    axis.spines[["top", "right"]].set_visible(False)


def _label(figure: Figure, axes: Sequence[Axes], x: str, y: str) -> None:
    figure.supxlabel(x, fontsize="medium")
    figure.supylabel(y, fontsize="medium")

"""Figures of encoding models: scores under their ceilings, parts of the variance."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprcompare.errors import InvalidInputError

# Okabe & Ito's palette, which colour-blind readers can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
CEILING = "#DDDDDD"

MOST_SHOWN = 3
"""Groups whose unique and shared variances, seven parts, have a colour each."""


def plot_regions(regions: pd.DataFrame) -> Figure:
    """Draw r over predictors, one panel a region of the brain, under the ceiling.

    Parameters
    ----------
    regions
        Of an `Encoding`.

    Returns
    -------
    matplotlib.figure.Figure
        Points are subjects with 95 % intervals over stimuli, dashes their means; the band spans the
        subjects' ceilings, the largest r that noise allows.
    """
    names = list(dict.fromkeys(regions["region"]))
    predictors = list(dict.fromkeys(regions["predictor"]))
    width = max(2.6, 0.45 * len(predictors) + 1.2)
    figure = Figure(figsize=(width * len(names) + 0.6, 3.8), layout="constrained")
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, region in zip(axes, names, strict=True):
        _region_panel(axis, regions[regions["region"] == region], predictors)
        axis.set_title(region, fontsize="medium")
    axes[0].set_ylabel("r of held-out predictions\n(mean over neuroids)")
    return figure


def _region_panel(axis: Axes, rows: pd.DataFrame, predictors: list[str]) -> None:
    subjects = list(dict.fromkeys(rows["subject"]))
    ceilings = rows["ceiling"].dropna()
    if len(ceilings):
        low, high = ceilings.min(), ceilings.max()
        axis.axhspan(low, max(high, low + 0.004), color=CEILING, lw=0, zorder=0)
        axis.annotate(
            "ceiling",
            (0.02, high),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize="small",
            color="#555555",
        )
    axis.axhline(0, color="black", lw=0.8, ls="--", zorder=1)
    for number, subject in enumerate(subjects):
        own = rows[rows["subject"] == subject]
        shift = (number - (len(subjects) - 1) / 2) * min(0.12, 0.6 / len(subjects))
        places = np.array([predictors.index(name) for name in own["predictor"]]) + shift
        reach = [own["r"] - own["r_low"], own["r_high"] - own["r"]]
        axis.errorbar(
            places,
            own["r"],
            yerr=np.maximum(np.nan_to_num(np.array(reach, dtype=float)), 0),
            fmt="o",
            ms=5,
            lw=1.2,
            color=PALETTE[0] if len(subjects) == 1 else "#7799BB",
            zorder=2,
        )
    if len(subjects) > 1:
        means = rows.groupby("predictor", sort=False)["r"].mean()
        axis.scatter(
            [predictors.index(name) for name in means.index],
            means,
            marker="_",
            s=260,
            lw=2.2,
            color=PALETTE[0],
            zorder=3,
        )
    names = [fill(name, 16) for name in predictors]
    axis.set_xticks(range(len(predictors)), names, rotation=50, ha="right", fontsize="small")
    axis.set_xlim(-0.6, len(predictors) - 0.4)
    axis.spines[["top", "right"]].set_visible(False)


def plot_against_ceiling(table: pd.DataFrame) -> Figure:
    """Draw the r of every neuroid against the largest that its noise allows.

    Parameters
    ----------
    table
        Of an `Encoding`.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a predictor, a colour a region; on the dashed line r is the ceiling.

    Raises
    ------
    InvalidInputError
        If no neuroid has a ceiling.
    """
    rows = table[table["ceiling"].notna() & table["r"].notna()]
    if rows.empty:
        raise InvalidInputError(
            "no neuroid has a noise ceiling, which needs repetitions of the stimuli."
        )
    predictors = list(dict.fromkeys(rows["predictor"]))
    figure = Figure(figsize=(2.9 * len(predictors) + 1.2, 3.3), layout="constrained")
    axes = figure.subplots(1, len(predictors), sharex=True, sharey=True, squeeze=False)[0]
    regions = list(dict.fromkeys(rows["region"]))
    for axis, predictor in zip(axes, predictors, strict=True):
        for number, region in enumerate(regions):
            own = rows[(rows["predictor"] == predictor) & (rows["region"] == region)]
            axis.scatter(
                own["ceiling"],
                own["r"],
                s=10,
                alpha=min(0.5, 20 / max(len(own), 1) ** 0.5),
                lw=0,
                color=PALETTE[number % len(PALETTE)],
                label=region,
            )
        axis.plot([0, 1], [0, 1], color="black", lw=0.8, ls="--")
        axis.axhline(0, color="black", lw=0.6)
        axis.set_xlabel("largest r that noise allows")
        axis.set_title(predictor, fontsize="medium")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("r of held-out predictions")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def plot_partition(partition: pd.DataFrame) -> Figure:
    """Draw the parts of the variance, stacked, and beside each other with their intervals.

    Up to three groups the parts are unique and shared variances. More groups have more shared parts
    than can be told apart, so that Shapley values are stacked instead, and unique variances stand
    beside them as open points.

    Parameters
    ----------
    partition
        Of an `Encoding`.

    Returns
    -------
    matplotlib.figure.Figure
        Left the stack, whose black line is the r2 of all groups; what is negative hangs below 0.
        Right each part with its 95 % interval over stimuli.

    Raises
    ------
    InvalidInputError
        If variance was not partitioned.
    """
    if partition.empty:
        raise InvalidInputError("variance was not partitioned; give encode partition=True.")
    keys = list(dict.fromkeys(zip(partition["subject"], partition["region"], strict=True)))
    groups = list(dict.fromkeys(partition.loc[partition["part"] == "unique", "groups"]))
    few = len(groups) <= MOST_SHOWN
    stack = ["unique", "shared"] if few else ["shapley"]
    names = list(dict.fromkeys(partition.loc[partition["part"].isin(stack), "groups"]))
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    across = max(4.4, 0.35 * len(names) * len(keys) + 2.4)
    figure = Figure(figsize=(across + 2.6, 3.8), layout="constrained")
    stacked, beside = figure.subplots(1, 2, width_ratios=[1, 2.2])
    step = 1 / (len(names) + 1.5)
    for place, (subject, region) in enumerate(keys):
        mine = (partition["subject"] == subject) & (partition["region"] == region)
        own = partition[mine].set_index(["part", "groups"])
        # What is negative hangs below 0, so that heights still add up to the total.
        above, below = 0.0, 0.0
        for number, name in enumerate(names):
            row = own.loc[next(part for part in own.index if part[0] in stack and part[1] == name)]
            value, colour = float(row["r2"]), colours[name]
            bottom = above if value >= 0 else below
            stacked.bar(place, value, 0.6, bottom=bottom, color=colour, edgecolor="white", lw=0.6)
            above, below = above + max(value, 0), below + min(value, 0)
            x = place + (number - (len(names) - 1) / 2) * step
            _part(beside, x, row, colour, colour, name if place == 0 else None)
            if not few:
                _part(beside, x + step / 4, own.loc["unique", name], colour, "white", None)
        total = float(own.loc["total", "r2"].iloc[0])
        stacked.plot([place - 0.38, place + 0.38], [total, total], color="black", lw=1.4)
    labels = [f"{subject}\n{region}" for subject, region in keys]
    turned = {"rotation": 50, "ha": "right"} if len(keys) > 2 else {}
    for axis in (stacked, beside):
        axis.axhline(0, color="black", lw=0.8)
        axis.set_xticks(range(len(keys)), labels, fontsize="small", **turned)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlim(-0.6, len(keys) - 0.4)
    stacked.set_ylabel("r2 of held-out predictions")
    stacked.set_title("stacked; line: all groups" if few else "Shapley values", fontsize="small")
    beside.set_title(
        "each part, 95 % over stimuli" if few else "filled: Shapley; open: unique; 95 %",
        fontsize="small",
    )
    figure.legend(*beside.get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure


def _part(axis: Axes, x: float, row: pd.Series, colour: str, face: str, label: str | None) -> None:
    """Draw a part of the variance with its interval."""
    reach = np.array([[row["r2"] - row["low"]], [row["high"] - row["r2"]]], dtype=float)
    axis.errorbar(
        x,
        float(row["r2"]),
        yerr=np.maximum(np.nan_to_num(reach), 0),
        fmt="o",
        ms=5,
        lw=1.2,
        color=colour,
        mfc=face,
        label=label,
    )


def plot_universality(table: pd.DataFrame) -> Figure:
    """Draw universality over components, and brain similarity against it where there is one.

    Parameters
    ----------
    table
        Of a `Universality`.

    Returns
    -------
    matplotlib.figure.Figure
        Points are networks, the line is their mean.
    """
    with_brain = bool(table["brain_similarity"].notna().any())
    regions = list(dict.fromkeys(table["region"]))
    figure = Figure(figsize=(8.6 if with_brain else 5.2, 3.4), layout="constrained")
    axes = figure.subplots(1, 2 if with_brain else 1, squeeze=False)[0]
    for number, region in enumerate(regions):
        own, colour = table[table["region"] == region], PALETTE[number % len(PALETTE)]
        shift = (number - (len(regions) - 1) / 2) * min(0.15, 0.6 / len(regions))
        axes[0].scatter(
            own["component"] + shift, own["universality"], s=9, alpha=0.4, lw=0, color=colour
        )
        means = own.groupby("component")["universality"].mean()
        axes[0].plot(
            means.index + shift, means, color=colour, lw=1.4, marker="o", ms=4, label=region
        )
        if with_brain:
            axes[1].scatter(
                own["universality"], own["brain_similarity"], s=12, alpha=0.5, lw=0, color=colour
            )
    axes[0].set_xlabel("principal component")
    axes[0].set_ylabel("universality: r from other networks\n(median)")
    if with_brain:
        axes[1].set_xlabel("universality")
        axes[1].set_ylabel("r from the brain (median)")
    for axis in axes:
        axis.axhline(0, color="black", lw=0.8, ls="--")
        axis.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    return figure

"""Figures of comparisons: points with intervals, the noise ceiling as a band."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprcompare.geometry import COMPARATORS

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""
POINT = PALETTE[0]
SUBJECT = "#999999"
CEILING = "#DDDDDD"
MARK = "#333333"
ALPHA = 0.05
MOST_BARS = 15
"""More bars between pairs of models than this cannot be read."""


def plot_scores(
    table: pd.DataFrame,
    ceiling: pd.DataFrame,
    subjects: pd.DataFrame | None = None,
    pairs: pd.DataFrame | None = None,
) -> Figure:
    """Draw one panel a brain region: every model's score, its interval and its subjects.

    Parameters
    ----------
    table, ceiling, subjects, pairs
        Of a `Comparison`.

    Returns
    -------
    matplotlib.figure.Figure
        Filled points differ from the value of unrelated RDMs (p_zero < 0.05). The band spans the
        noise ceiling, the dashed line is the value of unrelated RDMs. A small triangle at the foot
        of the band marks a model below the lower ceiling (p_ceiling < 0.05). Bars above join two
        models that differ (p_holm < 0.05); where there are more than fifteen, every model has a row
        with a dot over each model that it is better than, instead.
    """
    regions = list(dict.fromkeys(table["brain_region"]))
    n_rows = int(table.groupby("brain_region", sort=False).size().max())
    figure, axes = plt.subplots(
        1,
        len(regions),
        figsize=(max(4.0, 0.45 * n_rows + 1.5) * len(regions), 4.2),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for axis, region in zip(axes[0], regions, strict=True):
        rows = table[table["brain_region"] == region].reset_index(drop=True)
        bounds = ceiling[ceiling["brain_region"] == region].iloc[0]
        _panel(axis, rows, bounds, subjects)
        if pairs is not None and len(pairs):
            mark_pairs(axis, rows, pairs[pairs["brain_region"] == region])
        axis.set_title(region)
    label = COMPARATORS[str(table["comparator"].iloc[0])].label
    axes[0, 0].set_ylabel(f"{label}\nwith the brain's RDM")
    return figure


def _panel(
    axis: Axes, rows: pd.DataFrame, bounds: pd.Series, subjects: pd.DataFrame | None
) -> None:
    if np.isfinite(bounds["lower"]):
        axis.axhspan(bounds["lower"], bounds["upper"], color=CEILING, zorder=0, lw=0)
        axis.annotate(
            f"noise ceiling, {int(bounds['n_subjects'])} subjects",
            (0.02, bounds["upper"]),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize="small",
            color="#555555",
        )
    axis.axhline(float(rows["unrelated"].mean()), color="black", lw=0.8, ls="--", zorder=1)
    places = np.arange(len(rows))
    if subjects is not None and len(subjects):
        _points_of_subjects(axis, rows, subjects)
    axis.errorbar(
        places,
        rows["score"],
        yerr=[rows["score"] - rows["ci_low"], rows["ci_high"] - rows["score"]],
        fmt="none",
        ecolor=POINT,
        lw=1.5,
        zorder=3,
    )
    significant = (rows["p_zero"] < ALPHA).to_numpy()
    axis.scatter(
        places,
        rows["score"],
        s=42,
        zorder=4,
        edgecolors=POINT,
        facecolors=[POINT if yes else "white" for yes in significant],
    )
    below = (rows["p_ceiling"] < ALPHA).to_numpy()
    axis.scatter(
        places[below],
        np.full(below.sum(), bounds["lower"]),
        marker="v",
        s=16,
        color="#555555",
        zorder=2,
    )
    names = [
        "\n".join(filter(None, pair))
        for pair in zip(rows["model"].astype(str), rows["model_region"].astype(str), strict=True)
    ]
    axis.set_xticks(places, names, rotation=60, ha="right", fontsize="small")
    axis.spines[["top", "right"]].set_visible(False)


def _points_of_subjects(axis: Axes, rows: pd.DataFrame, subjects: pd.DataFrame) -> None:
    keys = ["model", "model_region", "brain_region"]
    placed = subjects.merge(rows[keys].assign(place=np.arange(len(rows))), on=keys)
    if placed["subject"].nunique() > 1:
        offset = placed.groupby("place").cumcount()
        spread = (offset / max(offset.max(), 1) - 0.5) * 0.3
        axis.scatter(placed["place"] + spread, placed["score"], s=9, color=SUBJECT, zorder=2)


def mark_pairs(axis: Axes, rows: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Mark above the points which models differ, corrected for all pairs (p_holm < 0.05)."""
    names = zip(rows["model"].astype(str), rows["model_region"].astype(str), strict=True)
    places = {name: place for place, name in enumerate(names)}
    told_apart = pairs[pairs["p_holm"] < ALPHA]
    columns = ("model_a", "region_a", "model_b", "region_b")
    found = []
    for a, at_a, b, at_b, difference in zip(
        *(told_apart[c].astype(str) for c in columns), told_apart["difference"], strict=True
    ):
        one, other = places[a, at_a], places[b, at_b]
        found.append((one, other) if difference > 0 else (other, one))
    if not found:
        return
    low, high = axis.get_ylim()
    step = (high - low) * 0.03
    top = high
    if len(found) <= MOST_BARS:
        for better, worse in sorted(found, key=lambda pair: abs(pair[0] - pair[1])):
            top += step
            axis.plot([better, worse], [top, top], color=MARK, lw=1.2, solid_capstyle="butt")
    else:
        for better in sorted({pair[0] for pair in found}):
            top += step
            others = [b for a, b in found if a == better]
            axis.plot([better], [top], marker="D", ms=4, color=MARK)
            axis.plot(others, [top] * len(others), ls="", marker="o", ms=2.5, color=MARK)
    axis.set_ylim(low, top + step)

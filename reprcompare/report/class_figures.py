"""Figures of classes of networks that predict a brain: a point a network, means with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reprcompare.report.figures import PALETTE
from reprcompare.statistics import mean_interval, subject_means

CEILING = "#DDDDDD"


def plot_classes(scores: pd.DataFrame) -> Figure:
    """Draw r of every class of networks under the ceilings of the brain's subjects.

    Parameters
    ----------
    scores
        One row a network, predictor, brain subject and region: subject, recording, predictor, r,
        ceiling.
    """
    table = subject_means(scores, ["r"], ["recording", "predictor"])
    keys = list(dict.fromkeys(zip(table["recording"], table["predictor"], strict=True)))
    figure = Figure(figsize=(max(3.4, 0.6 * len(keys) + 1.4), 3.6), layout="constrained")
    axis = figure.subplots()
    ceilings = scores["ceiling"].dropna()
    if len(ceilings):
        axis.axhspan(ceilings.min(), ceilings.max(), color=CEILING, lw=0, zorder=0)
        axis.annotate(
            "ceilings",
            (0.02, ceilings.max()),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize="small",
            color="#555555",
        )
    for place, (recording, predictor) in enumerate(keys):
        mine = (table["recording"] == recording) & (table["predictor"] == predictor)
        _points(axis, place, table.loc[mine, "r"].to_numpy(dtype=float), PALETTE[0])
    several = len({predictor for _, predictor in keys}) > 1
    names = [
        f"{a}\n{b}" if several and len(keys) > len(set(table["recording"])) else a for a, b in keys
    ]
    axis.set_xticks(range(len(keys)), names, fontsize="small", rotation=45 if len(keys) > 6 else 0)
    _finish(axis, "r of held-out predictions\n(mean over neuroids)")
    return figure


def plot_class_parts(partition: pd.DataFrame) -> Figure:
    """Draw unique and shared variance, a panel a class of networks.

    Parameters
    ----------
    partition
        One row a network, brain subject, region and part: subject, recording, part, groups, r2.
    """
    parts = partition[partition["part"].isin(["unique", "shared"])]
    table = subject_means(parts, ["r2"], ["recording", "groups"])
    classes = list(dict.fromkeys(table["recording"]))
    groups = list(dict.fromkeys(table["groups"]))
    figure = Figure(
        figsize=(max(2.4, 0.36 * len(groups) + 0.6) * len(classes) + 0.8, 3.9),
        layout="constrained",
    )
    axes = figure.subplots(1, len(classes), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, classes, strict=True):
        own = table[table["recording"] == name]
        for place, group in enumerate(groups):
            values = own.loc[own["groups"] == group, "r2"].to_numpy(dtype=float)
            _points(axis, place, values, PALETTE[place % len(PALETTE)])
        axis.set_xticks(range(len(groups)), groups, rotation=60, ha="right", fontsize="small")
        axis.set_title(name, fontsize="medium")
        _finish(axis, "")
    axes[0].set_ylabel("r2 of held-out predictions")
    return figure


def _points(axis: Axes, place: float, values: np.ndarray, colour: str) -> None:
    spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(len(values))
    axis.scatter(place + spread, values, s=12, color=colour, alpha=0.4, lw=0, zorder=2)
    mean, _, high = mean_interval(values)
    reach = high - mean if np.isfinite(high) else 0.0
    axis.errorbar(place, mean, yerr=reach, color=colour, marker="o", ms=6, capsize=3, zorder=3)


def _finish(axis: Axes, label: str) -> None:
    axis.axhline(0, color="black", lw=0.8, ls="--", zorder=1)
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    if label:
        axis.set_ylabel(label)

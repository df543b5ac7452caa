"""The figure of an atlas: the shares of two features over every level of every factor."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reprcompare.report.content import Section
from reprcompare.report.figures import colours_of
from reprcompare.report.plots import Plot
from reprcompare.statistics import level_means, setting_means, variance_by_factor

SHARES = ("easy", "hard")
COLUMNS = ("seed", "counted", *SHARES, "easy - hard")
"""What the table of an atlas has beside its factors, by which a stored one is known."""


def factors_of(table: pd.DataFrame) -> list[str]:
    """Return the factors of an atlas: the columns before that of the seeds."""
    return list(table.columns[: list(table.columns).index("seed")])


def plot_atlas(table: pd.DataFrame) -> Figure:
    """Draw the shares of two features over the levels of every factor.

    Parameters
    ----------
    table
        One row a network: the factors, then seed, counted, hard, easy (shares) and others.

    Returns
    -------
    matplotlib.figure.Figure
        A panel a factor. Faint points are settings (means over their networks), large ones means
        over settings with 95 % intervals (t); beside each level stand the networks that are
        counted, of all that were trained.
    """
    factors = factors_of(table)
    counted = table[table["counted"].astype(bool)]
    means = {name: level_means(counted, name, factors) for name in SHARES}
    explained = variance_by_factor(counted, "hard", factors, replicate="seed").set_index("term")
    heights = [table[factor].nunique() for factor in factors]
    figure = Figure(figsize=(8.2, 0.36 * sum(heights) + 0.75 * len(factors)), layout="constrained")
    axes = figure.subplots(len(factors), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axis, factor in zip(axes, factors, strict=True):
        row = explained.loc[factor]
        axis.set_title(
            f"{factor}: {row.eta2:.1%} of the variance of the hard feature's share "
            f"({row.eta2_low:.1%} to {row.eta2_high:.1%})",
            fontsize="medium",
            loc="left",
        )
        _levels(axis, table, factor, factors, means)
    axes[-1].set_xlabel("share: fraction of the last region's variance that a feature explains")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(
        [*handles, Line2D([], [], marker="o", ms=3, lw=0, color="0.6")],
        [*(f"{name}, mean over settings" for name in names), "one setting"],
        loc="outside upper center",
        frameon=False,
        ncols=3,
    )
    return figure


def _levels(
    axis: Axes,
    table: pd.DataFrame,
    factor: str,
    factors: Sequence[str],
    means: dict[str, pd.DataFrame],
) -> None:
    levels = [str(level) for level in dict.fromkeys(table[factor])]
    counted = table[table["counted"].astype(bool)]
    for number, (name, colour) in enumerate(colours_of(SHARES).items()):
        shift = 0.17 * (2 * number - 1)
        settings = setting_means(counted, name, factors)
        for place, level in enumerate(levels):
            own_level = settings[factor].astype(str) == level
            values = settings.loc[own_level, "setting_mean"].to_numpy()
            spread = shift + np.linspace(-0.11, 0.11, len(values))
            axis.scatter(values, place + spread, s=7, color=colour, alpha=0.25, lw=0, zorder=2)
        own = means[name][means[name]["factor"] == factor]
        axis.errorbar(
            own["mean"].to_numpy(),
            [levels.index(level) + shift for level in own["level"]],
            xerr=[own["mean"] - own["low"], own["high"] - own["mean"]],
            color=colour,
            marker="os"[number],
            ms=6,
            lw=0,
            elinewidth=1.4,
            capsize=3,
            mec="white",
            label=f"{name} feature",
            zorder=3,
        )
    for place, level in enumerate(levels):
        made = table[table[factor].astype(str) == level]
        n_counted, n_made = int(made["counted"].sum()), len(made)
        axis.text(
            1.01, place, f"{n_counted} of {n_made} counted",
            transform=axis.get_yaxis_transform(), va="center", fontsize="small", color="0.35",
        )  # fmt: skip
    axis.axvline(0.0, color="black", lw=0.8, ls="--", zorder=1)
    axis.set_yticks(range(len(levels)), levels)
    axis.set_ylim(len(levels) - 0.5, -0.5)
    axis.spines[["top", "right"]].set_visible(False)


def atlas_plot(table: pd.DataFrame, name: str) -> Plot:
    """Return the figure with what stands below it.

    Parameters
    ----------
    table
        As for `plot_atlas`.
    name
        For file names.
    """
    n_settings = len(table[factors_of(table)].drop_duplicates())
    caption = (
        f"How strongly an easy and a hard feature are represented in {len(table)} networks of "
        f"{n_settings} settings, of which those count that compute both features on held-out "
        "stimuli (at the right). Every faint point is the mean of one setting, every large "
        "one the mean over all settings that share a level, with its 95 % interval over settings. "
        "Above each factor: how much of the variance of the hard feature's share between networks "
        "it explains beside the other factors, with its 95 % interval over seeds. The dashed line "
        "is the share that an unrelated feature is expected to have."
    )
    return Plot(f"{name}-levels", plot_atlas(table), caption, table)


def atlas_section(tables: dict[str, pd.DataFrame], title: str, name: str) -> Section:
    """Show an atlas: its figure, what the factors explain, and their levels.

    Parameters
    ----------
    tables
        As the analysis gives them: table, effects, levels, differences, overall.
    title
        Heading.
    name
        For file names.
    """
    shown = {
        "Over all settings": tables["overall"],
        "Variance of the hard feature's share by factor": tables["effects"],
        "Levels of every factor": tables["levels"],
        "Differences between settings that are alike in all else": tables["differences"],
    }
    return Section(title, tables=shown, plots=[atlas_plot(tables["table"], name)])

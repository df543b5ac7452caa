"""How each kind of result is shown: one function a kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reprcompare.audit import Audit
from reprcompare.comparison import Comparison, plot_layers
from reprcompare.encoding import Encoding, Universality
from reprcompare.errors import InvalidInputError, listing
from reprcompare.report.content import Section
from reprcompare.report.curves import plot_along
from reprcompare.report.encoding import encoding_section, universality_section
from reprcompare.report.figures import plot_by_region, plot_components
from reprcompare.report.page import Page, made_with
from reprcompare.report.plots import Plot, anchor
from reprcompare.report.roles import dissociation_section
from reprcompare.report.theory_figures import (
    plot_controls,
    plot_error_by_layer,
    plot_trajectories,
)
from reprcompare.statistics import Dissociation, MixedModel, NetworkContrast
from reprcompare.theory import PairFits

MOST_PANELS = 16
"""Settings beyond which an audit is not drawn: one panel each would be too small to read."""


def audit_section(result: Audit, title: str = "Bias audit", panels: Sequence[str] = ()) -> Section:
    """Show an audit: share, density and decodability over regions, and principal components.

    Of a recording made over training, regions are shown as they were at its last step.

    Parameters
    ----------
    result
        Its tables may carry further columns, named by `panels`.
    title
        Heading.
    panels
        Columns whose combinations get a panel each.
    """
    plots, notes = [], [*result.notes]
    n_panels = len(result.table[[*panels]].drop_duplicates()) if panels else 1
    if n_panels > MOST_PANELS:
        notes.append(f"{n_panels} settings are more than figures can show; see the tables.")
    else:
        plots = _audit_plots(result, anchor(title), panels)
    tables = {
        f"{title}, every row": result.table,
        f"{title}, parts of the variance": result.parts,
        f"{title}, regions": result.regions,
    }
    shown = {heading: rows for heading, rows in tables.items() if len(rows)}
    return Section(title, [result.method], shown, plots, notes)


def _audit_plots(result: Audit, name: str, panels: Sequence[str]) -> list[Plot]:
    table, over_training = _last_step(result.table), "training_step" in result.table
    points = (
        "Points are subjects, bars 95 % intervals of their mean (t)."
        if table["subject"].nunique() > 1
        else "There is one subject; bars, where there are any, are 95 % intervals over stimuli."
    )
    plots = [
        Plot(
            f"{name}-share",
            plot_by_region(table, "share", "share of variance", panels),
            f"Share of each region's variance that a feature explains. {points} The dashed line is "
            "what an unrelated feature is expected to have.",
            table,
        )
    ]
    if table["density"].notna().any():
        plots.append(
            Plot(
                f"{name}-density",
                plot_by_region(table, "density", "fraction of neuroids", panels),
                f"Density: fraction of neuroids in which a feature explains over 10 %. {points}",
                table,
            )
        )
        plots.append(
            Plot(
                f"{name}-density-sweep",
                plot_along(
                    _last_step(result.density),
                    "threshold",
                    "density",
                    ("threshold (fraction of a neuroid's variance)", "density"),
                    panels,
                ),
                "Density over thresholds, in the last region: thin lines are subjects.",
                result.density,
            )
        )
    if table["decodability"].notna().any():
        known = table["decodability_chance"].notna().any()
        line = " The dashed line is the mean score with permuted labels." if known else ""
        plots.append(
            Plot(
                f"{name}-decodability",
                plot_by_region(
                    table,
                    "decodability",
                    "cross-validated score",
                    panels,
                    chance="decodability_chance",
                ),
                f"Decodability by a linear decoder (balanced accuracy). {points}{line}",
                table,
            )
        )
    if table["role"].notna().any():
        plots.append(
            Plot(
                f"{name}-role",
                plot_by_region(table, "role", "role (1: the whole effect)", panels),
                f"Role: effect of exchanging the feature on the answer that reports it. {points}",
                table,
            )
        )
    if len(result.components):
        plots.append(
            Plot(
                f"{name}-components",
                plot_components(_last_step(result.components), panels),
                "Fraction of each principal component's scores that a feature explains, in the "
                f"last region. {points}",
                result.components,
            )
        )
    if over_training:
        plots.append(
            Plot(
                f"{name}-training",
                plot_along(
                    result.table, "training_step", "share", ("training step", "share"), panels
                ),
                "Share over training, in the last region: thin lines are subjects.",
                result.table,
            )
        )
    return plots


def _last_step(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of every subject at its last training step."""
    if "training_step" not in table:
        return table
    last = table.groupby("subject")["training_step"].transform("max")
    return table[table["training_step"] == last]


def comparison_section(
    result: Comparison, title: str = "Comparison", over_layers: bool = False
) -> Section:
    """Show a comparison: scores under the noise ceiling, and differences between models.

    Parameters
    ----------
    result
        What `compare` returned.
    title
        Heading.
    over_layers
        Draw the scores over the regions of every model as lines, since these are in an order.
    """
    if over_layers:
        figure = plot_layers(result.table, result.ceiling, result.subjects)
        caption = (
            "Score over the regions of every model, in their order: means with 95 % intervals; "
            "small points are single subjects, dotted lines baselines at their best region, the "
            "dashed line is the value of unrelated RDMs."
        )
    else:
        figure = result.plot()
        caption = (
            "Score of every model region: large points are means with 95 % intervals, filled where "
            f"p < 0.05 against unrelated RDMs (dashed line){_band(result)}."
        )
        if len(result.pairs):
            caption += (
                " Above, bars join two that differ (p < 0.05, corrected for all pairs); where many "
                "do, each diamond has dots over those that it is better than."
            )
    plots = [Plot(f"{anchor(title)}-scores", figure, caption, result.table)]
    tables = {
        f"{title}, scores": result.table,
        f"{title}, noise ceiling": result.ceiling.dropna(subset="lower"),
        f"{title}, differences between models": result.pairs,
    }
    if len(result.corrected):
        tables[f"{title}, corrected scores beside plain ones"] = result.corrected
        tables[f"{title}, contribution of each feature"] = result.contributions
    notes = [
        f"{len(ids)} stimuli of {name} were left out: {listing(ids, 3)}."
        for name, ids in result.dropped.items()
        if ids
    ]
    return Section(title, [result.method], tables, plots, notes)


def _band(result: Comparison) -> str:
    """Say what a figure shows beside means, where the brain has several subjects."""
    if result.ceiling["lower"].isna().all():
        return ""
    return "; small points are single subjects, the band is the noise ceiling"


def model_section(result: MixedModel, title: str = "Mixed-effects model") -> Section:
    """Show a mixed-effects model: what was fitted, the verdict, then its tables."""
    tables = {f"{title}, fixed effects": result.fixed, f"{title}, random effects": result.random}
    if len(result.aggregated):
        tables[f"{title}, tested on the means of the levels"] = result.aggregated
    said = [f"Model: {result.formula}. {result.method}.", f"Verdict: {result.verdict}."]
    return Section(title, said, tables, notes=result.notes)


def contrast_section(result: NetworkContrast, title: str = "Contrast per network") -> Section:
    """Show a contrast with the network as the unit."""
    return Section(
        title,
        [result.sentence],
        {f"{title}, test": result.table, f"{title}, networks": result.points},
    )


def fits_section(
    result: PairFits, title: str = "Two-point theory", panels: Sequence[str] = ()
) -> Section:
    """Show fits of the two-point theory: trajectories, error by layer, and the controls.

    Parameters
    ----------
    result
        Its tables may carry further columns, named by `panels`.
    title
        Heading.
    panels
        Columns whose combinations get a panel each.
    """
    name = anchor(title)
    plots = [
        Plot(
            f"{name}-trajectories",
            plot_trajectories(result.trajectories, panels),
            "One network: squared distances of representations (h) and outputs (y) and their "
            "alignment with the target (w), each in units of its largest value. Points were "
            "recorded; lines are the theory with its two rates fitted.",
            result.trajectories,
        ),
        Plot(
            f"{name}-layers",
            plot_error_by_layer(result.table, panels),
            "Root mean square error of the theory over layers, thin lines single networks, thick "
            "their mean; the dotted line marks the middle layer.",
            result.table,
        ),
    ]
    if result.dynamics["dynamics"].nunique() > 1:
        plots.append(
            Plot(
                f"{name}-controls",
                plot_controls(result.dynamics, panels),
                "Cross-validated error of each ablated dynamics in the middle layer over that of "
                "the theory: small points are networks, large ones geometric means with 95 % "
                "intervals (t). Right of the dashed line the theory predicts better.",
                result.dynamics,
            )
        )
    tables = {
        f"{title}, rates and errors": result.table,
        f"{title}, against its controls": result.dynamics,
        f"{title}, ends": result.pairs,
    }
    return Section(title, [result.method], tables, plots, result.notes)


def table_section(result: pd.DataFrame, title: str = "Table") -> Section:
    """Show a table as it is."""
    return Section(title, tables={title: result})


def figure_section(result: Figure, title: str = "Figure") -> Section:
    """Show a figure of the user's own."""
    return Section(title, plots=[Plot(anchor(title), result, title, pd.DataFrame())])


SHOWN: dict[type, Callable[..., Section]] = {
    Audit: audit_section,
    Comparison: comparison_section,
    Encoding: encoding_section,
    Dissociation: dissociation_section,
    Universality: universality_section,
    MixedModel: model_section,
    NetworkContrast: contrast_section,
    PairFits: fits_section,
    pd.DataFrame: table_section,
    Figure: figure_section,
}
"""What a report can show, and how."""


def section_of(result: Any, title: str | None = None, **more: Any) -> Section:
    """Return the section that shows a result.

    Parameters
    ----------
    result
        Of a type in `SHOWN`, or a Section.
    title
        Its heading, where the kind's own will not do.
    **more
        Passed on to the kind's function.

    Returns
    -------
    Section

    Raises
    ------
    InvalidInputError
        If a report cannot show such an object.
    """
    if isinstance(result, Section):
        return replace(result, title=title) if title else result
    for kind, show in SHOWN.items():
        if isinstance(result, kind):
            return show(result, **({"title": title} if title else {}), **more)
    raise InvalidInputError(
        f"a report cannot show a {type(result).__name__}; it shows "
        f"{', '.join(kind.__name__ for kind in SHOWN)} and Section."
    )


def report(title: str, results: Any) -> Page:
    """Put results on one page.

    Parameters
    ----------
    title
        Of the page.
    results
        One, a list, or a mapping of headings to them, shown in this order: what `audit`,
        `compare`, `encode`, `mixed_model` and `per_network_contrast` return, tables, figures,
        sections.

    Returns
    -------
    Page
        ``.save(path)`` writes it as one HTML file.

    Raises
    ------
    InvalidInputError
        If a result cannot be shown.

    Examples
    --------
    >>> page = report("A table", [pd.DataFrame({"share": [0.5]})])
    >>> "0.5" in page.html()
    True
    """
    if isinstance(results, Mapping):
        sections = [section_of(result, str(heading)) for heading, result in results.items()]
    else:
        several = results if isinstance(results, list | tuple) else [results]
        sections = [section_of(result) for result in several]
    return Page(title, sections, made_with())

"""How encoding models are shown: scores under their ceilings, parts of the variance, choices."""

import pandas as pd

from reprcompare.encoding import Encoding, Universality
from reprcompare.report.class_figures import plot_class_parts, plot_classes
from reprcompare.report.content import Section
from reprcompare.report.plots import Plot


def encoding_section(result: Encoding, title: str = "Encoding models") -> Section:
    """Show an encoding: scores over predictors and regions, and what groups explain.

    Parameters
    ----------
    result
        What `encode` returned.
    title
        Heading.
    """
    name = _anchor(title)
    plots = [
        Plot(
            f"{name}-scores",
            result.plot(),
            "Mean r over the neuroids of a region, for every predictor: points are subjects with "
            "95 % intervals over stimuli, dashes their mean; the band spans the subjects' "
            "ceilings, the largest r that noise allows.",
            result.regions,
        )
    ]
    if result.table["ceiling"].notna().any():
        plots.append(
            Plot(
                f"{name}-ceilings",
                result.plot_ceiling(),
                "Score of every neuroid against its ceiling; neuroids on the dashed line are "
                "predicted as well as their noise allows.",
                result.table,
            )
        )
    if len(result.partition):
        plots.append(
            Plot(
                f"{name}-partition",
                result.plot_partition(),
                "What groups of predictors explain alone and together (r2 of held-out "
                "predictions). Left: stacked, what is negative hangs below 0, the black line is "
                "the whole. Right: the same parts with 95 % intervals over stimuli. Of more than "
                "three groups, parts are Shapley values, with unique variances as open points.",
                result.partition,
            )
        )
    tables = {
        f"{title}, regions": result.regions,
        f"{title}, subjects": result.subjects,
        f"{title}, parts of the variance": result.partition,
        f"{title}, choices of the outer folds": result.choice,
    }
    shown = {name: table for name, table in tables.items() if len(table)}
    return Section(title, [result.method], shown, plots, result.notes)


def universality_section(result: Universality, title: str = "Universality") -> Section:
    """Show universality over components, and beside brain similarity."""
    plot = Plot(
        f"{_anchor(title)}-components",
        result.plot(),
        "Universality of principal components: median correlation of the component with its "
        "prediction from other networks. Points are networks, lines their mean; on the right, "
        "where there is a brain, prediction from it against universality, a point a component.",
        result.table,
    )
    tables = {
        f"{title}, components": result.table,
        f"{title}, rank correlation with brain similarity": result.relation,
    }
    shown = {name: table for name, table in tables.items() if len(table)}
    return Section(title, [result.method], shown, [plot])


def predictivity_section(
    scores: pd.DataFrame, partition: pd.DataFrame | None, method: str, title: str = "Predictivity"
) -> Section:
    """Show how well classes of networks predict a brain, and what labelled features carry.

    Parameters
    ----------
    scores
        One row a network (`subject`), `recording` (its class), predictor, brain_subject,
        brain_region, with `r` and `ceiling`.
    partition
        Parts of the variance of every network, where labels predict beside it.
    method
        What was done, in words.
    title
        Heading.

    Returns
    -------
    Section
    """
    name = _anchor(title)
    plots = [
        Plot(
            f"{name}-scores",
            plot_classes(scores),
            "Prediction of the brain by every class of networks: points are networks (mean over "
            "neuroids, brain subjects and regions), bars 95 % intervals of their mean (t), the "
            "band the ceilings of the brain's subjects.",
            scores,
        )
    ]
    if partition is not None:
        plots.append(
            Plot(
                f"{name}-partition",
                plot_class_parts(partition),
                "What the network and labelled features explain alone and together, for every "
                "class of networks; points are networks, bars 95 % intervals of their mean (t).",
                partition,
            )
        )
    return Section(title, [method], {f"{title}, networks": scores}, plots)


def _anchor(title: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())

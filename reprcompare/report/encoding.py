"""How encoding models are shown: scores under their ceilings, parts of the variance, choices."""

from reprcompare.encoding import Encoding
from reprcompare.report.page import Section
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
    name = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
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
                "the whole. Right: the same parts with 95 % intervals over stimuli.",
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

"""What encoding models return."""

from dataclasses import dataclass, field

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from reprcompare.encoding.figures import plot_against_ceiling, plot_partition, plot_regions


@dataclass(frozen=True)
class Encoding:
    """Scores of predictors, with what they can be held against.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a predictor and neuroid: neuroid_id, region, subject, r (within folds, averaged over
        them), r_low, r_high (95 %, bootstrap), r2 (of fold-centred values), ceiling (the largest
        r), ceiling_r2 (the largest r2), r_of_ceiling, r2_of_ceiling, alpha (geometric mean over
        outer folds), n_components.
    regions : pandas.DataFrame
        Means over the neuroids of a region of a subject: r, r2 with intervals over stimuli,
        ceiling, r_of_ceiling (ratio of the means).
    subjects : pandas.DataFrame
        The same over all neuroids of a subject.
    groups : pandas.DataFrame
        How R2 splits over groups of predictors (product measure), one row a neuroid and group.
    partition : pandas.DataFrame
        Variance partitioning of a region, with intervals: total, unique, shared, shapley.
    subsets : pandas.DataFrame
        R2 of every subset of groups, one row a neuroid.
    choice : pandas.DataFrame
        Which candidate every outer fold chose for a region, by the inner folds.
    method : str
        What was done, in words.
    notes : list of str
        What was left out or could not be had, and why; what may have leaked.
    alphas : xarray.DataArray
        Chosen settings (predictor, fold, neuroid).
    predictions : xarray.DataArray or None
        Held-out predictions (predictor, presentation, neuroid), if asked for.
    weights : dict of xarray.DataArray
        Weights (column, neuroid) by predictor, averaged over outer folds, if asked for.
    """

    table: pd.DataFrame
    regions: pd.DataFrame
    subjects: pd.DataFrame
    groups: pd.DataFrame
    partition: pd.DataFrame
    subsets: pd.DataFrame
    choice: pd.DataFrame
    method: str
    notes: list[str]
    alphas: xr.DataArray
    predictions: xr.DataArray | None = None
    weights: dict[str, xr.DataArray] = field(default_factory=dict)

    def plot(self) -> Figure:
        """Draw r over predictors and regions, under their ceilings.

        Returns
        -------
        matplotlib.figure.Figure
            Points are subjects with 95 % intervals over stimuli.
        """
        return plot_regions(self.regions)

    def plot_ceiling(self) -> Figure:
        """Draw the r of every neuroid against its ceiling, the largest r that noise allows.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidInputError
            If no neuroid has a ceiling, because no stimulus was repeated.
        """
        return plot_against_ceiling(self.table)

    def plot_partition(self) -> Figure:
        """Draw what groups of predictors explain alone and together, in r2.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InvalidInputError
            If variance was not partitioned.
        """
        return plot_partition(self.partition)

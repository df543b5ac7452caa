"""What a comparison returns."""

from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure

from reprcompare.comparison.figures import plot_scores
from reprcompare.geometry import Comparator


@dataclass(frozen=True)
class Comparison:
    """Scores of models, with what they can be held against.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for every model, model region and brain region: score, se, ci_low, ci_high, df,
        se_bootstrap (corrected for both factors, for comparison with other work), p_zero,
        p_zero_holm and p_zero_fdr (corrected for all rows of the brain region), p_wilcoxon (with
        resample="subjects"), p_ceiling, unrelated (the value for unrelated RDMs), disattenuated,
        reliability (of one network), n_stimuli, n_subjects, n_networks, comparator.
    pairs : pandas.DataFrame
        Differences between models of one brain region: difference, se, ci_low, ci_high, df, p,
        p_wilcoxon, and p_holm and p_fdr, corrected for all pairs of that brain region.
    ceiling : pandas.DataFrame
        One row for every brain region: lower, upper, upper_null and lower_null (what they would be
        for pure noise), n_subjects, reliability (of one subject), and upper_crossvalidated (for
        crossnobis distances: without the noise of the tested subject, so zero for pure noise).
    method : str
        What was computed and tested, in words.
    comparator : Comparator
        With its range, its value for unrelated RDMs, and what it is sensitive to.
    dropped : dict
        Stimuli that were left out, by the object that had them.
    subjects : pandas.DataFrame
        Score of every model with every subject.
    corrected : pandas.DataFrame
        With `correct`, one row for every model, model region, brain region and correction: plain
        (the score without it), corrected, ci_low, ci_high, se, reason (why it is NaN).
    contributions : pandas.DataFrame
        What every feature contributes to the plain and to the corrected score of these rows.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    ceiling: pd.DataFrame
    method: str
    comparator: Comparator
    dropped: dict[str, list[str]] = field(default_factory=dict)
    subjects: pd.DataFrame = field(default_factory=pd.DataFrame)
    corrected: pd.DataFrame = field(default_factory=pd.DataFrame)
    contributions: pd.DataFrame = field(default_factory=pd.DataFrame)

    def plot(self) -> Figure:
        """Draw the scores as points with intervals, under the noise ceiling, with their tests.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return plot_scores(self.table, self.ceiling, self.subjects, self.pairs)

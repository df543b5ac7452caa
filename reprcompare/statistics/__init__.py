"""Tests and models for tables of scores and shares: mixed-effects models and their company."""

from reprcompare.statistics.causal import ShareModel, mediation, shapley_bounds, share_model
from reprcompare.statistics.contrasts import contrast, likelihood_ratio, marginal_means, pairwise
from reprcompare.statistics.corrections import benjamini_hochberg, correct, holm
from reprcompare.statistics.design import formula_columns
from reprcompare.statistics.diagnostics import (
    influence,
    intraclass_correlation,
    predict,
    r_squared,
    residual_checks,
)
from reprcompare.statistics.dissociation import Dissociation, dissociation
from reprcompare.statistics.equivalence import Equivalence, equivalence_test
from reprcompare.statistics.factorial import (
    level_differences,
    level_means,
    over_settings,
    setting_means,
    variance_by_factor,
)
from reprcompare.statistics.groups import group_contrast
from reprcompare.statistics.means import mean_interval, median_interval, subject_means
from reprcompare.statistics.mixed import MixedModel, mixed_model
from reprcompare.statistics.pairs import label_permutation, pair_model, pair_table
from reprcompare.statistics.power import power_by_simulation
from reprcompare.statistics.resampling import bootstrap, permutation_test
from reprcompare.statistics.shares import NetworkContrast, per_network_contrast

__all__ = [
    "Dissociation",
    "Equivalence",
    "MixedModel",
    "NetworkContrast",
    "ShareModel",
    "benjamini_hochberg",
    "bootstrap",
    "contrast",
    "correct",
    "dissociation",
    "equivalence_test",
    "formula_columns",
    "group_contrast",
    "holm",
    "influence",
    "intraclass_correlation",
    "label_permutation",
    "level_differences",
    "level_means",
    "likelihood_ratio",
    "marginal_means",
    "mean_interval",
    "median_interval",
    "mediation",
    "mixed_model",
    "over_settings",
    "pair_model",
    "pair_table",
    "pairwise",
    "per_network_contrast",
    "permutation_test",
    "power_by_simulation",
    "predict",
    "r_squared",
    "residual_checks",
    "setting_means",
    "shapley_bounds",
    "share_model",
    "subject_means",
    "variance_by_factor",
]

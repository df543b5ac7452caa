"""RDMs: dissimilarities, comparators, noise ceilings and the inference that belongs to them."""

from reprcompare.geometry.bootstrap import (
    Bootstrap,
    bootstrap_scores,
    draw_counts,
    two_factor_variance,
)
from reprcompare.geometry.ceiling import (
    Ceiling,
    ceiling_terms,
    noise_ceiling,
    permute_stimuli,
    pooling_form,
)
from reprcompare.geometry.comparators import COMPARATORS, Comparator, find_comparator, standardise
from reprcompare.geometry.crossvalidated import crossnobis, poisson_cv
from reprcompare.geometry.dissimilarity import MEASURES, dissimilarities
from reprcompare.geometry.influence import influences
from reprcompare.geometry.labelled import (
    NAN_POLICIES,
    Subjects,
    by_region,
    complete_stimuli,
    join,
    stimulus_ids,
    take_stimuli,
)
from reprcompare.geometry.permutation import Unrelated, unrelated_test
from reprcompare.geometry.products import Products, resampled_products
from reprcompare.geometry.rdm import METRICS, rdm, residual_precision
from reprcompare.geometry.variance import RESAMPLED, Variance, score_variance

__all__ = [
    "COMPARATORS",
    "MEASURES",
    "METRICS",
    "NAN_POLICIES",
    "RESAMPLED",
    "Bootstrap",
    "Ceiling",
    "Comparator",
    "Products",
    "Subjects",
    "Unrelated",
    "Variance",
    "bootstrap_scores",
    "by_region",
    "ceiling_terms",
    "complete_stimuli",
    "crossnobis",
    "dissimilarities",
    "draw_counts",
    "find_comparator",
    "influences",
    "join",
    "noise_ceiling",
    "permute_stimuli",
    "poisson_cv",
    "pooling_form",
    "rdm",
    "resampled_products",
    "residual_precision",
    "score_variance",
    "standardise",
    "stimulus_ids",
    "take_stimuli",
    "two_factor_variance",
    "unrelated_test",
]

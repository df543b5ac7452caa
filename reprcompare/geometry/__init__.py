"""RDMs: dissimilarities, comparators, noise ceilings and the inference that belongs to them."""

from reprcompare.geometry.bootstrap import (
    Bootstrap,
    bootstrap_errors,
    bootstrap_scores,
    draw_counts,
    two_factor_variance,
)
from reprcompare.geometry.ceiling import (
    Ceiling,
    CeilingTerms,
    ceiling_terms,
    noise_ceiling,
    permute_stimuli,
    pooling_form,
)
from reprcompare.geometry.classes import ClassScores, class_scores
from reprcompare.geometry.comparators import COMPARATORS, Comparator, find_comparator, standardise
from reprcompare.geometry.covariance import (
    Covariances,
    noise_covariances,
    shrunk_covariance,
    whitened_gram,
)
from reprcompare.geometry.crossvalidated import crossnobis, crossnobis_of_products, poisson_cv
from reprcompare.geometry.dissimilarity import MEASURES, dissimilarities
from reprcompare.geometry.flexible import (
    FITS,
    FlexibleModel,
    component_rdms,
    feature_rdms,
    fit_weights,
    predict_held_out,
)
from reprcompare.geometry.influence import influences
from reprcompare.geometry.labelled import (
    NAN_POLICIES,
    Subjects,
    by_region,
    complete_stimuli,
    group_mean,
    join,
    stimulus_ids,
    take_stimuli,
)
from reprcompare.geometry.measures import (
    MEASURES_OF_PATTERNS,
    cka,
    compare_patterns,
    linear_predictivity,
    predict_linearly,
    procrustes,
    pwcca,
    svcca,
    unbiased_hsic,
)
from reprcompare.geometry.partial import feature_contributions
from reprcompare.geometry.permutation import Unrelated, tested_through, unrelated_test
from reprcompare.geometry.products import Products, resampled_products, score_rdms, scorer
from reprcompare.geometry.rdm import METRICS, find_metric, rdm
from reprcompare.geometry.residual import residual_precision, residual_products
from reprcompare.geometry.split_ceiling import crossvalidated_upper, split_rdms
from reprcompare.geometry.variance import RESAMPLED, Variance, pair_variance, score_variance

__all__ = [
    "COMPARATORS",
    "FITS",
    "MEASURES",
    "MEASURES_OF_PATTERNS",
    "METRICS",
    "NAN_POLICIES",
    "RESAMPLED",
    "Bootstrap",
    "Ceiling",
    "CeilingTerms",
    "ClassScores",
    "Comparator",
    "Covariances",
    "FlexibleModel",
    "Products",
    "Subjects",
    "Unrelated",
    "Variance",
    "bootstrap_errors",
    "bootstrap_scores",
    "by_region",
    "ceiling_terms",
    "cka",
    "class_scores",
    "compare_patterns",
    "complete_stimuli",
    "component_rdms",
    "crossnobis",
    "crossnobis_of_products",
    "crossvalidated_upper",
    "dissimilarities",
    "draw_counts",
    "feature_contributions",
    "feature_rdms",
    "find_comparator",
    "find_metric",
    "fit_weights",
    "group_mean",
    "influences",
    "join",
    "linear_predictivity",
    "noise_ceiling",
    "noise_covariances",
    "pair_variance",
    "permute_stimuli",
    "poisson_cv",
    "pooling_form",
    "predict_held_out",
    "predict_linearly",
    "procrustes",
    "pwcca",
    "rdm",
    "resampled_products",
    "residual_precision",
    "residual_products",
    "score_rdms",
    "score_variance",
    "scorer",
    "shrunk_covariance",
    "split_rdms",
    "standardise",
    "stimulus_ids",
    "svcca",
    "take_stimuli",
    "tested_through",
    "two_factor_variance",
    "unbiased_hsic",
    "unrelated_test",
    "whitened_gram",
]

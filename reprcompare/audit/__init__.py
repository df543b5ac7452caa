"""The bias audit: share, density and decodability of every feature in every region."""

from reprcompare.audit.accuracy import accuracy
from reprcompare.audit.audit import SQUARED, Audit, audit, pieces, repeated_patterns
from reprcompare.audit.combinations import ACCOUNTED, IN_FORM, Accounted, accounted
from reprcompare.audit.contrasts import (
    Contrasts,
    Design,
    agreement,
    contrasts_of_gram,
    design_of,
    profile_agreement,
)
from reprcompare.audit.decodability import Decoding, decode
from reprcompare.audit.design import Basis, basis_of
from reprcompare.audit.downstream import Downstream, downstream
from reprcompare.audit.gates import COVERED, UNLOCATED, covered_outputs, role_gates, unlocated
from reprcompare.audit.inputs import input_decodability
from reprcompare.audit.neuroids import components, density, explained_by_neuroid
from reprcompare.audit.parts import Effects, divide, effects_of, shares_by_feature
from reprcompare.audit.predictivity import Predictivity, balanced_predictivity
from reprcompare.audit.regions import participation_ratio, reliable_fraction, selectivity
from reprcompare.audit.rejections import EVERY, rejections
from reprcompare.audit.relevance import Relevance, relevance
from reprcompare.audit.role import (
    BY_FEATURE,
    EFFECTS,
    RELEVANCES,
    ROLES,
    effect_table,
    roles,
)
from reprcompare.audit.share import Share, gram_of_rdm, share_of_activity, share_of_gram

__all__ = [
    "ACCOUNTED",
    "BY_FEATURE",
    "COVERED",
    "EFFECTS",
    "EVERY",
    "IN_FORM",
    "RELEVANCES",
    "ROLES",
    "SQUARED",
    "UNLOCATED",
    "Accounted",
    "Audit",
    "Basis",
    "Contrasts",
    "Decoding",
    "Design",
    "Downstream",
    "Effects",
    "Predictivity",
    "Relevance",
    "Share",
    "accounted",
    "accuracy",
    "agreement",
    "audit",
    "balanced_predictivity",
    "basis_of",
    "components",
    "contrasts_of_gram",
    "covered_outputs",
    "decode",
    "density",
    "design_of",
    "divide",
    "downstream",
    "effect_table",
    "effects_of",
    "explained_by_neuroid",
    "gram_of_rdm",
    "input_decodability",
    "participation_ratio",
    "pieces",
    "profile_agreement",
    "rejections",
    "relevance",
    "reliable_fraction",
    "repeated_patterns",
    "role_gates",
    "roles",
    "selectivity",
    "share_of_activity",
    "share_of_gram",
    "shares_by_feature",
    "unlocated",
]

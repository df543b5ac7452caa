"""The bias audit: share, density and decodability of every feature in every region."""

from reprcompare.audit.accuracy import accuracy
from reprcompare.audit.audit import SQUARED, Audit, audit, pieces, repeated_patterns
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
from reprcompare.audit.gates import COVERED, covered_outputs, role_gates
from reprcompare.audit.neuroids import components, density, explained_by_neuroid
from reprcompare.audit.predictivity import Predictivity, balanced_predictivity
from reprcompare.audit.share import Share, gram_of_rdm, share_of_activity, share_of_gram

__all__ = [
    "COVERED",
    "SQUARED",
    "Audit",
    "Basis",
    "Contrasts",
    "Decoding",
    "Design",
    "Predictivity",
    "Share",
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
    "explained_by_neuroid",
    "gram_of_rdm",
    "pieces",
    "profile_agreement",
    "repeated_patterns",
    "role_gates",
    "share_of_activity",
    "share_of_gram",
]

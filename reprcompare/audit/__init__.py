"""The bias audit: share, density and decodability of every feature in every region."""

from reprcompare.audit.accuracy import accuracy
from reprcompare.audit.audit import Audit, audit
from reprcompare.audit.decodability import Decoding, decode
from reprcompare.audit.design import Basis, basis_of
from reprcompare.audit.neuroids import components, density, explained_by_neuroid
from reprcompare.audit.share import Share, gram_of_rdm, share_of_activity, share_of_gram

__all__ = [
    "Audit",
    "Basis",
    "Decoding",
    "Share",
    "accuracy",
    "audit",
    "basis_of",
    "components",
    "decode",
    "density",
    "explained_by_neuroid",
    "gram_of_rdm",
    "share_of_activity",
    "share_of_gram",
]

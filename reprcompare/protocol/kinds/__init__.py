"""What a protocol can ask: one module a kind of analysis, and one line here.

A module holds the model of its ``[[analysis]]`` table beside the function that carries it out,
which calls the rooms below and computes nothing itself, and says which columns its tables have.
"""

from reprcompare.protocol.bench import Kind
from reprcompare.protocol.kinds import (
    accuracy,
    atlas,
    audit,
    class_scores,
    compare,
    corrected,
    dissociation,
    downstream,
    encode,
    feature_pairs,
    mixed_model,
    pair_fit,
    pair_model,
    pair_structure,
    rejections,
    role,
    share_contrast,
    universality,
)

ANALYSES: dict[str, Kind] = {
    "accuracy": accuracy.KIND,
    "atlas": atlas.KIND,
    "audit": audit.KIND,
    "class_scores": class_scores.KIND,
    "compare": compare.KIND,
    "corrected": corrected.KIND,
    "downstream": downstream.KIND,
    "encode": encode.KIND,
    "feature_pairs": feature_pairs.KIND,
    "dissociation": dissociation.KIND,
    "mixed_model": mixed_model.KIND,
    "pair_fit": pair_fit.KIND,
    "pair_model": pair_model.KIND,
    "rejections": rejections.KIND,
    "pair_structure": pair_structure.KIND,
    "role": role.KIND,
    "share_contrast": share_contrast.KIND,
    "universality": universality.KIND,
}
"""What `kind` of an ``[[analysis]]`` can be."""

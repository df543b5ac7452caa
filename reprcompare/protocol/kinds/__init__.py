"""What a protocol can ask: one module a kind of analysis, and one line here.

A module holds the model of its ``[[analysis]]`` table beside the function that carries it out,
which calls the rooms below and computes nothing itself, and says which columns its tables have.
"""

from reprcompare.protocol.bench import Kind
from reprcompare.protocol.kinds import (
    accuracy,
    audit,
    compare,
    mixed_model,
    pair_model,
    share_contrast,
)

ANALYSES: dict[str, Kind] = {
    "accuracy": accuracy.KIND,
    "audit": audit.KIND,
    "compare": compare.KIND,
    "mixed_model": mixed_model.KIND,
    "pair_model": pair_model.KIND,
    "share_contrast": share_contrast.KIND,
}
"""What `kind` of an ``[[analysis]]`` can be."""

"""Recording sessions: run stimuli through a torch network and stream what its layers do.

And interventions: run it with the activity of a region replaced.
"""

from reprcompare.sessions.erasure import erase
from reprcompare.sessions.estimates import Estimate, preflight
from reprcompare.sessions.interchange import Interchange, interchange_accuracy
from reprcompare.sessions.interventions import Bench, Displacement, Erasure, Exchange, bench
from reprcompare.sessions.layers import Layer, choose_layers
from reprcompare.sessions.role import role
from reprcompare.sessions.session import record
from reprcompare.sessions.shards import join_shards, shard_path
from reprcompare.sessions.stimuli import open_stimuli
from reprcompare.sessions.stitching import Stitched, stitch
from reprcompare.sessions.subspaces import Search, Subspace, find_subspace

__all__ = [
    "Bench",
    "Displacement",
    "Erasure",
    "Estimate",
    "Exchange",
    "Interchange",
    "Layer",
    "Search",
    "Stitched",
    "Subspace",
    "bench",
    "choose_layers",
    "erase",
    "find_subspace",
    "interchange_accuracy",
    "join_shards",
    "open_stimuli",
    "preflight",
    "record",
    "role",
    "shard_path",
    "stitch",
]

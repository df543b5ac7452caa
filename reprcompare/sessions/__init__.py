"""Recording sessions: run stimuli through a torch network and stream what its layers do."""

from reprcompare.sessions.estimates import Estimate, preflight
from reprcompare.sessions.layers import Layer, choose_layers
from reprcompare.sessions.session import record
from reprcompare.sessions.shards import join_shards, shard_path
from reprcompare.sessions.stimuli import open_stimuli

__all__ = [
    "Estimate",
    "Layer",
    "choose_layers",
    "join_shards",
    "open_stimuli",
    "preflight",
    "record",
    "shard_path",
]

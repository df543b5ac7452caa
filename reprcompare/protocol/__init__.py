"""Protocols: one file that says what an experiment is, and the run that carries it out."""

from reprcompare.protocol.cache import Cache
from reprcompare.protocol.reading import Protocol, read_protocol
from reprcompare.protocol.run import Run, run_protocol

__all__ = ["Cache", "Protocol", "Run", "read_protocol", "run_protocol"]

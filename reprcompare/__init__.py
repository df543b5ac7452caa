"""Compare what networks and brains represent, and separate extraneous bias from role.

``import reprcompare as rc`` offers the verbs of the package; the rooms below offer the rest.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reprcompare.audit import audit
    from reprcompare.brains import load_brain, load_stimuli
    from reprcompare.comparison import compare
    from reprcompare.encoding import encode, universality
    from reprcompare.errors import ReprcompareError
    from reprcompare.geometry import rdm
    from reprcompare.measurement import average
    from reprcompare.protocol import run_protocol
    from reprcompare.recording import (
        build_recording,
        concat,
        open_recording,
        save_recording,
        select,
        stimulus_set,
        validate_recording,
    )
    from reprcompare.report import report
    from reprcompare.sessions import record, role
    from reprcompare.statistics import mixed_model

_HOMES = {
    "audit": "audit",
    "load_brain": "brains",
    "load_stimuli": "brains",
    "compare": "comparison",
    "encode": "encoding",
    "universality": "encoding",
    "ReprcompareError": "errors",
    "rdm": "geometry",
    "average": "measurement",
    "run_protocol": "protocol",
    "build_recording": "recording",
    "concat": "recording",
    "open_recording": "recording",
    "save_recording": "recording",
    "select": "recording",
    "stimulus_set": "recording",
    "validate_recording": "recording",
    "report": "report",
    "record": "sessions",
    "role": "sessions",
    "mixed_model": "statistics",
}
"""Which room each name lives in. They are imported on first use: opening a recording does not need
torch, and torch takes seconds."""

__all__ = [
    "ReprcompareError",
    "audit",
    "average",
    "build_recording",
    "compare",
    "concat",
    "encode",
    "load_brain",
    "load_stimuli",
    "mixed_model",
    "open_recording",
    "rdm",
    "record",
    "report",
    "role",
    "run_protocol",
    "save_recording",
    "select",
    "stimulus_set",
    "universality",
    "validate_recording",
]


class _Face(ModuleType):
    """The module `reprcompare`: importing a room does not replace the verb of the same name."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'reprcompare' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"reprcompare.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

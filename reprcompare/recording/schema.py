"""What a recording is: the names, dimensions and attributes of the format.

A recording is one `xarray.Dataset`, whatever it came from. Everything else in the
package leans on this table; a name that is not here is carried along untouched.
"""

from typing import Final

FORMAT: Final = "1"
"""Major version of the recording format, stored in the attribute `reprcompare_format`."""

KINDS: Final = ("network", "brain")

ACTIVITY_DIMS: Final = ("training_step", "presentation", "neuroid", "time_bin")
"""Order of the dimensions of `activity`; the first and the last are optional."""

VARIABLES: Final[dict[str, tuple[str, ...]]] = {
    "label": ("presentation", "feature"),
    "output": ("presentation", "by_subject", "response"),
    "effect": ("by_subject", "by_region", "feature", "response"),
    "effect_low": ("by_subject", "by_region", "feature", "response"),
    "effect_high": ("by_subject", "by_region", "feature", "response"),
    "effect_null": ("by_subject", "by_region", "feature", "response"),
}
"""Variables beside `activity`, with their dimensions. All are optional."""

OVER_TRAINING: Final = ("output",)
"""Variables that, like `activity`, may have `training_step` before their dimensions."""

COORDINATES: Final[dict[str, str]] = {
    "stimulus_id": "presentation",
    "session": "presentation",
    "run": "presentation",
    "repetition": "presentation",
    "split": "presentation",
    "neuroid_id": "neuroid",
    "region": "neuroid",
    "subject": "neuroid",
    "channel": "neuroid",
    "x": "neuroid",
    "y": "neuroid",
    "z": "neuroid",
    "time_bin_start": "time_bin",
    "time_bin_end": "time_bin",
    "scale": "feature",
    "levels": "feature",
    "complexity": "feature",
    "response_feature": "response",
}
"""Known coordinates and the one dimension that each lies on."""

STRINGS: Final = (
    "stimulus_id",
    "session",
    "run",
    "split",
    "neuroid_id",
    "region",
    "subject",
    "by_subject",
    "by_region",
    "feature",
    "scale",
    "levels",
    "response",
    "response_feature",
)
"""Coordinates that hold strings. `repetition` is an integer."""

REQUIRED: Final = ("stimulus_id", "neuroid_id", "region", "subject")
"""Coordinates without which a data set is no recording."""

PRESENTATION_KEY: Final = ("stimulus_id", "session", "run", "repetition")
"""Together these name one presentation; those that are absent count as constant."""

SCALES: Final = ("binary", "nominal", "ordinal", "continuous")

ATTRIBUTES: Final = (
    "reprcompare_format",
    "kind",
    "identifier",
    "stimulus_set",
    "complete",
    "provenance",
)

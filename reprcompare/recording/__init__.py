"""What a recording is: its schema, validation, storage, labels and joining."""

from reprcompare.recording.build import build_recording
from reprcompare.recording.checksum import check_checksums, verify_checksums
from reprcompare.recording.explaining import Difference, describe, describe_text, why
from reprcompare.recording.joining import common_stimuli, concat, labels_of, match_labels, select
from reprcompare.recording.labels import (
    columns_of,
    encode_labels,
    label_table,
    reported_features,
)
from reprcompare.recording.schema import FORMAT
from reprcompare.recording.stimuli import check_stimulus_ids, stimulus_set
from reprcompare.recording.storage import open_recording, save_recording, to_storable
from reprcompare.recording.validation import (
    check_structure,
    presentation_key,
    validate_recording,
)

__all__ = [
    "FORMAT",
    "Difference",
    "build_recording",
    "check_checksums",
    "check_stimulus_ids",
    "check_structure",
    "columns_of",
    "common_stimuli",
    "concat",
    "describe",
    "describe_text",
    "encode_labels",
    "label_table",
    "labels_of",
    "match_labels",
    "open_recording",
    "presentation_key",
    "reported_features",
    "save_recording",
    "select",
    "stimulus_set",
    "to_storable",
    "validate_recording",
    "verify_checksums",
    "why",
]

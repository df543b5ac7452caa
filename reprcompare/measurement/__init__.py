"""What happens between a signal and an analysis: averaging, noise, reliability, instruments."""

from reprcompare.measurement.averaging import average, time_window
from reprcompare.measurement.instruments import INSTRUMENTS, Instrument
from reprcompare.measurement.parts import Part, parts, shown
from reprcompare.measurement.preparation import (
    drop_missing,
    normalise_noise,
    select_reliable,
    zscore,
)
from reprcompare.measurement.reliability import (
    noise_ceiling,
    region_reliability,
    spearman_brown,
    split_half,
)
from reprcompare.measurement.simulation import ground_truth, simulate_brain

__all__ = [
    "INSTRUMENTS",
    "Instrument",
    "Part",
    "average",
    "drop_missing",
    "ground_truth",
    "noise_ceiling",
    "normalise_noise",
    "parts",
    "region_reliability",
    "select_reliable",
    "shown",
    "simulate_brain",
    "spearman_brown",
    "split_half",
    "time_window",
    "zscore",
]

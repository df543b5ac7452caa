"""What happens between a signal and an analysis: averaging, noise, reliability, instruments."""

from reprcompare.measurement.averaging import average, time_window
from reprcompare.measurement.simulation import INSTRUMENTS, simulate_brain

__all__ = ["INSTRUMENTS", "average", "simulate_brain", "time_window"]

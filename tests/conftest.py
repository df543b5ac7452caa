"""What many tests share: the embedded recordings, and the real data where they lie."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reprcompare.recording import build_recording


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; tests that need it are skipped, and counted, without it."""
    folder = os.environ.get("REPRCOMPARE_DATA_DIR", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("real data: REPRCOMPARE_DATA_DIR is not set")
    return Path(folder)


@pytest.fixture
def recording() -> xr.Dataset:
    """Six stimuli, two regions of two subjects, one binary and one nominal feature."""
    activity = np.random.default_rng(0).standard_normal((6, 8))
    labels = pd.DataFrame(
        {"animate": [0, 1, 0, 1, 0, 1], "kind": ["dog", "car", "cup", "dog", "car", "cup"]},
        index=[f"s{i}" for i in range(6)],
    )
    return build_recording(
        activity,
        stimulus_id=[f"s{i}" for i in range(6)],
        region=["V4", "V4", "IT", "IT"] * 2,
        subject=["m1"] * 4 + ["m2"] * 4,
        labels=labels,
        kind="brain",
        identifier="six stimuli",
        units="spikes/s",
    )

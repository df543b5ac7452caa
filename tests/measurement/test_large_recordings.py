"""Recordings far larger than memory: a region is selected and averaged within 1 GiB."""

import subprocess
import sys

import netCDF4
import numpy as np
import pytest

from reprcompare.recording import build_recording, to_storable

N_STIMULI, N_REPETITIONS = 4_000, 10
LAYERS = {"early": 100_000, "late": 25_000, "output": 1_000}

SCRIPT = """
import resource, sys
from reprcompare.measurement import average
from reprcompare.recording import open_recording, select

recording = open_recording(sys.argv[1])
result = average(select(recording, region="late"), "repetition")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(result.sizes["presentation"], result.sizes["neuroid"], peak)
print(float(result.activity[7, 3]), float(abs(result.activity).sum()))
"""


def write_sparse(path):
    """Write a recording of 20 GB that takes hardly any room, since nothing but two trials is 0."""
    n_presentations, n_neuroids = N_STIMULI * N_REPETITIONS, sum(LAYERS.values())
    whole = build_recording(
        np.broadcast_to(np.float32(0), (n_presentations, n_neuroids)),
        stimulus_id=[f"s{i}" for i in range(N_STIMULI)] * N_REPETITIONS,
        region=np.repeat(list(LAYERS), list(LAYERS.values())),
        subject="net",
        presentation={"repetition": np.repeat(np.arange(N_REPETITIONS), N_STIMULI)},
        kind="network",
    )
    labels = to_storable(whole.isel(neuroid=[0])).drop_vars("activity")
    names = to_storable(whole.isel(presentation=[0])).drop_vars("activity")
    keep = [name for name in names.variables if names[name].dims == ("neuroid",)]
    labels.drop_vars(keep).assign_coords({n: names[n] for n in keep}).to_netcdf(path)
    with netCDF4.Dataset(path, "a") as file:
        dims = ("presentation", "neuroid")
        activity = file.createVariable("activity", "f4", dims, contiguous=True, fill_value=False)
        place = LAYERS["early"] + 3
        activity[7, place] = 4.0
        activity[7 + 2 * N_STIMULI, place] = 6.0


@pytest.mark.slow
def test_a_region_of_twenty_gigabytes_is_averaged_within_one(tmp_path):
    path = tmp_path / "large.nc"
    write_sparse(path)
    assert path.stat().st_size > 20e9
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True
    )
    sizes, values = done.stdout.splitlines()
    n_stimuli, n_neuroids, peak = map(int, sizes.split())
    assert (n_stimuli, n_neuroids) == (N_STIMULI, LAYERS["late"])
    assert [float(value) for value in values.split()] == pytest.approx([1.0, 1.0])
    assert peak < 2**30

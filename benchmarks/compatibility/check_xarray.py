"""Read the files with plain xarray: check_xarray.py FOLDER."""

import json
import sys
from pathlib import Path

import numpy as np
import xarray as xr

folder = Path(sys.argv[1])
for name, expected in json.loads((folder / "expected.json").read_text()).items():
    with xr.open_dataset(folder / name) as recording:
        values = np.fromfile(folder / (name + ".f4"), "<f4").reshape(expected["shape"])
        assert np.array_equal(recording["activity"].values, values)
        for label in ("stimulus_id", "neuroid_id", "region", "subject", "feature"):
            assert label in recording.coords, label
            assert recording[label].values.tolist() == expected[label], label
        assert recording["label"].values.ravel().tolist() == expected["label"]
        assert recording["prevalence"].values.ravel().tolist() == expected["prevalence"]
        assert recording.attrs["kind"] == expected["kind"]
        assert recording["activity"].attrs["units"] == expected["units"]
        one = recording.isel(neuroid=recording["region"].values == expected["region"][0])
        assert one["activity"].shape[1] == expected["region"].count(expected["region"][0])
        json.loads(recording.attrs["provenance"])
        again = folder / ("again-" + name)
        recording.load().to_netcdf(again)  # what was read can be written again
        again.unlink()
print(f"xarray {xr.__version__} with numpy {np.__version__}: ok")

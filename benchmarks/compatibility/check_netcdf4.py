"""Read the files with netCDF4-python: check_netcdf4.py FOLDER."""

import json
import sys
from pathlib import Path

import netCDF4
import numpy as np

folder = Path(sys.argv[1])
for name, expected in json.loads((folder / "expected.json").read_text()).items():
    with netCDF4.Dataset(folder / name) as file:
        values = np.fromfile(folder / (name + ".f4"), "<f4").reshape(expected["shape"])
        assert np.array_equal(np.asarray(file["activity"][:]), values)
        for label in ("stimulus_id", "neuroid_id", "region", "subject", "feature"):
            # Before 1.7.5 the automatic conversion cuts strings with letters beyond ASCII at wrong
            # places, so letters are joined here.
            file[label].set_auto_chartostring(False)
            strings = [bytes(row).rstrip(b"\0").decode() for row in file[label][:].filled(b"")]
            assert strings == expected[label], label
        file["region"].set_auto_chartostring(True)  # ASCII is converted by every version
        assert file["region"][:].tolist() == expected["region"]
        assert file.complete == 1
print(f"netCDF4 {netCDF4.__version__}: ok")

"""Read the files with h5py: check_h5py.py FOLDER."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np

folder = Path(sys.argv[1])
for name, expected in json.loads((folder / "expected.json").read_text()).items():
    with h5py.File(folder / name, "r") as file:
        values = np.fromfile(folder / (name + ".f4"), "<f4").reshape(expected["shape"])
        assert np.array_equal(file["activity"][()], values)
        for label in ("stimulus_id", "neuroid_id", "region", "subject", "feature"):
            letters = file[label][()]
            strings = [b"".join(row).rstrip(b"\0").decode() for row in letters]
            assert strings == expected[label], label
print(f"h5py {h5py.__version__}: ok")

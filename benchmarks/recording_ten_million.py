"""How fast ten million neuroids open, and how much memory that takes.

    python benchmarks/recording_ten_million.py

Records 2 stimuli x 10,000,000 neuroids in 2 layers, then opens the file in a process of its own and
reads one neuroid of one layer. Prints seconds and the peak of memory while opening.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPEN = """
import sys, time
from pathlib import Path
import reprcompare.recording as recording
import netCDF4, xarray

def peak():  # of this process alone: ru_maxrss would count that of its parent
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) / 1024

before = peak()
start = time.perf_counter()
opened = recording.open_recording(sys.argv[1])
seconds = time.perf_counter() - start
after = peak()
start = time.perf_counter()
one = opened.isel(neuroid=slice(7_000_000, 7_000_100))
values, names = one.activity.values, one.neuroid_id.values
print(f"opened {dict(opened.sizes)} in {seconds:.3f} s")
print(f"peak memory {after:.0f} MB, of which {before:.0f} MB are the imports")
print(f"read 100 neuroids ({names[0]}) in {time.perf_counter() - start:.3f} s")
print(f"ratio {max(seconds / 1.0, after / 300):.3f} of the limits of 1 s and 300 MB")
"""


def main():
    import torch
    from torch import nn

    from reprcompare.sessions import record

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Identity(), nn.Identity()

        def forward(self, x):
            return self.second(-self.first(x.expand(-1, 5_000_000)))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.nc"
        start = time.perf_counter()
        record(
            Wide(), torch.arange(2.0)[:, None], layers=None, path=path, stimulus_ids=["a", "b"]
        ).close()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = path.stat().st_size / 1e6
        print(f"recorded {size:.0f} MB in {time.perf_counter() - start:.1f} s, peak {peak:.0f} MB")
        subprocess.run([sys.executable, "-c", OPEN, str(path)], check=True)


if __name__ == "__main__":
    main()

"""Memory and time of `encode` over the number of neuroids: 1000 stimuli x 4096 columns.

    python benchmarks/encoding_memory.py

The whole call: 5 outer x 5 inner folds, 12 penalties, a penalty for every neuroid and fold, 100
bootstrap draws. The brain lies in a file and is read block by block. Every size runs in a process
of its own, whose peak memory is that of the process, with everything that it imports. Time is CPU
time, which other work on the machine disturbs less; the exponent is the slope of log time over log
neuroids, 1 where time is linear (below it while decompositions outweigh the neuroids).
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.encoding import encode
from reprcompare.recording import build_recording, open_recording, save_recording

OUT = Path(__file__).parent / "results" / "encoding_memory.csv"
STIMULI, COLUMNS, GOAL = 1000, 4096, 6.0


def brain_file(folder: Path, columns: np.ndarray, ids: list[str], targets: int) -> Path:
    random = np.random.default_rng(1)
    activity = np.empty((STIMULI, targets), dtype=np.float32)
    for start in range(0, targets, 5000):
        piece = slice(start, min(start + 5000, targets))
        weights = random.normal(size=(COLUMNS, piece.stop - start)).astype(np.float32)
        noise = 50 * random.normal(size=(STIMULI, piece.stop - start))
        activity[:, piece] = columns @ weights + noise
    recording = build_recording(activity, stimulus_id=ids, region="IT", subject="m")
    return save_recording(recording, folder / "brain.nc")


def one(path: str) -> None:
    ids = [f"s{k}" for k in range(STIMULI)]
    columns = np.random.default_rng(0).normal(size=(STIMULI, COLUMNS)).astype(np.float32)
    network = build_recording(columns, stimulus_id=ids, region="layer", subject="net")
    brain = open_recording(path)
    start = time.process_time()
    found = encode(network, brain, n_bootstrap=100)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{seconds} {peak} {found.regions['r'][0]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one)
        return
    ids = [f"s{k}" for k in range(STIMULI)]
    columns = np.random.default_rng(0).normal(size=(STIMULI, COLUMNS)).astype(np.float32)
    rows = []
    for targets in arguments.targets:
        with tempfile.TemporaryDirectory() as folder:
            path = brain_file(Path(folder), columns, ids, targets)
            printed = subprocess.run(
                [sys.executable, __file__, "--one", str(path)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        seconds, peak, r = (float(x) for x in printed.split())
        rows.append(
            {
                "neuroids": targets,
                "cpu_seconds": round(seconds, 1),
                "peak_gib": round(peak, 2),
                "mean_r": round(r, 3),
            }
        )
        pd.DataFrame(rows).to_csv(OUT, index=False)
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    slope = np.polyfit(np.log(table["neuroids"]), np.log(table["cpu_seconds"]), 1)[0]
    table["exponent"] = round(float(slope), 2)
    table["within_goal"] = table["peak_gib"] <= GOAL
    table.to_csv(OUT, index=False)
    print(f"exponent {slope:.2f}")


if __name__ == "__main__":
    main()

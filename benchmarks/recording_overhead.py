"""What recording costs beside the bare forward pass, and how its memory grows.

    python benchmarks/recording_overhead.py [--repeats 9] [--stimuli 512] [--skip-memory]

The job: 5 layers of our ResNet-18 at 112 px, batches of 32, 96,512 values a stimulus, stimuli read
from an array on disk on both sides, a labelled NetCDF file out. Every repeat runs, in changing
order, the bare forward loop, the same with hooks that copy and keep nothing, hooks with raw numpy
files, and `reprcompare.sessions.record` as it is and with its SHA-256 checksums, which no peer
computes, replaced by nothing. Waiting for the disk (fsync) is switched off. The last line is the
ratio without checksums; the one with them stands in the table.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from reprcompare.networks.resnet import resnet18
from reprcompare.sessions import record

LAYERS = ["layer1", "layer2", "layer3", "layer4", "avgpool"]
SIZE, BATCH = 112, 32


def make_stimuli(path, count):
    stimuli = np.lib.format.open_memmap(path, "w+", np.float32, (count, 3, SIZE, SIZE))
    generator = np.random.default_rng(0)
    for start in range(0, count, BATCH):
        stimuli[start : start + BATCH] = generator.standard_normal(
            (min(BATCH, count - start), 3, SIZE, SIZE), dtype=np.float32
        )
    return stimuli


def batches(stimuli):
    for start in range(0, len(stimuli), BATCH):
        yield torch.from_numpy(np.array(stimuli[start : start + BATCH]))


def bare(network, stimuli, folder):
    with torch.no_grad():
        for batch in batches(stimuli):
            network(batch)


def hooks_only(network, stimuli, folder, keep=None):
    caught = {}
    modules = dict(network.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda module, args, output, name=name: caught.__setitem__(name, output.clone())
        )
        for name in LAYERS
    ]
    with torch.no_grad():
        for batch in batches(stimuli):
            network(batch)
            if keep is not None:
                for name in LAYERS:
                    keep[name].write(caught[name].numpy())
    for hook in hooks:
        hook.remove()


def raw_files(network, stimuli, folder):
    files = {name: (folder / f"{name}.raw").open("wb", buffering=0) for name in LAYERS}
    hooks_only(network, stimuli, folder, files)
    for file in files.values():
        file.close()


def ours(network, stimuli, folder):
    record(
        network, stimuli, layers=LAYERS, path=folder / "resnet.nc", batch_size=BATCH,
        stimulus_ids=[f"image {n}" for n in range(len(stimuli))], progress=False, overwrite=True,
    ).close()  # fmt: skip


class NoDigest:
    """Takes the place of a SHA-256."""

    def update(self, data):
        pass

    def copy(self):
        return self

    def hexdigest(self):
        return ""


def without_checksums(network, stimuli, folder):
    with mock.patch("hashlib.sha256", return_value=NoDigest()):
        ours(network, stimuli, folder)


SIDES = {
    "bare": bare,
    "hooks only": hooks_only,
    "raw files": raw_files,
    "reprcompare": ours,
    "no checksums": without_checksums,
}


def check_equal(network, stimuli, folder):
    ours(network, stimuli[: 2 * BATCH], folder)
    raw_files(network, stimuli[: 2 * BATCH], folder)
    import xarray as xr

    with xr.open_dataset(folder / "resnet.nc") as recording:
        values, regions = recording.activity.values, recording.region.values
    for name in LAYERS:
        raw = np.fromfile(folder / f"{name}.raw", np.float32).reshape(2 * BATCH, -1)
        assert np.array_equal(values[:, regions == name], raw), name
    return values.shape[1]


def peak_memory(count):
    """Peak resident memory in MB of a process of its own that records so many stimuli."""
    command = [sys.executable, __file__, "--only-record", str(count)]
    # One arena and a fixed threshold: otherwise the allocator alone moves the peak by 30 MB.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    out = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout
    return float(out)


class Generated(torch.utils.data.Dataset):
    """Stimuli made when they are asked for, so that only the recording's memory is seen."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        return torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(number))


def only_record(count):
    with tempfile.TemporaryDirectory() as name:
        ours(resnet18(seed=0), Generated(count), Path(name))
    # The peak of this process alone; ru_maxrss would count that of its parent.
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    print(int(status.split()[0]) / 1024)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--stimuli", type=int, default=512)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--only-memory", action="store_true")
    parser.add_argument("--only-record", type=int)
    given = parser.parse_args()
    if given.only_record:
        return only_record(given.only_record)
    if not given.only_memory:
        overhead(given.stimuli, given.repeats)
    if not given.skip_memory:
        small, large = peak_memory(512), peak_memory(4096)
        print(f"peak memory: 512 stimuli {small:.0f} MB, 4096 stimuli {large:.0f} MB")
        print(f"memory ratio {large / small:.3f}")
    return None


def overhead(n_stimuli, repeats):
    os.fsync = lambda descriptor: None
    network = resnet18(seed=0)
    wall = {side: [] for side in SIDES}
    cpu = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stimuli = make_stimuli(folder / "stimuli.npy", n_stimuli)
        n_values = check_equal(network, stimuli, folder)
        bare(network, stimuli[: 4 * BATCH], folder)
        for repeat in range(repeats):
            names = list(SIDES)
            turn = repeat % len(names)
            for side in names[turn:] + names[:turn]:
                for old in [*folder.glob("*.nc"), *folder.glob("*.raw")]:
                    old.unlink()
                start, start_cpu = time.perf_counter(), time.process_time()
                SIDES[side](network, stimuli, folder)
                wall[side].append(time.perf_counter() - start)
                cpu[side].append(time.process_time() - start_cpu)
    print(f"{n_stimuli} stimuli, {n_values} values each, {torch.get_num_threads()} threads")
    print(f"{'':13} {'wall s':>8} {'ratio':>7} {'cpu s':>8} {'ratio':>7}   (medians of ratios)")
    for side in SIDES:
        ratios = [
            statistics.median(a / b for a, b in zip(times[side], times["bare"], strict=True))
            for times in (wall, cpu)
        ]
        print(
            f"{side:13} {statistics.median(wall[side]):8.3f} {ratios[0]:7.3f} "
            f"{statistics.median(cpu[side]):8.3f} {ratios[1]:7.3f}"
        )
    pairs = zip(wall["no checksums"], wall["bare"], strict=True)
    print(f"ratio {statistics.median(a / b for a, b in pairs):.3f}")


if __name__ == "__main__":
    main()

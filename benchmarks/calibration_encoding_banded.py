"""Banded ridge regression beside ridge, where one group of predictors is noise.

    nice python benchmarks/calibration_encoding_banded.py --simulations 100

Every simulation draws 150 stimuli and 10 neuroids that are linear in a group of 30 columns, with a
signal-to-noise ratio of 1. The other group has 300 columns: noise, or (the control) just as much
signal. Both models get the same folds and penalties; ridge on the first group alone is what knowing
would give. R2 of fold-centred held-out predictions, the mean over neuroids.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.encoding import encode
from reprcompare.recording import build_recording

OUT = Path(__file__).parent / "results" / "calibration_encoding_banded.csv"
STIMULI, FEW, MANY, NEUROIDS = 150, 30, 300, 10


def one(seed: int, noise: bool) -> dict[str, float]:
    random = np.random.default_rng([seed, noise])
    ids = [f"s{k}" for k in range(STIMULI)]
    few, many = random.normal(size=(STIMULI, FEW)), random.normal(size=(STIMULI, MANY))
    signal = few @ random.normal(size=(FEW, NEUROIDS)) / np.sqrt(FEW)
    if not noise:
        signal += many @ random.normal(size=(MANY, NEUROIDS)) / np.sqrt(MANY)
    signal /= signal.std(axis=0)
    brain = build_recording(
        signal + random.normal(size=signal.shape), stimulus_id=ids, region="IT", subject="m"
    )
    parts = {
        name: build_recording(values, stimulus_id=ids, region=name, subject="net")
        for name, values in (("few", few), ("many", many))
    }
    options = {"n_bootstrap": 0, "seed": seed}
    return {
        "ridge": encode(parts, brain, "ridge", **options).regions["r2"][0],
        "banded": encode(parts, brain, "banded", n_iter=20, **options).regions["r2"][0],
        "first group alone": encode(parts["few"], brain, **options).regions["r2"][0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=100)
    arguments = parser.parse_args()
    rows = []
    for noise in (True, False):
        found = pd.DataFrame([one(seed, noise) for seed in range(arguments.simulations)])
        gain = found["banded"] - found["ridge"]
        rows.append(
            {
                "second_group": "noise" if noise else "signal",
                **found.mean().round(4),
                "banded_less_ridge": round(gain.mean(), 4),
                "se": round(gain.std() / np.sqrt(len(gain)), 4),
                "banded_better_in": round((gain > 0).mean(), 3),
                "simulations": len(gain),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
        pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()

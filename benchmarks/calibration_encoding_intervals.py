"""How often intervals over stimuli hold the score that other stimuli give on average.

    nice python benchmarks/calibration_encoding_intervals.py --simulations 200

Every simulation draws stimuli and ten neuroids that are linear in six columns, always with the same
weights, at variances of signal over noise of 0.25, 1 and 4, and takes the interval of their mean r
and r2. What it should hold in 95 % of simulations is the mean score over simulations: that of new
stimuli and of models fitted to them. Intervals leave out that fits would differ.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.encoding import encode
from reprcompare.recording import build_recording

OUT = Path(__file__).parent / "results" / "calibration_encoding_intervals.csv"
COLUMNS, NEUROIDS = 6, 10
WEIGHTS = np.random.default_rng(99).normal(size=(COLUMNS, NEUROIDS))


def one(seed: int, n_stimuli: int) -> pd.Series:
    random = np.random.default_rng([seed, n_stimuli])
    ids = [f"s{k}" for k in range(n_stimuli)]
    columns = random.normal(size=(n_stimuli, COLUMNS))
    signal = columns @ WEIGHTS / np.linalg.norm(WEIGHTS, axis=0)
    noise = np.resize([2.0, 1.0, 0.5], NEUROIDS) * random.normal(size=signal.shape)
    brain = build_recording(signal + noise, stimulus_id=ids, region="IT", subject="m")
    found = encode(pd.DataFrame(columns, index=ids), brain, n_bootstrap=400, seed=seed)
    return found.regions.iloc[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--stimuli", type=int, nargs="+", default=[60, 150])
    arguments = parser.parse_args()
    rows = []
    for n_stimuli in arguments.stimuli:
        found = pd.DataFrame([one(seed, n_stimuli) for seed in range(arguments.simulations)])
        for score in ("r", "r2"):
            truth = found[score].mean()
            low, high = found[f"{score}_low"], found[f"{score}_high"]
            covered = ((low <= truth) & (truth <= high)).mean()
            rows.append(
                {
                    "stimuli": n_stimuli,
                    "score": score,
                    "mean": round(truth, 4),
                    "coverage": round(covered, 4),
                    "se": round(np.sqrt(covered * (1 - covered) / len(found)), 4),
                    "above": round((low > truth).mean(), 4),
                    "below": round((high < truth).mean(), 4),
                    "simulations": len(found),
                }
            )
            pd.DataFrame(rows).to_csv(OUT, index=False)
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()

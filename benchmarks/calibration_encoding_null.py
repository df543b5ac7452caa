"""Nested scores where nothing is predicted, and the bias of choices on the test rows.

    nice python benchmarks/calibration_encoding_null.py --runs 200

Every run draws a network of 8 layers x 50 neuroids, a brain of 20 neuroids that has nothing to do
with it, and 100 stimuli. Scores that are compared, each the mean over neuroids of a run:

- nested: penalties and the layer are chosen inside of the training rows (what `encode` does);
- layer 1, nested: penalties only;
- layer chosen on test rows: the best of 8 layers by its test score, for the region;
- penalty chosen on test rows: of layer 1, the best of 6 penalties by its test score, per neuroid;
- concatenated folds: one correlation over the held-out predictions of all folds.

One row a run is kept, so that an interrupted run goes on; the table has the mean over runs, its
standard error, and whether it lies within 2 standard errors of 0.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.encoding import ALPHAS, encode
from reprcompare.recording import build_recording, select

OUT = Path(__file__).parent / "results" / "calibration_encoding_null.csv"
STIMULI, LAYERS, UNITS, NEUROIDS = 100, 8, 50, 20


def one_run(seed: int) -> dict[str, float]:
    random = np.random.default_rng(seed)
    ids = [f"s{k}" for k in range(STIMULI)]
    network = build_recording(
        random.normal(size=(STIMULI, LAYERS * UNITS)),
        stimulus_id=ids,
        region=np.repeat([f"layer{k + 1}" for k in range(LAYERS)], UNITS),
        subject="net",
        kind="network",
    )
    brain = build_recording(
        random.normal(size=(STIMULI, NEUROIDS)), stimulus_id=ids, region="IT", subject="m"
    )
    options = {"n_bootstrap": 0, "seed": seed}
    found = encode(network, brain, predictions=True, **options)
    scores = found.regions.set_index("predictor")
    layers = scores.loc[[f"layer{k + 1}" for k in range(LAYERS)]]
    first = select(network, region="layer1")
    penalties = [encode(first, brain, alphas=[alpha], **options).table for alpha in ALPHAS[::2]]
    held = found.predictions.sel(predictor="layer1").values
    whole = [np.corrcoef(p, y)[0, 1] for p, y in zip(held.T, brain.activity.values.T, strict=True)]
    nested = scores.loc["chosen in training rows"]
    return {
        "nested, r within folds": nested["r"],
        "nested, fold-centred r2": nested["r2"],
        "layer 1, nested, r within folds": layers.loc["layer1", "r"],
        "layer 1, nested, fold-centred r2": layers.loc["layer1", "r2"],
        "layer chosen on test rows, r": layers["r"].max(),
        "layer chosen on test rows, r2": layers["r2"].max(),
        "penalty chosen on test rows, r": np.max([t["r"] for t in penalties], axis=0).mean(),
        "penalty chosen on test rows, r2": np.max([t["r2"] for t in penalties], axis=0).mean(),
        "layer 1, nested, r over concatenated folds": float(np.mean(whole)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    kept = OUT.with_name("calibration_encoding_null_runs.csv")
    rows = pd.read_csv(kept).to_dict("records") if kept.exists() else []
    for seed in range(len(rows), arguments.runs):
        rows.append({"run": seed, **one_run(seed)})
        if seed % 10 == 9:
            pd.DataFrame(rows).to_csv(kept, index=False)
    runs = pd.DataFrame(rows).drop(columns="run")
    table = pd.DataFrame({"mean": runs.mean(), "se": runs.std() / np.sqrt(len(runs))})
    table["within_2_se_of_0"] = table["mean"].abs() <= 2 * table["se"]
    table["runs"] = len(runs)
    table.rename_axis("score").round(5).to_csv(OUT)
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()

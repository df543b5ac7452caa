"""An audit of 20 networks beside the same numbers computed plainly.

    python benchmarks/audit_networks.py

A recording of 20 networks with 4 regions (256, 128, 64, 64 neuroids), 512 stimuli, 2 features. The
plain side regresses one neuroid at a time (numpy.linalg.lstsq) for shares, and refits a ridge
decoder for every fold and every permutation of the labels. Shares must agree to 1e-10 and decoding
scores exactly. The plain decoder runs on one network, and its time is multiplied.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.audit import audit
from reprcompare.audit.decodability import RIDGE, _stratified_folds
from reprcompare.recording import build_recording

OUT = Path(__file__).parent / "results" / "audit_networks.csv"
REGIONS = {"hidden1": 256, "hidden2": 128, "hidden3": 64, "hidden4": 64}
N_STIMULI, N_NETWORKS, N_PERMUTATIONS, N_FOLDS = 512, 20, 100, 10


def make() -> tuple[dict[tuple[str, str], np.ndarray], pd.DataFrame]:
    rng = np.random.default_rng(0)
    ids = [f"s{i:04d}" for i in range(N_STIMULI)]
    labels = pd.DataFrame(
        np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (N_STIMULI // 4, 1)),
        index=ids,
        columns=["easy", "hard"],
    )
    activity = {
        (f"n{s:02d}", region): (
            labels.to_numpy() @ (rng.standard_normal((2, size)) * [[2.0], [0.5]])
            + rng.standard_normal((N_STIMULI, size))
        ).astype(np.float32)
        for s in range(N_NETWORKS)
        for region, size in REGIONS.items()
    }
    return activity, labels


def plain_share(patterns: np.ndarray, target: np.ndarray) -> float:
    """Regress one neuroid at a time, pool, take chance off."""
    design = np.column_stack([np.ones(len(target)), target])
    residual = total = 0.0
    for neuroid in patterns.T.astype(float):
        weights, *_ = np.linalg.lstsq(design, neuroid, rcond=None)
        residual += np.square(neuroid - design @ weights).sum()
        total += np.square(neuroid - neuroid.mean()).sum()
    n = len(target)
    return 1 - (residual / (n - 2)) / (total / (n - 1))


def plain_decoding(patterns: np.ndarray, target: np.ndarray) -> list[float]:
    """Refit for every fold and every permutation, on the whole set's centre and penalty."""
    rng = np.random.default_rng(0)
    folds = _stratified_folds(target, N_FOLDS, rng)
    n = len(target)
    orders = [np.arange(n), *(rng.permutation(n) for _ in range(N_PERMUTATIONS))]
    x = patterns.astype(float) - patterns.astype(float).mean(axis=0)
    x = np.column_stack([np.ones(len(x)), x])
    gram = x[:, 1:].T @ x[:, 1:]
    penalty = np.diag([0.0, *np.full(len(gram), RIDGE * np.trace(gram) / len(gram))])
    scores = []
    for order in orders:
        shuffled = target[order]
        answers = np.empty(len(target), dtype=int)
        for fold in range(N_FOLDS):
            train, test = folds != fold, folds == fold
            y = np.eye(2)[shuffled[train]]
            weights = np.linalg.solve(x[train].T @ x[train] + penalty, x[train].T @ y)
            answers[test] = (x[test] @ weights).argmax(axis=1)
        scores.append(
            float(np.mean([(answers == shuffled)[shuffled == level].mean() for level in (0, 1)]))
        )
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    activity, labels = make()
    recording = build_recording(
        np.concatenate(list(activity.values()), axis=1),
        stimulus_id=list(labels.index),
        region=np.concatenate([[region] * a.shape[1] for (_, region), a in activity.items()]),
        subject=np.concatenate([[name] * a.shape[1] for (name, _), a in activity.items()]),
        labels=labels,
    )
    ours, shares, decoding = [], [], []
    for _ in range(arguments.repeats):
        start = time.process_time()
        found = audit(recording, n_permutations=N_PERMUTATIONS)
        ours.append(time.process_time() - start)
        start = time.process_time()
        plain = {
            (*place, feature): plain_share(patterns, labels[feature].to_numpy())
            for place, patterns in activity.items()
            for feature in labels
        }
        shares.append(time.process_time() - start)
        start = time.process_time()
        scores = {
            (*place, feature): plain_decoding(patterns, labels[feature].to_numpy())
            for place, patterns in activity.items()
            if place[0] == "n00"
            for feature in labels
        }
        decoding.append((time.process_time() - start) * N_NETWORKS)
    table = found.table.set_index(["subject", "region", "feature"])
    np.testing.assert_allclose(table.share, [plain[place] for place in table.index], atol=1e-10)
    for place, values in scores.items():
        np.testing.assert_allclose(table.decodability[place], values[0], atol=1e-12)
        np.testing.assert_allclose(table.decodability_chance[place], np.mean(values[1:]), atol=1e-3)
    row = {
        "audit_cpu_s": np.median(ours),
        "plain_shares_cpu_s": np.median(shares),
        "plain_decoding_cpu_s": np.median(decoding),
        "ratio": (np.median(shares) + np.median(decoding)) / np.median(ours),
    }
    result = pd.DataFrame([row]).round(2)
    arguments.out.parent.mkdir(exist_ok=True)
    result.to_csv(arguments.out, index=False)
    print(result.to_string(index=False))


if __name__ == "__main__":
    main()

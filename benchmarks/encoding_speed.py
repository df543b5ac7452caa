"""Nested ridge regression beside himalaya and scikit-learn: 1000 stimuli x 4096 -> 5000 neuroids.

    python benchmarks/encoding_speed.py

From arrays to held-out predictions: 5 outer x 5 inner folds, 12 penalties, one for every target and
outer fold. All sides get the same folds, penalties and inner score (mean squared error), float32.
himalaya's KernelRidgeCV runs on its torch and on its numpy backend. scikit-learn has no search that
chooses a penalty for every target by given folds, so its RidgeCV chooses by leaving out one
stimulus (in closed form), which is another choice, and the nearest that it offers.

Two kinds of predictors: white ones, and ones whose variances fall as 1 / rank, as those of networks
do; the second need more basis filters. Targets have signal-to-noise ratios from 0.01 to 10.

Equality is checked first, in float64 and on 200 targets: the same penalties, predictions to 1e-5 of
a response's standard deviation; and against scikit-learn's Ridge with these penalties. In float32
the table has the share of targets with the same penalties and the largest difference of r among
them. Runs alternate; the ratio is that of the medians of wall time. The numpy backend and
scikit-learn run once, because they are far slower.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import KernelRidgeCV
from sklearn.linear_model import Ridge, RidgeCV

from reprcompare.encoding.fitting import Search, fit
from reprcompare.encoding.folds import Folds, make_folds
from reprcompare.encoding.models import ALPHAS
from reprcompare.encoding.predictors import Group
from reprcompare.encoding.scores import correlation, fold_centred
from reprcompare.encoding.systems import Stimuli, systems_of

OUT = Path(__file__).parent / "results" / "encoding_speed.csv"
STIMULI, COLUMNS, TARGETS = 1000, 4096, 5000
Predicted = tuple[np.ndarray, np.ndarray]
"""Held-out predictions (n, targets), and chosen penalties (folds, targets)."""


def made(kind: str, targets: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    columns = random.normal(size=(STIMULI, COLUMNS))
    if kind == "power law":
        scores = random.normal(size=(STIMULI, STIMULI)) * np.arange(1, STIMULI + 1) ** -0.5
        columns = scores @ random.normal(size=(STIMULI, COLUMNS))
    columns -= columns.mean(axis=0)
    columns /= np.sqrt(np.square(columns).sum(axis=1).mean())
    signal = columns @ random.normal(size=(COLUMNS, targets))
    noise = 10 ** random.uniform(-0.5, 1, targets) * signal.std(axis=0)
    responses = signal + noise * random.normal(size=signal.shape)
    return columns, responses / responses.std(axis=0)


def ours(columns: np.ndarray, responses: np.ndarray, folds: Folds) -> Predicted:
    precision = str(responses.dtype)
    ids = np.array([str(k) for k in range(STIMULI)])
    names = np.arange(COLUMNS).astype(str)
    group = Group("columns", ids, names, lambda positions: iter([columns[positions]]))
    every = np.arange(STIMULI)
    stimuli = Stimuli([every], every, np.zeros(STIMULI, dtype=int), (0,))
    systems = systems_of([group], stimuli, lambda k: k, True, None, precision, "cpu")
    search = Search("ridge", ALPHAS[::-1].copy(), np.ones((1, 1)))
    found = fit(systems, responses, folds, search, precision=precision)
    return found.predicted, found.setting


def himalaya(backend: str) -> Callable[[np.ndarray, np.ndarray, Folds], Predicted]:
    def run(columns: np.ndarray, responses: np.ndarray, folds: Folds) -> Predicted:
        used = set_backend(backend)
        predicted, chosen = np.empty_like(responses), []
        for number in range(folds.number):
            train, held = folds.outer != number, folds.outer == number
            inner = folds.inner[number][train]
            cv = [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(5)]
            alphas = ALPHAS.astype(responses.dtype)
            model = KernelRidgeCV(alphas=alphas, cv=cv, fit_intercept=True)
            model.fit(used.asarray(columns[train]), used.asarray(responses[train]))
            predicted[held] = used.to_numpy(model.predict(used.asarray(columns[held])))
            chosen.append(used.to_numpy(model.best_alphas_))
        return predicted, np.array(chosen)

    return run


def leave_one_out(columns: np.ndarray, responses: np.ndarray, folds: Folds) -> Predicted:
    predicted, chosen = np.empty_like(responses), []
    for number in range(folds.number):
        train, held = folds.outer != number, folds.outer == number
        model = RidgeCV(alphas=ALPHAS, alpha_per_target=True)
        predicted[held] = model.fit(columns[train], responses[train]).predict(columns[held])
        chosen.append(model.alpha_)
    return predicted, np.array(chosen)


Side = Callable[[np.ndarray, np.ndarray, Folds], Predicted]

ALTERNATING: dict[str, Side] = {"reprcompare": ours, "himalaya torch": himalaya("torch")}

ONCE: dict[str, Side] = {
    "himalaya numpy": himalaya("numpy"),
    "sklearn leave one out": leave_one_out,
}
"""Slower by so much that once is enough."""


def scores(responses: np.ndarray, predicted: np.ndarray, folds: Folds) -> np.ndarray:
    y, p = (fold_centred(x.astype(float), folds.outer) for x in (responses, predicted))
    return correlation(y, p, folds.outer)


def check(kind: str, folds: Folds) -> float:
    """Compare with both peers in float64; returns the largest difference of predictions."""
    columns, responses = made(kind, 200)
    own, penalties = ours(columns, responses, folds)
    other, chosen = ONCE["himalaya numpy"](columns, responses, folds)
    np.testing.assert_allclose(penalties, chosen, rtol=1e-10)
    difference = float(np.abs(own - other).max())
    assert difference < 1e-5, difference
    train, held = folds.outer != 0, folds.outer == 0
    model = Ridge(alpha=penalties[0]).fit(columns[train], responses[train])
    difference = max(difference, float(np.abs(model.predict(columns[held]) - own[held]).max()))
    assert difference < 1e-5, difference
    return difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--predictors", nargs="+", default=["white", "power law"])
    parser.add_argument("--without-slow", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    frame = pd.DataFrame({"stimulus_id": [f"{k:04d}" for k in range(STIMULI)]})
    folds = make_folds(frame, 5, 5)
    rows = []
    for kind in arguments.predictors:
        difference = check(kind, folds)
        columns, responses = (x.astype(np.float32) for x in made(kind, TARGETS))
        times: dict[str, list[float]] = {}
        found: dict[str, Predicted] = {}
        for repeat in range(arguments.repeats):
            once = ONCE if repeat == 0 and not arguments.without_slow else {}
            for name, run in (ALTERNATING | once).items():
                start = time.perf_counter()
                found[name] = run(columns, responses, folds)
                times.setdefault(name, []).append(time.perf_counter() - start)
        own, other = found["reprcompare"], found["himalaya torch"]
        same = np.isclose(own[1], other[1], rtol=1e-3).all(axis=0)
        apart = np.abs(scores(responses, own[0], folds) - scores(responses, other[0], folds))
        median = {name: float(np.median(x)) for name, x in times.items()}
        row = {
            "predictors": kind,
            **{f"{name.replace(' ', '_')}_seconds": round(x, 2) for name, x in median.items()},
            "difference_float64": f"{difference:.1e}",
            "same_penalties_float32": round(float(same.mean()), 4),
            "difference_of_r_float32": f"{apart[same].max():.1e}",
            "mean_difference_of_r": f"{apart.mean():.1e}",
            "repeats": arguments.repeats,
            "load": round(os.getloadavg()[0], 1),
            "ratio": round(median["himalaya torch"] / median["reprcompare"], 2),
        }
        rows.append(row)
        print(pd.DataFrame(rows[-1:]).T.to_string(header=False), flush=True)
    table = pd.DataFrame(rows)
    if OUT.exists():
        before = pd.read_csv(OUT)
        table = pd.concat([before[~before["predictors"].isin(table["predictors"])], table])
    table[[name for name in table if name != "ratio"] + ["ratio"]].to_csv(OUT, index=False)


if __name__ == "__main__":
    main()

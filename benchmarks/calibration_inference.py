"""Do the tests and intervals of `compare` hold what they say? A simulation with known truth.

    nice python benchmarks/calibration_inference.py --simulations 2000

Every simulation draws new stimuli, subjects and models. Stimuli have 10 shared features; a subject
has them with a gain of its own (log-normal, sd 0.3) beside 15 features of its own; RDMs are
correlation distances. So subjects share stimulus-specific signal and differ from each other.

- unrelated: the model's features are independent of the brain's. The test against the value of
  unrelated RDMs, and the difference of two such models, are true nulls.
- equal: two models have the shared features, each beside 10 features of its own. They are equally
  good, and the difference is a true null.
- ceiling: the model is the mean RDM of as many further subjects as the lower ceiling averages, so
  its expected score *is* the lower ceiling.
- power: a model with the shared features at 0.4 beside 10 of its own against unrelated; two models
  with gains 1 and 0.7; a model with gain 1 against the ceiling.

One row a cell, test and null; cells that are in the table already are skipped. `goal` says whether
the false positive rate at 0.05 lies in [0.035, 0.065] for at least 12 subjects, and at most at
0.065 below; `covers` the share of 95 % intervals with the truth, which for scores is their mean
over simulations.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.comparison.inference import (
    ceiling_interval,
    difference_interval,
    score_interval,
    score_models,
)
from reprcompare.geometry import (
    Comparator,
    ceiling_terms,
    find_comparator,
    pooling_form,
    unrelated_test,
)

OUT = Path(__file__).parent / "results" / "calibration_inference.csv"
SHARED, OWN, SUBJECT = 10, 10, 15
PERMUTATIONS = 99
"""Enough for an exact level; `compare` draws 1000, which adds a little power."""
POWER_EVERY = 5
"""Power needs fewer simulations than a level."""
CELLS = [
    (comparator, subjects, stimuli)
    for stimuli in (20, 92, 200)
    for comparator in ("correlation", "rho-a", "cosine")
    for subjects in (5, 12, 20)
] + [("whitened_correlation", 12, 92), ("tau-a", 12, 20)]


def rdm_of(features: np.ndarray) -> np.ndarray:
    """Correlation distances, for few stimuli quicker than the streaming `dissimilarities`."""
    return 1 - np.corrcoef(features)[np.triu_indices(len(features), 1)]


def draw_subjects(rng: np.random.Generator, shared: np.ndarray, n: int) -> np.ndarray:
    """RDMs (n, n_pairs) of subjects that share features with a gain of their own."""
    own = rng.normal(size=(n, len(shared), SUBJECT))
    gains = np.exp(0.3 * rng.normal(size=n))
    return np.stack([rdm_of(np.hstack([g * shared, x])) for g, x in zip(gains, own, strict=True)])


def draw_model(rng: np.random.Generator, shared: np.ndarray, gain: float) -> np.ndarray:
    own = rng.normal(size=(len(shared), OWN))
    return rdm_of(np.hstack([gain * shared, own]) if gain else own)


def simulate(
    comparator: Comparator,
    n_subjects: int,
    n_stimuli: int,
    rng: np.random.Generator,
    *,
    power: bool,
) -> dict[str, tuple[float, float, float]]:
    """Return (p, low, high) of every test in one simulated experiment."""
    shared = rng.normal(size=(n_stimuli, SHARED))
    brains = draw_subjects(rng, shared, n_subjects)
    gains = [0, 0, 1, 1] + ([0.7, 0.4] if power else [])
    models = [draw_model(rng, shared, gain) for gain in gains]
    others = pooling_form(draw_subjects(rng, shared, n_subjects - 1), comparator).sum(axis=0)
    scored = score_models([x[None] for x in (*models, others)], brains, comparator)
    bound = ceiling_terms(brains, comparator)
    *fixed, like_others = scored
    found = {
        ("unrelated", "difference"): difference_interval(*fixed[:2], n_stimuli, "both"),
        ("equal", "difference"): difference_interval(*fixed[2:4], n_stimuli, "both"),
    }
    result = {key: (one.p(), one.low, one.high) for key, one in found.items()}
    for key, one in {("unrelated", "score"): fixed[0], ("equal", "score"): fixed[2]}.items():
        interval = score_interval(one, n_stimuli, "both")
        result[key] = (np.nan, interval.low, interval.high)
    test = unrelated_test(models[0], brains, comparator, PERMUTATIONS, rng)
    result["unrelated", "p_zero"] = (test.p, np.nan, np.nan)
    ceiling = ceiling_interval(like_others, bound, n_stimuli, "both")
    result["ceiling", "p_ceiling"] = (ceiling.p("less"), ceiling.low, ceiling.high)
    if power:
        better = difference_interval(fixed[2], fixed[4], n_stimuli, "both")
        weak = unrelated_test(models[5], brains, comparator, PERMUTATIONS, rng)
        below = ceiling_interval(fixed[2], bound, n_stimuli, "both")
        result["power", "difference"] = (better.p(), np.nan, np.nan)
        result["power", "p_zero"] = (weak.p, np.nan, np.nan)
        result["power", "p_ceiling"] = (below.p("less"), np.nan, np.nan)
    return result


def run_cell(name: str, n_subjects: int, n_stimuli: int, n_simulations: int) -> pd.DataFrame:
    comparator = find_comparator(name)
    rng = np.random.default_rng([n_subjects, n_stimuli, CELLS.index((name, n_subjects, n_stimuli))])
    start = time.process_time()
    drawn: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for number in range(n_simulations):
        one = simulate(comparator, n_subjects, n_stimuli, rng, power=number % POWER_EVERY == 0)
        for key, values in one.items():
            drawn.setdefault(key, []).append(values)
    seconds = time.process_time() - start
    rows = []
    for (null, test), values in drawn.items():
        p, low, high = np.array(values).T
        truth = np.mean((low + high) / 2) if test == "score" else 0.0
        if (null, test) == ("unrelated", "score") and comparator.unrelated == 0:
            truth = 0.0
        rejected = np.nan if np.isnan(p).all() else np.mean(p <= 0.05)
        rows.append(
            {
                "comparator": name,
                "n_subjects": n_subjects,
                "n_stimuli": n_stimuli,
                "null": null,
                "test": test,
                "n_simulations": len(values),
                "rejected": rejected,
                "covers": np.nan
                if np.isnan(low).all()
                else np.mean((low <= truth) & (truth <= high)),
                "goal": goal(null, n_subjects, rejected),
                "cpu_seconds_of_cell": round(seconds, 1),
            }
        )
    return pd.DataFrame(rows)


def goal(null: str, n_subjects: int, rejected: float) -> str:
    if null == "power" or np.isnan(rejected):
        return ""
    lowest = 0.035 if n_subjects >= 12 else 0.0
    return "met" if lowest <= rejected <= 0.065 else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--part", default="0/1", help="this process's share of the cells, as 0/2")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    share, parts = map(int, arguments.part.split("/"))
    for name, n_subjects, n_stimuli in CELLS[share::parts]:
        if arguments.out.exists():
            done = pd.read_csv(arguments.out)
            cell = (done.comparator == name) & (done.n_subjects == n_subjects)
            if (cell & (done.n_stimuli == n_stimuli)).any():
                continue
        table = run_cell(name, n_subjects, n_stimuli, arguments.simulations)
        table.to_csv(arguments.out, mode="a", header=not arguments.out.exists(), index=False)
        print(table.to_string(index=False), flush=True)


if __name__ == "__main__":
    main()

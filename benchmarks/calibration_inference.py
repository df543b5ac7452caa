"""Do the tests and intervals of `compare` hold what they say? A simulation with known truth.

    nice python benchmarks/calibration_inference.py --simulations 2000

Every simulation draws new stimuli, subjects and models. Stimuli have 10 shared features; a subject
has them with a gain of its own (log-normal, sd 0.3) beside 15 features of its own; RDMs are
correlation distances. So subjects share stimulus-specific signal and differ from each other.

- unrelated: the model's features are independent of the brain's. The test against the value of
  unrelated RDMs, and the difference of two such models, are true nulls.
- equal: two models have the shared features, each beside 10 features of its own. They are equally
  good, and the difference is a true null.
- ceiling: the model is the mean RDM of as many RDMs as the lower ceiling averages, which share the
  features with one gain. The gain is found beforehand, with other random numbers, such that the
  expected difference from the lower ceiling is zero (column `gain`); `offset` is what is left of
  it, the mean over simulations in standard deviations. Nothing is subtracted.
- sampled: the model is the mean RDM of new *subjects*, gains and all. Whether such a model lies
  above or below the ceiling depends on whom it was made of, which a test of the model at hand is
  meant to find; its rate is shown for comparison and has no goal.
- power: a model with the shared features at 0.4 beside 10 of its own against unrelated; two models
  with gains 1 and 0.7; a model with gain 1 against the ceiling.

One row a cell, test and null; what is in the table already is skipped. `goal` says whether the
false positive rate at 0.05 lies in [0.035, 0.065] for at least 12 subjects, and at most at 0.065
below; `covers` the share of 95 % intervals with the truth, which for scores is their mean over
simulations.
"""

import argparse
import time
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.comparison.inference import (
    Interval,
    ceiling_interval,
    difference_interval,
    score_interval,
    score_models,
)
from reprcompare.geometry import (
    Comparator,
    ceiling_terms,
    find_comparator,
    noise_ceiling,
    pooling_form,
    score_rdms,
    unrelated_test,
)

OUT = Path(__file__).parent / "results" / "calibration_inference.csv"
SHARED, OWN, SUBJECT = 10, 10, 15
PERMUTATIONS = 99
"""Enough for an exact level; `compare` draws 1000, which adds a little power."""
POWER_EVERY = 5
"""Power needs fewer simulations than a level."""
CHUNK = 50
"""Simulations with one seed; what is finished is kept when the script is stopped."""
LEVEL = 0.05
GAINS = np.array([0.8, 1.0, 1.2])
"""Where the difference from the ceiling is found, to be interpolated."""
DRAWS_FOR_GAIN = {20: 1000, 92: 500, 200: 300}
"""By the number of stimuli; the mean difference is known to 0.03 to 0.06 of its spread."""
COLUMNS = (
    *("comparator", "n_subjects", "n_stimuli", "null", "test", "n_simulations"),
    *("rejected", "covers", "goal", "gain", "offset", "cpu_seconds_of_part"),
)
CELLS = [
    (comparator, subjects, stimuli)
    for stimuli in (20, 92, 200)
    for subjects in (12, 5, 20)
    for comparator in ("rho-a", "correlation", "cosine")
] + [("tau-a", 12, 20), ("whitened_correlation", 12, 92)]
ONE = ("tau-a", "whitened_correlation")
"""In one cell only."""


def rdm_of(features: np.ndarray) -> np.ndarray:
    """Correlation distances of patterns (..., n, p), quicker for few stimuli than streaming."""
    centred = features - features.mean(axis=-1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=-1, keepdims=True)
    rows, columns = _pairs(features.shape[-2])
    return 1 - (centred @ centred.swapaxes(-1, -2))[..., rows, columns]


@lru_cache
def _pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(n, 1)


def draw_subjects(
    rng: np.random.Generator, shared: np.ndarray, n: int, spread: float = 0.3
) -> np.ndarray:
    """RDMs (n, n_pairs) of subjects that share features with a gain of their own."""
    own = rng.normal(size=(n, len(shared), SUBJECT))
    gains = np.exp(spread * rng.normal(size=n))
    return rdm_of(np.concatenate([gains[:, None, None] * shared, own], axis=2))


def draw_model(rng: np.random.Generator, shared: np.ndarray, gain: float) -> np.ndarray:
    own = rng.normal(size=(len(shared), OWN))
    return rdm_of(np.hstack([gain * shared, own]) if gain else own)


Found = dict[tuple[str, str], tuple[float, float, float, float]]
"""By (null, test): value, standard error, degrees of freedom, and p where it is not theirs."""


def of_interval(one: Interval) -> tuple[float, float, float, float]:
    return one.value, one.se, one.df, np.nan


def simulate_scores(
    comparator: Comparator,
    shared: np.ndarray,
    n_subjects: int,
    rng: np.random.Generator,
    power: bool,
    gain: float,
) -> Found:
    """Scores and their differences in one simulated experiment."""
    n_stimuli = len(shared)
    brains = draw_subjects(rng, shared, n_subjects)
    gains = [0, 0, 1, 1] + ([0.7, 0.4] if power else [])
    models = [draw_model(rng, shared, gain) for gain in gains]
    scored = score_models([x[None] for x in models], brains, comparator)
    found = {
        ("unrelated", "difference"): difference_interval(*scored[:2], n_stimuli, "both"),
        ("equal", "difference"): difference_interval(*scored[2:4], n_stimuli, "both"),
        ("unrelated", "score"): score_interval(scored[0], n_stimuli, "both"),
        ("equal", "score"): score_interval(scored[2], n_stimuli, "both"),
    }
    if power:
        found["power", "difference"] = difference_interval(scored[2], scored[4], n_stimuli, "both")
    result = {key: of_interval(one) for key, one in found.items()}
    related = {"unrelated": models[0]} | ({"power": models[5]} if power else {})
    for null, model in related.items():
        p = unrelated_test(model, brains, comparator, PERMUTATIONS, rng).p
        result[null, "p_zero"] = (np.nan, np.nan, np.nan, p)
    return result


def simulate_ceiling(
    comparator: Comparator,
    shared: np.ndarray,
    n_subjects: int,
    rng: np.random.Generator,
    power: bool,
    gain: float,
) -> Found:
    """Differences from the lower ceiling in one simulated experiment."""
    brains = draw_subjects(rng, shared, n_subjects)
    bound = ceiling_terms(brains, comparator)
    others = rng.normal(size=(n_subjects - 1, len(shared), SUBJECT))
    models = {"ceiling": mean_of_others(gain * shared, others, comparator)}
    if power:
        sampled = draw_subjects(rng, shared, n_subjects - 1)
        models["sampled"] = pooling_form(sampled, comparator).sum(axis=0)
        models["power"] = draw_model(rng, shared, 1)
    found = {}
    scored = score_models([x[None] for x in models.values()], brains, comparator)
    for null, one in zip(models, scored, strict=True):
        interval = ceiling_interval(one, bound, len(shared), "both")
        assert interval is not None
        found[null, "p_ceiling"] = of_interval(interval)
    return found


def mean_of_others(features: np.ndarray, others: np.ndarray, comparator: Comparator) -> np.ndarray:
    """Mean RDM of subjects that have these features beside those of their own."""
    alike = np.broadcast_to(features, (len(others), *features.shape))
    return pooling_form(rdm_of(np.concatenate([alike, others], axis=2)), comparator).sum(axis=0)


def gain_at_ceiling(comparator: Comparator, n_subjects: int, n_stimuli: int) -> float:
    """Find the gain with which `mean_of_others` is expected to score as the lower ceiling does."""
    rng = np.random.default_rng([n_subjects, n_stimuli, len(PARTS)])
    differences = np.zeros(len(GAINS))
    for _ in range(DRAWS_FOR_GAIN[n_stimuli]):
        shared = rng.normal(size=(n_stimuli, SHARED))
        brains = draw_subjects(rng, shared, n_subjects)
        others = rng.normal(size=(n_subjects - 1, n_stimuli, SUBJECT))
        models = np.stack([mean_of_others(g * shared, others, comparator) for g in GAINS])
        lower = noise_ceiling(brains, comparator, n_permutations=0).lower
        differences += score_rdms(models, brains, comparator).mean(axis=1) - lower
    roots = np.roots(np.polyfit(GAINS, differences, 2))
    return float(min(roots[np.isreal(roots)].real, key=lambda root: abs(root - 1)))


PARTS = {"scores": simulate_scores, "ceiling": simulate_ceiling}


def draw_chunk(
    part: str, name: str, n_subjects: int, n_stimuli: int, chunk: int, gain: float
) -> pd.DataFrame:
    """Simulate some experiments of a cell: a row each and test."""
    comparator = find_comparator(name)
    number = CELLS.index((name, n_subjects, n_stimuli))
    seed = [n_subjects, n_stimuli, number, list(PARTS).index(part), chunk]
    rng = np.random.default_rng(seed)
    start = time.process_time()
    rows = []
    for k in range(CHUNK):
        shared = rng.normal(size=(n_stimuli, SHARED))
        power = (chunk * CHUNK + k) % POWER_EVERY == 0
        found = PARTS[part](comparator, shared, n_subjects, rng, power, gain)
        rows += [(chunk, *key, *values) for key, values in found.items()]
    table = pd.DataFrame(rows, columns=["chunk", "null", "test", "value", "se", "df", "p"])
    return table.assign(seconds=(time.process_time() - start) / len(table), gain=gain)


def run_cell(
    part: str, cell: tuple[str, int, int], n_simulations: int, work: Path, until: float
) -> pd.DataFrame | None:
    """Summarise a cell; None if there was no time to finish it."""
    name, n_subjects, n_stimuli = cell
    file = work / f"{part}_{name}_{n_subjects}_{n_stimuli}.csv"
    before = pd.read_csv(file) if file.exists() else None
    done = 0 if before is None else int(before.chunk.max()) + 1
    gain = np.nan
    if part == "ceiling":
        known = before is not None
        gain = float(before.gain[0]) if known else gain_at_ceiling(find_comparator(name), *cell[1:])
    for chunk in range(done, -(-n_simulations // CHUNK)):
        if time.monotonic() > until:
            return None
        table = draw_chunk(part, *cell, chunk, gain)
        table.to_csv(file, mode="a", header=not file.exists(), index=False)
    raw = pd.read_csv(file)
    rows = []
    for (null, test), found in raw.groupby(["null", "test"], sort=False):
        values = found[["value", "se", "df", "p"]].to_numpy()
        rows.append(
            {"comparator": name, "n_subjects": n_subjects, "n_stimuli": n_stimuli}
            | {"null": null, "test": test, "n_simulations": len(values)}
            | summary(null, test, values, find_comparator(name), n_subjects)
            | {"gain": round(gain, 3) if null == "ceiling" else np.nan}
            | {"cpu_seconds_of_part": round(float(raw.seconds.sum()), 1)}
        )
    return pd.DataFrame(rows)


def summary(
    null: str, test: str, values: np.ndarray, comparator: Comparator, n_subjects: int
) -> dict[str, object]:
    """How often a test rejected and an interval held the truth."""
    value, se, df, p = values.T
    if test == "p_zero":
        rejected = float(np.mean(p <= LEVEL))
        return {"rejected": rejected, "covers": np.nan, "goal": goal(null, n_subjects, rejected)}
    truth = 0.0
    if test == "score" and (null == "equal" or comparator.unrelated != 0):
        truth = float(value.mean())
    t = (value - truth) / se
    covers = float(np.mean(np.abs(t) <= stats.t.ppf(1 - LEVEL / 2, df)))
    if test == "score":
        return {"rejected": np.nan, "covers": covers, "goal": ""}
    below = stats.t.cdf(t, df)
    tail = below if test == "p_ceiling" else 2 * np.minimum(below, 1 - below)
    rejected = float(np.mean(tail <= LEVEL))
    return {
        "rejected": rejected,
        "covers": np.nan if null in ("power", "sampled") else covers,
        "goal": goal(null, n_subjects, rejected),
        "offset": round(value.mean() / value.std(), 3) if null == "ceiling" else np.nan,
    }


def goal(null: str, n_subjects: int, rejected: float) -> str:
    if null in ("power", "sampled"):
        return ""
    lowest = 0.035 if n_subjects >= 12 else 0.0
    return "met" if lowest <= rejected <= 0.065 else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--stimuli", nargs="*", type=int, default=[20, 92, 200])
    parser.add_argument("--subjects", nargs="*", type=int, default=[12, 5, 20])
    parser.add_argument(
        "--comparators", nargs="*", default=["rho-a", "correlation", "cosine", *ONE]
    )
    parser.add_argument("--work", type=Path, default=Path("runs/calibration_inference"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after, to go on")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * arguments.minutes
    for part, cell in product(arguments.parts, CELLS):
        name, n_subjects, n_stimuli = cell
        wanted = name in arguments.comparators and n_subjects in arguments.subjects
        if not wanted or n_stimuli not in arguments.stimuli or _finished(arguments.out, part, cell):
            continue
        table = run_cell(part, cell, arguments.simulations, arguments.work, until)
        if table is None:
            return
        table = table.reindex(columns=COLUMNS)
        table.to_csv(arguments.out, mode="a", header=not arguments.out.exists(), index=False)
        print(table.to_string(index=False), flush=True)


def _finished(out: Path, part: str, cell: tuple[str, int, int]) -> bool:
    if not out.exists():
        return False
    done = pd.read_csv(out)
    same = (done[["comparator", "n_subjects", "n_stimuli"]] == list(cell)).all(axis=1)
    return bool((same & ((done.null == "ceiling") == (part == "ceiling"))).any())


if __name__ == "__main__":
    main()

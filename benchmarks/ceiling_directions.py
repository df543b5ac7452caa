"""The test against the noise ceiling where theory is exact: subjects differ alike in p directions.

    python benchmarks/ceiling_directions.py

RDMs are one fixed RDM and a small normal deviation along p orthogonal directions, the same stimuli
throughout; with `cosine` the difference from the lower ceiling is then a quadratic form of normal
deviations, and a model at distance p / (n - 1), in units of their variance, is exactly at the
ceiling of n subjects. Rates of p <= 0.05 (2,000 simulations, standard error 0.005) with the
standard error at the estimate, that of a model at the ceiling, and the whole of `ceiling_test`.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.comparison.inference import (
    _at_ceiling,
    _interval,
    _variance_below,
    ceiling_test,
    score_models,
)
from reprcompare.geometry import ceiling_terms, find_comparator

OUT = Path(__file__).parent / "results" / "ceiling_directions.csv"
STIMULI, SIMULATIONS, SIZE = 20, 2000, 0.02
COSINE = find_comparator("cosine")


def one_experiment(n: int, p: int, axes: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Return p values of a model that is exactly at the ceiling of n subjects."""
    deviations = rng.normal(size=(n, p))
    off = np.full(p, np.sqrt(1 / (n - 1)))
    brains = axes[0] + SIZE * deviations @ axes[1 : p + 1]
    model = axes[0] + SIZE * off @ axes[1 : p + 1]
    bound = ceiling_terms(brains, COSINE)
    one = score_models([model[None]], brains, COSINE)[0]
    below = one.score < bound.mean
    null = _at_ceiling(one, brains, COSINE, bound.mean) if below else one
    variances = [_variance_below(x, bound, STIMULI, "subjects") for x in (one, null)]
    plain = [_interval(one.score - bound.mean, x, []).p("less") for x in variances]
    return [*plain, ceiling_test(one, brains, COSINE, bound, STIMULI, "subjects")]


def main() -> None:
    rows = []
    n_pairs = STIMULI * (STIMULI - 1) // 2
    for n in (5, 12, 20):
        for p in (1, 3, 10, 100):
            rng = np.random.default_rng([n, p])
            axes = np.linalg.qr(rng.normal(size=(n_pairs, p + 1)))[0].T
            found = np.array([one_experiment(n, p, axes, rng) for _ in range(SIMULATIONS)])
            rates = (found <= 0.05).mean(axis=0)
            names = ("at_the_estimate", "at_the_ceiling", "ceiling_test")
            rows.append(
                {"n_subjects": n, "directions": p, "n_simulations": SIMULATIONS}
                | dict(zip(names, rates, strict=True))
            )
            print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()

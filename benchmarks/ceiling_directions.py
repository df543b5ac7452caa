"""The test against the noise ceiling where theory is exact: subjects differ alike in p directions.

    python benchmarks/ceiling_directions.py

RDMs are one fixed RDM and a small normal deviation along p orthogonal directions, the same stimuli
throughout; with `cosine` the difference from the lower ceiling is then a quadratic form of normal
deviations, and a model at distance p / (n - 1), in units of their variance, is exactly at the
ceiling of n subjects. Rates of p <= 0.05 in 500 simulations (standard error 0.01).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.comparison.inference import ceiling_interval, score_models
from reprcompare.geometry import ceiling_terms, find_comparator

OUT = Path(__file__).parent / "results" / "ceiling_directions.csv"
STIMULI, SIMULATIONS, SIZE = 20, 500, 0.02
COSINE = find_comparator("cosine")


def p_at_the_ceiling(n: int, p: int, axes: np.ndarray, rng: np.random.Generator) -> float:
    """Test a model that is exactly at the ceiling of n subjects."""
    deviations = rng.normal(size=(n, p))
    brains = axes[0] + SIZE * deviations @ axes[1:]
    model = axes[0] + SIZE * np.full(p, np.sqrt(1 / (n - 1))) @ axes[1:]
    one = score_models([model[None]], brains, COSINE)[0]
    below = ceiling_interval(one, ceiling_terms(brains, COSINE), STIMULI, "subjects")
    assert below is not None
    return below.p("less")


def main() -> None:
    rows = []
    n_pairs = STIMULI * (STIMULI - 1) // 2
    for n in (5, 12, 20):
        for p in (1, 3, 10, 100):
            rng = np.random.default_rng([n, p])
            axes = np.linalg.qr(rng.normal(size=(n_pairs, p + 1)))[0].T
            found = [p_at_the_ceiling(n, p, axes, rng) for _ in range(SIMULATIONS)]
            rows.append(
                {"n_subjects": n, "directions": p, "n_simulations": SIMULATIONS}
                | {"rejected": float(np.mean(np.array(found) <= 0.05))}
            )
            print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    pd.DataFrame(rows).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()

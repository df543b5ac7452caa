"""The tests of rsatoolbox 0.3.2 on the nulls of `calibration_inference.py`, for comparison.

    nice python benchmarks/calibration_rsatoolbox.py

200 simulations of 200 bootstraps a cell, comparator Pearson. Its bootstraps are drawn with the
engine of reprcompare, which returns the same evaluations for the same resamples (see
tests/geometry/test_bootstrap.py); its t tests are those of its `Result`, called on them.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from calibration_inference import SHARED, draw_model, draw_subjects
from rsatoolbox.inference import Result
from rsatoolbox.model import ModelFixed

from reprcompare.geometry import bootstrap_scores, draw_counts, find_comparator, score_rdms

OUT = Path(__file__).parent / "results" / "calibration_rsatoolbox.csv"
CELLS = [(5, 20), (12, 20), (12, 92)]
DRAWS = 200


def evaluations(
    models: np.ndarray, brains: np.ndarray, n_stimuli: int, rng: np.random.Generator
) -> dict[str, Result]:
    """Results as `eval_fixed`, `eval_bootstrap_*` and `eval_dual_bootstrap` would return them."""
    comparator = find_comparator("correlation")
    n_subjects = len(brains)
    stimuli = draw_counts(n_stimuli, DRAWS, rng)
    subjects = draw_counts(n_subjects, DRAWS, rng)
    no_stimuli, no_subjects = np.ones_like(stimuli), np.ones_like(subjects)
    drawn = {
        "bootstrap": (stimuli, subjects),
        "bootstrap_rdm": (no_stimuli, subjects),
        "bootstrap_pattern": (stimuli, no_subjects),
    }
    scores = {
        name: bootstrap_scores(models, brains, comparator, *counts).scores
        for name, counts in drawn.items()
    }
    observed = score_rdms(models, brains, comparator)
    fixed = [ModelFixed(str(k), one) for k, one in enumerate(models)]
    variance = {name: np.cov(values.T) for name, values in scores.items()}
    least = min(n_subjects, n_stimuli) - 1
    ceiling = np.zeros(2)

    def result(
        method: str, values: np.ndarray, variances: np.ndarray, dof: int, **n: int
    ) -> Result:
        return Result(fixed, values, "corr", method, ceiling, variances, dof, **n)

    both = {"n_rdm": n_subjects, "n_pattern": n_stimuli}
    return {
        "eval_fixed": result(
            "fixed",
            observed[None],
            np.cov(observed, ddof=0) / n_subjects,
            n_subjects - 1,
            n_rdm=n_subjects,
        ),
        "eval_bootstrap_rdm": result(
            "bootstrap_rdm",
            scores["bootstrap_rdm"],
            variance["bootstrap_rdm"],
            n_subjects - 1,
            n_rdm=n_subjects,
        ),
        "eval_bootstrap_pattern": result(
            "bootstrap_pattern",
            scores["bootstrap_pattern"],
            variance["bootstrap_pattern"],
            n_stimuli - 1,
            n_pattern=n_stimuli,
        ),
        "eval_bootstrap": result(
            "bootstrap", scores["bootstrap"], variance["bootstrap"], least, **both
        ),
        "eval_dual_bootstrap": result(
            "dual_bootstrap",
            scores["bootstrap"],
            np.stack([variance[name] for name in drawn]),
            least,
            **both,
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    tables = []
    for n_subjects, n_stimuli in CELLS:
        rng = np.random.default_rng([n_subjects, n_stimuli])
        rows = []
        for _ in range(arguments.simulations):
            shared = rng.normal(size=(n_stimuli, SHARED))
            brains = draw_subjects(rng, shared, n_subjects)
            unrelated = np.stack([draw_model(rng, shared, 0) for _ in range(2)])
            equal = np.stack([draw_model(rng, shared, 1) for _ in range(2)])
            for name, one in evaluations(unrelated, brains, n_stimuli, rng).items():
                rows.append((name, "unrelated", "zero", one.test_zero()[0]))
                rows.append((name, "unrelated", "difference", one.test_pairwise()[0, 1]))
            for name, one in evaluations(equal, brains, n_stimuli, rng).items():
                rows.append((name, "equal", "difference", one.test_pairwise()[0, 1]))
        table = pd.DataFrame(rows, columns=["evaluation", "null", "test", "p"])
        table["rejected"] = table["p"] <= 0.05
        summary = table.groupby(["evaluation", "null", "test"], sort=False)["rejected"].mean()
        cell = summary.reset_index()
        cell.insert(0, "n_stimuli", n_stimuli)
        cell.insert(0, "n_subjects", n_subjects)
        cell["n_simulations"] = arguments.simulations
        tables.append(cell)
        print(cell.to_string(index=False), flush=True)
    pd.concat(tables).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()

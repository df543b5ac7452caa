"""False positives of the pair model when sessions share stimulus structure.

    python benchmarks/calibration_mixed_pairs.py --simulations 300 \
        --out benchmarks/results/calibration_mixed_pairs.csv

RDMs of 24 stimuli, 2 sessions per subject, from a geometry that all subjects share plus one of
each subject and noise of each session; a label drawn at random for half of the stimuli, so that
nothing is to be found. Columns: rejection rates at 0.05 of `pair_model`, of stimulus-label
permutation (QAP), and of the naive model (1|subject) + (1|first) + (1|second); and by how much
the naive standard error changes when the two stimuli of some pairs are swapped.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import pdist

from reprcompare.statistics import label_permutation, mixed_model, pair_model, pair_table

N_STIMULI = 24
GEOMETRIES = ("low-dimensional", "clustered", "correlation")
SUBJECTS = (4, 8)
NAIVE = "dissimilarity ~ label + (1|subject) + (1|first) + (1|second)"


def simulate(rng, geometry, n_subjects):
    """One pair table without an effect."""
    n_dims = 3 if geometry == "low-dimensional" else 15
    shared = rng.normal(size=(N_STIMULI, n_dims))
    if geometry == "clustered":
        shared += 1.5 * rng.normal(size=(4, n_dims))[rng.integers(4, size=N_STIMULI)]
    metric = "correlation" if geometry == "correlation" else "sqeuclidean"
    rows, subjects = [], np.repeat(np.arange(n_subjects), 2).astype(str)
    for _ in range(n_subjects):
        own = shared + 0.7 * rng.normal(size=shared.shape)
        for _ in range(2):
            d = pdist(own + 0.7 * rng.normal(size=shared.shape), metric)
            rows.append(d / d.mean())
    ids = [f"i{k:02d}" for k in range(N_STIMULI)]
    rdms = RDMs(
        np.array(rows),
        pattern_descriptors={"stimulus_id": ids},
        rdm_descriptors={"subject": subjects, "session": ["1", "2"] * n_subjects},
    )
    label = rng.permutation(np.arange(N_STIMULI) < N_STIMULI // 2)
    return pair_table(rdms, pd.DataFrame({"label": label}, index=ids))


def naive(table, swap):
    """Fit the naive model, with the stimuli of some pairs swapped; p and standard error."""
    first = table.stimulus_a.where(~swap, table.stimulus_b)
    second = table.stimulus_b.where(~swap, table.stimulus_a)
    # Prefixes hide from mixed_model that both are stimuli; it would refuse.
    fit = mixed_model(NAIVE, table.assign(first="1" + first, second="2" + second))
    return fit.fixed.p[1], fit.fixed.se[1]


def cell(n_simulations, geometry, n_subjects):
    """Rejection rates of one cell."""
    rng = np.random.default_rng([GEOMETRIES.index(geometry), n_subjects])
    found = []
    for _ in range(n_simulations):
        table = simulate(rng, geometry, n_subjects)
        pairs = table.stimulus_a + table.stimulus_b
        swap = pairs.isin(pairs.unique()[rng.random(pairs.nunique()) < 0.5])
        (p_naive, se), (_, se_swapped) = naive(table, swap & False), naive(table, swap)
        found.append(
            {
                "pair_model": pair_model(table, ["label"]).fixed.p[1] < 0.05,
                "label_permutation": label_permutation(table, ["label"], n_permutations=99).p[0]
                <= 0.05,
                "naive": p_naive < 0.05,
                "naive_se_ratio": max(se / se_swapped, se_swapped / se),
            }
        )
    rates = pd.DataFrame(found).mean().to_dict()
    return {
        "geometry": geometry,
        "subjects": n_subjects,
        "simulations": n_simulations,
        **{f"false_positives_{name}": rates[name] for name in rates if name != "naive_se_ratio"},
        "naive_se_ratio": rates["naive_se_ratio"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=50)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    # Cells that the file has are kept, so that an interrupted run goes on.
    rows = pd.read_csv(chosen.out).to_dict("records") if chosen.out and chosen.out.exists() else []
    done = {(row["subjects"], row["geometry"]) for row in rows}
    for n_subjects, geometry in product(SUBJECTS, GEOMETRIES):
        if (n_subjects, geometry) in done:
            continue
        rows.append(cell(chosen.simulations, geometry, n_subjects))
        if chosen.out:
            pd.DataFrame(rows).to_csv(chosen.out, index=False)
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1), flush=True)
    worst = max(row["false_positives_pair_model"] for row in rows)
    print(f"largest false positive rate of the pair model: {worst:.4f}")


if __name__ == "__main__":
    main()

"""Mixed models of 33,488 dissimilarities (92 stimuli, 4 subjects, 2 sessions) against lme4.

    python benchmarks/mixed_pairs.py [--repeats 5]

Two structures: `crossed`, three groupings that lme4's formulas can express, and `membership`,
the pair model, which lme4 can only do through its modular functions. Estimates, standard errors
and restricted likelihood must agree before a time counts. Needs Rscript with lme4.
"""

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import pdist, squareform

from reprcompare.statistics import mixed_model, pair_model, pair_table

PEER = Path(__file__).with_suffix(".R")
CROSSED = "dissimilarity ~ animate + (1|pair) + (1|subject) + (1|subject:session)"


def simulate():
    """RDMs of the size of the human IT data of Kriegeskorte et al. 2008, as a pair table."""
    rng = np.random.default_rng(2008)
    ids = [f"i{k:02d}" for k in range(92)]
    animate = np.arange(92) < 48
    differ = squareform(animate[:, None] != animate, checks=False)
    shared = rng.normal(size=(92, 20))
    rows, names = [], []
    for subject in range(4):
        own, slope = shared + 0.7 * rng.normal(size=shared.shape), rng.normal(0.1, 0.05)
        for session in range(2):
            d = pdist(own + 0.7 * rng.normal(size=shared.shape), "correlation")
            rows.append(d + slope * differ + rng.normal(0, 0.05))
            names.append((f"s{subject}", f"v{session}"))
    described = dict(zip(("subject", "session"), map(list, zip(*names, strict=True)), strict=True))
    rdms = RDMs(np.array(rows), pattern_descriptors={"stimulus_id": ids}, rdm_descriptors=described)
    table = pair_table(rdms, pd.DataFrame({"animate": animate}, index=ids))
    return table.assign(pair=table.stimulus_a + "." + table.stimulus_b)


def ours(structure, table):
    """Fit once; seconds and the fit."""
    start = time.perf_counter()
    fit = mixed_model(CROSSED, table) if structure == "crossed" else pair_model(table, ["animate"])
    return time.perf_counter() - start, fit


def lme4(structure, path):
    """Fit once in a fresh R; its own report, start of R and reading of the table excluded."""
    command = ["Rscript", str(PEER), str(path), structure, "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(structure, table, repeats):
    """Alternate the two sides and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.csv"
        table.to_csv(path, index=False)
        times = {"reprcompare": [], "lme4": []}
        for _ in range(repeats):
            seconds, fit = ours(structure, table)
            peer = lme4(structure, path)
            times["reprcompare"].append(seconds)
            times["lme4"].append(peer["seconds"][0])
    row = fit.fixed.set_index("term").loc["animate"]
    # lme4's default optimiser stops within 1e-3 of the criterion.
    assert fit.estimates.deviance < peer["criterion"] + 1e-3, (fit.estimates.deviance, peer)
    assert np.isclose(row.estimate, peer["estimate"], rtol=1e-3), (row.estimate, peer)
    assert np.isclose(row.se, peer["se"], rtol=2e-2), (row.se, peer)
    ours_s, theirs_s = median(times["reprcompare"]), median(times["lme4"])
    print(
        f"{structure}: {len(table)} rows, criterion {fit.estimates.deviance:.4f} against "
        f"{peer['criterion']:.4f}; reprcompare with tests and df {ours_s:.2f} s, lme4 without "
        f"{theirs_s:.2f} s (peak {peer['peak_gib']:.2f} GiB); lme4 / reprcompare = "
        f"{theirs_s / ours_s:.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--structures", nargs="+", default=["crossed", "membership"])
    chosen = parser.parse_args()
    table = simulate()
    for structure in chosen.structures:
        compare(structure, table, chosen.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of reprcompare: {peak:.2f} GiB")


if __name__ == "__main__":
    main()

"""False positives and power of the mixed-model analyses over a grid of designs.

    python benchmarks/calibration_mixed_grid.py --simulations 2000 \
        --out benchmarks/results/calibration_mixed_grid.csv

10 networks, 8 or 16 features (and 2, one easy and one hard), spread of features 0, 0.2 or 1
residual SD, outcome additive or compositional (softmax with a remainder). The exposure belongs
to a feature (`between`: half of the features, the same in all networks) or is assigned anew in
every network (`within`).
Columns: rejection rates at 0.05 without an effect and, for power (a quarter of the simulations),
with an effect.

- recommended: `mixed_model` with the boundary rule for additive outcomes, `share_model` for
  compositional ones;
- lmertest: Satterthwaite as lmerTest gives it, without the boundary rule;
- z: the normal distribution, as statsmodels' MixedLM has it.
"""

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from reprcompare.statistics import mixed_model, per_network_contrast, share_model
from reprcompare.statistics.engines import fit_mixedlm
from reprcompare.statistics.mixed import summarise

FORMULA = "outcome ~ exposure + (1|subject) + (1|feature)"
N_NETWORKS = 10
SPREADS = (0.0, 0.2, 1.0)
EFFECT = {"between": 1.0, "within": 0.5}


def simulate(rng, n_features, spread, compositional, exposure, effect):
    """One table of networks x features, with the effect in units of the residual SD."""
    half = np.repeat([0, 1], n_features // 2)
    rows = [half if exposure == "between" else rng.permutation(half) for _ in range(N_NETWORKS)]
    x = np.array(rows)
    score = effect * x + spread * rng.normal(size=n_features) + rng.normal(size=x.shape)
    if compositional:
        parts = np.exp(score)
        remainder = n_features * np.exp(rng.normal(size=(N_NETWORKS, 1)))
        outcome = parts / (parts.sum(axis=1, keepdims=True) + remainder)
    else:
        outcome = score + 0.5 * rng.normal(size=(N_NETWORKS, 1))
    subject, feature = np.indices(x.shape)
    columns = {"subject": subject, "feature": feature, "exposure": x, "outcome": outcome}
    return pd.DataFrame({name: values.ravel() for name, values in columns.items()})


def p_values(table, design, compositional, exposure):
    """Test by the recommended analysis, as lmerTest does, and by the normal distribution."""
    X = design.X.copy()
    X[:, 1] = table.exposure
    design = replace(design, y=table.outcome.to_numpy(), X=X)
    fit = summarise(design, fit_mixedlm(design), "mixedlm")
    recommended = fit.fixed.p[1]
    if compositional and exposure == "within":
        recommended = per_network_contrast(table, "exposure", value="outcome").table.p[0]
    elif compositional:
        means = table.groupby("feature")[["exposure", "outcome"]].mean()
        sides = (means.outcome[means.exposure == side] for side in (0, 1))
        recommended = stats.ttest_ind(*sides).pvalue
    t = abs(fit.fixed.t[1])
    satterthwaite = fit.estimates.df(np.eye(2))[1]
    return recommended, 2 * stats.t.sf(t, satterthwaite), 2 * stats.norm.sf(t)


def checked_design(table, compositional, exposure):
    """Matrices that all simulations of a cell share, after checking that the shortcut is one."""
    if compositional:
        model = share_model(table.rename(columns={"outcome": "share"}), ["exposure"])
        fit, expected = model.beside, model.total.p[0]
    else:
        fit = mixed_model(FORMULA, table)
        expected = fit.fixed.p[1]
    found = p_values(table, fit.design, compositional, exposure)
    assert np.isclose(found[0], expected, rtol=1e-6), (found, expected)
    return fit.design


def cell(n_simulations, *design):
    """Rejection rates of one cell, without and with an effect."""
    n_features, spread, compositional, exposure = design
    row = {
        "exposure": exposure, "outcome": "compositional" if compositional else "additive",
        "features": n_features, "feature_sd": spread, "simulations": n_simulations,
    }  # fmt: skip
    matrices = checked_design(
        simulate(np.random.default_rng(0), *design, 0.0), compositional, exposure
    )
    for what, effect in (("false_positives", 0.0), ("power", EFFECT[exposure])):
        # The cell's own seed: cells can be run alone and in any order.
        seed = [n_features, int(10 * spread), int(compositional), len(exposure), effect > 0]
        rng = np.random.default_rng(seed)
        n = n_simulations if effect == 0 else n_simulations // 4
        tables = (simulate(rng, *design, effect) for _ in range(n))
        p = np.array([p_values(table, matrices, compositional, exposure) for table in tables])
        for name, rate in zip(("recommended", "lmertest", "z"), (p < 0.05).mean(0), strict=True):
            row[f"{what}_{name}"] = rate
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--features", type=int, nargs="+", default=[8, 16, 2])
    chosen = parser.parse_args()
    designs = [
        design
        for design in product(chosen.features, SPREADS, (False, True), ("between", "within"))
        if design[0] > 2 or design[-1] == "within"  # two features are too few to be units
    ]
    # Cells that the file has are kept, so that an interrupted run goes on.
    rows = pd.read_csv(chosen.out).to_dict("records") if chosen.out and chosen.out.exists() else []
    done = {(row["features"], row["feature_sd"], row["outcome"], row["exposure"]) for row in rows}
    for design in designs:
        n_features, spread, compositional, exposure = design
        outcome = "compositional" if compositional else "additive"
        if (n_features, spread, outcome, exposure) in done:
            continue
        rows.append(cell(chosen.simulations, *design))
        if chosen.out:
            pd.DataFrame(rows).to_csv(chosen.out, index=False)
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1), flush=True)
    worst = max(row["false_positives_recommended"] for row in rows)
    print(f"largest false positive rate of the recommended analysis: {worst:.4f}")


if __name__ == "__main__":
    main()

"""Does measured role say what networks compute? From the tables of protocols/role.toml.

    reprcompare run protocols/role.toml --out runs/role
    python benchmarks/role_recovery.py runs/role

A case is a network, a region and a feature. The truth is the task's definition: a feature that a
trained network was asked for (and learned: networks below 95 % are not counted) is computed; a
distractor is not, and in an untrained network none is. Role knows neither. The area under the curve
says how often a computed feature has the larger role of two; it is taken

- from the layer on in which a feature is first linear in a network (decodability of at least 0.95,
  cross-validated), against every case that is not computed, in every layer, and
- before that layer, against the same cases.

Decodability stands beside it, since it is what role must not be. Intervals by resampling networks.
Expected, before the run: the area is 0.98 or more at and after the first linear layer; intervals of
the effects of distractors exclude 0 more often than 0.05 within networks (small true effects exist
there), while their means over networks of a cell differ from 0 at 0.05.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

RESULTS = Path(__file__).parent / "results"
LINEAR = 0.95
N_BOOTSTRAP = 2000
KEYS = ["coding", "activation", "recording", "subject"]


def cases(folder: Path) -> pd.DataFrame:
    """One row a network, region and feature: role, decodability, whether it is computed, where."""
    role = pd.read_csv(folder / "tables" / "role.csv")
    audit = pd.read_csv(folder / "tables" / "audit.csv")
    found = role.merge(
        audit[[*KEYS, "region", "feature", "decodability"]], on=[*KEYS, "region", "feature"]
    )
    asked = ~found["feature"].str.startswith("unused")
    found["computed"] = asked & (found["recording"] == "networks")
    order = {name: place for place, name in enumerate(sorted(found["region"].unique()))}
    found["layer"] = found["region"].map(order)
    linear = found[found["decodability"] >= LINEAR].groupby([*KEYS, "feature"])["layer"].min()
    found = found.join(linear.rename("first_linear"), on=[*KEYS, "feature"])
    found["after"] = ~found["computed"] | (found["layer"] >= found["first_linear"].fillna(np.inf))
    found["before"] = ~found["computed"] | ~found["after"]
    return found


def area(rows: pd.DataFrame, measure: str) -> float:
    """Area under the curve: the probability that a computed feature has the larger value."""
    positive, negative = (
        rows.loc[rows["computed"] == k, measure].to_numpy() for k in (True, False)
    )
    ranks = stats.rankdata(np.concatenate([positive, negative]))[: len(positive)]
    n, m = len(positive), len(negative)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))


def areas(found: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for where in ("after", "before"):
        part = found[found[where]]
        networks = dict(list(part.groupby(KEYS)))
        names = list(networks)
        for measure in ("role", "decodability"):
            drawn = []
            for _ in range(N_BOOTSTRAP):
                chosen = rng.integers(0, len(names), len(names))
                drawn.append(area(pd.concat([networks[names[i]] for i in chosen]), measure))
            low, high = np.nanquantile(drawn, [0.025, 0.975])
            rows.append(
                {
                    "layers": "first linear and after" if where == "after" else "before",
                    "measure": measure,
                    "auc": area(part, measure),
                    "auc_low": low,
                    "auc_high": high,
                    "computed": int(part["computed"].sum()),
                    "not_computed": int((~part["computed"]).sum()),
                    "networks": len(names),
                    "smallest_computed": part.loc[part["computed"], measure].min(),
                    "largest_not_computed": part.loc[~part["computed"], measure].max(),
                }
            )
    return pd.DataFrame(rows)


def distractors(folder: Path) -> pd.DataFrame:
    """How large the effects of distractors in trained networks are, and how often called."""
    effects = pd.read_csv(folder / "tables" / "role_effects.csv")
    own = effects[
        (effects["recording"] == "networks") & effects["feature"].str.startswith("unused")
    ]
    rows = []
    for (feature, region), part in own.groupby(["feature", "region"]):
        cells = part.groupby(["coding", "activation", "response"])["effect"]
        p = cells.apply(lambda values: stats.ttest_1samp(values, 0).pvalue)
        rows.append(
            {
                "feature": feature,
                "region": region,
                "n": len(part),
                "mean_effect": part["effect"].mean(),
                "largest_effect": part["effect"].abs().max(),
                "above_0.1": (part["effect"].abs() > 0.1).mean(),
                "above_null": (part["effect_low"] > part["effect_null"]).mean(),
                "interval_excludes_0": (
                    (part["effect_low"] > 0) | (part["effect_high"] < 0)
                ).mean(),
                "tests_over_networks": len(p),
                "rejected_over_networks": (p < 0.05).mean(),
            }
        )
    return pd.DataFrame(rows)


def main(folder: Path) -> None:
    found = cases(folder)
    for name, table in {
        "role_recovery": areas(found),
        "role_distractors": distractors(folder),
    }.items():
        table.round(4).to_csv(RESULTS / f"{name}.csv", index=False)
        print(table.round(4).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

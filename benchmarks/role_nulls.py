"""Are intervals of role calibrated? Features that are labelled and cannot have a role.

    reprcompare run protocols/role.toml --out runs/role
    nice python benchmarks/role_nulls.py

In the networks of protocols/role.toml, taken from the cache of that run, labels are drawn at
random, and counterfactuals are other stimuli, drawn at random, with the opposite label. All else
is as in a real measurement: the subspace is learned to move answers to those of the
counterfactuals, and it does move them. But no answer can depend on such a label, so that every
effect is 0 in expectation, and an interval at 95 % should exclude 0 in 5 % of cases. Expected,
before the run: the rate lies within 0.03 of 0.05 in both regions.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from reprcompare.protocol import read_protocol
from reprcompare.protocol.cache import Cache
from reprcompare.protocol.making import Workshop
from reprcompare.recording import encode_labels, open_recording
from reprcompare.sessions import Search, role

OUT = Path(__file__).parent / "results" / "role_nulls.csv"
PROTOCOL = Path(__file__).parents[1] / "protocols" / "role.toml"
N_NETWORKS = 2
"""In each of the four cells."""

N_FEATURES = 10
REGIONS = ["hidden1", "hidden4"]
SEARCH = Search(dimensions=(1, 4), steps=30)
LEVEL = 0.05


def scrambled(task, stimuli, seed):
    """Stimuli with random labels, and for each label stimuli that have nothing to do with them."""
    rng = np.random.default_rng([seed, 7])
    ids = stimuli["stimulus_id"].values
    names = [f"random{number}" for number in range(N_FEATURES)]
    half = np.arange(len(ids)) % 2
    table = pd.DataFrame({name: rng.permutation(half) for name in names}, index=ids)
    bare = stimuli.drop_dims("feature")
    labelled = bare.merge(encode_labels(table, ids))
    made = {}
    for number, name in enumerate(names):
        bits = task.draw(len(ids), "test", [seed, 8, number])
        others = [f"{stimulus}~{name}" for stimulus in ids]
        other = bare.assign(stimulus=(bare["stimulus"].dims, task.encode(bits)))
        other = other.assign_coords(
            stimulus_id=("presentation", others), counterfactual_of=("presentation", ids)
        )
        opposite = (1 - table[[name]]).set_axis(others)
        made[name] = other.merge(encode_labels(opposite, others))
    return labelled, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", help="Cache of the run (default: REPRCOMPARE_CACHE).")
    workshop = Workshop(Cache(parser.parse_args().cache), progress=False)
    parts = []
    for number, cell in enumerate(read_protocol(PROTOCOL).cells):
        task = cell.tables["task"]["mixed"]
        shown = workshop.stimuli(cell, "networks")
        for place, path in enumerate(workshop.recordings(cell, "networks")[:N_NETWORKS]):
            stimuli, counterfactuals = scrambled(task, shown, 100 * number + place)
            with open_recording(path) as recording:
                found = role(
                    workshop.network(cell, "networks", path),
                    recording.drop_dims("feature"),
                    stimuli,
                    counterfactuals,
                    regions=REGIONS,
                    responses=["", "", ""],
                    search=SEARCH,
                    n_null=0,
                    seed=place,
                    progress=False,
                )
            names = ["effect", "effect_low", "effect_high", "effect_whole"]
            table = found[names].sel(by_region=REGIONS).to_dataframe().reset_index()
            parts.append(table.assign(network=f"{number}-{place}", **cell.settings))
            print(number, place, flush=True)
    every = pd.concat(parts)
    every["excludes_0"] = (every["effect_low"] > 0) | (every["effect_high"] < 0)
    rows = []
    for region, part in every.groupby("by_region"):
        # The responses of one label share its stimuli, so a label of a network is the unit.
        units = part.groupby(["network", "feature"])[["excludes_0"]].mean()
        error = units["excludes_0"].std() / np.sqrt(len(units))
        rows.append(
            {
                "region": region,
                "n_labels": len(units),
                "n_effects": len(part),
                "rate_excludes_0": units["excludes_0"].mean(),
                "rate_low": units["excludes_0"].mean() - 1.96 * error,
                "rate_high": units["excludes_0"].mean() + 1.96 * error,
                "mean_effect": part["effect"].mean(),
                "sd_effect": part["effect"].std(),
                "nominal": LEVEL,
            }
        )
    table = pd.DataFrame(rows).round(4)
    table.to_csv(OUT, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Over networks, what is the null of an unused feature's role? Not 0, unless coding is symmetric.

    nice python benchmarks/role_nulls_networks.py --work effects.csv

Small true effects of unused features differ between networks; a test over networks asks whether
their mean is 0. Nothing says that it must be. A unit coded -1/1 can be flipped together with its
weights, which leaves data and initialisation as likely as before and turns the effect round: the
mean is 0. Coded 0/1 it cannot: an unused unit is on half of the time, as a bias is on always, so
that its weights follow every drift of the biases, in all networks alike. What remains true in any
coding is that unused units are exchangeable: the effect of one less the mean effect of others has
mean 0.

The networks of protocols/role.toml, trained anew with other seeds. For every network

- the exact effect of every unused unit on every answer: the unit is switched in fresh stimuli,
  without any subspace, exchange or fold;
- the role of four of them, labelled as linear features, in the first and the last hidden layer, on
  stimuli that all networks share, and in the first one on stimuli of the network's own.

Tests are t tests over the networks of a cell, at 0.05. Expected, before the run:

1. exact effects against 0 are rejected at 0.05 coded -1/1 (the interval of the rate holds 0.05, and
   the rate is below 0.10), and at 0.15 or more coded 0/1;
2. exact effects against the mean of the other unused units: at 0.05, in the same sense, in both;
3. role in the first layer differs from the exact effect by less than 0.005 on average, so that
   the offset is in the networks and not in the learned subspace;
4. on stimuli of the networks' own, role is rejected against 0 as often as on shared ones, within
   0.15: sharing stimuli is not the reason.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from reprcompare.networks import Training, mlp, train
from reprcompare.recording import build_recording
from reprcompare.sessions import Search, bench, role
from reprcompare.tasks import Feature, VectorTask

RESULTS = Path(__file__).parent / "results"
CELLS = [("0/1", "relu"), ("0/1", "tanh"), ("-1/1", "relu"), ("-1/1", "tanh")]
N_NETWORKS = 8
"""In each cell; lowered from 16 for lack of compute, before any effect was looked at."""

FIRST_SEED = 500
N_EXACT = 4096
N_PER_CELL = 2
N_LABELLED = 4
SEARCH = Search(dimensions=(1, 4), steps=30)
LEVEL = 0.05


def task_of(coding: str) -> VectorTask:
    """Return the task of protocols/role.toml, with four linear distractors in place of two."""
    asked = [("easy", "linear"), ("majority", "majority"), ("hard", "xor")]
    unused = [Feature(f"unused{k}", "linear", output=False) for k in range(N_LABELLED)]
    features = (*(Feature(name, rule) for name, rule in asked), *unused)
    return VectorTask(features, n_inputs=32, coding=coding)


def trained_networks(task: VectorTask, activation: str) -> list[tuple[int, torch.nn.Module]]:
    """Train the networks of a cell; those that fail a feature are left out."""
    seeds = [FIRST_SEED + k for k in range(N_NETWORKS)]
    networks = [mlp(32, 3, [128, 64, 64, 64], activation, seed=seed) for seed in seeds]
    drawn = [task.examples(32768, "train", [seed, 1]) for seed in seeds]
    found = train(
        networks,
        [x for x, _ in drawn],
        [y for _, y in drawn],
        task.examples(1024, "validation", 0),
        Training(
            optimiser="adam",
            learning_rate=1e-3,
            batch_size=128,
            max_steps=6000,
            criterion=0.95,
            steps_after_solving=500,
        ),
        seeds=seeds,
        features=task.feature_names,
    )
    kept = []
    for seed, network, one in zip(seeds, networks, found, strict=True):
        network.load_state_dict(one.state)
        if (one.accuracy > 0.95).all():
            kept.append((seed, network.eval()))
    return kept


def exact(task: VectorTask, network: torch.nn.Module) -> pd.DataFrame:
    """Switch every unused unit on and off; change of every answer in the unit of role."""
    bits = task.draw(N_EXACT, "test", 77)
    first = task.places["unused0"].start

    def answers(shown: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.as_tensor(shown)).double().numpy()

    base = answers(task.encode(bits))
    unit = base.std(axis=0, ddof=1)
    crossed = task.evaluation_set(4, seed=5)
    before = answers(crossed["stimulus"].values)
    for place, name in enumerate(task.feature_names):
        other = task.counterfactuals(crossed, name)
        rises = np.sign(other["label"].sel(feature=name).values - 0.5)
        change = answers(other["stimulus"].values) - before
        unit[place] = max(unit[place], abs((rises * change[:, place]).mean()))
    rows = []
    for k in range(first, task.n_inputs):
        on, off = bits.copy(), bits.copy()
        on[:, k], off[:, k] = 1, 0
        change = (answers(task.encode(on)) - answers(task.encode(off))).mean(axis=0) / unit
        rows += [
            {"unit": k - first, "response": name, "effect": value}
            for name, value in zip(task.feature_names, change, strict=True)
        ]
    return pd.DataFrame(rows).assign(measured="exact")


def measured(
    task: VectorTask, network: torch.nn.Module, regions: list[str], draw: int, name: str
) -> pd.DataFrame:
    """Measure the role of the labelled distractors on 256 stimuli."""
    stimuli = task.evaluation_set(N_PER_CELL, seed=draw)
    x = torch.as_tensor(stimuli["stimulus"].values)
    with bench(network) as on:
        states = [on.run(x, region)[1].numpy() for region in regions]
    recording = build_recording(
        np.concatenate(states, axis=1),
        stimulus_id=stimuli["stimulus_id"].values,
        region=[one for one, part in zip(regions, states, strict=True) for _ in part.T],
        subject="network",
        kind="network",
    )
    # The unit is that of the features that answers report, so they have counterfactuals, too.
    made = {one: task.counterfactuals(stimuli, one) for one in task.label_names}
    found = role(
        network, recording, stimuli, made, responses=task.feature_names, search=SEARCH, n_null=0,
        progress=False,
    )  # fmt: skip
    table = found["effect"].to_dataframe().reset_index()
    table = table[table["feature"].str.startswith("unused")]
    table["unit"] = table["feature"].str.removeprefix("unused").astype(int)
    names = dict(zip(found["response"].values, task.feature_names, strict=True))
    table["response"] = table["response"].map(names)
    table["measured"] = name + ", " + table["by_region"]
    return table[["unit", "response", "effect", "measured"]]


def rejected(effects: pd.DataFrame) -> pd.DataFrame:
    """Test every unused unit and answer over networks, against 0 and against the other units."""
    rows = []
    for (kind, coding), part in effects.groupby(["measured", "coding"], sort=False):
        p: dict[str, list[dict[str, object]]] = {"0": [], "other unused": []}
        shared = []
        for (activation, _), cell in part.groupby(["activation", "response"]):
            table = cell.pivot_table(index="network", columns="unit", values="effect")
            n_units = table.shape[1]
            others = (table.sum(axis=1).to_numpy()[:, None] - table) / (n_units - 1)
            for against, values in (("0", table), ("other unused", table - others)):
                found = stats.ttest_1samp(values, 0, axis=0).pvalue
                p[against] += [
                    {"unit": f"{activation} {unit}", "rejected": one < LEVEL}
                    for unit, one in zip(table.columns, found, strict=True)
                ]
            shared.append(table.mean(axis=1).abs().mean() / table.std(axis=1, ddof=1).mean())
        for against, tests in p.items():
            # The answers of one network move together: a unit (of one activation) is one case.
            rate = pd.DataFrame(tests).groupby("unit")["rejected"].mean()
            error = rate.std(ddof=1) / np.sqrt(len(rate))
            rows.append(
                {
                    "measured": kind,
                    "coding": coding,
                    "against": against,
                    "tests": len(tests),
                    "rate": rate.mean(),
                    "rate_low": rate.mean() - 1.96 * error,
                    "rate_high": rate.mean() + 1.96 * error,
                    "mean_effect": part["effect"].mean(),
                    "largest_effect": part["effect"].abs().max(),
                    "mean_over_spread": float(np.mean(shared)),
                }
            )
    return pd.DataFrame(rows)


def offsets(effects: pd.DataFrame) -> pd.DataFrame:
    """How far measured roles lie from the exact effects of the same units."""
    keys = ["coding", "activation", "network", "unit", "response"]
    truth = effects[effects["measured"] == "exact"].set_index(keys)["effect"]
    rows = []
    for kind, part in effects[effects["measured"] != "exact"].groupby("measured", sort=False):
        joined = part.set_index(keys).join(truth.rename("exact"))
        difference = joined["effect"] - joined["exact"]
        by_network = difference.groupby(["coding", "activation", "network"]).mean()
        error = by_network.std(ddof=1) / np.sqrt(len(by_network))
        rows.append(
            {
                "measured": kind,
                "correlation": joined["effect"].corr(joined["exact"]),
                "difference": by_network.mean(),
                "difference_low": by_network.mean() - 1.96 * error,
                "difference_high": by_network.mean() + 1.96 * error,
                "mean_absolute_difference": difference.abs().mean(),
                "mean_absolute_exact": joined["exact"].abs().mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="Effects, cell by cell.")
    parser.add_argument("--cells", type=int, default=len(CELLS), help="How many more cells to run.")
    given = parser.parse_args()
    effects = pd.read_csv(given.work) if given.work.is_file() else pd.DataFrame()
    missing = [
        cell
        for cell in CELLS
        if effects.empty
        or not ((effects["coding"] == cell[0]) & (effects["activation"] == cell[1])).any()
    ]
    for coding, activation in missing[: given.cells]:
        task = task_of(coding)
        parts = [effects]
        for seed, network in trained_networks(task, activation):
            found = [
                exact(task, network),
                measured(task, network, ["hidden1", "hidden4"], 0, "shared stimuli"),
                measured(task, network, ["hidden1"], seed, "own stimuli"),
            ]
            parts.append(
                pd.concat(found).assign(network=seed, coding=coding, activation=activation)
            )
        effects = pd.concat(parts, ignore_index=True)
        effects.to_csv(given.work, index=False)
        print(coding, activation, flush=True)
    if len(missing) > given.cells:
        return
    for name, table in {
        "role_nulls_networks": rejected(effects),
        "role_nulls_offsets": offsets(effects),
    }.items():
        table.round(4).to_csv(RESULTS / f"{name}.csv", index=False)
        print(table.round(4).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()

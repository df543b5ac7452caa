"""The paradox, architecture by architecture: where it is, and which comparators are free of it.

    python -m benchmarks.comparators.architectures --out results/architectures.csv

In every architecture some networks compute an easy and a hard feature and as many the easy one
alone. The paradox is that two of the former score lower with each other than with the latter.
Networks are compared within their architecture only.
"""

import argparse
import inspect
import itertools
import math
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from benchmarks.comparators.features import SETTINGS, compare_all, known_of, measure
from benchmarks.comparators.measured import comparators
from reprcompare.networks import NETWORKS, Training, train
from reprcompare.tasks import Feature, VectorTask

SETS = (("e1", "h1"), ("e1",))


def task_of(part: dict[str, Any], chosen: tuple[str, ...]) -> VectorTask:
    """Return the task that asks for some of the features; both are labelled."""
    rules = {"e1": "linear", "h1": "xor"}
    features = [Feature(name, rule, output=name in chosen) for name, rule in rules.items()]
    return VectorTask(tuple(features), n_inputs=part["n_inputs"], coding=part["coding"])


def networks_of(part: dict[str, Any], chosen: tuple[str, ...]) -> list[tuple[int, nn.Module, bool]]:
    """Train the networks of a class in one stack; say of each whether it learned the features."""
    task = task_of(part, chosen)
    make = NETWORKS[part["kind"]].make
    known = {
        "n_inputs": math.prod(task.input_shape),
        "input_shape": task.input_shape,
        "n_outputs": task.n_outputs,
    }
    taken = inspect.signature(make).parameters
    known = {name: value for name, value in known.items() if name in taken}
    made = [make(**known, **part["options"], seed=seed) for seed in part["seeds"]]
    drawn = [task.examples(part["n_training"], "train", [seed, 1]) for seed in part["seeds"]]
    trained = train(
        made,
        [x for x, _ in drawn],
        [y for _, y in drawn],
        task.examples(2048, "validation", 0),
        Training(**part["training"]),
        seeds=part["seeds"],
        features=task.feature_names,
    )
    found = []
    for seed, network, one in zip(part["seeds"], made, trained, strict=True):
        network.load_state_dict(one.state)
        found.append((seed, network.eval(), bool((one.accuracy > part["criterion"]).all())))
    return found


def run(settings: dict[str, Any], out: Path) -> None:
    compared = comparators(settings["lists"], settings["corrections"])
    for name in settings["left_out"]:
        del compared[name]
    rows = pd.DataFrame()
    for coding, architecture in itertools.product(settings["codings"], settings["networks"]):
        part = settings | architecture | {"coding": coding}
        if coding not in part["codings"]:
            continue
        stimuli = task_of(part, SETS[0]).evaluation_set(part["n_per_cell"], seed=0)
        networks: list[dict[str, Any]] = []
        for chosen in SETS:
            task = task_of(part, chosen)
            for seed, network, right in networks_of(part, chosen):
                name = f"{part['name']}, {coding}-{'+'.join(chosen)}-{seed}"
                if not right:
                    print("dropped:", name, flush=True)
                    continue
                measured = measure(
                    task, stimuli, chosen, name, network, "role" in part["corrections"],
                    part["layer"],
                )  # fmt: skip
                networks.append({"chosen": chosen, "condition": "", "measured": measured})
        pairs = [
            (a["measured"], b["measured"], known_of(a, b))
            for a, b in itertools.combinations(networks, 2)
        ]
        found = compare_all(pairs, compared).assign(architecture=part["name"], coding=coding)
        rows = pd.concat([rows, found], ignore_index=True)
        rows.to_csv(out, index=False, float_format="%.5f")
        print(part["name"], coding, len(networks), "networks", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    run(tomllib.loads(SETTINGS.read_text())["architectures"], given.out)


if __name__ == "__main__":
    main()

"""Around the two-by-two: shared, partly shared and disjoint features, seen through instruments.

    python -m benchmarks.comparators.features development --out results/features_development.csv

All networks see the same inputs, which always contain all features: what a network is not asked for
is decodable from it and not used. Truth is the overlap of the features that two networks compute
(intersection over union). In the first part both sides are networks; in the second part one side is
what an instrument measured of the second network, which has no interventions.
"""

import argparse
import itertools
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from benchmarks.comparators.measured import CORRECTED, Comparison, Measured, comparators
from reprcompare.audit import repeated_patterns
from reprcompare.measurement import simulate_brain
from reprcompare.networks import Training, mlp, train
from reprcompare.recording import build_recording, label_table, select
from reprcompare.sessions import Search, bench, role
from reprcompare.tasks import Feature, VectorTask

SETTINGS = Path(__file__).with_name("settings.toml")
SEARCH = Search(dimensions=(1, 4), steps=40, batch_size=128)
LISTS = ("complete", "half missing", "with distractors", "re-expressed")
MAIN = ("e1", "e2", "h1", "h2")


def task_of(settings: dict[str, Any], coding: str) -> VectorTask:
    """Return the task with all features labelled; what a network is asked for is chosen later."""
    rules = [(name, settings["easy" if name[0] == "e" else "hard"]) for name in MAIN]
    features = [Feature(name, rule["rule"], rule.get("n_inputs")) for name, rule in rules]
    distractors = [Feature(f"d{k}", "linear") for k in (1, 2)]
    return VectorTask((*features, *distractors), n_inputs=32, coding=coding)


def networks_of(
    settings: dict[str, Any], condition: dict[str, Any]
) -> list[tuple[tuple[str, ...], int, nn.Module, bool]]:
    """Train networks that are asked for each set of features, in one stack."""
    task = task_of(settings, condition["coding"])
    made, inputs, wanted, sets = [], [], [], []
    for chosen, seed in itertools.product(settings["sets"], settings["seeds"]):
        made.append(
            mlp(32, len(task.features), settings["hidden"], settings["activation"], seed=seed)
        )
        x, y = task.examples(settings["n_training"], "train", [seed, 1])
        y[:, [k for k, name in enumerate(task.label_names) if name not in chosen]] = np.nan
        inputs.append(x)
        wanted.append(y)
        sets.append((tuple(chosen), seed))
    trained = train(
        made,
        inputs,
        wanted,
        task.examples(1024, "validation", 0),
        Training(
            **condition["training"],
            max_steps=settings["max_steps"],
            criterion=0.99,
            steps_after_solving=500,
        ),
        seeds=[seed for _, seed in sets],
        features=task.label_names,
    )
    found: list[tuple[tuple[str, ...], int, nn.Module, bool]] = []
    for (chosen, seed), network, one in zip(sets, made, trained, strict=True):
        network.load_state_dict(one.state)
        asked = [task.label_names.index(name) for name in chosen]
        right = bool((one.accuracy[asked] > 0.97).all())
        found.append((chosen, seed, cut(network, asked), right))
    for seed in settings["seeds"]:
        fresh = mlp(32, 2, settings["hidden"], settings["activation"], seed=100 + seed)
        found.append(((), 100 + seed, fresh, True))
    return found


def cut(network: nn.Module, asked: list[int]) -> nn.Module:
    """Leave the outputs that were trained."""
    readout: Any = network.readout
    kept = nn.Linear(readout.in_features, len(asked))
    kept.weight.data, kept.bias.data = readout.weight.data[asked], readout.bias.data[asked]
    network.readout = kept
    return network.eval()


def label_lists(labels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    main = labels[[name for name in MAIN if name in labels]]
    easy = [name for name in main if name[0] == "e"]
    mixed = {f"h{name[1:]}": main[f"h{name[1:]}"] ^ main[name] for name in easy}
    return {
        "none": pd.DataFrame(index=labels.index),
        "complete": main,
        "half missing": main[easy],
        "with distractors": labels,
        "re-expressed": main.assign(**mixed),
    }


def measure(
    task: VectorTask,
    stimuli: xr.Dataset,
    chosen: tuple[str, ...],
    name: str,
    network: nn.Module,
    with_role: bool = True,
    layer: str | None = None,
) -> Measured:
    """Record a layer of a network and measure what has a role in it, if asked to.

    The last hidden one by default.
    """
    layer = layer or [one for one, _ in network.named_children() if one.startswith("hidden")][-1]
    x = stimuli["stimulus"].values
    with bench(network) as on:
        answers, states = on.run(torch.as_tensor(x), layer)
    assert states is not None
    states = states.reshape(len(states), -1)
    labels = label_table(stimuli).astype(int)
    answers_ = answers.numpy()
    recording = build_recording(
        states.numpy(), stimulus_id=labels.index.to_numpy(), region=layer, subject=name,
        labels=labels, kind="network", identifier=name,
    )  # fmt: skip
    if with_role:
        features = list(chosen) or ["", ""]
        recording = role(
            network, recording, x,
            {one: task.counterfactuals(stimuli, one) for one in task.label_names},
            responses=features, search=SEARCH, n_null=5, progress=False,
        )  # fmt: skip
        named = [one or f"untrained {k}" for k, one in enumerate(features)]
        recording = recording.assign_coords(response_feature=("response", named))
    accuracy = np.full(len(task.label_names), 0.5)
    for k, one in enumerate(chosen):
        right = (answers_[:, k] > 0) == (labels[one] > 0.5).to_numpy()
        accuracy[task.label_names.index(one)] = right.mean()
    return Measured(
        name, [states.numpy()[None].astype(float)], label_lists(labels), answers_, accuracy,
        recording, network, torch.as_tensor(x), [layer],
    )  # fmt: skip


def seen_through(
    measured: Measured, rows: np.ndarray, instrument: str, n_neuroids: int, snr: float, seed: int
) -> Measured:
    """Measure a network as if it were a brain: no interventions, no network."""
    assert measured.recording is not None
    recording = measured.recording.isel(presentation=rows)
    brain = simulate_brain(
        recording.drop_dims(["by_subject", "response"], errors="ignore"),
        n_neuroids=n_neuroids, n_repetitions=4, n_subjects=1, snr=snr, seed=seed,
        instrument=instrument,
    )  # fmt: skip
    ids = pd.Index(recording["stimulus_id"].values.astype(str))
    return Measured(
        f"brain of {measured.name}",
        [repeated_patterns(select(brain, subject="subject-1"), ids)],
        {name: table.iloc[rows] for name, table in measured.labels.items()},
        measured.answers[rows],
        measured.accuracy,
    )


def rows_only(measured: Measured, rows: np.ndarray) -> Measured:
    """Show the same network fewer stimuli."""
    return Measured(
        measured.name,
        [patterns[:, rows] for patterns in measured.patterns],
        {name: table.iloc[rows] for name, table in measured.labels.items()},
        measured.answers[rows],
        measured.accuracy,
        measured.recording,
        measured.network,
        None if measured.stimuli is None else measured.stimuli[rows],
        measured.layers,
    )


def compare_all(
    pairs: list[tuple[Measured, Measured, dict[str, Any]]], compared: dict[str, Comparison]
) -> pd.DataFrame:
    rows = []
    for a, b, known in pairs:
        scores = {}
        for name, compare in compared.items():
            try:
                scores[name] = compare(a, b)
            except (ValueError, np.linalg.LinAlgError):
                scores[name] = np.nan
        rows.append({"a": a.name, "b": b.name} | known | scores)
    return pd.DataFrame(rows)


def known_of(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Say what is true of two networks."""
    one, two = set(a["chosen"]), set(b["chosen"])
    union = one | two
    return {
        "set_a": "+".join(a["chosen"]), "set_b": "+".join(b["chosen"]),
        "same_features": bool(union) and one == two,
        "same_bias": a["condition"] == b["condition"],
        "truth": len(one & two) / len(union) if union else np.nan,
        "untrained": (not one) + (not two),
    }  # fmt: skip


def run(part: dict[str, Any], out: Path) -> None:
    networks: list[dict[str, Any]] = []
    corrections = part.get("corrections", CORRECTED)
    for condition in part["conditions"]:
        task = task_of(part, condition["coding"])
        stimuli = task.evaluation_set(part["n_per_cell"], seed=0)
        for chosen, seed, network, right in networks_of(part, condition):
            name = f"{condition['name']}-{'+'.join(chosen) or 'untrained'}-{seed}"
            if not right:
                print("dropped:", name, flush=True)
                continue
            measured = measure(task, stimuli, chosen, name, network, "role" in corrections)
            networks.append(
                {"chosen": chosen, "condition": condition["name"], "measured": measured}
            )
            gates = measured.sides["complete"][0].gates.max(axis=1) if "role" in corrections else {}
            print(name, dict(gates), flush=True)
    compared = comparators(part.get("lists", LISTS), corrections)
    for name in part.get("left_out", []):
        del compared[name]
    pairs = [
        (a["measured"], b["measured"], known_of(a, b))
        for a, b in itertools.combinations(networks, 2)
    ]
    table = compare_all(pairs, compared).assign(instrument="none", snr=np.inf)
    table.to_csv(out, index=False, float_format="%.5f")
    print("networks compared", flush=True)
    seen = {
        name: one
        for name, one in compared.items()
        if "(" not in name or name.endswith("(complete)")
    }
    for number, setting in enumerate(part["instruments"]):
        chosen = [one for one in networks if one["chosen"]][:: part["every"]]
        n = len(chosen[0]["measured"].answers)
        rows = np.random.default_rng(0).permutation(n)[: setting["n_stimuli"]]
        brains = [
            seen_through(
                one["measured"], rows, setting["instrument"], setting["n_neuroids"],
                setting["snr"], seed=number * 100 + k,
            )
            for k, one in enumerate(chosen)
        ]  # fmt: skip
        models = [rows_only(one["measured"], rows) for one in chosen]
        pairs = [
            (models[i], brains[j], known_of(chosen[i], chosen[j]))
            for i, j in itertools.permutations(range(len(chosen)), 2)
        ]
        found = compare_all(pairs, seen).assign(**setting)
        table = pd.concat([table, found], ignore_index=True)
        table.to_csv(out, index=False, float_format="%.5f")
        print("instrument", setting, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["development", "held_out", "large"])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    settings = tomllib.loads(SETTINGS.read_text())["features"]
    shared = settings["held_out"] if given.part == "large" else {}
    run(settings | shared | settings[given.part], given.out)


if __name__ == "__main__":
    main()

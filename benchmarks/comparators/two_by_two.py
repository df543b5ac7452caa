"""Run the two-by-two: algorithm x bias, for problems and biases that a settings file names.

    python -m benchmarks.comparators.two_by_two development --out results/two_by_two_development.csv

One row a pair of networks of one problem: what they are, how alike they are by interchange
interventions, and what every comparator says. Rows are written as they come; problems that are in
the file already are not run again.
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

from benchmarks.comparators.algorithms import N_INPUTS, PROBLEMS, Algorithm, Problem, Staged
from benchmarks.comparators.measured import CORRECTED, Measured, comparators
from reprcompare.networks import Training, train
from reprcompare.networks.settings import Stage
from reprcompare.recording import build_recording, stimulus_set
from reprcompare.sessions import Search, bench, interchange_accuracy, role

SETTINGS = Path(__file__).with_name("settings.toml")
SEARCH = Search(dimensions=(4,), steps=60, batch_size=128)
N_PAIRS = 1024
HIGHEST_ORDER = 3
"""Of interactions of the listed inputs that the crossed list names; all inputs together are the
answer of a parity."""
LISTS = ("complete", "half missing", "with distractors", "re-expressed", "crossed", "answers")


def biases(kind: str, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the two levels of an extraneous property: coding, training, examples with labels."""
    easy_last = tuple(name for name in names if name != "easy")
    everything = Stage(tuple(names))
    adam = {"optimiser": "adam", "learning_rate": 1e-3}
    levels: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "coding": [("0/1", {"coding": (0, 1)}), ("-1/1", {"coding": (-1, 1)})],
        "optimiser": [
            ("adam", {}),
            ("sgd", {"training": {"optimiser": "sgd", "learning_rate": 0.1, "momentum": 0.9}}),
        ],
        "curriculum": [
            ("easy first", {"training": adam | {"stages": (Stage(("easy",), 500), everything)}}),
            ("easy last", {"training": adam | {"stages": (Stage(easy_last), everything)}}),
        ],
        "prevalence": [("easy always", {"easy": 1.0}), ("easy rarely", {"easy": 0.05})],
    }  # fmt: skip
    return levels[kind]


def draw(problem: Problem, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, problem.n_bits]).integers(0, 2, (n, N_INPUTS))


def encode(bits: np.ndarray, coding: tuple[int, int]) -> np.ndarray:
    return (coding[0] + (coding[1] - coding[0]) * bits).astype(np.float32)


def targets(
    problem: Problem, bits: np.ndarray, algorithm: Algorithm | None, easy: float, seed: int
) -> np.ndarray:
    """Levels of outputs, easy bit and read-outs; NaN for read-outs of the other algorithm."""
    values = problem.variables(bits)
    columns = [values[name].astype(float) for name in (*problem.outputs, "easy")]
    hidden = np.random.default_rng([seed, 7]).random(len(bits)) >= easy
    columns[-1][hidden] = np.nan
    for head in problem.heads:
        name, place = head.split("@")
        used = algorithm is None or name in algorithm.layers[int(place)]
        columns.append(values[name].astype(float) if used else np.full(len(bits), np.nan))
    return np.stack(columns, axis=1)


def train_stack(
    problem: Problem, level: dict[str, Any], settings: dict[str, Any], seeds: list[int]
) -> list[tuple[str, int, Staged, bool]]:
    """Train networks of both algorithms at one level of bias."""
    names = [*problem.outputs, "easy", *problem.heads]
    hidden, activation = tuple(settings["hidden"]), settings["activation"]
    made, inputs, wanted, labels = [], [], [], []
    for algorithm_name, algorithm in problem.algorithms.items():
        for seed in seeds:
            made.append(Staged(len(problem.outputs) + 1, problem.heads, hidden, activation, seed))
            bits = draw(problem, settings["n_training"], 1000 + seed)
            inputs.append(encode(bits, level.get("coding", (-1, 1))))
            wanted.append(targets(problem, bits, algorithm, level.get("easy", 1.0), seed))
            labels.append((algorithm_name, seed))
    held_out = draw(problem, 1024, 1)
    trained = train(
        made,
        inputs,
        wanted,
        (encode(held_out, level.get("coding", (-1, 1))), targets(problem, held_out, None, 1.0, 0)),
        Training(
            **{"optimiser": "adam", "learning_rate": 1e-3} | level.get("training", {}),
            max_steps=settings["max_steps"],
            criterion=0.99,
            steps_after_solving=300,
        ),
        seeds=[seed for _, seed in labels],
        features=names,
    )
    found = []
    for (algorithm_name, seed), network, one in zip(labels, made, trained, strict=True):
        network.load_state_dict(one.state)
        network.with_heads = False
        network.eval()
        right = bool((one.accuracy[: len(problem.outputs) + 1] > 0.97).all())
        found.append((algorithm_name, seed, network, right))
    return found


def label_lists(problem: Problem, bits: np.ndarray, ids: list[str]) -> dict[str, pd.DataFrame]:
    """Label lists as a user might have them; none names an intermediate variable."""
    values = problem.variables(bits)
    complete = pd.DataFrame({name: values[name] for name in problem.listed}, index=ids)
    inputs = [f"x{k + 1}" for k in range(problem.n_bits)]
    crossed = {}
    for size in range(1, min(problem.n_bits, HIGHEST_ORDER + 1)):
        for chosen in itertools.combinations(inputs, size):
            crossed[":".join(chosen)] = np.bitwise_xor.reduce([values[name] for name in chosen])
    return {
        "none": pd.DataFrame(index=ids),
        "complete": complete,
        "half missing": complete[[*inputs[::2], "easy"]],
        "with distractors": complete.assign(
            **{f"d{k}": bits[:, problem.n_bits + 1 + k] for k in range(4)}
        ),
        "re-expressed": pd.DataFrame(
            {"easy": values["easy"]}
            | {name: values[name] ^ values["easy"] for name in (*inputs, *problem.outputs)},
            index=ids,
        ),
        "half missing, answers named": complete[[*inputs[::2], *problem.outputs, "easy"]],
        "inputs re-expressed": complete.assign(
            **{name: values[name] ^ values["easy"] for name in inputs}
        ),
        "crossed": pd.DataFrame(crossed | {"easy": values["easy"]}, index=ids),
        "answers": answer_labels(problem, bits, ids),
    }


def answer_labels(problem: Problem, bits: np.ndarray, ids: list[str]) -> pd.DataFrame:
    """Label the answered features alone: the outputs as one feature, and the easy bit."""
    values = problem.variables(bits)
    answer = np.stack([values[name] for name in problem.outputs], axis=1)
    coded = answer[:, 0] if answer.shape[1] == 1 else answer.argmax(axis=1)
    table = pd.DataFrame({"answer": coded, "easy": values["easy"]}, index=ids)
    if answer.shape[1] > 1:
        levels = [str(k) for k in range(answer.shape[1])]
        table["answer"] = pd.Categorical.from_codes(coded, levels)
    return table


def counterfactuals(
    problem: Problem, bits: np.ndarray, ids: list[str], coding: tuple[int, int]
) -> dict[str, xr.Dataset]:
    """Stimuli in which the answer alone, or the easy bit alone, differs."""
    made = {}
    rng = np.random.default_rng(5)
    for name in ("answer", "easy"):
        other = bits.copy()
        if name == "easy":
            other[:, problem.n_bits] ^= 1
        else:
            before = answer_labels(problem, bits, ids)["answer"]
            waiting = np.arange(len(bits))
            while len(waiting):
                other[waiting, : problem.n_bits] = rng.integers(
                    0, 2, (len(waiting), problem.n_bits)
                )
                after = answer_labels(problem, other, ids)["answer"]
                waiting = np.flatnonzero((before == after).to_numpy())
        names = [f"{one}~{name}" for one in ids]
        made[name] = stimulus_set(
            encode(other, coding), stimulus_ids=names, labels=answer_labels(problem, other, names),
            dims=["input"],
        ).assign_coords(counterfactual_of=("presentation", ids))  # fmt: skip
    return made


def interchanged(
    problem: Problem,
    network: Staged,
    coding: tuple[int, int],
    variables: list[tuple[int, tuple[str, ...], Algorithm]],
) -> np.ndarray:
    """Interchange accuracy of variables with random sources, 0 for what happens anyway."""
    bits, other = draw(problem, N_PAIRS, 3), draw(problem, N_PAIRS, 4)
    base, source = (torch.as_tensor(encode(part, coding)) for part in (bits, other))
    found = []
    for place, names, algorithm in variables:
        here, there = algorithm.run(bits), algorithm.run(other)
        given = {name: there[name] for name in names}
        if names[0].startswith("x"):
            changed = bits.copy()
            changed[:, int(names[0][1:]) - 1] = there[names[0]]
            wanted = algorithm.run(changed)
        else:
            wanted = algorithm.run(bits, given)
        right = np.stack([wanted[name] for name in problem.outputs], axis=1).astype(float)
        if algorithm.consistent is not None:
            right[~algorithm.consistent(here | given)] = np.nan
        easy = np.full((len(bits), 1), np.nan)
        got = interchange_accuracy(
            network, f"hidden{place + 1}", base, source, np.hstack([right, easy]), search=SEARCH
        )
        found.append((got.accuracy - got.untouched) / (1 - got.untouched))
    return np.clip(found, 0, 1)


def measure(
    problem: Problem,
    name: str,
    network: Staged,
    coding: tuple[int, int],
    n_stimuli: int,
    with_role: bool = True,
) -> tuple[Measured, np.ndarray]:
    """Record a network, measure its roles if asked to, and find out how it computes."""
    bits = draw(problem, n_stimuli, 2)
    ids = [f"s{k}" for k in range(n_stimuli)]
    x = encode(bits, coding)
    layers = [f"hidden{k + 1}" for k in range(network.depth)]
    with bench(network) as on:
        states = [on.run(torch.as_tensor(x), layer) for layer in layers]
    answers = states[0][0].numpy()
    activity = [state.numpy() for _, state in states]
    recording = build_recording(
        np.concatenate(activity, axis=1),
        stimulus_id=ids,
        region=[layer for layer, part in zip(layers, activity, strict=True) for _ in part.T],
        subject=name,
        labels=answer_labels(problem, bits, ids),
        kind="network",
    )
    if with_role:
        features = ["answer"] * len(problem.outputs) + ["easy"]
        recording = role(
            network,
            recording,
            x,
            counterfactuals(problem, bits, ids, coding),
            responses=features,
            search=SEARCH,
            n_null=5,
            progress=False,
        )
        named = [f"{feature} {k}" for k, feature in enumerate(features)]
        recording = recording.assign_coords(response_feature=("response", named))
    tested = [
        (place, names, algorithm)
        for (place, names), algorithm in {
            key: algorithm for algorithm in problem.algorithms.values() for key in algorithm.tested
        }.items()
    ]
    any_way = next(iter(problem.algorithms.values()))
    listed = [(0, (f"x{k + 1}",), any_way) for k in range(problem.n_bits)]
    truth = interchanged(problem, network, coding, tested)
    values = problem.variables(bits)
    right = np.stack([values[one] for one in (*problem.outputs, "easy")], axis=1)
    return (
        Measured(
            name,
            [part[None].astype(float) for part in activity],
            label_lists(problem, bits, ids),
            answers,
            ((answers > 0) == right).mean(axis=0),
            recording,
            network,
            torch.as_tensor(x),
            layers,
            interchanged(problem, network, coding, listed) if with_role else np.empty(0),
        ),
        truth,
    )


def run(problem_name: str, bias: str, settings: dict[str, Any]) -> pd.DataFrame:
    """Train, measure and compare the networks of one problem and one kind of bias."""
    problem = PROBLEMS[problem_name]
    names = [*problem.outputs, "easy", *problem.heads]
    corrections = settings.get("corrections", CORRECTED)
    networks = []
    for level_name, level in biases(bias, names):
        for algorithm, seed, network, right in train_stack(
            problem, level, settings, settings["seeds"]
        ):
            if not right:
                print(f"dropped: {problem_name} {bias} {level_name} {algorithm} {seed}", flush=True)
                continue
            name = f"{problem_name}-{bias}-{level_name}-{algorithm}-{seed}"
            measured, truth = measure(
                problem,
                name,
                network,
                level.get("coding", (-1, 1)),
                settings["n_stimuli"],
                with_role="role" in corrections,
            )
            networks.append((algorithm, level_name, measured, truth))
            print(name, truth.round(2), measured.profile.round(2), flush=True)
    compared = comparators(settings.get("lists", LISTS), corrections)
    rows = []
    for (alg_a, bias_a, a, truth_a), (alg_b, bias_b, b, truth_b) in itertools.combinations(
        networks, 2
    ):
        most = np.maximum(truth_a, truth_b).sum()
        rows.append(
            {
                "problem": problem_name, "bias": bias, "a": a.name, "b": b.name,
                "same_algorithm": alg_a == alg_b, "same_bias": bias_a == bias_b,
                "truth": float(np.minimum(truth_a, truth_b).sum() / most) if most > 0 else np.nan,
            }
            | {key: compare(a, b) for key, compare in compared.items()}
        )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["development", "held_out", "second"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=int, help="How many more sets to run (default: all).")
    given = parser.parse_args()
    settings = tomllib.loads(SETTINGS.read_text())["two_by_two"]
    part = settings | settings[given.part]
    done = pd.read_csv(given.out) if given.out.is_file() else pd.DataFrame()
    there = set(zip(done["problem"], done["bias"], strict=True)) if len(done) else set()
    missing = [pair for pair in itertools.product(part["problems"], part["biases"])
               if pair not in there]  # fmt: skip
    for problem, bias in missing[: given.sets]:
        done = pd.concat([done, run(problem, bias, part)], ignore_index=True)
        done.to_csv(given.out, index=False, float_format="%.5f")


if __name__ == "__main__":
    main()

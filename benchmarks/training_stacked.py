"""Training 20 small networks in a stack, against one after the other in plain torch.

Prints the seconds of every side and, last, the two ratios: against a loop with the optimiser as
torch makes it by default, and against a loop with the same fused optimiser. Final losses must equal
those of training alone. Run alone on a quiet machine: ``python benchmarks/training_stacked.py``.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from reprcompare.networks import Training, mlp, train

N_NETWORKS, N_INPUTS, N_OUTPUTS, HIDDEN = 20, 64, 2, (256, 128, 64, 64)
N_EXAMPLES, STEPS, BATCH = 4096, 300, 128
OUT = Path(__file__).parent / "results" / "training_stacked.csv"


def data_of(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], size=(N_EXAMPLES, N_INPUTS)).astype(np.float32)
    y = np.stack([x[:, 0] > 0, x[:, 1] * x[:, 2] > 0], axis=1).astype(np.float32)
    return x, y


def network_of(seed: int) -> nn.Sequential:
    return mlp(N_INPUTS, N_OUTPUTS, HIDDEN, seed=seed)


def stacked(settings: Training, data: list[tuple[np.ndarray, np.ndarray]]) -> list[dict]:
    held_out = data[0][0][:1], data[0][1][:1]  # judging is no part of what is compared
    trained = train(
        [network_of(seed) for seed in range(N_NETWORKS)],
        [x for x, _ in data],
        [y for _, y in data],
        held_out,
        settings,
        seeds=range(N_NETWORKS),
    )
    return [item.state for item in trained]


def one_after_the_other(
    settings: Training, data: list[tuple[np.ndarray, np.ndarray]], fused: bool
) -> list[dict]:
    states = []
    for seed, (x, y) in enumerate(data):
        inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
        network = network_of(seed)
        make = torch.optim.SGD if settings.optimiser == "sgd" else torch.optim.Adam
        more = {"fused": True} if fused else {}
        optimiser = make(network.parameters(), lr=settings.learning_rate, **more)
        order = np.random.default_rng(seed)
        loss_of = nn.BCEWithLogitsLoss()
        for _ in range(STEPS):
            batch = torch.from_numpy(order.integers(0, N_EXAMPLES, BATCH))
            loss = loss_of(network(inputs[batch]), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        states.append(network.state_dict())
    return states


def losses(states: list[dict], data: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    found = []
    for state, (x, y) in zip(states, data, strict=True):
        network = network_of(0)
        network.load_state_dict(state)
        with torch.no_grad():
            loss = nn.BCEWithLogitsLoss()(network(torch.from_numpy(x)), torch.from_numpy(y))
        found.append(float(loss))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--optimiser", choices=["adam", "sgd"], default="adam")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = [data_of(seed) for seed in range(N_NETWORKS)]
    rate = {"adam": 1e-3, "sgd": 0.1}[arguments.optimiser]
    settings = Training(
        arguments.optimiser, rate, max_steps=STEPS, check_every=STEPS, steps_after_solving=STEPS,
        batch_size=BATCH,
    )  # fmt: skip
    sides: dict[str, Callable[[], list[dict]]] = {
        "stacked": lambda: stacked(settings, data),
        "fused": lambda: one_after_the_other(settings, data, fused=True),
        "default": lambda: one_after_the_other(settings, data, fused=False),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    ends: dict[str, np.ndarray] = {}
    for _ in range(arguments.repeats):
        for name, run in sides.items():
            start, cpu = time.perf_counter(), time.process_time()
            states = run()
            times[name].append((time.perf_counter() - start, time.process_time() - cpu))
            ends[name] = losses(states, data)
    difference = np.abs(ends["stacked"] - ends["fused"]).max()
    assert difference < 1e-4, difference
    wall, cpu_time = (
        {name: float(np.median([pair[k] for pair in found])) for name, found in times.items()}
        for k in (0, 1)
    )
    table = pd.DataFrame(
        [
            {
                "optimiser": arguments.optimiser,
                "threads": arguments.threads,
                **{f"{name}_seconds": round(value, 2) for name, value in wall.items()},
                "largest_difference_of_final_loss": f"{difference:.1e}",
                **{
                    f"ratio_of_{kind}_to_{name}": round(found[name] / found["stacked"], 2)
                    for kind, found in (("cpu_time", cpu_time), ("time", wall))
                    for name in ("default", "fused")
                },
            }
        ]
    )
    print(table.T.to_string(header=False))
    OUT.parent.mkdir(exist_ok=True)
    table.to_csv(OUT, index=False)


if __name__ == "__main__":
    main()

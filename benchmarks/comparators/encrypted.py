"""What comparisons say of a computation on encrypted states: "uninformative", and not "different".

    python -m benchmarks.comparators.encrypted

Networks that compute an easy feature and an XOR on ciphertexts (one key each) are compared with
networks that were trained to compute the same in the clear, through `rc.compare(..., correct=...)`,
with interventions on both sides. Expected, before the run:

- every encrypted state has the full effect when it is exchanged whole (1.00);
- `role` is uninformative in at least 0.9 of pairs, and its reason says so;
- the corrections by activity that test for main effects (contrasts, equalised, predictivity) are
  uninformative in 0.95 of encrypted states, within what 12 networks allow;
- among the networks in the clear, all of these answer.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

import reprcompare as rc
from reprcompare.networks import Training, mlp, train
from reprcompare.networks.encrypted import encrypted
from reprcompare.sessions import Search, record, role
from reprcompare.tasks import Feature, VectorTask

RESULTS = Path(__file__).with_name("results") / "encrypted_table.csv"
TASK = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")))
N_ENCRYPTED, N_CLEAR = 12, 2
N_PER_CELL = 32
CORRECTIONS = ["role", "contrasts", "equalised", "predictivity", "residual"]
SEARCH = Search(dimensions=(1, 4), steps=30)


def clear_networks() -> list[torch.nn.Module]:
    """Train networks that compute both features on inputs as they are."""
    networks = [mlp(32, 2, [64, 32], "tanh", seed=seed) for seed in range(N_CLEAR)]
    drawn = [TASK.examples(16384, "train", [seed, 1]) for seed in range(N_CLEAR)]
    found = train(
        networks,
        [x for x, _ in drawn],
        [y for _, y in drawn],
        TASK.examples(1024, "validation", 0),
        Training(optimiser="adam", learning_rate=2e-3, max_steps=3000, steps_after_solving=300),
        seeds=range(N_CLEAR),
        features=TASK.feature_names,
    )
    for network, one in zip(networks, found, strict=True):
        network.load_state_dict(one.state)
    return networks


def measured(network: torch.nn.Module, layer: str, name: str, folder: Path) -> xr.Dataset:
    """Record a network and intervene on it."""
    stimuli = TASK.evaluation_set(N_PER_CELL)
    recording = record(
        network, stimuli, layers=[layer], path=folder / f"{name}.nc", outputs="logits",
        subject=name, progress=False,
    )  # fmt: skip
    changed = {one: TASK.counterfactuals(stimuli, one) for one in TASK.label_names}
    return role(
        network, recording, stimuli, changed, responses=TASK.response_features, search=SEARCH,
        progress=False,
    ).load()  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        clear = [
            measured(network, "hidden2", f"clear-{k}", Path(folder))
            for k, network in enumerate(clear_networks())
        ]
        hidden = [
            measured(encrypted(32, 2, sizes=[1, 2], seed=k), "encrypted", f"key-{k}", Path(folder))
            for k in range(N_ENCRYPTED)
        ]
    pairs = {"encrypted against clear": [(a, b) for a in hidden for b in clear]}
    pairs["clear against clear"] = [(clear[0], clear[1])]
    pairs["encrypted against encrypted"] = list(zip(hidden[::2], hidden[1::2], strict=True))
    own = [
        one["effect_whole"].sel(feature=f).values[0, 0] for one in hidden for f in ("easy", "hard")
    ]
    whole = float(np.max(own, axis=1).min())
    rows = []
    for name, both in pairs.items():
        tables = [
            rc.compare({"model": a}, b, correct=CORRECTIONS, n_bootstrap=10, seed=0).corrected
            for a, b in both
        ]
        for correction, part in pd.concat(tables).groupby("correction", sort=False):
            reasons = part["reason"]
            rows.append(
                {
                    "pairs": name,
                    "correction": correction,
                    "n": len(part),
                    "uninformative": reasons.str.startswith("uninformative").mean(),
                    "not_identifiable": reasons.str.startswith("not identifiable").mean(),
                    "names_whole_state": reasons.str.contains("whole state").mean(),
                    "lowest_score": part["corrected"].min(),
                    "highest_score": part["corrected"].max(),
                    "smallest_whole_effect": whole,
                }
            )
        print(name, flush=True)
    table = pd.DataFrame(rows).round(3)
    table.to_csv(RESULTS, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()

"""Role against the definition of the task, at the size of a test (benchmarks/role_recovery.py)."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.audit import audit
from reprcompare.networks import Training, mlp, train
from reprcompare.recording import build_recording
from reprcompare.sessions import Search, record, role
from reprcompare.tasks import Feature, VectorTask

TASK = VectorTask(
    (
        Feature("easy", "linear"),
        Feature("hard", "xor"),
        Feature("unused_easy", "linear", output=False),
        Feature("unused_hard", "xor", output=False),
    )
)
REGIONS = ["hidden1", "hidden2"]


@pytest.mark.slow
def test_role_tells_what_is_computed_from_what_is_labelled(tmp_path):
    networks = [mlp(32, 2, hidden=[64, 32], seed=seed) for seed in range(4)]
    drawn = [TASK.examples(16384, "train", [seed, 1]) for seed in range(3)]
    trained = train(
        networks[:3],
        [x for x, _ in drawn],
        [y for _, y in drawn],
        TASK.examples(1024, "validation", 0),
        Training(optimiser="adam", learning_rate=2e-3, max_steps=4000, steps_after_solving=300),
        seeds=range(3),
    )
    assert all(item.solved for item in trained)
    for network, item in zip(networks, trained, strict=False):
        network.load_state_dict(item.state)
    stimuli = TASK.evaluation_set(8)
    stimuli = stimuli.assign_coords(response_feature=("response", TASK.response_features))
    changed = {name: TASK.counterfactuals(stimuli, name) for name in TASK.label_names}
    computed, others = [], []
    for number, network in enumerate(networks):
        path = tmp_path / f"{number}.nc"
        recording = record(
            network, stimuli, layers=REGIONS, path=path, outputs="logits", progress=False
        )
        measured = role(network, recording, stimuli, changed, n_null=0, progress=False)
        for row in audit(measured, n_permutations=0).table.itertuples():
            # The last network was not trained.
            if number == 3 or row.feature.startswith("unused"):
                others.append(row.role)
            elif row.decodability >= 0.95:
                computed.append(row.role)
    assert len(computed) >= 9
    # Every computed feature above every other one: an area under the curve of 1.
    assert min(computed) > 0.8
    assert min(computed) > max(others)
    unused = np.abs(others[: 3 * 2 * 2])
    assert np.median(unused) < 0.05


def effects_of_unused(coding, n_networks=8):
    """Roles of two unused units in logistic regressions whose bias starts off the mark."""
    features = [Feature("used", "linear")]
    features += [Feature(f"unused{k}", "linear", output=False) for k in range(2)]
    task = VectorTask(tuple(features), n_inputs=16, coding=coding)
    stimuli = task.evaluation_set(8)
    changed = {name: task.counterfactuals(stimuli, name) for name in task.label_names}
    found = []
    for seed in range(n_networks):
        torch.manual_seed(seed)
        network = nn.Sequential(OrderedDict(inputs=nn.Identity(), readout=nn.Linear(16, 1)))
        nn.init.normal_(network.readout.weight, std=0.02)
        nn.init.constant_(network.readout.bias, 2.0)
        x, y = (torch.as_tensor(part) for part in task.examples(2048, "train", [seed, 1]))
        optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
        for _ in range(20):
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(network(x), y).backward()
            optimiser.step()
        recording = build_recording(
            stimuli["stimulus"].values, stimulus_id=stimuli["stimulus_id"].values,
            region="inputs", subject="network", kind="network",
        )  # fmt: skip
        measured = role(
            network, recording, stimuli, changed, responses=["used"],
            search=Search(dimensions=(1,), steps=20), n_null=0, progress=False,
        )  # fmt: skip
        effect = measured["effect"].squeeze(drop=True)
        found.append([float(effect.sel(feature=f"unused{k}")) for k in range(2)])
    return np.array(found)


def t_of(values):
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def test_unused_units_share_an_effect_unless_their_coding_is_symmetric():
    # A unit that is 1 half of the time gets half of every step of the bias; one that is -1 as
    # often as 1 gets none of it. So a test against 0 over networks is one of the coding; the
    # difference between two unused units is free of it.
    shared, symmetric = effects_of_unused("0/1"), effects_of_unused("-1/1")
    assert abs(t_of(shared[:, 0])) > 5
    assert abs(t_of(shared[:, 0] - shared[:, 1])) < 3
    assert abs(t_of(symmetric[:, 0])) < 3
    assert abs(shared.mean()) > 5 * abs(symmetric.mean())

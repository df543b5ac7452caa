"""Role against the definition of the task, at the size of a test (benchmarks/role_recovery.py)."""

import numpy as np
import pytest

from reprcompare.audit import audit
from reprcompare.networks import Training, mlp, train
from reprcompare.sessions import record, role
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

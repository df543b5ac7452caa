"""A network in a stack is the network that it would be alone, whatever its neighbours do."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.networks import Stage, Training, mlp, train
from reprcompare.tasks import Feature, VectorTask

TASK = VectorTask((Feature("a", "linear"), Feature("b", "xor")), n_inputs=16, coding="-1/1")
HELD_OUT = TASK.examples(256, "validation", 99)
NAMES = TASK.feature_names


def with_dropout(seed):
    first, *rest = mlp(16, 2, (32, 16), seed=seed)
    return nn.Sequential(first, nn.Dropout(0.2), *rest)


def with_batch_norm(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 2)
    )


def convolutional(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 24, 3), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Flatten(), nn.Linear(96, 2),
    )  # fmt: skip


def run(make, seeds, settings, **more):
    data = [TASK.examples(1024, "train", [seed, 1]) for seed in seeds]
    return train(
        [make(seed) for seed in seeds],
        [x for x, _ in data],
        [y for _, y in data],
        HELD_OUT,
        settings,
        seeds=seeds,
        features=NAMES,
        **more,
    )


def assert_equal(one, other):
    assert one.steps == other.steps
    np.testing.assert_array_equal(one.learned_at, other.learned_at)
    assert one.state.keys() == other.state.keys()
    for name, value in one.state.items():
        torch.testing.assert_close(other.state[name], value, rtol=1e-3, atol=1e-4)


# Networks with few steps left differ in when they are done, so that some leave the stack early.
LEAVING = {"max_steps": 400, "steps_after_solving": 20, "check_every": 20, "batch_size": 64}


@pytest.mark.parametrize("make", [with_dropout, with_batch_norm, convolutional])
@pytest.mark.parametrize(
    "settings",
    [
        Training("sgd", 0.2, momentum=0.5, schedule="cosine", warmup_steps=10, **LEAVING),
        Training("adam", 5e-3, **LEAVING),
        Training(
            "sgd",
            0.5,
            stages=(Stage(("b",)), Stage(("a", "b"), fractions={"b": 0.5})),
            **LEAVING,
        ),
    ],
    ids=["momentum", "adam", "curriculum"],
)
def test_a_network_that_stays_or_leaves_is_the_one_trained_alone(make, settings):
    together = run(make, [1, 2, 3], settings)
    for seed, trained in zip([1, 2, 3], together, strict=True):
        assert_equal(run(make, [seed], settings)[0], trained)


def test_networks_leave_at_different_times():
    together = run(with_dropout, [1, 2, 3, 4], Training("sgd", 0.2, momentum=0.5, **LEAVING))
    assert len({trained.steps for trained in together}) > 1


def test_dropout_masks_are_those_of_a_plain_loop_with_the_networks_own_generator():
    settings = Training("sgd", 0.1, max_steps=5, check_every=5, batch_size=8)
    trained = run(with_dropout, [4, 5], settings)[1]
    network = with_dropout(5)
    x, y = (torch.from_numpy(a) for a in TASK.examples(1024, "train", [5, 1]))
    order = np.random.default_rng(5)
    seed = int(np.random.SeedSequence([5, 3]).generate_state(1)[0])
    masks = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(5):
        batch = order.integers(0, 1024, 8)
        kept = torch.rand(8, 32, generator=masks) >= 0.2
        hidden = network[0](x[batch]) * kept / 0.8
        loss = nn.BCEWithLogitsLoss()(network[3](network[2](hidden)), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(trained.state[name], value, rtol=1e-4, atol=1e-5)


def test_running_statistics_are_those_that_torch_keeps():
    settings = Training("sgd", 0.1, max_steps=4, check_every=2, batch_size="all")

    def make(seed):
        return nn.Sequential(*list(with_batch_norm(seed))[:3], nn.Linear(32, 2))

    trained = run(make, [6, 7], settings)[1]
    network = make(7)
    x, y = (torch.from_numpy(a) for a in TASK.examples(1024, "train", [7, 1]))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(4):
        optimiser.zero_grad()
        nn.BCEWithLogitsLoss()(network(x), y).backward()
        optimiser.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(trained.state[name], value, rtol=1e-4, atol=1e-5)


def test_other_kinds_of_dropout_and_unequal_networks_get_a_sentence():
    settings = Training(max_steps=1, check_every=1)
    with pytest.raises(InvalidInputError, match="'0' is a AlphaDropout"):
        run(lambda seed: nn.Sequential(nn.AlphaDropout(0.1), nn.Linear(16, 2)), [0], settings)
    with pytest.raises(InvalidInputError, match="equal in architecture"):
        run(lambda seed: mlp(16, 2, (4 + seed,)), [0, 1], settings)


def test_networks_of_a_stack_may_differ_in_hyper_parameters():
    several = [
        Training("sgd", rate, decay, momentum, **LEAVING)
        for rate, decay, momentum in [(0.3, 0, 0.5), (0.1, 1e-3, 0.0), (0.3, 0, 0.5), (0.5, 0, 0)]
    ]
    seeds = [1, 2, 3, 4]
    together = run(with_dropout, seeds, several)
    for seed, settings, trained in zip(seeds, several, together, strict=True):
        assert_equal(run(with_dropout, [seed], settings)[0], trained)
    several[1] = Training("sgd", 0.1, **LEAVING | {"batch_size": 32})
    with pytest.raises(InvalidInputError, match="learning_rate, weight_decay and momentum only"):
        run(with_dropout, seeds, several)

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.networks import Training, mlp, train
from reprcompare.tasks import Feature, VectorTask

TASK = VectorTask((Feature("a", "linear"), Feature("b", "and")), n_inputs=16)
QUICK = Training(learning_rate=0.2, max_steps=60, check_every=20, batch_size=32)


def examples(seed, n=512, partition="train"):
    bits = TASK.draw(n, partition, seed)
    return TASK.encode(bits), TASK.labels(bits)


def run(seeds, settings=QUICK):
    data = [examples(seed) for seed in seeds]
    return train(
        [mlp(16, 2, (32, 16), seed=seed) for seed in seeds],
        [x for x, _ in data],
        [y for _, y in data],
        examples(99, partition="validation"),
        settings,
        seeds=seeds,
    )


def plain_loop(seed, settings=QUICK):
    """The same training written out for one network, with nothing of the stack."""
    x, y = (torch.from_numpy(a.astype(np.float32)) for a in examples(seed))
    network = mlp(16, 2, (32, 16), seed=seed)
    build = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimiser = build[settings.optimiser](
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    order = np.random.default_rng(seed)
    for _ in range(settings.max_steps):
        batch = order.integers(0, len(x), settings.batch_size)
        loss = nn.BCEWithLogitsLoss()(network(x[batch]), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.state_dict()


@pytest.mark.parametrize(
    "settings",
    [
        QUICK,
        Training("adam", 1e-2, max_steps=60, check_every=20, batch_size=32),
        Training("adamw", 1e-2, 0.1, max_steps=60, check_every=20, batch_size=32),
    ],
)
def test_a_network_in_a_stack_equals_one_trained_by_a_plain_loop(settings):
    stacked = run([3, 4, 5], settings)
    for seed, trained in zip([3, 4, 5], stacked, strict=True):
        for name, value in plain_loop(seed, settings).items():
            torch.testing.assert_close(trained.state[name], value, rtol=1e-4, atol=1e-5)


def test_the_stack_does_not_matter():
    alone, together = run([7])[0], run([1, 7])[1]
    for name, value in alone.state.items():
        torch.testing.assert_close(together.state[name], value, rtol=1e-4, atol=1e-5)


def test_networks_stop_at_a_matched_time_after_solving():
    settings = Training(
        learning_rate=0.5, max_steps=2000, check_every=20, batch_size=64, steps_after_solving=100
    )
    for trained in run([0, 1, 2], settings):
        assert trained.solved
        assert trained.steps == trained.learned_at.max() + 100
        assert (trained.accuracy > 0.95).all()


def test_a_network_that_does_not_solve_the_task_says_so():
    trained = run([0], Training(learning_rate=1e-5, max_steps=20, check_every=20))[0]
    assert not trained.solved
    assert np.isnan(trained.learned_at).all()


def test_the_given_networks_are_left_as_they_were():
    network = mlp(16, 2, (8,), seed=0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x, y = examples(0)
    train([network], [x], [y], (x, y), QUICK, seeds=[0])
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert network.training


def test_initial_weights_are_uniform_in_one_over_root_fan_in_and_seeded():
    weight = mlp(64, 2, (4096,), seed=1).hidden1.linear.weight.detach()
    assert weight.abs().max() <= 1 / 8
    assert abs(float(weight.std()) - 1 / 8 / 3**0.5) < 1e-3
    again = mlp(64, 2, (4096,), seed=1).hidden1.linear.weight.detach()
    torch.testing.assert_close(weight, again, rtol=0, atol=0)


def test_making_a_network_leaves_the_global_seed_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    mlp(4, 1, (2,), seed=9)
    torch.testing.assert_close(torch.rand(1), expected)


def test_wrong_settings_get_a_sentence():
    with pytest.raises(UnknownNameError, match="did you mean 'adam'"):
        Training("adan")
    with pytest.raises(InvalidInputError, match="learning_rate must be above 0"):
        Training(learning_rate=0)
    with pytest.raises(InvalidInputError, match="momentum belongs to 'sgd'"):
        Training("adam", momentum=0.9)
    with pytest.raises(UnknownNameError, match="no activation 'rely'"):
        mlp(2, 1, activation="rely")
    x, y = examples(0)
    with pytest.raises(InvalidInputError, match="1 networks, 1 inputs, 1 targets, 2 seeds"):
        train([mlp(16, 2)], [x], [y], (x, y), QUICK, seeds=[0, 1])

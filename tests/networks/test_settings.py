"""What training can be told: losses, labels that are missing, curricula, schedules, checkpoints."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.networks import Stage, Training, mlp, train
from reprcompare.networks.answers import Answers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 6)).astype(np.float32)
BINARY = np.stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 0], axis=1).astype(np.float32)
SHORT = {"max_steps": 40, "check_every": 20, "batch_size": "all"}


def one(settings, y=BINARY, n_outputs=None, x=X, **more):
    network = mlp(x.shape[1], n_outputs or y.shape[1], (16,), seed=3)
    return train([network], [x], [y], (x, y), settings, seeds=[3], **more)[0]


def by_hand(settings, loss_of, y=BINARY, n_outputs=None):
    """Full-batch gradient descent written out, with the learning rate of every step."""
    network = mlp(6, n_outputs or y.shape[1], (16,), seed=3)
    x, y = torch.from_numpy(X), torch.from_numpy(y)
    for step in range(1, settings.max_steps + 1):
        network.zero_grad()
        loss_of(network(x), y).backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter -= settings.rate(step) * parameter.grad
    return network.state_dict()


def assert_state(trained, expected):
    for name, value in expected.items():
        torch.testing.assert_close(trained.state[name], value, rtol=1e-4, atol=1e-5)


def test_half_the_squared_error_is_followed_over_all_examples():
    settings = Training(learning_rate=0.1, loss="mse", **SHORT)
    y = np.stack([X[:, 0], X[:, 1] * 2], axis=1)
    trained = one(settings, y)
    assert_state(trained, by_hand(settings, lambda out, y: 0.5 * nn.MSELoss()(out, y), y))
    residual = ((y - by_hand_outputs(trained)) ** 2).sum(axis=0)
    expected = 1 - residual / ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(trained.accuracy, expected, rtol=1e-3)


def by_hand_outputs(trained):
    network = mlp(6, 2, (16,))
    network.load_state_dict(trained.state)
    return network(torch.from_numpy(X)).detach().numpy()


def test_what_is_not_labelled_is_ignored():
    y = BINARY.copy()
    y[RNG.random(256) < 0.7, 1] = np.nan
    settings = Training(learning_rate=0.5, **SHORT)

    def loss(out, y):
        known = ~y.isnan()
        return nn.BCEWithLogitsLoss()(out[known], y[known])

    trained = one(settings, y)
    assert_state(trained, by_hand(settings, loss, y))
    assert trained.trained.tolist() == [True, True]
    y[:, 1] = np.nan
    assert one(settings, y).trained.tolist() == [True, False]


def test_a_categorical_feature_has_the_cross_entropy_of_torch():
    y = np.stack([BINARY[:, 0], np.digitize(X[:, 1], [-0.5, 0.5]), BINARY[:, 1]], axis=1)
    y = y.astype(np.float32)
    settings = Training(learning_rate=0.3, **SHORT)

    def loss(out, y):
        single = nn.BCEWithLogitsLoss()
        return (
            single(out[:, 0], y[:, 0])
            + nn.CrossEntropyLoss()(out[:, 1:4], y[:, 1].long())
            + single(out[:, 4], y[:, 2])
        ) / 3

    trained = one(settings, y, 5, levels=(2, 3, 2))
    assert_state(trained, by_hand(settings, loss, y, 5))
    network = mlp(6, 5, (16,))
    network.load_state_dict(trained.state)
    answers = network(torch.from_numpy(X))[:, 1:4].argmax(dim=1).numpy()
    assert trained.accuracy[1] == pytest.approx((answers == y[:, 1]).mean())


def test_learning_rates_rise_and_fall_as_asked():
    settings = Training(learning_rate=1.0, max_steps=100, schedule="cosine", warmup_steps=10)
    rates = [settings.rate(step) for step in (1, 10, 51, 100)]
    np.testing.assert_allclose(rates[0], 0.1, rtol=1e-9)
    np.testing.assert_allclose(rates[2], 0.5, rtol=1e-9)
    assert rates[1] > 0.97
    assert rates[3] < 1e-3
    settings = Training(learning_rate=0.5, schedule="linear", warmup_steps=5, **SHORT)
    assert_state(one(settings), by_hand(settings, nn.BCEWithLogitsLoss()))


def test_checkpoints_are_the_states_at_their_steps():
    settings = Training(learning_rate=0.5, checkpoints=(0, 7, 40), **SHORT)
    trained = one(settings)
    assert list(trained.checkpoints) == [0, 7, 40]
    start = mlp(6, 2, (16,), seed=3).state_dict()
    shorter = Training(learning_rate=0.5, **SHORT | {"max_steps": 7})
    for step, expected in {
        0: start, 7: by_hand(shorter, nn.BCEWithLogitsLoss()), 40: trained.state
    }.items():  # fmt: skip
        for name, value in expected.items():
            torch.testing.assert_close(trained.checkpoints[step][name], value, rtol=1e-4, atol=1e-5)


def test_a_curriculum_trains_one_feature_after_the_other():
    settings = Training(
        learning_rate=1.0, max_steps=2000, check_every=20, batch_size=64, criterion=0.9,
        steps_after_solving=40, stages=(Stage(("hard",)), Stage(("easy", "hard"))),
    )  # fmt: skip
    trained = one(settings, features=["easy", "hard"])
    easy, hard = trained.learned_at
    assert hard < easy
    assert trained.steps == easy + 40
    before = trained.history.query("feature == 'easy' and step <= @hard")
    assert (before.accuracy < 0.75).all()


def test_stages_last_for_the_steps_that_they_say():
    stages = (Stage(("a",), 40), Stage(("b",), 60))
    trained = one(
        Training(learning_rate=0.5, max_steps=500, check_every=20, stages=stages),
        features=["a", "b"],
    )
    assert trained.steps == 100
    alone = one(
        Training(learning_rate=0.5, max_steps=40, check_every=20, stages=(Stage(("a",)),)),
        features=["a", "b"],
    )
    assert alone.trained.tolist() == [True, False]
    a = trained.history.query("feature == 'a' and step == 40").loss.item()
    assert a == pytest.approx(alone.loss[0])


def test_fractions_hide_labels_of_that_fraction_of_examples():
    from reprcompare.networks.curriculum import Curriculum

    settings = Training(stages=(Stage(("a", "b"), fractions={"b": 0.25}),))
    curriculum = Curriculum(settings, ["a", "b", "c"], np.ones((1, 3), dtype=bool), [0])
    seen = ~curriculum.hide(torch.zeros(1, 20_000, 3), [0]).isnan()[0]
    assert seen[:, 0].all()
    assert abs(float(seen[:, 1].float().mean()) - 0.25) < 0.02
    assert not seen[:, 2].any()


def test_a_matched_loss_holds_easy_and_hard_at_the_same_level():
    settings = Training(
        learning_rate=0.5, max_steps=600, check_every=200, batch_size="all",
        steps_after_solving=600, matched_loss=0.1,
    )  # fmt: skip
    np.testing.assert_allclose(one(settings).loss, [0.1, 0.1], atol=0.03)
    free = Training(**{**settings.__dict__, "matched_loss": 0.0})
    assert (one(free).loss < 0.05).all()


def test_wrong_settings_and_labels_get_a_sentence():
    with pytest.raises(UnknownNameError, match="did you mean 'cosine'"):
        Training(schedule="cosin")
    with pytest.raises(UnknownNameError, match="no loss 'hinge'"):
        Training(loss="hinge")
    with pytest.raises(InvalidInputError, match="between 0 and max_steps = 10"):
        Training(max_steps=10, checkpoints=(11,))
    with pytest.raises(InvalidInputError, match="multiple of check_every = 100"):
        Training(stages=(Stage(("a",), 150),))
    with pytest.raises(UnknownNameError, match="did you mean 'easy'"):
        one(Training(stages=(Stage(("eazy",)),)), features=["easy", "hard"])
    with pytest.raises(UnknownNameError, match="no feature 'b'"):
        Stage(("a",), fractions={"b": 0.5})
    with pytest.raises(InvalidInputError, match="label 2; expected whole numbers from 0 to 1"):
        one(Training(**SHORT), BINARY * 2)
    with pytest.raises(InvalidInputError, match="2 features, levels are given for 3"):
        one(Training(**SHORT), levels=(2, 2, 2))
    with pytest.raises(InvalidInputError, match="levels are"):
        Answers((1, 2))

"""Replacing activity, in whatever a module returns, and what is learned and erased by it."""

import numpy as np
import pytest
import torch
from torch import nn

from reprcompare.errors import InvalidInputError, UnknownLayerError
from reprcompare.sessions import Displacement, Exchange, Search, bench, erase
from reprcompare.sessions.effects import dependence, first_slope, flips, normalised
from reprcompare.sessions.interchange import interchange_accuracy
from reprcompare.sessions.nulls import matched_directions, off_manifold, shuffled_steps

N = 6


class Recurrent(nn.Module):
    """Returns a tuple inside, with stimuli on the second axis; a module is called twice."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=False)
        self.twice = nn.Tanh()
        self.readout = nn.Linear(4, 2)

    def forward(self, x):
        out, (hidden, _) = self.lstm(x.transpose(0, 1))
        return {"logits": self.readout(self.twice(self.twice(out[-1]) + hidden[-1]))}


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 4)
        self.outer = nn.Linear(4, 2)
        self.block = Wrapped(self.inner)

    def forward(self, x):
        return self.outer(torch.tanh(self.block(x)["h"][0]))


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return {"h": (self.inner(x), 7), "note": "kept"}


def inputs(*shape, seed=0):
    return torch.randn(N, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("network", "region", "shape"),
    [
        (Recurrent(), "twice:1", (5, 3)),
        (Named(), "block", (3,)),
        (Named(), "block[h][0]", (3,)),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2)),
         "0", (1, 4, 4)),
    ],
)  # fmt: skip
def test_whole_states_carry_the_answer_whatever_a_module_returns(network, region, shape):
    own, other = inputs(*shape), inputs(*shape, seed=1)
    with bench(network, batch_size=4) as on:
        expected, states = on.run(other, region)
        plain, _ = on.run(own)
        swapped, seen = on.run(own, region, Exchange(states))
    torch.testing.assert_close(swapped, expected)
    torch.testing.assert_close(seen, states)
    assert (plain - expected).abs().max() > 0.01


def test_one_of_several_tensors_and_calls_is_replaced_alone():
    network = Recurrent()
    with bench(network) as on:
        _, outputs = on.run(inputs(5, 3), "lstm[0]")
        _, hidden = on.run(inputs(5, 3), "lstm[1][0]")
        assert outputs.shape == (N, 20)
        assert hidden.shape == (N, 4)
        zeroed, _ = on.run(inputs(5, 3), "lstm[1][0]", Exchange(torch.zeros_like(hidden)))
    out = network.lstm(inputs(5, 3).transpose(0, 1))[0][-1]
    expected = network.readout(torch.tanh(torch.tanh(out)))
    torch.testing.assert_close(zeroed, expected.detach())


def test_only_the_part_in_the_subspace_is_exchanged():
    network = nn.Sequential(nn.Identity(), nn.Linear(3, 2))
    own, other = inputs(3), inputs(3, seed=1)
    with bench(network) as on:
        answers, _ = on.run(own, "0", Exchange(other, torch.eye(3)[:, :2]))
        moved, _ = on.run(own, "0", Displacement(other - own))
    mixed = torch.cat([other[:, :2], own[:, 2:]], dim=1)
    torch.testing.assert_close(answers, network(mixed).detach())
    torch.testing.assert_close(moved, network(other).detach())


def test_a_region_that_takes_no_part_is_named():
    network = nn.Sequential(nn.Linear(3, 2))
    network.add_module("unused", nn.Identity())
    network.forward = lambda x: network[0](x)
    with bench(network) as on:
        with pytest.raises(InvalidInputError, match="region 'unused' returned no tensor"):
            on.run(inputs(3), "unused")
        with pytest.raises(UnknownLayerError, match="no layer 'zero'"):
            on.run(inputs(3), "zero")
        with pytest.raises(InvalidInputError, match="fits 2 layers"):
            on.run(inputs(3), "*")


def leace(x, z):
    """The formula of Belrose et al. 2023, theorem 4.3, with explicit square roots."""
    centred, labels = x - x.mean(0), z - z.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    root = vectors * np.sqrt(values) @ vectors.T
    whiten = vectors / np.sqrt(values) @ vectors.T
    inner = whiten @ (centred.T @ labels / len(x))
    projection = inner @ np.linalg.pinv(inner)
    return x - centred @ (root @ projection @ whiten).T


@pytest.mark.parametrize("n_columns", [1, 3])
def test_erasure_is_the_published_formula(n_columns):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, n_columns))
    x = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6)) + z @ rng.standard_normal(
        (n_columns, 6)
    )
    found = erase(torch.tensor(x), torch.tensor(z))(torch.tensor(x), torch.arange(50)).numpy()
    np.testing.assert_allclose(found, leace(x, z), atol=1e-8)
    assert np.abs((found - found.mean(0)).T @ (z - z.mean(0))).max() < 1e-8


def test_erasure_leaves_what_a_feature_shares_with_others():
    rng = np.random.default_rng(1)
    kept = rng.standard_normal((200, 1))
    feature = kept + rng.standard_normal((200, 1))
    x = np.column_stack([kept, feature, rng.standard_normal(200)])
    arguments = [torch.tensor(item) for item in (x, feature, kept)]
    found = erase(*arguments)(arguments[0], torch.arange(200)).numpy()
    design = np.column_stack([feature, kept, np.ones(200)])
    slope = np.linalg.lstsq(design, found, rcond=None)[0]
    np.testing.assert_allclose(slope[0], 0, atol=1e-8)
    # The kept feature's own unit does not move.
    np.testing.assert_allclose(found[:, 0], kept[:, 0], atol=1e-8)


def test_erasure_works_with_more_units_than_stimuli():
    x, z = torch.randn(20, 50, generator=torch.Generator().manual_seed(0)), torch.arange(20.0) % 2
    found = erase(x, z)(x, torch.arange(20))
    assert ((found - found.mean(0)).T @ (z - z.mean())).abs().max() < 1e-4


def test_intervals_of_effects_are_those_of_the_jackknife_by_hand():
    rng = np.random.default_rng(0)
    change, whole, spread = rng.random((9, 1)), 2 + rng.random((9, 1)), np.array([0.1])
    without = [np.delete(change, i, 0).mean() / np.delete(whole, i, 0).mean() for i in range(9)]
    error = np.sqrt(8 / 9 * np.square(without - np.mean(without)).sum())
    found = normalised(change, whole, spread)
    assert found.estimate[0] == pytest.approx(change.mean() / whole.mean())
    assert found.high[0] - found.estimate[0] == pytest.approx(2.306004 * error, rel=1e-5)


@pytest.mark.parametrize("n", [16, 64])
def test_intervals_of_effects_cover_the_truth_as_often_as_they_say(n):
    rng = np.random.default_rng(n)
    covered = 0
    for _ in range(600):
        # Changes by the whole stimulus are skewed, and the part that is exchanged goes with them.
        whole = rng.gamma(2.0, 1.0, (n, 1))
        change = whole * rng.choice([0.2, 0.6], (n, 1)) + 0.5 * rng.standard_normal((n, 1))
        found = normalised(change, whole, np.array([0.5]))
        covered += bool(found.low[0] <= 0.4 <= found.high[0])
    assert covered / 600 == pytest.approx(0.95, abs=0.03)


def test_missing_counterfactuals_do_not_count():
    change = np.array([[1.0], [3.0], [np.nan]])
    found = normalised(change, np.array([[4.0], [4.0], [np.nan]]), np.array([0.0]))
    assert found.estimate[0] == pytest.approx(0.5)
    assert np.isfinite(found.low[0])


def test_a_response_that_hardly_changes_is_measured_by_its_spread():
    whole = np.full((4, 1), 1e-3)
    assert normalised(whole, whole, np.array([1.0])).estimate[0] == pytest.approx(1e-3)
    assert np.isnan(normalised(0 * whole, 0 * whole, np.array([0.0])).estimate[0])


def test_flips_count_decisions_that_differ():
    before, other = np.array([[1], [1], [0]]), np.array([[0], [0], [0]])
    after = np.array([[0], [1], [1]])
    assert flips(before, after, other)[0] == pytest.approx(0.5)
    assert np.isnan(flips(before, after, before)[0])


def test_random_directions_move_states_equally_far_and_where_they_vary():
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(40, 5, generator=generator) * torch.tensor([5.0, 1, 1, 1, 0])
    difference, step = (torch.randn(8, 5, generator=generator) for _ in range(2))
    moved = matched_directions(states, difference, step, 1, 50, generator)
    torch.testing.assert_close(moved.norm(dim=2), step.norm(dim=1).expand(50, 8))
    assert moved[..., 4].abs().max() == 0
    share = moved[..., 0].square().mean() / moved.square().sum(dim=2).mean()
    # Drawn by the covariance 25, 1, 1, 1, 0, against a fifth for directions of any kind.
    assert share > 0.6


def test_shuffled_steps_are_the_same_steps():
    step = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    shuffled = shuffled_steps(step, 4, torch.Generator().manual_seed(1))
    assert shuffled.shape == (4, 9, 3)
    for draw in shuffled:
        assert not torch.equal(draw, step)
        torch.testing.assert_close(draw.sort(dim=0).values, step.sort(dim=0).values)


def test_states_off_the_manifold_are_far_from_natural_ones():
    generator = torch.Generator().manual_seed(0)
    plane = torch.cat([torch.rand(300, 2, generator=generator), torch.zeros(300, 1)], dim=1)
    assert off_manifold(plane[:50], plane[50:100], plane[100:]) == pytest.approx(1, abs=0.3)
    assert off_manifold(plane[:50] + torch.tensor([0, 0, 1.0]), plane[50:100], plane[100:]) > 5


class Sums(nn.Module):
    """Decides a and b both; one unit holds a, another b, a third their or, which is not used."""

    def __init__(self):
        super().__init__()
        self.state = nn.Identity()

    def forward(self, x):
        a, b = x[:, :1], x[:, 1:2]
        h = self.state(torch.cat([a, b, torch.maximum(a, b), x[:, 2:]], dim=1))
        return torch.minimum(h[:, :1], h[:, 1:2])


def test_interchange_accuracy_tells_a_variable_that_is_there_from_one_that_is_not():
    generator = torch.Generator().manual_seed(0)
    base, source = (torch.randint(0, 2, (200, 6), generator=generator) * 2.0 - 1 for _ in range(2))
    network = Sums()
    present = ((source[:, 0] > 0) & (base[:, 1] > 0)).float().numpy()
    found = interchange_accuracy(network, "state", base, source, present, search=Search(steps=50))
    assert found.accuracy > 0.95
    assert found.dimensions <= 2
    # An algorithm with another variable: the OR would have to be what the answer follows.
    absent = ((source[:, 0] > 0) ^ (base[:, 2] > 0)).float().numpy()
    other = interchange_accuracy(network, "state", base, source, absent, search=Search(steps=50))
    assert other.accuracy < 0.75
    assert other.low < other.accuracy < other.high


def test_pairs_that_do_not_fit_are_refused():
    x = torch.zeros(10, 6)
    with pytest.raises(InvalidInputError, match="10 base stimuli, 9 source stimuli and 10 rows"):
        interchange_accuracy(Sums(), "state", x, x[:9], np.zeros((10, 1)))
    with pytest.raises(InvalidInputError, match="wanted has 2 columns, the network 1 responses"):
        interchange_accuracy(Sums(), "state", x, x, np.zeros((10, 2)))


def test_slopes_without_each_row_are_those_of_fits_without_it():
    rng = np.random.default_rng(3)
    design = np.column_stack([rng.normal(size=30), np.ones(30), rng.integers(0, 2, 30)])
    outcome = rng.normal(size=30)
    slope, without = first_slope(design, outcome)
    assert slope == pytest.approx(np.linalg.lstsq(design, outcome, rcond=None)[0][0])
    for row in range(30):
        left, kept = np.delete(design, row, axis=0), np.delete(outcome, row)
        assert without[row] == pytest.approx(np.linalg.lstsq(left, kept, rcond=None)[0][0])
    # The only row in which the feature is on decides alone how much depends on it.
    alone = np.column_stack([np.arange(5) == 4, np.ones(5)]).astype(float)
    np.testing.assert_array_equal(np.isnan(first_slope(alone, outcome[:5])[1]), np.arange(5) == 4)


def test_intervals_of_lost_dependence_cover_the_true_one_at_their_nominal_rate():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(600):
        feature = rng.integers(0, 2, 60)
        design = np.column_stack([feature, np.ones(60)])
        # Noise that depends on the feature, which a textbook error of the slope would miss.
        lost = 0.6 * feature + rng.normal(size=60) * (0.2 + 0.8 * feature)
        whole = 2 + rng.normal(size=(60, 1)) * 0.5
        slope, without = first_slope(design, lost)
        found = dependence(np.array([slope]), without[:, None], whole, np.array([0.1]))
        covered.append(found.low[0] < 0.3 < found.high[0])
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)

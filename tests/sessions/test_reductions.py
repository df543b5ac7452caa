"""Reductions do what they say, and are drawn again the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from torch import nn

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.sessions import record
from reprcompare.sessions.reductions import (
    Request,
    choose_reduction,
    johnson_lindenstrauss,
    prepare,
    sparse_matrix,
)

MAPS = torch.randn(6, 4, 5, 3, generator=torch.Generator().manual_seed(0))
CONV = Request("conv", (4, 5, 3), seed=1, n_stimuli=6)
TOKENS = Request("block", (7, 4), seed=1, n_stimuli=6)


def test_pooling_is_over_space_only():
    mean, top = prepare("mean", CONV), prepare("max", CONV)
    by_hand = np.array([[image[c].numpy().mean() for c in range(4)] for image in MAPS])
    np.testing.assert_allclose(mean.apply(MAPS), by_hand, rtol=1e-5)
    assert top.apply(MAPS)[2, 3] == MAPS[2, 3].max()
    assert mean.positions["channel"].tolist() == [0, 1, 2, 3]


def test_a_fully_connected_layer_is_pooled_as_it_is():
    vectors = torch.randn(6, 5)
    assert torch.equal(prepare("mean", Request("fc", (5,), 0, 6)).apply(vectors), vectors)


@pytest.mark.parametrize("token", [0, -1, 3])
def test_a_token_is_chosen(token):
    states = torch.randn(6, 7, 4)
    assert torch.equal(prepare(f"token:{token}", TOKENS).apply(states), states[:, token])


def test_subsets_know_where_they_come_from():
    flat = MAPS.flatten(1)
    given_ = prepare("subset:3,17,59", CONV)
    assert torch.equal(given_.apply(MAPS), flat[:, [3, 17, 59]])
    assert given_.positions["unit"].tolist() == [3, 17, 59]
    drawn = prepare("subset:10", CONV)
    unit = drawn.positions["unit"]
    assert len(set(unit.tolist())) == 10
    at = (drawn.positions["channel"] * 5 + drawn.positions["y"]) * 3 + drawn.positions["x"]
    np.testing.assert_array_equal(at, unit)
    np.testing.assert_array_equal(prepare("subset:10", CONV).positions["unit"], unit)
    other = Request("other", CONV.shape, CONV.seed, 6)
    assert prepare("subset:10", other).positions["unit"].tolist() != unit.tolist()


def test_projection_keeps_distances_within_the_distortion():
    states = torch.randn(30, 20_000, generator=torch.Generator().manual_seed(0))
    reduction = prepare("project", Request("wide", (20_000,), 0, 30))
    assert reduction.size == johnson_lindenstrauss(30) < 20_000
    ratio = pdist(reduction.apply(states).numpy()) ** 2 / pdist(states.numpy()) ** 2
    assert ratio.min() > 0.9
    assert ratio.max() < 1.1
    assert abs(ratio.mean() - 1) < 0.01


def test_a_projection_that_would_enlarge_keeps_everything():
    reduction = prepare("project", Request("narrow", (50,), 0, 30))
    assert reduction.size == 50


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 400), st.integers(0, 9))
def test_sparse_matrices_have_the_right_entries(n_rows, n_columns, seed):
    dense = sparse_matrix(n_rows, n_columns, np.random.default_rng(seed)).to_dense()
    assert dense.shape == (n_rows, n_columns)
    size = (n_columns**0.5 / n_rows) ** 0.5
    nonzero = dense[dense != 0].abs()
    torch.testing.assert_close(nonzero, torch.full_like(nonzero, size))


def test_sparse_matrices_have_the_right_density_and_variance():
    dense = sparse_matrix(300, 2500, np.random.default_rng(0)).to_dense()
    share = (dense != 0).float().mean().item()
    assert abs(share - 1 / 50) < 4 * (0.02 * 0.98 / 750_000) ** 0.5
    assert abs(dense.square().sum(dim=0).mean().item() - 1) < 0.02
    assert abs(dense.mean().item()) < 1e-3


@pytest.mark.parametrize(
    ("text", "request_", "message"),
    [
        ("mean", TOKENS, "pools over space"),
        ("token:0", CONV, "needs a layer of shape"),
        ("token:7", TOKENS, "from -7 to 6"),
        ("token:", TOKENS, "expected 'mean' or a number"),
        ("subset:60,1", CONV, "outside 0 to 59"),
        ("subset:x", CONV, "how many neuroids"),
        ("mean:3", CONV, "takes no argument"),
        ("project", Request("c", (9,), 0, None), "number of stimuli"),
    ],
)
def test_what_does_not_fit_is_said(text, request_, message):
    with pytest.raises(InvalidInputError, match=message):
        prepare(text, request_)


def test_unknown_reductions_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'project'"):
        prepare("projekt", CONV)


def test_the_first_pattern_that_fits_decides():
    reduce = {"conv1": "max", "conv*": "mean"}
    assert [choose_reduction(reduce, name) for name in ("conv1", "conv2", "fc")] == [
        "max", "mean", "",
    ]  # fmt: skip


def test_a_recording_with_reductions_by_layer(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 50)).eval()
    stimuli = torch.randn(9, 3, 8, 8)
    recording = record(
        network, stimuli, layers=["0", "2"], path=tmp_path / "a.nc", batch_size=4,
        stimulus_ids=range(9), reduce={"0": "mean", "2": "subset:5"}, seed=3,
    )  # fmt: skip
    with torch.no_grad():
        maps, wide = network[0](stimuli), network(stimuli)
    values, units = recording.activity.values, recording.unit.values[4:]
    np.testing.assert_allclose(values[:, :4], maps.mean(dim=(2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(values[:, 4:], wide[:, units], rtol=1e-4, atol=1e-6)
    assert recording.attrs["provenance"].count("subset:5") >= 1

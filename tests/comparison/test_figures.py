"""Figures show what they were given, in the order that was asked for."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rsatoolbox.rdm import RDMs
from scipy.spatial.distance import pdist

from reprcompare.comparison import (
    arrange,
    plot_arrangement,
    plot_layers,
    plot_rdm,
    plot_scores,
)
from reprcompare.errors import InvalidInputError, LabelMismatchError


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture
def rdms():
    return RDMs(
        np.arange(6.0)[None],
        rdm_descriptors={"subject": ["p1"], "region": ["IT"]},
        pattern_descriptors={"stimulus_id": list("abcd")},
    )


def test_a_matrix_is_drawn_in_the_order_that_is_asked_for(rdms):
    figure = plot_rdm(rdms, order=list("dcba"))
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, rdms.get_matrices()[0][::-1, ::-1])
    assert figure.axes[0].get_title() == "IT, p1"


def test_stimuli_are_grouped_by_labels_of_their_name(rdms):
    labels = pd.Series({"d": "animal", "b": "animal", "a": "tool", "c": "tool"})
    figure = plot_rdm(rdms, order=labels)
    assert [x.get_text() for x in figure.axes[0].get_xticklabels()] == ["animal", "tool"]
    shown = figure.axes[0].images[0].get_array()
    assert shown[0, 1] == rdms.get_matrices()[0][1, 3]


def test_an_order_that_leaves_stimuli_out_is_refused(rdms):
    with pytest.raises(LabelMismatchError, match="missing: d"):
        plot_rdm(rdms, order=list("abc"))


def test_points_of_a_plane_are_arranged_at_their_distances():
    points = np.random.default_rng(0).normal(size=(9, 2))
    positions, share = arrange(pdist(points, "sqeuclidean"))
    np.testing.assert_allclose(pdist(positions), pdist(points))
    assert share == pytest.approx(1)


def test_images_stand_at_their_stimuli_whatever_their_order(rdms):
    shades = dict(zip("dcab", (4, 3, 1, 2), strict=True))
    images = np.stack([np.full((5, 5, 3), shade) for shade in shades.values()])
    stimuli = xr.Dataset(
        {"stimulus": (("presentation", "height", "width", "colour"), images)},
        {"stimulus_id": ("presentation", list(shades))},
    )
    boxes = plot_arrangement(rdms, stimuli).axes[0].artists
    assert [int(box.offsetbox.get_data()[0, 0, 0]) for box in boxes] == [1, 2, 3, 4]
    with pytest.raises(LabelMismatchError, match="no image of c"):
        plot_arrangement(rdms, stimuli.isel(presentation=[0, 2, 3]))
    with pytest.raises(InvalidInputError, match="images are"):
        plot_arrangement(rdms, stimuli.isel(height=0, width=0))
    with pytest.raises(InvalidInputError, match="one RDM"):
        plot_arrangement(RDMs(np.ones((2, 6)), pattern_descriptors={"stimulus_id": list("abcd")}))


def test_scores_over_layers_are_a_line_for_every_model():
    table = pd.DataFrame(
        {
            "model": ["a", "a", "b", "b"],
            "model_region": ["1", "2", "1", "2"],
            "brain_region": "IT",
            "score": [0.1, 0.2, 0.3, 0.4],
            "ci_low": 0.0,
            "ci_high": 0.5,
            "unrelated": 0.0,
            "comparator": "rho-a",
        }
    )
    ceiling = pd.DataFrame(
        {"brain_region": ["IT"], "lower": [0.5], "upper": [0.6], "n_subjects": [4]}
    )
    axis = plot_layers(table, ceiling).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
    assert lines["a"] == [0.1, 0.2]
    assert lines["b"] == [0.3, 0.4]


def test_a_baseline_with_other_regions_is_a_line_at_its_best():
    table = pd.DataFrame(
        {
            "model": ["net", "net", "net", "v1", "v1"],
            "model_region": ["1", "2", "3", "low", "high"],
            "brain_region": "IT",
            "score": [0.1, 0.2, 0.3, 0.05, 0.15],
            "ci_low": 0.0,
            "ci_high": 0.5,
            "unrelated": 0.0,
            "comparator": "rho-a",
        }
    )
    ceiling = pd.DataFrame(
        {"brain_region": ["IT"], "lower": [np.nan], "upper": [np.nan], "n_subjects": [1]}
    )
    axis = plot_layers(table, ceiling).axes[0]
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()}
    assert lines["v1 (high)"] == [0.15, 0.15]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2", "3"]


def scores(n_models):
    """Models of rising score, of which each differs from all before it."""
    table = pd.DataFrame(
        {
            "model": [f"m{k}" for k in range(n_models)],
            "model_region": "",
            "brain_region": "IT",
            "score": np.linspace(0.1, 0.4, n_models),
            "ci_low": 0.0,
            "ci_high": 0.45,
            "p_zero": 0.01,
            "p_ceiling": np.where(np.arange(n_models) == 0, 0.01, 0.5),
            "unrelated": 0.0,
            "comparator": "rho-a",
        }
    )
    pairs = pd.DataFrame(
        [
            ("IT", f"m{a}", "", f"m{b}", "", (a - b) / 10, 0.01)
            for a in range(n_models)
            for b in range(a + 1, n_models)
        ],
        columns=[
            "brain_region",
            "model_a",
            "region_a",
            "model_b",
            "region_b",
            "difference",
            "p_holm",
        ],
    )
    ceiling = pd.DataFrame(
        {"brain_region": ["IT"], "lower": [0.5], "upper": [0.6], "n_subjects": [9]}
    )
    return table, ceiling, pairs


def test_bars_join_models_that_differ():
    table, ceiling, pairs = scores(3)
    pairs.loc[1, "p_holm"] = 0.3
    axis = plot_scores(table, ceiling, None, pairs).axes[0]
    bars = [
        tuple(sorted(line.get_xdata())) for line in axis.get_lines() if len(line.get_xdata()) == 2
    ]
    assert {(0, 1), (1, 2)} <= set(bars)
    assert (0, 2) not in bars


def test_many_differences_are_a_row_for_every_better_model():
    table, ceiling, pairs = scores(8)
    axis = plot_scores(table, ceiling, None, pairs).axes[0]
    rows = [list(line.get_xdata()) for line in axis.get_lines() if line.get_marker() == "o"]
    assert sorted(map(len, rows)) == [1, 2, 3, 4, 5, 6, 7]

import numpy as np
import pandas as pd
import pytest

from reprcompare.encoding import encode
from reprcompare.errors import InvalidInputError
from reprcompare.recording import select
from reprcompare.report import predictivity_section, report


@pytest.fixture
def encoded(simulated):
    network, brain, _ = simulated(noise=2.0, repetitions=3, n_neuroids=20)
    parts = {name: select(network, region=name) for name in ("early", "late")}
    return encode(parts, brain, "ridge", partition=True, n_bootstrap=50)


def test_scores_stand_under_their_ceiling(simulated):
    network, brain, _ = simulated(noise=2.0, repetitions=3)
    found = encode(network, brain, n_bootstrap=50)
    axis = found.plot().axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == [
        "early",
        "late",
        "chosen in\ntraining rows",
    ]
    bands = [patch.get_bbox() for patch in axis.patches]
    assert any(band.y0 == pytest.approx(found.regions["ceiling"].min()) for band in bands)


def test_every_neuroid_stands_against_its_ceiling(encoded):
    points = encoded.plot_ceiling().axes[0].collections[0].get_offsets()
    expected = encoded.table[["ceiling", "r"]].to_numpy()
    np.testing.assert_allclose(points, expected)


def test_stacked_parts_add_up_to_the_line_of_the_total(encoded):
    axis = encoded.plot_partition().axes[0]
    heights = pd.Series([patch.get_height() for patch in axis.patches])
    centres = [round(patch.get_x() + patch.get_width() / 2) for patch in axis.patches]
    totals = encoded.partition.query("part == 'total'")["r2"].to_numpy()
    np.testing.assert_allclose(heights.groupby(centres).sum(), totals)


def test_of_many_groups_shapley_values_are_stacked_with_a_colour_each(simulated):
    network, brain, _ = simulated()
    late, early = (select(network, region=name) for name in ("late", "early"))
    parts = {"late": late, "early": early, "c": late.isel(neuroid=[0]), "d": late.isel(neuroid=[1])}
    found = encode(parts, brain, "ridge", partition=True, n_bootstrap=20)
    figure = found.plot_partition()
    heights = sorted(patch.get_height() for patch in figure.axes[0].patches)
    shapley = found.partition.query("part == 'shapley'")["r2"]
    np.testing.assert_allclose(heights, sorted(shapley))
    assert len({patch.get_facecolor() for patch in figure.axes[0].patches}) == 4


def test_what_was_not_computed_is_not_drawn(simulated):
    network, brain, _ = simulated()
    found = encode(select(network, region="late"), brain, n_bootstrap=0)
    with pytest.raises(InvalidInputError, match="needs repetitions"):
        found.plot_ceiling()
    with pytest.raises(InvalidInputError, match="partition=True"):
        found.plot_partition()


def test_a_report_shows_scores_ceilings_and_parts(encoded):
    page = report("t", [encoded])
    assert len(page.sections[0].plots) == 3
    assert "product measure" in page.html()


def test_classes_of_networks_are_shown_with_a_point_a_network(encoded):
    classes = [
        rows.rename(columns={"subject": "brain_subject", "region": "brain_region"}).assign(
            subject=f"net {k}", recording=["a", "b"][k % 2]
        )
        for k in range(4)
        for rows in [encoded.regions]
    ]
    parts = [
        encoded.partition.rename(columns={"subject": "brain_subject"}).assign(
            subject=f"net {k}", recording=["a", "b"][k % 2]
        )
        for k in range(4)
    ]
    section = predictivity_section(pd.concat(classes), pd.concat(parts), "said")
    assert [plot.name for plot in section.plots] == [
        "predictivity-scores",
        "predictivity-partition",
    ]
    axis = section.plots[0].figure.axes[0]
    assert [len(points.get_offsets()) for points in axis.collections[:1]] == [2]

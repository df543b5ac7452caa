import itertools

import numpy as np
import pandas as pd
import pytest

from reprcompare.report import report_of_folder
from reprcompare.report.atlas import atlas_plot, factors_of, plot_atlas


@pytest.fixture
def table():
    """Two factors, five networks a setting; none of the last setting is counted."""
    rng = np.random.default_rng(0)
    rows = []
    for optimiser, coding, seed in itertools.product(["sgd", "adam"], ["0/1", "-1/1"], range(5)):
        counted = (optimiser, coding) != ("adam", "-1/1")
        hard = 0.1 + 0.2 * (coding == "-1/1") + 0.01 * rng.standard_normal()
        shares = (hard, 0.6, 0.6 - hard) if counted else (np.nan,) * 3
        rows.append((optimiser, coding, f"n-{seed}", 0.99, counted, *shares))
    columns = ["optimiser", "coding", "seed", "lowest_accuracy", "counted"]
    return pd.DataFrame(rows, columns=[*columns, "hard", "easy", "easy - hard"])


def test_every_level_is_drawn_with_its_mean_and_how_many_count(table):
    assert factors_of(table) == ["optimiser", "coding"]
    figure = plot_atlas(table)
    first, second = figure.axes
    assert first.get_title(loc="left").startswith("optimiser: ")
    assert [label.get_text() for label in second.get_yticklabels()] == ["0/1", "-1/1"]
    said = {text.get_text() for text in second.texts}
    assert said == {"10 of 10 counted", "5 of 10 counted"}
    # The means over settings, easy then hard, at the height of their level.
    easy, hard = second.containers
    assert np.allclose(easy.lines[0].get_xdata().astype(float), [0.6, 0.6])
    means = table.groupby(["coding", "optimiser"], sort=False)["hard"].mean()
    expected = [means["0/1"].mean(), means["-1/1"]["sgd"]]
    assert np.allclose(hard.lines[0].get_xdata().astype(float), expected)


def test_the_figure_of_a_stored_atlas_is_drawn_from_its_table(table, tmp_path):
    table.to_csv(tmp_path / "atlas.csv", index=False)
    table.to_csv(tmp_path / "other.csv", index=False, columns=["coding", "hard"])
    atlas, other = report_of_folder(tmp_path).sections
    (plot,) = atlas.plots
    assert "20 networks of 4 settings" in plot.caption
    assert not other.plots
    assert plot.svg() == atlas_plot(table, "atlas").svg()

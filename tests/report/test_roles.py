import numpy as np
import pandas as pd

from reprcompare.report import dissociation_section, role_section
from reprcompare.statistics import dissociation


def test_figures_of_a_sweep_have_names_that_files_can_have():
    """Settings such as the coding "0/1" stand in titles, and a name must not be a folder."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "subject": np.repeat(list("abcd"), 2),
            "region": "hidden1",
            "feature": ["easy", "hard"] * 4,
            "complexity": [1, 2] * 4,
            "share": rng.random(8),
            "role": 1 + 0.01 * rng.random(8),
        }
    )
    for section in (
        dissociation_section(dissociation(rows), title="Dissociation, coding 0/1"),
        role_section(rows, title="Role, coding 0/1"),
    ):
        for plot in section.plots:
            assert "/" not in plot.name

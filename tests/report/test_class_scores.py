import numpy as np
import pandas as pd
import pytest

from reprcompare.report.class_scores import class_scores_section, plot_class_scores
from reprcompare.report.downstream import downstream_section


@pytest.fixture
def networks():
    """Networks of "both" are 0.5 alike and 0.7 like those of "easy", which are 0.9 alike."""
    level = {("both", "both"): 0.5, ("both", "easy"): 0.7, ("easy", "easy"): 0.9}
    rows = [
        (coding, name, other, level[min(name, other), max(name, other)] + step, f"{name}-{i}")
        for coding in ("0/1", "-1/1")
        for name in ("both", "easy")
        for other in ("both", "easy")
        for i, step in enumerate((-0.01, 0.0, 0.01))
    ]
    return pd.DataFrame(rows, columns=["coding", "class", "other", "score", "subject"])


def test_every_network_is_a_line_over_the_classes_that_it_is_compared_with(networks):
    figure = plot_class_scores(networks, "r of RDMs", ["coding"])
    assert [axis.get_title() for axis in figure.axes] == ["coding 0/1", "coding -1/1"]
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["with\nboth", "with\neasy"]
    both, easy = axis.containers
    assert (both.get_label(), easy.get_label()) == ("both", "easy")
    np.testing.assert_allclose(both.lines[0].get_ydata(), [0.5, 0.7])
    np.testing.assert_allclose(easy.lines[0].get_ydata(), [0.7, 0.9])
    own = [line.get_ydata() for line in axis.lines if line.get_linewidth() == 0.6]
    assert len(own) == 6
    np.testing.assert_allclose(own[0], [0.49, 0.69])


def test_the_interval_of_a_mean_is_that_of_student_over_networks(networks):
    both = plot_class_scores(networks, "r").axes[0].containers[0]
    segment = both.lines[2][0].get_segments()[0]
    # Six networks here, in two codings of the same three subjects: means 0.49, 0.5 and 0.51.
    reach = 4.302652729749464 * 0.01 / np.sqrt(3)
    np.testing.assert_allclose(segment[:, 1], [0.5 - reach, 0.5 + reach])


def test_one_network_a_class_is_drawn_without_interval(networks):
    one = networks[networks["subject"].str.endswith("-0")]
    assert plot_class_scores(one, "r", ["coding"]).axes[0].containers[0].lines[0] is not None


def test_the_section_shows_corrected_scores_beside_the_figure(networks):
    classes = pd.DataFrame({"first": ["both"], "second": ["easy"], "disattenuated": [1.0]})
    section = class_scores_section(
        {"table": classes, "networks": networks}, "Squared", "squared", "r", ["coding"]
    )
    assert list(section.tables.values()) == [classes]
    assert [plot.name for plot in section.plots] == ["squared-classes"]
    assert section.plots[0].png().startswith(b"\x89PNG")


def test_downstream_classifiers_are_drawn_by_the_number_of_training_stimuli():
    learning = pd.DataFrame(
        [("n-0", n, name, 0.5 + n / 100 + rise) for n in (8, 16) for name, rise in
         (("easy", 0.2), ("hard", 0.0))],
        columns=["subject", "n_training", "feature", "accuracy"],
    )  # fmt: skip
    conflict = learning.rename(columns={"accuracy": "preference"})
    section = downstream_section(
        {"table": learning, "conflict": conflict}, "Classifiers", "classifiers", "hidden4"
    )
    assert [plot.name for plot in section.plots] == ["classifiers-learning", "classifiers-conflict"]
    axis = section.plots[0].figure.axes[0]
    assert axis.get_xlabel() == "number of training stimuli"
    # Chance of two levels.
    assert list(axis.lines[0].get_ydata()) == [0.5, 0.5]
    easy = next(item for item in axis.containers if item.get_label() == "easy")
    np.testing.assert_allclose(easy.lines[0].get_ydata(), [0.78, 0.86])


def test_a_single_feature_has_no_conflict_to_draw():
    learning = pd.DataFrame(
        {"subject": ["n"], "n_training": [8], "feature": ["easy"], "accuracy": [0.9]}
    )
    conflict = pd.DataFrame(columns=["subject", "n_training", "feature", "rival", "preference"])
    section = downstream_section(
        {"table": learning, "conflict": conflict}, "Classifiers", "classifiers", "hidden4"
    )
    assert [plot.name for plot in section.plots] == ["classifiers-learning"]

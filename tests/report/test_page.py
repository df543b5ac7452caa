import base64
import re
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from reprcompare.audit import audit
from reprcompare.comparison import compare
from reprcompare.errors import InvalidInputError, RecordingFailedError
from reprcompare.recording import build_recording, concat
from reprcompare.report import Page, Section, plot_by_region, report


def audited(name="IT"):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"<b>big</b>": [0, 1] * 8, "red": [0, 0, 1, 1] * 4}, index=list("abcdefghijklmnop")
    )
    recording = build_recording(
        rng.standard_normal((16, 6)) + table.to_numpy()[:, :1],
        stimulus_id=list(table.index),
        region=["V4"] * 3 + [name] * 3,
        subject="<script>alert(1)</script>",
        labels=table,
    )
    return audit(recording, n_permutations=10)


def test_names_in_the_data_show_as_text():
    page = report("A & B", [audited()]).html()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>big</b>" not in page
    assert "A &amp; B" in page


def test_the_page_needs_nothing_from_elsewhere():
    page = report("t", [audited()]).html()
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert loaded
    assert all(address.startswith(("data:", "#")) for address in loaded)
    assert "url(http" not in page


def test_the_data_behind_a_figure_is_offered_as_csv():
    result = audited()
    page = report("t", [result]).html()
    address = re.search(r'download="bias-audit-share.csv" href="data:[^,]*,([^"]+)"', page)
    text = base64.b64decode(address.group(1)).decode()
    assert text == result.table.to_csv(index=False)


def test_missing_values_are_empty_and_notes_say_why():
    page = report("t", [audited()]).html()
    assert ">nan<" not in page.lower()
    assert "Role was not measured" in page


def test_figures_have_alternative_text_and_are_the_same_again():
    result = audited()
    one, two = report("t", [result]), report("t", [result])
    assert one.html() == two.html()
    assert all(len(plot.caption) > 40 for plot in one.sections[0].plots)
    assert one.html().count('role="img"') == len(one.sections[0].plots) == 5


def test_sessions_of_a_subject_are_averaged_before_subjects_are():
    rows = pd.DataFrame(
        {
            "subject": ["a", "a", "a", "b"],
            "region": "IT",
            "feature": "x",
            "share": [0.0, 0.0, 0.3, 0.5],
        }
    )
    axis = plot_by_region(rows, "share", "share").axes[0]
    points = axis.collections[0].get_offsets()[:, 1]
    np.testing.assert_allclose(sorted(points), [0.1, 0.5])


def test_tables_figures_and_sections_of_ones_own_are_shown():
    figure = Figure()
    figure.subplots().plot([1, 2])
    table = pd.DataFrame({"x": [1.5, np.nan]})
    page = report("t", [table, figure, Section("Mine", ["said"])]).html()
    assert '<td class="number">1.5</td>' in page
    assert "said" in page


def test_results_are_told_apart_by_their_headings():
    page = report("t", {"net": audited(), "it": audited("V1"), "mine": Section("own", ["said"])})
    assert [section.title for section in page.sections] == ["net", "it", "mine"]
    names = [plot.name for section in page.sections for plot in section.plots]
    assert len(set(names)) == len(names)


def test_a_page_says_what_it_was_made_with():
    assert f"rsatoolbox {version('rsatoolbox')}" in report("t", []).html()


def test_a_caption_names_only_what_is_drawn():
    rng = np.random.default_rng(0)
    ids = [f"s{number}" for number in range(12)]

    def recorded(name):
        return build_recording(
            rng.standard_normal((12, 5)), stimulus_id=ids, region="IT", subject=name
        )

    def caption(brain):
        result = compare({"m": recorded("m")}, brain, n_bootstrap=0)
        section = report("t", result).sections[0]
        assert any("noise ceiling" in name for name in section.tables)
        return section.plots[0].caption, section.tables["Comparison, noise ceiling"]

    said, ceiling = caption(recorded("one"))
    assert "noise ceiling" not in said
    assert ceiling.empty
    said, ceiling = caption(concat([recorded("one"), recorded("two")], dim="neuroid"))
    assert "the band is the noise ceiling" in said
    assert len(ceiling) == 1


def test_a_line_of_chance_is_drawn_where_chance_is_known():
    rng = np.random.default_rng(0)
    labels = pd.DataFrame({"big": [0, 1] * 8}, index=list("abcdefghijklmnop"))
    recording = build_recording(
        rng.standard_normal((16, 3)), stimulus_id=list(labels.index), region="IT", subject="m"
    )
    for n_permutations, lines in ((0, 0), (9, 1)):
        section = report("t", audit(recording, labels, n_permutations=n_permutations)).sections[0]
        plot = next(item for item in section.plots if item.name.endswith("decodability"))
        dashed = [line for line in plot.figure.axes[0].lines if line.get_linestyle() == "--"]
        assert len(dashed) == lines
        assert ("dashed" in plot.caption) == bool(lines)


def test_something_else_gets_a_sentence():
    with pytest.raises(InvalidInputError, match="cannot show a dict; it shows Audit"):
        report("t", [{}])


def test_saving_replaces_the_page_whole(tmp_path):
    path = report("t", [pd.DataFrame({"x": [1]})]).save(tmp_path / "report.html")
    Page("u", []).save(path)
    assert "<title>u</title>" in path.read_text()
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_gets_a_sentence(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(RecordingFailedError, match=r"t\.html could not be written: No space left"):
        report("t", []).save(tmp_path / "t.html")


def test_over_training_regions_are_shown_at_their_last_step():
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(
        {"easy": [0, 1] * 8, "hard": [0, 0, 1, 1] * 4}, index=[*"abcdefghijklmnop"]
    )
    steps = []
    for strength in (0.0, 1.0, 3.0):
        activity = strength * labels.to_numpy()[:, :1] + rng.standard_normal((16, 4))
        steps.append(activity)
    recording = build_recording(
        steps[0], stimulus_id=list(labels.index), region="r", subject="s", labels=labels
    )
    grown = recording.drop_vars("activity").assign(
        activity=(("training_step", "presentation", "neuroid"), np.stack(steps))
    )
    result = audit(grown.assign_coords(training_step=[0, 10, 20]), n_permutations=0)
    section = report("t", [result]).sections[0]
    plots = {plot.name: plot for plot in section.plots}
    assert set(plots["bias-audit-share"].data["training_step"]) == {20}
    assert set(plots["bias-audit-training"].data["training_step"]) == {0, 10, 20}
    shares = section.tables["Bias audit, every row"]
    assert len(shares) == 6

import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.report import Section, report, report_of_folder
from reprcompare.report.figures import plot_by_region


@pytest.fixture
def page():
    rows = pd.DataFrame(
        {
            "subject": ["s|1", "s2"] * 2,
            "region": ["V4", "V4", "IT", "IT"],
            "feature": "<b>easy</b>",
            "share": [0.1, 0.2, 0.3, np.nan],
        }
    )
    figure = plot_by_region(rows, "share", "share")
    section = Section("A *bold* title", ["R² ≥ 0.8 ± 0.1"], {"shares": rows}, notes=["why"])
    return report("Größe", [section, figure])


def test_markdown_holds_the_tables_and_nothing_in_the_data_acts_as_markup(page, tmp_path):
    text = page.save(tmp_path / "report.md").read_text()
    assert "| s\\|1 | V4 | \\<b\\>easy\\</b\\> | 0.1 |" in text
    assert "## A \\*bold\\* title" in text
    assert "data:image/png;base64," in text


def test_pdf_is_written_with_its_figures(page, tmp_path):
    content = page.save(tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Subtype /Image" in content
    assert len(re.findall(rb"/Type /Page\b", content)) >= 1


def test_a_long_table_is_cut_in_print_and_says_so(tmp_path):
    text = report("t", [pd.DataFrame({"x": range(100)})]).save(tmp_path / "t.md").read_text()
    assert "... and 60 more rows." in text


def test_another_ending_gets_a_sentence(page, tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"no form of report '.docx'.*Known: .html, .md, .pdf"
    ):
        page.save(tmp_path / "report.docx")


def test_a_missing_folder_gets_a_sentence(page, tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist; create it first"):
        page.save(tmp_path / "nowhere" / "report.html")


def test_a_folder_of_tables_and_figures_becomes_a_page(tmp_path):
    for part in ("tables", "figures"):
        (tmp_path / part).mkdir()
    (tmp_path / "tables" / "audit.csv").write_text("feature,share\n<i>easy</i>,0.7\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "figures" / "audit-share.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "figures" / "other.png")
    made = report_of_folder(tmp_path)
    assert [section.title for section in made.sections] == ["Audit", "Figures"]
    html = made.html()
    assert "&lt;i&gt;easy&lt;/i&gt;" in html
    assert html.count("<img ") == 2


def test_an_empty_folder_gets_a_sentence(tmp_path):
    with pytest.raises(InvalidInputError, match=r"holds neither tables/\*.csv nor figures/\*.png"):
        report_of_folder(tmp_path)

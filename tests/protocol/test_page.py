import pandas as pd

from reprcompare.protocol.bench import Outcome
from reprcompare.protocol.page import _sections
from reprcompare.report import Section


def test_results_of_every_cell_have_a_heading_that_tells_them_apart():
    table = pd.DataFrame({"x": [1.0]})
    results = [
        ({"coding": coding}, result)
        for coding in ("0/1", "-1/1")
        for result in (table, Section("The same by permuting", ["said"]))
    ]
    assert [section.title for section in _sections(Outcome("pairs_model", results=results))] == [
        "Pairs model, coding 0/1",
        "The same by permuting, coding 0/1",
        "Pairs model, coding -1/1",
        "The same by permuting, coding -1/1",
    ]


def test_an_analysis_of_tables_alone_shows_the_first():
    (section,) = _sections(Outcome("accuracy", {"table": pd.DataFrame({"x": [1.0]})}))
    assert section.title == "Accuracy"
    assert list(section.tables) == ["Accuracy"]

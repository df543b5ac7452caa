import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_answers_is_that_of_the_stored_tables():
    page = runpy.run_path(str(DOCS / "make_answers.py"))["answers_page"]()
    assert (DOCS / "answers.md").read_text(encoding="utf-8") == page

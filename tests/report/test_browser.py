"""The page as a reader's browser shows it."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from reprcompare.audit import audit
from reprcompare.recording import build_recording
from reprcompare.report import report

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Sorts the first table by its columns, and writes down what it sees.
PROBE = """
<pre id="seen"></pre><script>
const seen = document.getElementById("seen"), table = document.querySelector("table");
const column = n => [...table.tBodies[0].rows].map(row => row.cells[n].textContent).join(",");
const press = n => table.tHead.rows[0].cells[n].querySelector("button").click();
press(0); seen.textContent += "first " + column(0) + "\\n";
press(1); seen.textContent += "up " + column(1) + "\\n";
press(1); seen.textContent += "down " + column(1) + "\\n";
seen.textContent += "errors " + window.errors.length + "\\n";
seen.textContent += "wide " + (document.documentElement.scrollWidth > innerWidth) + "\\n";
</script></body>"""


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium to look at the page with")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    table = pd.DataFrame({"name": ["b", "<script>bad()</script>", "c"], "value": [10.0, 9.0, 1e-9]})
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(
        {"big": [0, 1] * 8, "red": [0, 0, 1, 1] * 4}, index=list("abcdefghijklmnop")
    )
    recording = build_recording(
        rng.standard_normal((16, 6)),
        stimulus_id=list(labels.index),
        region=["V4"] * 3 + ["IT"] * 3,
        subject="monkey",
        labels=labels,
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    return report("A page", [table, audit(recording, n_permutations=10)]).save(path)


def look(browser, path, folder, *options):
    arguments = [browser, *QUIET, f"--user-data-dir={folder}/profile", *options, path.as_uri()]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)


def test_tables_sort_and_nothing_in_the_data_runs(browser, page, tmp_path):
    html = page.read_text()
    listen = (
        "<head><script>window.errors = []; addEventListener('error', e => errors.push(e))</script>"
    )
    probed = tmp_path / "probed.html"
    probed.write_text(html.replace("<head>", listen).replace("</body>", PROBE))
    printed = look(browser, probed, tmp_path, "--dump-dom", "--window-size=400,800")
    seen = re.search(r'<pre id="seen">(.*?)</pre>', printed.stdout, re.DOTALL).group(1)
    assert "first &lt;script&gt;bad()&lt;/script&gt;,b,c" in seen
    assert "up 1e-09,9,10" in seen
    assert "down 10,9,1e-09" in seen
    assert "errors 0" in seen
    assert "wide false" in seen


@pytest.mark.parametrize(("width", "height"), [(1200, 900), (390, 844)])
def test_the_page_is_drawn_at_desktop_and_phone_width(browser, page, tmp_path, width, height):
    picture = tmp_path / "page.png"
    look(browser, page, tmp_path, f"--window-size={width},{height}", f"--screenshot={picture}")
    with Image.open(picture) as image:
        assert image.width >= width
        assert len(set(image.convert("L").resize((60, 60)).get_flattened_data())) > 10

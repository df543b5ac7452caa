"""The tables that are stored with the project are those of a run of the protocol as it is."""

import hashlib
import json
import tomllib

import pytest

from reprcompare.protocol import read_protocol
from reprcompare.shipped import shipped

MANIFESTS = sorted(shipped("protocols").glob("results/*/manifest.json"))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.parent.name)
def test_stored_tables_are_those_of_the_run_that_the_manifest_describes(manifest):
    run = json.loads(manifest.read_text())
    made = {
        name.removeprefix("tables/"): digest
        for name, digest in run["sha256"].items()
        if name.startswith("tables/")
    }
    stored = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in manifest.parent.glob("*.csv")
        if not path.stem.endswith("_first_run")
    }
    assert stored
    assert stored == {name: made.get(name) for name in stored}
    assert "expectations.csv" in stored


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.parent.name)
def test_what_was_run_is_what_the_protocol_says(manifest):
    run = json.loads(manifest.read_text())
    now = read_protocol(manifest.parent.name)
    assert tomllib.loads(run["protocol"]) == tomllib.loads(now.text)

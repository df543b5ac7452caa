"""Roles in a protocol: networks are built again, and intervened on."""

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import ReprcompareError
from reprcompare.networks import weights_sha256
from reprcompare.protocol import making, read_protocol, run_protocol
from reprcompare.protocol.cache import Cache
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.making import PROPERTIES_OF_TRAINING, Workshop
from reprcompare.recording import open_recording
from reprcompare.recording.provenance import provenance_of

ROLES = """
[[analysis]]
name = "role"
kind = "role"
recordings = ["nets"]
n_null = 2

[[analysis]]
name = "dissociation"
kind = "dissociation"
audit = "audit"
role = "role"
by = "feature"
"""


@pytest.fixture
def write_roles(write):
    def write_with_roles():
        path = write(("n_networks = 3", "n_networks = 2"))
        text = path.read_text()
        head = text[: text.index('[[analysis]]\nname = "contrast"')]
        path.write_text(head.replace("[brain.seen]\n" + brain_of(text), "") + ROLES)
        return path

    return write_with_roles


def brain_of(text):
    start = text.index("[brain.seen]\n") + len("[brain.seen]\n")
    return text[start : text.index("[[analysis]]")]


def test_roles_and_their_dissociation_from_share_are_tables(write_roles, tmp_path):
    path = write_roles()
    done = run_protocol(path, tmp_path / "out", cache=tmp_path / "cache", progress=False)
    roles = done.outcomes["role"].tables["table"]
    assert len(roles) == 2 * 2 * 2  # networks, regions, features
    assert (roles["role"] > 0.8).all()
    assert (roles["role_low"] <= roles["role"]).all()
    points = done.outcomes["dissociation"].tables["points"]
    np.testing.assert_allclose(points.groupby(["subject", "region"])["role_part"].sum(), 1)
    page = done.report.read_text()
    assert "Role of each feature by region" in page
    assert "against causal role (y)" in page
    protocol = read_protocol(path)
    properties = protocol.cells[0].tables["task"]["two"].properties.columns
    for outcome in (done.outcomes[name] for name in ("role", "dissociation")):
        declared = ANALYSES[outcome.name].columns
        assert set(outcome.tables) == set(declared)
        for label, table in outcome.tables.items():
            allowed = {*declared[label].names, *PROPERTIES_OF_TRAINING, *properties}
            assert set(table.columns) <= allowed, label

    # The network is the one that was recorded, and its weights must be there.
    workshop = Workshop(Cache(tmp_path / "cache"), progress=False)
    cell = protocol.cells[0]
    first = workshop.recordings(cell, "nets")[0]
    network = workshop.network(cell, "nets", first)
    with open_recording(first) as recording:
        recorded = provenance_of(recording)["session"]["weights_sha256"]
    assert weights_sha256(network) == recorded
    making._weights(first).unlink()
    with pytest.raises(ReprcompareError, match="weights of nets-0 are not beside its recording"):
        workshop.network(cell, "nets", first)


def test_a_second_run_intervenes_on_nothing(write_roles, tmp_path, monkeypatch):
    path = write_roles()
    first = run_protocol(path, tmp_path / "out", cache=tmp_path / "cache", progress=False)

    def never(*arguments, **named):
        raise AssertionError("intervened again")

    monkeypatch.setattr("reprcompare.protocol.kinds.role.role", never)
    second = run_protocol(path, tmp_path / "again", cache=tmp_path / "cache", progress=False)
    for label in ("table", "effects"):
        pd.testing.assert_frame_equal(
            first.outcomes["role"].tables[label], second.outcomes["role"].tables[label]
        )

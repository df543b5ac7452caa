"""The kinds of analysis that predict brains from networks, and networks from each other."""

import pandas as pd
import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol import read_protocol, run_protocol
from reprcompare.protocol.kinds import ANALYSES, encode
from reprcompare.protocol.run import _used_recordings
from reprcompare.protocol.schema import references

KINDS = """
[[analysis]]
name = "predicted"
kind = "encode"
recordings = ["nets"]
brain = "seen"
region = "hidden2"
labels = ["easy"]
model = "ridge"
cv = 4
n_bootstrap = 10

[[analysis]]
name = "layers"
kind = "encode"
recordings = ["nets"]
brain = "seen"
n_bootstrap = 10

[[analysis]]
name = "shared"
kind = "universality"
recordings = ["nets"]
brain = "seen"
region = "hidden2"
n_components = 3
"""


@pytest.fixture
def protocol(write):
    """The small protocol with analyses of these kinds alone."""
    path = write()
    text = path.read_text()
    start = text.index("[[expect]]"), text.index("[task.two]")
    path.write_text(text[: start[0]] + text[start[1] : text.index("[[analysis]]")] + KINDS)
    return path


def test_networks_predict_a_brain_and_each_other(protocol, tmp_path, monkeypatch):
    def run(out):
        return run_protocol(protocol, tmp_path / out, cache=tmp_path / "cache", progress=False)

    done = run("one")
    for table in read_protocol(protocol).analyses:
        declared = ANALYSES[table.kind].columns
        for label, found in done.outcomes[table.name].tables.items():
            assert set(found.columns) <= set(declared[label].names), (table.name, label)
    predicted = done.outcomes["predicted"].tables
    assert set(predicted["table"]["subject"]) == {"nets-0", "nets-1", "nets-2"}
    assert set(predicted["table"]["brain_subject"]) == {"subject-1", "subject-2", "subject-3"}
    assert {"network & easy", "network"} <= set(predicted["partition"]["groups"])
    assert "partition" not in done.outcomes["layers"].tables
    chosen = done.outcomes["layers"].tables["table"]["predictor"]
    assert set(chosen) == {"hidden1", "hidden2", "chosen in training rows"}
    shared = done.outcomes["shared"].tables
    assert len(shared["table"]) == 9
    assert (shared["table"]["n_networks"] == 2).all()
    page = done.report.read_text()
    assert "product measure" in page
    assert "Universality of a component is the median" in page
    monkeypatch.setattr(encode, "encode", None)
    again = run("two").outcomes["predicted"].tables["partition"]
    pd.testing.assert_frame_equal(predicted["partition"], again)


def test_labels_beside_a_network_need_one_region(protocol):
    protocol.write_text(protocol.read_text().replace('region = "hidden2"\nlabels', "labels"))
    with pytest.raises(ProtocolError, match="need one 'region'"):
        read_protocol(protocol)


def test_the_network_behind_a_simulated_brain_is_made_for_every_kind_that_names_one():
    """Whether or not another protocol has left it in the cache."""
    for name in ("universality", "predictivity"):
        protocol = read_protocol(name)
        assert "observed" in _used_recordings(protocol)
        for analysis in protocol.analyses:
            named = {item for _, _, names in references(analysis) for item in names}
            assert getattr(analysis, "brain", None) in {None, *named}

import hashlib
import json

import pandas as pd
import pytest

from reprcompare.errors import (
    NotIdentifiableError,
    ProtocolError,
    RecordingFailedError,
    ReprcompareError,
)
from reprcompare.protocol import making, read_protocol, run_protocol
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.making import PROPERTIES_OF_TRAINING
from reprcompare.recording import open_recording


@pytest.fixture
def run(write, tmp_path):
    def run_small(*replacements, out="out", **more):
        return run_protocol(
            write(*replacements), tmp_path / out, cache=tmp_path / "cache", progress=False, **more
        )

    return run_small


def test_a_run_ends_in_recordings_tables_figures_a_report_and_a_manifest(run):
    done = run()
    names = {path.name for path in (done.folder / "tables").iterdir()}
    assert {
        "audit.csv",
        "accuracy.csv",
        "comparison.csv",
        "expectations.csv",
        "networks.csv",
    } <= names
    assert len(list((done.folder / "recordings").glob("nets.*.nc"))) == 3
    manifest = json.loads((done.folder / "manifest.json").read_text())
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((done.folder / name).read_bytes()).hexdigest() == digest
    assert any(name.startswith("figures/") for name in manifest["sha256"])
    assert manifest["seeds"] == {"nets": [0, 1, 2]}
    audit = pd.read_csv(done.folder / "tables" / "audit.csv")
    assert set(audit.subject) == {"nets-0", "nets-1", "nets-2"}
    assert {"learning_rank", "complexity", "position", "trained"} <= set(audit.columns)
    page = done.report.read_text()
    assert "The easy share is larger." in page
    assert "</svg>" in page


def test_every_kind_of_analysis_declares_the_columns_that_it_gives(run):
    done = run()
    protocol = read_protocol(done.folder.parent / "small.toml")
    kinds = {table.name: table.kind for table in protocol.analyses}
    properties = protocol.cells[0].tables["task"]["two"].properties.columns
    for name, outcome in done.outcomes.items():
        declared = ANALYSES[kinds[name]].columns
        assert set(outcome.tables) == set(declared), name
        for label, table in outcome.tables.items():
            columns = declared[label]
            extraneous = {*PROPERTIES_OF_TRAINING, *properties}
            known = {*columns.names, *(extraneous if columns.of_features else ())}
            assert set(table.columns) <= known or not columns.closed, (name, label)


def test_what_is_read_from_the_stimuli_stands_beside_every_feature_on_request(run):
    asked = (
        'recordings = ["nets"]\nn_perm',
        'recordings = ["nets"]\ninput_decodability = true\nn_perm',
    )
    audit = run(asked).outcomes["audit"].tables["table"]
    read = audit.groupby("feature").input_decodability.unique()
    # Both rules of the small protocol, one unit and AND, are told by a line; 48 stimuli.
    assert read["easy"].tolist() == [1.0]
    assert len(read["other"]) == 1
    assert read["other"][0] > 0.9


def test_networks_solve_the_task_on_stimuli_they_were_not_trained_on(run):
    accuracy = run().outcomes["accuracy"].tables["table"]
    assert (accuracy.accuracy > 0.95).all()
    assert (accuracy.n_presentations == 48).all()


def test_a_second_run_trains_nothing_and_finds_the_same(run, monkeypatch):
    first = run()
    monkeypatch.setattr(making, "train", None)
    again = run(out="again")
    for name, outcome in first.outcomes.items():
        for label, table in outcome.tables.items():
            pd.testing.assert_frame_equal(table, again.outcomes[name].tables[label])


def test_only_what_is_new_is_computed(run, monkeypatch):
    run()
    trained = []
    real = making.train
    monkeypatch.setattr(
        making, "train", lambda *a, **k: trained.append(k["seeds"]) or real(*a, **k)
    )
    run(("n_networks = 3", "n_networks = 5"), out="more")
    run(('formula = "share ~ region', 'formula = "share ~ 1'), out="model")
    assert trained == [[3, 4]]


def test_an_interrupted_run_goes_on(run, monkeypatch):
    recorded = []
    real = making.record

    def stop_at_the_third(*arguments, **more):
        if len(recorded) == 2:
            raise RecordingFailedError("the disk is full")
        recorded.append(more["subject"])
        return real(*arguments, **more)

    monkeypatch.setattr(making, "record", stop_at_the_third)
    with pytest.raises(RecordingFailedError):
        run()
    monkeypatch.setattr(
        making, "record", lambda *a, **k: recorded.append(k["subject"]) or real(*a, **k)
    )
    run()
    assert recorded == ["nets-0", "nets-1", "nets-2"]


def test_networks_below_the_criterion_are_left_out_and_named(run):
    done = run(
        ("max_steps = 600", "max_steps = 20"),
        ("n_per_cell = 12", "n_per_cell = 12\ncriterion = 0.9"),
        ('models = ["nets"]', 'models = ["all"]'),
        (
            "[brain.seen]",
            '[recording.all]\ntask = "two"\nnetwork = "mlp"\nn_networks = 2\n'
            'n_per_cell = 12\nlayers = ["hidden2"]\n\n[brain.seen]',
        ),
        ('recordings = ["nets"]\nn_perm', 'recordings = ["all"]\nn_perm'),
    )
    networks = pd.read_csv(done.folder / "tables" / "networks.csv")
    assert not networks[networks.recording == "nets"].counted.any()
    assert networks[networks.recording == "all"].counted.all()
    assert "3 of 5 networks did not reach their criterion" in done.report.read_text()


def test_a_run_in_which_no_network_counts_says_so(run):
    with pytest.raises(NotIdentifiableError, match="no network of nets reached its criterion"):
        run(("max_steps = 600", "max_steps = 20"), ("n_per_cell", "criterion = 0.999\nn_per_cell"))


def test_a_run_stops_when_its_budget_is_used_up(run):
    tight = ("[task.two]", "[budget]\ncore_hours = 1e-9\n\n[task.two]")
    with pytest.raises(ReprcompareError, match="core hours is used up with 3 networks of 'nets'"):
        run(tight)


def test_recordings_say_what_they_are(run):
    done = run()
    recording = open_recording(done.folder / "recordings" / "nets.0.nc")
    assert recording.attrs["kind"] == "network"
    assert recording.complexity.values.tolist() == [1, 1]
    assert sorted(set(recording.region.values)) == ["hidden1", "hidden2"]
    assert recording.sizes["presentation"] == 48


def test_code_named_by_a_protocol_is_not_imported_unasked(run):
    own = ('kind = "mlp"\nhidden = [24, 12]', 'kind = "import"\nobject = "os:system"')
    with pytest.raises(ProtocolError, match="--allow-import"):
        run(own)


def test_another_number_in_a_stack_gives_the_same_networks(run, write, tmp_path):
    run()
    alone = run_protocol(
        write(("n_networks = 3", "n_networks = 2")),
        tmp_path / "alone",
        cache=tmp_path / "other",
        progress=False,
    )
    one = open_recording(tmp_path / "out" / "recordings" / "nets.0.nc")
    other = open_recording(alone.folder / "recordings" / "nets.0.nc")
    assert abs(one.activity.values - other.activity.values).max() < 1e-3


def test_a_layer_that_does_not_exist_is_said_before_anything_is_trained(run, monkeypatch):
    monkeypatch.setattr(making, "train", lambda *_, **__: pytest.fail("trained for nothing"))
    with pytest.raises(
        ProtocolError, match=r"recording\.nets\.layers: no layer 'hiden1'.*'hidden1'"
    ):
        run(('layers = ["hidden1"', 'layers = ["hiden1"'))
    with pytest.raises(ProtocolError, match=r"network\.mlp: no activation 'rel'; did you mean"):
        run(('kind = "mlp"', 'kind = "mlp"\nactivation = "rel"'))

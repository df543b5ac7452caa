import json

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from rsatoolbox.rdm import RDMs

from reprcompare.cli import main
from reprcompare.recording import (
    build_recording,
    open_recording,
    save_recording,
    stimulus_set,
)
from reprcompare.sessions import record


@pytest.fixture
def call(capsys):
    """Run the command line; returns exit status, stdout and stderr."""

    def run(*arguments):
        try:
            main([str(item) for item in arguments])
            status = 0
        except SystemExit as error:
            status = error.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def file(recording, tmp_path):
    return save_recording(recording, tmp_path / "it.nc")


def test_a_recording_is_audited_into_a_folder(call, file, tmp_path):
    status, out, err = call("audit", file, "--out", tmp_path / "audit", "--permutations", 10)
    assert status == 0
    assert "share" in out
    assert "report.html" in err
    table = pd.read_csv(tmp_path / "audit" / "audit.csv")
    assert len(table) == 8
    assert "Bias audit" in (tmp_path / "audit" / "report.html").read_text()


def test_labels_can_come_from_a_table(call, file, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,big\n" + "".join(f"s{i},{i % 2}\n" for i in range(6)))
    status, out, _ = call("audit", file, "--labels", labels, "--permutations", 0, "--json")
    assert status == 0
    assert {row["feature"] for row in json.loads(out)} == {"big"}


def test_a_comparison_is_corrected(call, file, tmp_path):
    other = tmp_path / "other.nc"
    save_recording(open_recording(file).load(), other)
    status, out, _ = call(
        "compare", other, file, "--bootstrap", 10, "--correct", "whitened", "--out", tmp_path / "c"
    )
    assert status == 0
    assert "whitened" in out
    assert (tmp_path / "c" / "corrected.csv").is_file()


def test_a_recording_is_compared_with_a_brain(call, file, tmp_path):
    other = save_recording(open_recording(file).load(), tmp_path / "net.nc")
    status, out, _ = call("compare", other, file, "--bootstrap", 50, "--out", tmp_path / "c")
    assert status == 0
    assert "noise ceiling" in out
    assert (tmp_path / "c" / "pairs.csv").is_file()


def test_a_model_is_fitted_to_a_table(call, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"subject": np.repeat(list("abcdefgh"), 6), "x": np.tile(range(6), 8)})
    table["y"] = table.x + rng.standard_normal(48) + np.repeat(rng.standard_normal(8), 6)
    table.to_csv(tmp_path / "t.csv", index=False)
    status, out, _ = call("model", "y ~ x + (1|subject)", tmp_path / "t.csv", "--json")
    assert status == 0
    assert json.loads(out)[1]["estimate"] == pytest.approx(1, abs=0.3)


def test_a_network_is_recorded_on_a_folder_of_images(call, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"image{i}.png")
    status, out, _ = call(
        "record", "pixels", "--stimuli", folder, "--layers", "grid", "--out", tmp_path / "p.nc"
    )
    assert status == 0
    assert "3 presentations x 3072 neuroids" in out
    recording = open_recording(tmp_path / "p.nc")
    assert recording.subject.values[0] == "pixels"


def test_a_valid_file_is_confirmed_and_a_damaged_one_refused(call, file, tmp_path):
    assert call("validate", file)[0] == 0
    broken = tmp_path / "broken.nc"
    broken.write_bytes(file.read_bytes()[:2000])
    status, _, err = call("validate", broken)
    assert status == 1
    assert err.count("\n") == 1
    assert "cut off or damaged" in err


def test_a_changed_value_is_found_by_its_checksum(call, file):
    with netCDF4.Dataset(file, "a") as opened:
        opened["activity"][0, 0] += 1
    status, _, err = call("validate", file)
    assert status == 1
    assert "activity differ from the checksums" in err


def test_a_recording_is_shown_and_two_are_told_apart(call, file, recording, tmp_path):
    other = save_recording(recording.isel(presentation=slice(0, 5)), tmp_path / "other.nc")
    status, out, _ = call("show", file)
    assert status == 0
    assert "V4" in out
    assert json.loads(call("show", file, "--json")[1])["regions"] == {"V4": 4, "IT": 4}
    assert call("why", file, file)[1] == "They do not differ.\n"
    assert "s5" in call("why", file, other)[1]


def test_the_catalogue_is_listed(call):
    status, out, _ = call("data", "list")
    assert status == 0
    assert "kriegeskorte2008" in out


def test_a_table_of_another_format_becomes_a_recording(call, tmp_path):
    rows = pd.DataFrame(
        np.random.default_rng(0).standard_normal((4, 3)), columns=["n1", "n2", "n3"]
    )
    rows.insert(0, "stimulus_id", list("abcd"))
    rows.to_csv(tmp_path / "rates.csv", index=False)
    call("data", "import", tmp_path / "rates.csv", "--out", tmp_path / "rates.nc")
    assert open_recording(tmp_path / "rates.nc").sizes["neuroid"] == 3


def test_all_that_is_known_of_a_data_set_is_printed(call):
    status, out, _ = call("data", "list", "kriegeskorte2008")
    assert status == 0
    assert "sha256" in out
    assert json.loads(call("data", "list", "nsd", "--json")[1])["files"] == []


def test_names_labels_and_options_of_the_reader_are_given_on_the_command_line(call, tmp_path):
    rows = pd.DataFrame({"picture": list("abab"), "age": 3, "u_1": range(4), "u_2": 1.5})
    rows.to_csv(tmp_path / "it.csv", index=False)
    pd.DataFrame({"id": ["a", "b"], "animate": [1, 0]}).to_csv(tmp_path / "l.csv", index=False)
    source = ("data", "import", tmp_path / "it.csv", "--stimulus", "picture")
    names = ("--region", "IT", "--subject", "m", "--option", "neuroids=u_*")
    out = ("--out", tmp_path / "it.nc", "--overwrite")
    status, _, err = call(*source, *names, "--labels", tmp_path / "l.csv", *out)
    assert (status, err) == (0, "")
    recording = open_recording(tmp_path / "it.nc")
    assert recording.stimulus_id.values.tolist() == list("abab")
    assert set(recording.region.values) == {"IT"}
    assert recording.neuroid_id.values.tolist() == ["u_1", "u_2"]
    assert recording.label.values.ravel().tolist() == [1, 0, 1, 0]
    status, _, err = call(*source, *names, "--label", "age", *out)
    assert (status, err) == (0, "")
    for wrong, code, said in (
        (("--option", "neuroid=u_*"), 1, "did you mean 'neuroids'"),
        (("--option", "neuroids"), 2, "expected NAME=VALUE"),
        (("--option", "window=1:2"), 2, "use --window"),
        (("--label", "age", "--labels", tmp_path / "l.csv"), 2, "not both"),
        (("--label", "ages"), 1, "did you mean 'age'"),
    ):
        status, _, err = call(*source, *wrong, *out)
        assert status == code
        assert said in err


def test_numbers_among_options_are_understood(call, tmp_path):
    mne = pytest.importorskip("mne")
    epochs = mne.EpochsArray(
        np.random.default_rng(0).normal(size=(3, 2, 40)),
        mne.create_info(2, 100.0, "eeg"),
        metadata=pd.DataFrame({"image": list("abc")}),
        verbose="error",
    )
    epochs.save(tmp_path / "x-epo.fif", verbose="error")
    imported = ("data", "import", tmp_path / "x-epo.fif", "--out", tmp_path / "x.nc")
    status, _, err = call(*imported, "--window", "0:200", "--option", "bin-width=50")
    assert (status, err) == (0, "")
    assert open_recording(tmp_path / "x.nc").sizes["time_bin"] == 4
    status, _, err = call(*imported, "--overwrite", "--option", "bin_width=wide")
    assert status == 1
    assert "bin_width is 'wide', expected float" in err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("adit", "x.nc"), 2, "no command 'adit'; did you mean 'audit'?"),
        (("audit",), 2, "Missing argument"),
        (("audit", "nothing.nc"), 1, "nothing.nc"),
        (("run", "complexety"), 1, "did you mean 'complexity'?"),
        (("record", "resnet", "--stimuli", "x", "--out", "y.nc"), 1, "no network 'resnet'"),
        (("record", "pixels", "--stimuli", "x/", "--out", "y.nc"), 1, "x/ does not exist"),
        (
            ("record", "pixels", "--stimuli", "x", "--out", "y.nc"),
            1,
            "there is no folder x, and no",
        ),
        (("data", "fetch", "nsd"), 1, "load the files with reprcompare data import"),
        (
            ("record", "pixels", "--weights", "DEFAULT", "--stimuli", "x", "--out", "y.nc"),
            1,
            "no trained weights come with 'pixels'",
        ),
        (("audit", "x.nc", "--labels", "nothing.csv"), 2, "'nothing.csv' does not exist"),
        (("report", "nothing"), 1, "nothing is no folder"),
        (("record", "os:system", "--stimuli", "x", "--out", "y.nc"), 1, "--allow-import"),
        (("data", "fetch", "kriegeskorte"), 1, "did you mean 'kriegeskorte2008'"),
        (("data", "import", "a.nc", "--out", "b.nc", "--window", "70"), 2, "START:END in ms"),
    ],
)
def test_mistakes_get_one_sentence_and_the_right_status(call, arguments, status, message):
    found, out, err = call(*arguments)
    assert found == status
    assert message in err
    assert "Traceback" not in err + out


def test_messages_name_the_options_of_the_command_line(call, file, tmp_path):
    given = ("data", "import", file, "--out", file)
    status, _, err = call(*given)
    assert status == 1
    assert "pass --overwrite to replace it" in err
    plain = tmp_path / "plain.csv"
    plain.write_text("stimulus_id,n1,n2\na,1,2\nb,2,1\n")
    bare = tmp_path / "bare.nc"
    assert call("data", "import", plain, "--out", bare)[0] == 0
    status, _, err = call("audit", bare)
    assert status == 1
    assert "give --labels," in err


def test_options_of_another_command_are_named_with_it(call, file, tmp_path):
    plain = tmp_path / "plain.csv"
    plain.write_text("n1,n2\n1,2\n2,1\n")
    err = call("compare", plain, file)[2]
    assert "--stimulus of reprcompare data import" in err
    assert "--labels of" not in err


def test_names_of_the_catalogue_are_taken_where_files_are(call, monkeypatch):
    status, _, err = call("show", "kriegeskort")
    assert status == 1
    assert "kriegeskorte2008" in err
    rdms = RDMs(
        np.ones((2, 3)),
        descriptors={"identifier": "published"},
        pattern_descriptors={"stimulus_id": list("abc")},
        rdm_descriptors={"subject": ["p", "q"], "region": ["IT", "IT"]},
    )
    monkeypatch.setattr("reprcompare.load_brain", lambda name: rdms)
    status, out, _ = call("show", "published")
    assert status == 0
    assert "p, q" in out
    assert json.loads(call("show", "published", "--json")[1])["stimuli"] == 3
    assert "2 RDMs" in call("validate", "published")[1]
    assert "reprcompare compare" in call("why", "published", "published")[2]


def test_two_files_of_one_name_stay_two_models(call, file, tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        save_recording(open_recording(file).load(), tmp_path / folder / "net.nc")
    nets = [tmp_path / folder / "net.nc" for folder in "ab"]
    status, out, _ = call("compare", *nets, file, "--bootstrap", 0, "--json")
    assert status == 0
    assert {row["model"] for row in json.loads(out)} == {str(net) for net in nets}
    assert "named twice" in call("compare", nets[0], nets[0], file)[2]


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(call, file, tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("")
    monkeypatch.setattr("reprcompare.audit", lambda *_, **__: pytest.fail("worked for nothing"))
    status, _, err = call("audit", file, "--out", tmp_path / "taken" / "audit")
    assert status == 2
    assert "cannot be made" in err


def test_a_fault_of_the_program_is_one_sentence_and_a_traceback_with_debug(call, file, monkeypatch):
    def broken(*_, **__):
        raise KeyError("inside")

    monkeypatch.setattr("reprcompare.audit", broken)
    status, _, err = call("audit", file)
    assert status == 1
    assert "unexpected KeyError" in err
    assert err.count("\n") == 1
    with pytest.raises(KeyError):
        call("--debug", "audit", file)


def test_a_table_for_people_leaves_out_what_says_nothing(call, file):
    out = call("audit", file, "--permutations", 0)[1]
    assert "behavioural_relevance" not in out.splitlines()[0]
    assert (
        "behavioural_relevance"
        in json.loads(call("audit", file, "--permutations", 0, "--json")[1])[0]
    )


def test_every_command_explains_itself_in_a_line(call):
    out = call("--help")[1]
    assert out.startswith("Usage: reprcompare")
    assert "..." not in out.partition("Commands:")[2]


def test_recording_again_says_that_it_was_finished(call, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name in "ab":
        Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(images / f"{name}.png")
    given = ("record", "pixels", "--stimuli", images, "--out", tmp_path / "p.nc")
    assert "finished before" not in call(*given)[1]
    assert "finished before by the same session" in call(*given)[1]


def test_shards_are_named_and_all_of_them_or_none_can_be_recorded(call, tmp_path):
    (tmp_path / "images").mkdir()
    for name in "abcd":
        Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / f"images/{name}.png")
    given = ("record", "pixels", "--stimuli", tmp_path / "images", "--out", tmp_path / "p.nc")
    for number in (0, 2):
        assert "too few for 3 shards" in call(*given, "--shard", f"{number}/3")[2]
    for number in (0, 1):
        said = call(*given, "--shard", f"{number}/2", "--batch-size", 2)[1]
        assert f"p.shard-{number}-of-2.nc: 2 presentations" in said
    assert "4 presentations" in call("join", tmp_path / "p.nc")[1]


@pytest.fixture
def predicted(tmp_path):
    """Files of a network and of a brain that is linear in it, and a table of labels."""
    random = np.random.default_rng(0)
    ids = [f"s{k}" for k in range(40)]
    patterns = random.standard_normal((40, 5))
    net = build_recording(patterns, stimulus_id=ids, region=["a"] * 2 + ["b"] * 3, subject="n")
    brain = build_recording(patterns[:, 2:], stimulus_id=ids, region="IT", subject="m")
    labels = tmp_path / "labels.csv"
    pd.DataFrame({"id": ids, "big": np.arange(40) % 2}).to_csv(labels, index=False)
    files = [
        save_recording(item, tmp_path / f"{name}.nc")
        for name, item in {"net": net, "it": brain}.items()
    ]
    return *files, labels


def test_a_brain_is_predicted_from_the_layers_of_a_network(call, predicted, tmp_path):
    net, it, _ = predicted
    status, out, _ = call("encode", net, it, "--out", tmp_path / "e", "--bootstrap", 20)
    assert status == 0
    assert "chosen in training rows" in out
    assert "note: There is no noise ceiling" in out
    table = pd.read_csv(tmp_path / "e" / "encoding.csv")
    assert table[table.predictor == "b"].r.min() > 0.9
    assert "Encoding models" in (tmp_path / "e" / "report.html").read_text()


def test_variance_is_partitioned_between_a_network_and_labels(call, predicted):
    net, it, labels = predicted
    given = ("encode", net, it, "--labels", labels, "--partition", "--bootstrap", 10)
    status, out, _ = call(*given, "--model", "ridge")
    assert status == 0
    assert "net + big" in out
    assert call("encode", it)[0] == 2
    assert "whole numbers such as 1,2,3" in call("encode", net, it, "--delays", "x")[2]
    assert "did you mean 'ridge'" in call("encode", net, it, "--model", "rigde")[2]


def test_predicting_files_of_one_name_are_told_apart_and_wrong_places_said(
    call, predicted, tmp_path
):
    net, it, _ = predicted
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "net.nc"
    copy.write_bytes(net.read_bytes())
    status, out, _ = call("encode", net, copy, it, "--together", "--bootstrap", 5)
    assert status == 0
    assert f"{net} + {copy}" in out
    (tmp_path / "file").touch()
    status, _, said = call("encode", net, it, "--bootstrap", 5, "--out", tmp_path / "file" / "x")
    assert status != 0
    assert "cannot be made" in said
    status, out, said = call("encode", it, it, "--bootstrap", 5, "--json")
    assert out.startswith("[{")
    assert "note: 'b' has" in said or "of the neuroids that it predicts" in said


TOY = """
import torch
from torch import nn

def network():
    made = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))
    for layer in (made[0], made[2]):
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
    return made
"""


def test_roles_are_measured_and_stored(call, tmp_path, monkeypatch):
    (tmp_path / "toy_network.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    bits = np.array(np.meshgrid(*[[-1, 1]] * 6), dtype=np.float32).reshape(6, -1).T
    ids = [f"s{number}" for number in range(64)]

    def saved(name, inputs, names, **coords):
        labels = pd.DataFrame((inputs[:, :2] > 0).astype(int), names, ["first", "second"])
        made = stimulus_set(inputs, stimulus_ids=names, labels=labels).assign_coords(coords)
        made.to_netcdf(tmp_path / name)
        return tmp_path / name

    stimuli = saved("stimuli.nc", bits, ids)
    flipped = bits * np.array([-1, 1, 1, 1, 1, 1], np.float32)
    of = ("presentation", ids)
    other = saved("other.nc", flipped, [f"{name}~" for name in ids], counterfactual_of=of)
    import toy_network

    recording = tmp_path / "toy.nc"
    shown = xr.load_dataset(stimuli)
    record(toy_network.network(), shown, layers=["1"], path=recording, outputs="logits").close()
    common = ["role", "toy_network:network", recording, "--stimuli", stimuli]
    status, _, err = call(*common, "--counterfactual", f"first={other}")
    assert status == 1
    assert "--allow-import" in err
    status, out, err = call(
        *common, "--counterfactual", f"first={other}", "--response", "first", "--response",
        "second", "--allow-import", "--out", tmp_path / "role.nc", "--json",
    )  # fmt: skip
    assert (status, err) == (0, "")
    (row,) = json.loads(out)
    assert row["feature"] == "first"
    assert row["role"] == pytest.approx(1, abs=0.01)
    assert "role" in call("audit", tmp_path / "role.nc", "--permutations", 0)[1]
    status, _, err = call(*common, "--counterfactual", "first", "--allow-import")
    assert status == 2
    assert "expected FEATURE=STIMULI" in err

import numpy as np
import pandas as pd
import pytest

from reprcompare.brains.assembling import Naming
from reprcompare.brains.tables import read_numpy, read_table
from reprcompare.errors import InvalidInputError, InvalidRecordingError, UnknownNameError
from reprcompare.measurement import average
from reprcompare.recording import label_table

RESPONSES = np.random.default_rng(0).normal(size=(6, 3))
WIDE = pd.DataFrame(RESPONSES, columns=["u1", "u2", "u3"]).assign(
    stimulus_id=["b", "a", "c"] * 2, run=[1] * 3 + [2] * 3, kind=["dog", "cat", "car"] * 2
)


def tidy():
    table = WIDE.melt(["stimulus_id", "run", "kind"], var_name="unit", value_name="response")
    return table.assign(area=table["unit"].map({"u1": "V4", "u2": "IT", "u3": "IT"}))


def check(recording):
    np.testing.assert_allclose(recording.activity, RESPONSES, rtol=1e-6)
    assert recording.stimulus_id.values.tolist() == ["b", "a", "c"] * 2
    assert recording.run.values.tolist() == ["1"] * 3 + ["2"] * 3
    assert recording.neuroid_id.values.tolist() == ["u1", "u2", "u3"]
    assert recording.attrs["identifier"] == "it"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("form", ["wide", "tidy"])
def test_wide_and_tidy_tables_give_the_same_recording(suffix, form, tmp_path):
    table, path = WIDE if form == "wide" else tidy(), tmp_path / f"it{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    recording = read_table(path, Naming(labels=["kind"]))
    check(recording)
    assert label_table(recording)["kind"].astype(str)["a"] == "cat"
    expected = ["V4", "IT", "IT"] if form == "tidy" else ["unknown"] * 3
    assert recording.region.values.tolist() == expected


def test_rows_of_a_tidy_table_may_come_in_any_order(tmp_path):
    mixed = tidy().sample(frac=1, random_state=1)
    mixed.to_csv(tmp_path / "it.csv", index=False)
    recording = read_table(tmp_path / "it.csv")
    for row in mixed.itertuples():
        place = (recording.stimulus_id == row.stimulus_id) & (recording.run == str(row.run))
        value = recording.activity[place.values, recording.neuroid_id.values == row.unit]
        assert float(value.item()) == pytest.approx(row.response, rel=1e-5)


def test_a_response_that_is_missing_from_a_tidy_table_is_missing(tmp_path):
    tidy().iloc[1:].to_csv(tmp_path / "it.csv", index=False)
    assert np.isnan(read_table(tmp_path / "it.csv").activity).sum() == 1


def test_columns_of_neuroids_can_be_named_by_a_pattern(tmp_path):
    WIDE.assign(age=3.0).to_csv(tmp_path / "it.csv", index=False)
    recording = read_table(tmp_path / "it.csv", neuroids="u*")
    check(recording)
    assert recording.age.values.tolist() == [3.0] * 6


def test_an_index_and_counters_are_not_taken_for_neuroids(tmp_path):
    WIDE.assign(onset=1.5, trial=range(6)).to_csv(tmp_path / "it.csv")  # with a nameless index
    recording = read_table(tmp_path / "it.csv")
    check(recording)
    assert recording.trial.values.tolist() == list(range(6))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a readable table"),
        ("stimulus_id,u1\n", "holds no rows"),
        ("stimulus_id,u1\na,\nb,\n", "hold no values at all"),
        ("u1,u2\n1,2\n", "nothing tells which stimulus"),
        ("stimulus_id,note\na,b\n", "no column holds the responses"),
        ("stimulus_id,u1\na,1\nb,2,3,4\n", "not a readable table"),
        ("stimulus_id,unit,response\na,u,1\na,u,2\n", "nothing tells apart"),
    ],
)
def test_empty_unlabelled_and_contradictory_tables_get_a_sentence(content, said, tmp_path):
    (tmp_path / "it.csv").write_text(content)
    with pytest.raises(InvalidInputError, match=said):
        read_table(tmp_path / "it.csv")


def test_a_damaged_parquet_file_gets_a_sentence(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "it.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InvalidInputError, match="not a readable Parquet file"):
        read_table(tmp_path / "it.parquet")


def test_numpy_arrays_come_with_given_labels(tmp_path):
    np.save(tmp_path / "it.npy", RESPONSES)
    recording = read_numpy(
        tmp_path / "it.npy", Naming(region="IT", subject="m"), stimulus_ids=list("abcabc")
    )
    np.testing.assert_allclose(recording.activity, RESPONSES, rtol=1e-6)
    assert recording.repetition.values.tolist() == [0, 0, 0, 1, 1, 1]
    with pytest.raises(InvalidInputError, match="4 stimulus_ids were given for 6"):
        read_numpy(tmp_path / "it.npy", stimulus_ids=list("abca"))
    with pytest.raises(InvalidInputError, match="nothing tells which stimulus"):
        read_numpy(tmp_path / "it.npy")


def test_stimulus_ids_may_stand_in_a_text_file(tmp_path):
    np.save(tmp_path / "it.npy", RESPONSES)
    (tmp_path / "ids.txt").write_text("\n".join("abcabc") + "\n")
    recording = read_numpy(tmp_path / "it.npy", stimulus_ids=tmp_path / "ids.txt")
    assert recording.stimulus_id.values.tolist() == list("abcabc")
    with pytest.raises(InvalidInputError, match="no such file; expected names, or a text"):
        read_numpy(tmp_path / "it.npy", stimulus_ids=tmp_path / "none.txt")


def test_a_large_array_stays_in_its_file(tmp_path):
    """Eight hundred megabytes that take no room on disk."""
    shape = (2_000, 100_000)
    array = np.lib.format.open_memmap(tmp_path / "it.npy", "w+", np.float32, shape)
    array[7, 99_999] = 3.0
    del array
    recording = read_numpy(
        tmp_path / "it.npy", stimulus_ids=[f"s{i % 1_000}" for i in range(2_000)]
    )
    part = recording.isel(neuroid=slice(99_990, None))
    assert not part.activity.variable._in_memory
    assert average(part).activity.values[7].tolist() == [0.0] * 9 + [1.5]


def test_an_archive_carries_its_labels(tmp_path):
    np.savez(
        tmp_path / "it.npz",
        activity=RESPONSES,
        stimulus_id=WIDE["stimulus_id"].to_numpy(dtype=str),
        run=WIDE["run"],
        unit=np.array(["u1", "u2", "u3"]),
        settings=np.zeros((2, 2)),
    )
    check(read_numpy(tmp_path / "it.npz"))


def test_archives_that_contradict_themselves_get_a_sentence(tmp_path):
    np.savez(tmp_path / "it.npz", activity=RESPONSES, stimulus_id=list("abcd"))
    with pytest.raises(InvalidInputError, match=r"'stimulus_id' has 4 values beside .* 6 pres"):
        read_numpy(tmp_path / "it.npz")
    np.savez(
        tmp_path / "it.npz", activity=RESPONSES, stimulus_id=list("aabbcc"), repetition=np.zeros(6)
    )
    with pytest.raises(InvalidRecordingError, match=r"it\.npz is no valid recording: .*must name"):
        read_numpy(tmp_path / "it.npz")


def test_labels_of_a_square_matrix_are_told_by_their_names(tmp_path):
    np.savez(
        tmp_path / "it.npz", activity=np.eye(2), stimulus=np.array(["a", "b"]), area=["V4", "IT"]
    )
    recording = read_numpy(tmp_path / "it.npz")
    assert recording.region.values.tolist() == ["V4", "IT"]
    assert recording.stimulus_id.values.tolist() == ["a", "b"]


def test_what_is_no_array_of_responses_gets_a_sentence(tmp_path):
    np.savez(tmp_path / "other.npz", response=RESPONSES)
    with pytest.raises(UnknownNameError, match="no array of responses 'activity'"):
        read_numpy(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", activity=np.array([{}, []], dtype=object))
    with pytest.raises(InvalidInputError, match="could run code"):
        read_numpy(tmp_path / "objects.npz")
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    with pytest.raises(InvalidInputError, match=r"shape \(2, 2, 2\)"):
        read_numpy(tmp_path / "cube.npy", stimulus_ids=["a", "b"])
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cube.npy").read_bytes()[:100])
    with pytest.raises(InvalidInputError, match="not a readable NumPy file"):
        read_numpy(tmp_path / "cut.npy")

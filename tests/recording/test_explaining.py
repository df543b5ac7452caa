"""Why two recordings differ is said in the order in which it matters."""

import json

import numpy as np
import pandas as pd
import pytest

from reprcompare.recording import build_recording, save_recording
from reprcompare.recording.explaining import describe, describe_text, why

VALUES = np.random.default_rng(0).standard_normal((4, 5))


def recording(values=VALUES, ids="abcd", regions=("V4", "V4", "IT", "IT", "IT"), **options):
    session = {"class": "torch.Net", "weights_sha256": "1" * 64, "seed": 0}
    session |= options.pop("session", {})
    return build_recording(
        values, stimulus_id=list(ids), region=list(regions), subject="m", identifier="it",
        provenance={"session": session, "batch_size": 32, "versions": {"torch": "2.2"}}, **options,
    )  # fmt: skip


def parts(first, second):
    return [difference.part for difference in why(first, second)]


def test_nothing_differs_from_itself():
    assert why(recording(), recording()) == []


def test_other_weights_and_values_are_found():
    shifted = VALUES.copy()
    shifted[:, :2] = 2 * shifted[:, :2] + 1
    found = why(recording(), recording(shifted, session={"weights_sha256": "2" * 64}))
    assert [d.part for d in found] == ["weights_sha256", "activity in V4"]
    assert found[0].meaning == "the networks have different weights"
    a, b = VALUES[:, :2].astype(np.float32), shifted[:, :2].astype(np.float32)
    assert found[1].first == f"largest difference {np.abs(a - b).max():.3g}"
    assert found[1].second == "correlation 1.000000"


def test_another_order_has_no_effect_and_is_said_so():
    (difference,) = why(recording(), recording(VALUES[::-1], ids="dcba"))
    assert "another order" in difference.meaning


def test_neuroids_in_another_order_are_joined_by_name():
    assert why(recording(), recording().isel(neuroid=[1, 0, 4, 3, 2])) == []


def test_other_stimuli_and_regions_are_counted():
    other = recording(ids="abce", regions=("V4", "V4", "IT", "IT", "PIT"))
    found = {difference.part: difference for difference in why(recording(), other)}
    assert found["stimulus_id"].meaning == "they share 3 stimuli, not all"
    assert "PIT" in found["region"].second
    assert (found["neuroids in IT"].first, found["neuroids in IT"].second) == ("3", "2")


def test_other_content_of_a_stimulus_is_named():
    one = recording(presentation={"stimulus_crc32": np.array([1, 2, 3, 4], np.uint32)})
    other = recording(presentation={"stimulus_crc32": np.array([1, 2, 9, 4], np.uint32)})
    (difference,) = why(one, other)
    assert difference.first == "c"


def test_other_labels_are_named():
    table = pd.DataFrame({"kind": list("xyxy")}, index=list("abcd"))
    changed = table.copy()
    changed.loc["b", "kind"] = "x"
    (difference,) = why(recording(labels=table), recording(labels=changed))
    assert (difference.part, difference.first) == ("label kind", "b")
    assert parts(recording(labels=table), recording()) == ["label"]


def test_versions_come_last():
    other = recording(VALUES + 1)
    provenance = json.loads(other.attrs["provenance"]) | {"versions": {"torch": "2.3"}}
    other.attrs["provenance"] = json.dumps(provenance)
    assert parts(recording(), other) == ["activity in V4", "activity in IT", "torch"]


def test_nan_in_one_of_them_is_an_infinite_difference():
    holes = VALUES.copy()
    holes[0, 0] = np.nan
    (difference,) = why(recording(), recording(holes))
    assert difference.first == "largest difference inf"


@pytest.mark.parametrize("as_file", [False, True])
def test_a_recording_is_described(tmp_path, as_file):
    given = recording()
    if as_file:
        given = save_recording(given, tmp_path / "it.nc")
    found = describe(given)
    assert found["regions"] == {"V4": 2, "IT": 3}
    assert found["sizes"] == {"presentation": 4, "neuroid": 5}
    assert found["class"] == "torch.Net"
    assert json.loads(json.dumps(found)) == found
    assert "regions       V4 2, IT 3" in describe_text(given)
    assert ("bytes" in found) is as_file

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError, LabelMismatchError, UnknownNameError
from reprcompare.recording import (
    build_recording,
    common_stimuli,
    concat,
    labels_of,
    match_labels,
    open_recording,
    save_recording,
    select,
)


def test_select_by_region_subject_and_any_label(recording):
    part = select(recording, region="IT", subject="m2")
    assert part.neuroid_id.values.tolist() == ["m2.IT.0", "m2.IT.1"]
    assert select(recording, stimulus_id=["s5", "s1"]).stimulus_id.values.tolist() == ["s1", "s5"]


def test_select_takes_patterns(recording):
    assert select(recording, region="*T").sizes["neuroid"] == 4


def test_an_unknown_region_gets_the_nearest_name(recording):
    with pytest.raises(UnknownNameError, match="no region 'ITT' in six stimuli; did you mean 'IT'"):
        select(recording, region="ITT")
    with pytest.raises(UnknownNameError, match="no coordinate 'regoin'.*did you mean 'region'"):
        select(recording, regoin="IT")


def test_select_keeps_a_lazy_recording_lazy(recording, tmp_path):
    opened = open_recording(save_recording(recording, tmp_path / "it.nc"))
    part = select(opened, region="V4")
    assert not part["activity"].variable._in_memory
    np.testing.assert_array_equal(part.activity, recording.activity[:, [0, 1, 4, 5]])


def test_what_is_stored_by_subject_is_selected_too(recording):
    stored = recording.assign_coords(by_subject=["m1", "m2"]).assign(
        prevalence=(("by_subject", "feature"), [[0.1, 0.2], [0.3, 0.4]])
    )
    assert select(stored, subject="m2").prevalence.values.tolist() == [[0.3, 0.4]]


def test_neuroids_are_joined_by_stimulus_not_by_position(recording):
    left = select(recording, subject="m1")
    right = select(recording, subject="m2").isel(presentation=[5, 3, 1, 0, 2, 4])
    joined = concat([left, right], dim="neuroid")
    xr.testing.assert_equal(joined.activity, recording.activity)
    xr.testing.assert_equal(joined.label, recording.label)


def test_presentations_are_joined_by_neuroid(recording):
    later = recording.isel(presentation=slice(3, 6), neuroid=slice(None, None, -1))
    joined = concat([recording.isel(presentation=slice(0, 3)), later], dim="presentation")
    xr.testing.assert_equal(joined.activity, recording.activity)


def test_what_is_stored_by_subject_is_joined_by_subject(recording):
    parts = [
        select(recording, subject=name)
        .assign_coords(by_subject=[name], note=("presentation", np.full(6, number)))
        .assign(
            output=(("presentation", "by_subject", "response"), np.full((6, 1, 1), number)),
            prevalence=(("by_subject", "feature"), [[number, number]]),
        )
        for number, name in enumerate(["m1", "m2"])
    ]
    joined = concat(parts, dim="neuroid")
    assert joined.output.sel(by_subject="m2").values.ravel().tolist() == [1] * 6
    assert joined.prevalence.values.tolist() == [[0, 0], [1, 1]]
    assert "note" not in joined.coords
    xr.testing.assert_equal(joined.label, recording.label)


def test_contradictory_labels_are_not_joined(recording):
    other = select(recording, subject="m2").copy(deep=True)
    other["label"][0, 0] = 5
    with pytest.raises(LabelMismatchError, match="another 'label' than the first"):
        concat([select(recording, subject="m1"), other], dim="neuroid")


def test_a_mismatch_names_the_first_labels_that_differ(recording):
    other = recording.isel(presentation=slice(0, 5))
    with pytest.raises(LabelMismatchError, match=r"1 labels of the first are missing.*s5"):
        concat([recording, other], dim="neuroid")


def test_one_recording_given_twice_is_not_two(recording):
    for dim in ("neuroid", "presentation"):
        with pytest.raises(LabelMismatchError, match=f"{dim}s of one name occur in several"):
            concat([recording, recording], dim=dim)


def test_concat_on_another_dimension_is_refused(recording):
    with pytest.raises(InvalidInputError, match="'neuroid' or 'presentation'"):
        concat([recording], dim="time_bin")
    with pytest.raises(InvalidInputError, match="at least one"):
        concat([], dim="neuroid")


@given(st.permutations(range(12)))
def test_matching_restores_any_order(order):
    wanted = pd.Index([f"s{i}" for i in range(12)])
    shuffled = wanted[list(order)]
    assert shuffled[match_labels(shuffled, wanted)].equals(wanted)


def test_common_stimuli_are_in_the_order_of_the_first():
    ids, places = common_stimuli(["c", "a", "b"], ["a", "b", "d", "c"], ["b", "c"])
    assert ids.tolist() == ["c", "b"]
    assert [p.tolist() for p in places] == [[0, 2], [3, 1], [1, 0]]


def test_nothing_in_common_shows_both_sides():
    with pytest.raises(LabelMismatchError, match="object 1 has a; object 2 has b"):
        common_stimuli(["a"], ["b"])
    with pytest.raises(LabelMismatchError, match="repeats stimulus ids: a"):
        common_stimuli(["a", "a"], ["a"])


def test_regions_come_in_order_of_appearance():
    wide = build_recording(np.zeros((1, 3)), stimulus_id=["a"], region=["z", "a", "z"], subject="s")
    assert labels_of(wide, "region") == ["z", "a"]


def test_coordinates_that_only_some_have_are_left_out_but_names_of_presentations_are_needed(
    recording,
):
    first, second = (select(recording, subject=name) for name in ("m1", "m2"))
    depth = first.assign_coords(depth=("neuroid", np.arange(first.sizes["neuroid"])))
    assert "depth" not in concat([depth, second], dim="neuroid").coords
    later = recording.assign_coords(run=("presentation", np.full(6, "2")))
    with pytest.raises(LabelMismatchError, match="by 'run' and others do not"):
        concat([recording, later], dim="presentation")

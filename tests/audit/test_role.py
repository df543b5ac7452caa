"""The reading of role, and behavioural relevance where nothing was intervened on."""

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reprcompare.audit import audit, effect_table, relevance, roles
from reprcompare.errors import NotIdentifiableError
from reprcompare.recording import build_recording

TABLE = pd.DataFrame(
    list(itertools.product([0, 1], repeat=2)) * 8,
    columns=["asked", "other"],
    index=[f"s{i}" for i in range(32)],
)


def measured():
    """Two responses, the second of which reports 'asked'; region r2 was not intervened on."""
    rng = np.random.default_rng(0)
    recording = build_recording(
        rng.standard_normal((32, 6)), stimulus_id=TABLE.index, region=["r1"] * 3 + ["r2"] * 3,
        subject="n0", labels=TABLE, kind="network",
    )  # fmt: skip
    effects = np.array([[[[0.1, 0.9], [-0.3, 0.2]], [[np.nan] * 2] * 2]])
    dims = ("by_subject", "by_region", "feature", "response")
    return recording.assign(
        effect=xr.DataArray(effects, dims=dims, attrs={"notes": "a reason; another reason"}),
        effect_low=(dims, effects - 0.05),
        effect_high=(dims, effects + 0.05),
        effect_null=(dims, effects * 0),
    ).assign_coords(
        by_subject=["n0"], by_region=["r1", "r2"], response=["0", "1"],
        response_feature=("response", ["", "asked"]),
    )  # fmt: skip


def test_role_is_the_effect_on_the_response_that_reports_the_feature():
    found = roles(measured()).set_index("feature")
    assert found.loc["asked", ["role", "role_low", "role_high"]].tolist() == pytest.approx(
        [0.9, 0.85, 0.95]
    )


def test_what_no_response_reports_has_its_largest_effect():
    assert roles(measured()).set_index("feature").role["other"] == pytest.approx(-0.3)


def test_a_feature_of_several_levels_has_its_mean_effect():
    recording = measured().assign_coords(response_feature=("response", ["asked", "asked"]))
    assert roles(recording).set_index("feature").role["asked"] == pytest.approx(0.5)


def test_the_audit_holds_role_and_says_where_it_was_not_measured():
    found = audit(measured(), n_permutations=0)
    table = found.table.set_index(["region", "feature"])
    assert table.role["r1", "asked"] == pytest.approx(0.9)
    assert table.role_high["r1", "asked"] == pytest.approx(0.95)
    assert np.isnan(table.role["r2", "asked"])
    assert "The role of 'asked' was not measured in 1 regions." in found.notes
    assert "Role: another reason." in found.notes


def test_effects_are_a_tidy_table_with_what_each_response_reports():
    table = effect_table(measured())
    assert len(table) == 4
    assert table["reports"].tolist() == ["", "asked"] * 2
    with pytest.raises(NotIdentifiableError, match=r"measure it with reprcompare\.role"):
        effect_table(measured().drop_vars("effect"))


def brain(*, shared, n_repetitions=8, seed=0, stimulus=1.0):
    """Activity and choices follow the stimulus; their trial noise correlates by `shared`."""
    rng = np.random.default_rng(seed)
    ids = np.tile(TABLE.index, n_repetitions)
    labels = TABLE.loc[ids].to_numpy()
    noise, private = rng.standard_normal((2, len(ids)))
    axis = rng.standard_normal(5)
    signal = stimulus * (labels[:, 0] - 0.5) * 2
    activity = (signal + noise)[:, None] * axis + 0.5 * rng.standard_normal((len(ids), 5))
    choice = signal + shared * noise + np.sqrt(1 - shared**2) * private > 0
    recording = build_recording(
        activity, stimulus_id=ids, region="IT", subject="monkey", labels=TABLE,
        presentation={"repetition": np.repeat(np.arange(n_repetitions), 32)},
    )  # fmt: skip
    return recording.assign(
        output=(("presentation", "by_subject", "response"), choice[:, None, None].astype(float))
    ).assign_coords(
        by_subject=["monkey"], response=["choice"], response_feature=("response", ["asked"])
    )


def test_relevance_finds_noise_that_goes_with_choices():
    found = relevance(brain(shared=0.9), TABLE["asked"])
    assert found.low > 0.2


def test_relevance_is_zero_where_choices_follow_the_stimulus_alone():
    # Both depend strongly on the stimulus, so that they correlate by 0.7 over presentations.
    covered = [
        found.low < 0 < found.high
        for found in (relevance(brain(shared=0, seed=s), TABLE["asked"]) for s in range(60))
    ]
    assert 52 <= sum(covered) <= 60


def test_the_audit_calls_it_relevance_and_never_role():
    found = audit(brain(shared=0.9), n_permutations=0)
    row = found.table.set_index("feature").loc["asked"]
    assert row["behavioural_relevance_low"] > 0.2
    assert np.isnan(row["role"])
    assert any(note.startswith("Role was not measured") for note in found.notes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.drop_vars("output"), "there are no choices"),
        (lambda r: r.isel(presentation=slice(0, 32)), "no stimulus was shown twice"),
        (lambda r: r.assign(output=r["output"] * 0), "choices on a stimulus never differ"),
        (lambda r: r.assign_coords(response_feature=("response", ["other"])), "no single response"),
        (lambda r: r.isel(presentation=slice(0, 40)), "too few repetitions"),
    ],
)
def test_what_does_not_identify_relevance_is_said(change, reason):
    found = audit(change(brain(shared=0.9)), n_permutations=0)
    row = found.table.set_index("feature").loc["asked"]
    assert np.isnan(row["behavioural_relevance"])
    assert any(reason in note and "Behavioural relevance" in note for note in found.notes)

"""Where pairs end: correlations over pairs, and pairs that differ in one feature."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.recording import build_recording, label_table
from reprcompare.tasks import Feature, PointTask, VectorTask
from reprcompare.theory import (
    compare_features,
    end_state,
    ends_of,
    feature_pairs,
    pairs_of,
    predict_ends,
    ratio_of,
    rich_limit,
    structure,
)

TASK = PointTask(
    ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)),
    ((0, 0), (1, 0), (0, 1), (1, 1), (0, 1), (1, 1), (0, 0), (1, 0)),
)
"""An easy feature (the first unit) and a hard one (XOR of the others): every corner of a cube."""


def at_corners(start, end, outputs=(1.0, 1.0)):
    """A recording in which flipping unit i moves the representation by start[i], then end[i]."""
    stimuli = TASK.evaluation_set()
    x, labels = stimuli["stimulus"].values, stimuli["label"].values
    activity = np.stack([x * np.asarray(start) ** 0.5, x * np.asarray(end) ** 0.5])
    recording = build_recording(
        activity, stimulus_id=stimuli["stimulus_id"].values, region="hidden", subject="net-0",
        training_steps=[0, 1000], labels=label_table(stimuli), kind="network",
    )  # fmt: skip
    answers = np.stack([0.01 * labels, labels * np.asarray(outputs) ** 0.5])
    recording["output"] = (
        ("training_step", "presentation", "by_subject", "response"), answers[:, :, None],
    )  # fmt: skip
    return recording.assign_coords(
        by_subject=["net-0"], response_feature=("response", ["target1", "target2"])
    )


def test_the_ratio_leads_from_start_to_end():
    rng = np.random.default_rng(0)
    for h, y, dx2, dy2, ratio in rng.uniform(0.05, 2, (50, 5)):
        end = end_state(h, y, ratio=ratio, dx2=dx2, dy2=dy2)
        # Where the output began further apart than it ends, h shrinks and the ratio is still one.
        assert ratio_of(h, y, end, dx2=dx2, dy2=dy2) == pytest.approx(ratio, rel=1e-6)
    assert np.isnan(ratio_of(1.0, 0.1, 0.5, dx2=1.0, dy2=2.0))


def test_ends_are_the_first_and_the_last_checkpoint():
    recording = at_corners((0.1, 0.1, 0.1), (0.9, 0.4, 0.4))
    pairs = pairs_of(TASK.evaluation_set(), [("A", "B"), ("A", "C"), ("A", "H")])
    ends = ends_of(recording, pairs)
    np.testing.assert_allclose(ends["h_start"], [0.1, 0.1, 0.3], rtol=1e-5)
    np.testing.assert_allclose(ends["h_end"], [0.9, 0.4, 1.7], rtol=1e-5)
    np.testing.assert_allclose(ends["dy2"], [1, 1, 1])


def grid(seed, noise):
    """Pairs of several networks that end where the theory says, up to noise in log h."""
    rng = np.random.default_rng(seed)
    dx2, dy2 = (axis.ravel() for axis in np.meshgrid(np.linspace(0.3, 2, 5), np.linspace(0, 1, 5)))
    parts = []
    for number in range(6):
        h0 = 0.002 * dx2 * np.exp(rng.normal(size=25))
        end = end_state(h0, 1e-4, ratio=0.2, dx2=dx2, dy2=dy2) * np.exp(noise * rng.normal(size=25))
        parts.append(
            pd.DataFrame(
                {"subject": f"net-{number}", "dx2": dx2, "dy2": dy2, "h_start": h0,
                 "y_start": 1e-4, "h_end": end, "y_end": dy2}
            )
        )  # fmt: skip
    return pd.concat(parts)


def test_structure_is_found_where_it_is():
    table = structure(predict_ends(grid(0, 0.1), 0.2)).set_index("prediction")
    assert table.loc["end_state", "r"] > 0.95
    assert table.loc["end_state", "slope"] == pytest.approx(1, abs=0.1)
    assert table.loc["end_state", "r_low"] < table.loc["end_state", "r"]
    assert table.loc["start", "r_high"] < table.loc["rich_limit", "r_low"]
    assert set(table["n_units"]) == {6}


def test_intervals_of_the_correlation_cover_no_structure_at_the_nominal_rate():
    covered = []
    for seed in range(60):
        ends = predict_ends(grid(seed, 0.1), 0.2)
        ends["h_end"] = np.random.default_rng(seed).permutation(ends["h_end"].to_numpy())
        row = structure(ends).set_index("prediction").loc["rich_limit"]
        covered.append(row["r_low"] < 0 < row["r_high"])
    assert 0.85 <= np.mean(covered) <= 1.0


def test_groups_are_kept_apart_and_too_few_pairs_refused():
    both = pd.concat([grid(0, 0.1).assign(gain=1.0), grid(1, 3.0).assign(gain=2.0)])
    table = structure(predict_ends(both, 0.2), ["gain"])
    r = table[table["prediction"] == "end_state"].set_index("gain")["r"]
    assert r[1.0] > r[2.0]
    with pytest.raises(InvalidInputError, match="too few"):
        structure(predict_ends(grid(0, 0.1).head(2), 0.2))
    with pytest.raises(InvalidInputError, match="no column gian"):
        structure(predict_ends(both, 0.2), ["gian"])


def test_counterfactual_pairs_differ_in_their_feature_and_are_matched():
    task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")), n_inputs=16)
    base = task.evaluation_set(4)
    made = [task.counterfactuals(base, name) for name in task.feature_names]
    every = xr.concat(
        [base.assign_coords(counterfactual_of=("presentation", [""] * 16)), *made], "presentation"
    )
    pairs = feature_pairs(every, "counterfactual")
    assert pairs["feature"].value_counts().to_dict() == {"easy": 16, "hard": 16}
    assert (pairs["dx2"] == 1).all()
    # Pairs of unrelated stimuli differ in many units, a little more so where an easy one must.
    far = feature_pairs(every, "any")
    assert far["dx2"].mean() > 5
    assert not far["first"].str.contains("~").any()


def test_nearest_pairs_are_matched_in_distance():
    pairs = feature_pairs(TASK.evaluation_set(), "nearest")
    assert pairs["feature"].value_counts().to_dict() == {"target1": 4, "target2": 8}
    assert (pairs["dx2"] == 1).all()


def test_features_that_end_equally_far_apart_show_no_bias():
    pairs = feature_pairs(TASK.evaluation_set())
    table = compare_features(at_corners((0.1,) * 3, (0.9,) * 3), pairs, "target1")
    assert table["feature"].tolist() == ["target1", "target2"]
    np.testing.assert_allclose(table["h_predicted"], table["h_end"], rtol=1e-4)


def test_a_bias_is_not_predicted_by_two_points_that_are_matched():
    pairs = feature_pairs(TASK.evaluation_set())
    table = compare_features(at_corners((0.1,) * 3, (0.9, 0.3, 0.3)), pairs, "target1")
    log = table.set_index("feature")
    assert log["log_h_end"].diff().iloc[1] == pytest.approx(np.log(0.3 / 0.9), rel=1e-4)
    assert log["log_h_predicted"].diff().iloc[1] == pytest.approx(0, abs=1e-4)


def test_outputs_that_were_reached_unequally_are_told_from_the_rest():
    pairs = feature_pairs(TASK.evaluation_set())
    recording = at_corners((1e-3,) * 3, (0.9, 0.45, 0.45), outputs=(4.0, 1.0))
    log = compare_features(recording, pairs, "target1").set_index("feature")
    # Small start: h goes with the root of dy2, here half.
    assert log["log_h_predicted"].diff().iloc[1] == pytest.approx(np.log(0.5), abs=0.02)
    assert log["log_h_matched"].diff().iloc[1] == pytest.approx(0, abs=1e-3)
    ratio = float(log["ratio"].iloc[0])
    assert rich_limit(ratio=ratio, dx2=1.0, dy2=4.0) == pytest.approx(0.9, rel=0.02)


def test_what_cannot_be_compared_is_said():
    pairs = feature_pairs(TASK.evaluation_set())
    recording = at_corners((0.9,) * 3, (0.5,) * 3)
    with pytest.raises(NotIdentifiableError, match="did not move apart"):
        compare_features(recording, pairs, "target1")
    with pytest.raises(UnknownNameError, match="target1"):
        compare_features(recording, pairs, "target9")
    with pytest.raises(UnknownNameError, match="region"):
        compare_features(recording, pairs, "target1", "hidden7")
    with pytest.raises(InvalidInputError, match="no counterfactuals"):
        feature_pairs(TASK.evaluation_set(), "counterfactual")

"""Tracking pairs through recordings, and fits that know the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp

import reprcompare as rc
from reprcompare.errors import InvalidInputError, LabelMismatchError, NotIdentifiableError
from reprcompare.recording import build_recording, stimulus_set
from reprcompare.theory import Start, fit_pairs, pairs_of, solve, track

STEPS = np.arange(0, 3000, 60)
RATE_H, RATE_Y, RATE_MEAN = 0.004, 0.02, 0.01
TARGETS = np.array([[0.6], [0.6 + 0.5**0.5]])


def taught(seed=0, *, noise=0.0, dx2=1.0, h0=0.05, regions=("middle",)):
    """A recording of a network that obeys the theory: gradient flow of explicit vectors."""
    rng = np.random.default_rng(seed)
    aim = (TARGETS[1] - TARGETS[0])[0]
    start = rng.normal(size=6)
    start *= h0**0.5 / np.linalg.norm(start)

    def change(_, state):
        difference, weights, mean = state[:6], state[6:12], state[12]
        error = weights @ difference - aim
        return np.concatenate(
            [
                -RATE_H / 2 * dx2 * weights * error,
                -RATE_Y / 2 * error * difference,
                [-RATE_MEAN * mean],
            ]
        )

    first = np.concatenate([start, 0.1 * start, [-0.9]])
    path = solve_ivp(change, (0, STEPS[-1]), first, "DOP853", STEPS, rtol=1e-10, atol=1e-12).y
    difference, mean = path[:6].T, path[12]
    apart = (path[:6] * path[6:12]).sum(axis=0)
    centre = rng.normal(size=6)
    pattern = np.stack([centre - difference / 2, centre + difference / 2], axis=1)
    pattern = pattern + noise * rng.normal(size=pattern.shape)
    outputs = TARGETS.mean() + np.stack([mean - apart / 2, mean + apart / 2], axis=1)
    labels = pd.DataFrame({"target": TARGETS[:, 0]}, index=["A", "B"])
    recording = build_recording(
        np.concatenate([pattern] * len(regions), axis=-1),
        stimulus_id=["A", "B"],
        region=np.repeat(regions, 6),
        subject=f"net-{seed}",
        training_steps=STEPS,
        labels=labels,
        scales={"target": "continuous"},
        kind="network",
    )
    recording["output"] = (
        ("training_step", "presentation", "by_subject", "response"),
        outputs[:, :, None, None],
    )
    return recording.assign_coords(
        by_subject=[f"net-{seed}"], response_feature=("response", ["target"])
    )


def pair(dx2=1.0):
    return pd.DataFrame({"first": ["A"], "second": ["B"], "dx2": [dx2]})


def test_tracked_distances_are_those_of_the_arrays():
    recording = taught()
    tracked = track(recording, pair())
    activity = recording["activity"].values.astype(float)
    output = recording["output"].values[:, :, 0]
    change = output[:, 1] - output[:, 0]
    aim = TARGETS[1] - TARGETS[0]
    np.testing.assert_allclose(tracked["h"], ((activity[:, 1] - activity[:, 0]) ** 2).sum(axis=1))
    np.testing.assert_allclose(tracked["y"], change[:, 0] ** 2, rtol=1e-6)
    np.testing.assert_allclose(tracked["w"], change[:, 0] * (change - aim)[:, 0], rtol=1e-5)
    assert tracked["training_step"].tolist() == STEPS.tolist()
    np.testing.assert_allclose(tracked["dy2"], 0.5)


def test_pairs_and_targets_are_joined_by_stimulus_id():
    recording = taught()
    shuffled = recording.isel(presentation=[1, 0])
    pd.testing.assert_frame_equal(track(recording, pair()), track(shuffled, pair()))
    targets = pd.DataFrame({"x": [TARGETS[1, 0], TARGETS[0, 0]]}, index=["B", "A"])
    pd.testing.assert_frame_equal(
        track(recording, pair()), track(recording, pair(), targets), check_exact=False
    )


def test_fit_finds_the_rates_that_the_network_was_taught_with():
    fits = fit_pairs(taught(noise=0.002), pair())
    row = fits.table.iloc[0]
    assert row["rate_h"] == pytest.approx(RATE_H, rel=0.02)
    assert row["rate_y"] == pytest.approx(RATE_Y, rel=0.02)
    assert row["rate_mean"] == pytest.approx(RATE_MEAN, rel=0.02)
    assert row["rate_h_low"] < row["rate_h"] < row["rate_h_high"]
    assert row["error"] < 0.01
    assert row["loss_error"] < 0.01
    end = fits.pairs.iloc[0]
    assert end["h_end_fitted"] == pytest.approx(end["h_end"], rel=0.02)


def test_intervals_of_rates_widen_with_what_the_theory_does_not_explain():
    def width(noise):
        row = fit_pairs(taught(noise=noise), pair(), dynamics=["two_points"]).table.iloc[0]
        return row["rate_y_high"] / row["rate_y_low"]

    assert 1 < width(0.0) < width(0.01) < width(0.03)


def test_every_ablated_dynamics_loses_on_data_that_obey_the_theory():
    fits = fit_pairs(taught(noise=0.002), pair())
    others = fits.dynamics[fits.dynamics["dynamics"] != "two_points"]
    assert len(others) == 4
    assert (others["log_ratio"] > np.log(1.5)).all()
    assert fits.dynamics.iloc[0]["log_ratio"] == 0


def test_an_ablated_dynamics_wins_on_data_that_obey_it():
    # The comparison must be able to come out against the theory.
    recording = taught()
    start = Start(*track(recording, pair())[["h", "y", "w"]].iloc[0])
    path = solve(
        start, STEPS, rate_h=RATE_H, rate_y=RATE_Y, dx2=1.0, dy2=0.5, dynamics="output_twice"
    )
    root_h, root_y = np.sqrt(path[:, 0]), (path[:, 1] - path[:, 2]) / 0.5**0.5
    activity = recording["activity"].values.copy()
    activity[:] = 0
    activity[:, 1, 0] = root_h
    output = recording["output"].values.copy()
    output[:, 0, 0, 0], output[:, 1, 0, 0] = 0, root_y
    recording = recording.assign(
        activity=(recording["activity"].dims, activity), output=(recording["output"].dims, output)
    )
    dynamics = fit_pairs(recording, pair()).dynamics.set_index("dynamics")
    assert dynamics["cv_error"].idxmin() == "output_twice"


def test_pairs_of_one_region_share_their_rates():
    first, second = taught(0, dx2=1.0), taught(1, dx2=0.4, h0=0.2)
    # Two pairs of different distance in one network: four stimuli.
    second = second.assign_coords(
        stimulus_id=("presentation", ["C", "D"]),
        neuroid_id=first["neuroid_id"],
        subject=first["subject"],
        by_subject=first["by_subject"],
    )
    both = rc.concat([first, second], dim="presentation")
    pairs = pd.DataFrame({"first": ["A", "C"], "second": ["B", "D"], "dx2": [1.0, 0.4]})
    fits = fit_pairs(both, pairs, dynamics=["two_points"], n_folds=0)
    assert fits.table["rate_h"].item() == pytest.approx(RATE_H, rel=0.01)
    assert fits.table["rate_y"].item() == pytest.approx(RATE_Y, rel=0.01)
    assert fits.table["cv_error"].isna().all()
    np.testing.assert_allclose(fits.pairs["h_end_fitted"], fits.pairs["h_end"], rtol=0.01)


def test_what_cannot_be_fitted_is_a_note():
    recording = taught(regions=("middle", "dead"))
    activity = recording["activity"].values.copy()
    activity[..., 6:] = 0
    dead = recording.assign(activity=(recording["activity"].dims, activity))
    fits = fit_pairs(dead, pair(), dynamics=["two_points"], n_folds=0)
    assert fits.table["region"].tolist() == ["middle"]
    assert "net-0, dead: the two stimuli of a pair start" in fits.notes[0]
    with pytest.raises(NotIdentifiableError, match="no subject and region"):
        fit_pairs(dead, pair(), regions=["dead"])


def test_a_recording_of_one_moment_is_refused():
    with pytest.raises(InvalidInputError, match="several checkpoints"):
        fit_pairs(taught().isel(training_step=0, drop=True), pair())


def test_what_does_not_fit_together_is_said():
    recording = taught()
    with pytest.raises(LabelMismatchError, match="no stimulus Z"):
        track(recording, pair().assign(second="Z"))
    with pytest.raises(InvalidInputError, match="columns first, second, dx2"):
        track(recording, pair().drop(columns="dx2"))
    with pytest.raises(InvalidInputError, match="give targets="):
        track(recording.drop_vars("response_feature"), pair())
    with pytest.raises(InvalidInputError, match="fewer folds"):
        fit_pairs(recording, pair(), n_folds=50)


def test_pairs_of_stimuli_have_their_squared_distances():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    stimuli = stimulus_set(points, stimulus_ids=["o", "far", "near"])
    every = pairs_of(stimuli)
    assert every["dx2"].tolist() == [25.0, 1.0, 18.0]
    chosen = pairs_of(stimuli, [("near", "o")])
    assert chosen.to_dict("records") == [{"first": "near", "second": "o", "dx2": 1.0}]

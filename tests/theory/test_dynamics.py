"""The theory against published values, a conserved quantity, and gradient flow of vectors."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from reprcompare.errors import InvalidInputError, NotIdentifiableError, UnknownNameError
from reprcompare.theory import ABLATED, Start, conserved, end_state, loss, rich_limit, solve

# h0, y0, w0, dx2, dy2, rate_h, rate_y and the end state, as in the project's notes on the paper.
PUBLISHED = [
    ((1e-3, 1e-6, -1e-4, 1.0, 0.5, 0.01, 0.01), 0.70710678),
    ((1.0, 0.1, -0.1, 1.0, 0.5, 0.01, 0.01), 1.28815273),
    ((5.0, 0.1, -0.05, 1.0, 0.5, 0.01, 0.02), 5.03960704),
]


@pytest.mark.parametrize(("given", "expected"), PUBLISHED)
def test_end_state_has_the_published_values(given, expected):
    h0, y0, w0, dx2, dy2, rate_h, rate_y = given
    ratio = rate_h / rate_y
    assert end_state(h0, y0, ratio=ratio, dx2=dx2, dy2=dy2) == pytest.approx(expected, abs=1e-6)
    path = solve(Start(h0, y0, w0), [0, 1e5], rate_h=rate_h, rate_y=rate_y, dx2=dx2, dy2=dy2)
    assert path[-1] == pytest.approx([expected, dy2, 0.0], abs=1e-6)


def gradient_flow(seed, dx2, rate_h, rate_y, scale, times):
    """Descend on the squared error with explicit vectors: a representation, and a linear map of it.

    Nothing of the three variables is used here: the difference of the representations and the map
    from it to the difference of the outputs each follow their own gradient.
    """
    rng = np.random.default_rng(seed)
    aim = rng.normal(size=3)
    start = scale * rng.normal(size=7)
    out = scale * rng.normal(size=3)
    linear = np.outer(out, start) / (start @ start)

    def change(_, state):
        difference, weights = state[:7], state[7:].reshape(3, 7)
        error = weights @ difference - aim
        pushed = -rate_h / 2 * dx2 * weights.T @ error
        return np.concatenate([pushed, (-rate_y / 2 * np.outer(error, difference)).ravel()])

    found = solve_ivp(
        change, (0, times[-1]), np.concatenate([start, linear.ravel()]), "DOP853", times,
        rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    differences = found.y[:7].T
    outputs = np.einsum("tij,tj->ti", found.y[7:].T.reshape(-1, 3, 7), differences)
    y = (outputs**2).sum(axis=1)
    return np.stack([(differences**2).sum(axis=1), y, y - outputs @ aim], axis=1), float(aim @ aim)


@pytest.mark.parametrize("scale", [0.02, 0.3, 2.0])
def test_three_variables_follow_gradient_flow_of_vectors(scale):
    times = np.linspace(0, 3000, 40)
    for seed in range(3):
        states, dy2 = gradient_flow(seed, 0.7, 0.004, 0.01, scale, times)
        path = solve(Start(*states[0]), times, rate_h=0.004, rate_y=0.01, dx2=0.7, dy2=dy2)
        np.testing.assert_allclose(path, states, atol=1e-6 * max(1.0, states[:, 0].max()))


def test_gradient_flow_tells_the_theory_from_every_ablated_dynamics():
    times = np.linspace(0, 3000, 40)
    states, dy2 = gradient_flow(0, 0.7, 0.004, 0.01, 0.3, times)
    for name in ABLATED:
        path = solve(
            Start(*states[0]), times, rate_h=0.004, rate_y=0.01, dx2=0.7, dy2=dy2, dynamics=name
        )
        assert not np.abs(path - states).max() < 0.02


def raw_equations(given, times):
    """The three equations as they stand in the paper, by another solver."""
    h0, y0, w0, dx2, dy2, rate_h, rate_y = given

    def change(_, state):
        h, y, w = state
        return [
            -rate_h * dx2 * w,
            -w * (rate_y * h + rate_h * dx2 * y / h),
            -0.5 * rate_y * (3 * w - y + dy2) * h - 0.5 * rate_h * dx2 * (y + w) * w / h,
        ]

    return solve_ivp(change, (0, times[-1]), (h0, y0, w0), "Radau", times, rtol=1e-9, atol=1e-12).y


states = st.tuples(
    st.floats(1e-4, 5.0), st.floats(1e-3, 2.0), st.floats(-1, 1),
    st.floats(0.1, 3.0), st.floats(0.0, 2.0), st.floats(0.1, 10.0),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(states)
def test_conserved_quantity_is_constant(given):
    h0, y0, cosine, dx2, dy2, ratio = given
    w0 = y0 - cosine * (y0 * dy2) ** 0.5
    start = conserved(h0, y0, ratio=ratio, dx2=dx2)
    # A start this steep lasts a millionth of the time scale of everything else.
    assume(abs(start) < 100)
    times = np.linspace(0, 400, 30)
    path = solve(Start(h0, y0, w0), times, rate_h=0.1 * ratio, rate_y=0.1, dx2=dx2, dy2=dy2)
    along = conserved(path[:, 0], path[:, 1], ratio=ratio, dx2=dx2)
    assert np.abs(along - start).max() < 1e-8 * max(1.0, abs(start))
    assert (path[:, 0] > 0).all()
    assert (path[:, 1] >= 0).all()


@pytest.mark.parametrize(("given", "expected"), PUBLISHED)
def test_solver_agrees_with_the_raw_equations(given, expected):
    times = np.linspace(0, 2000, 20)
    h0, y0, w0, dx2, dy2, rate_h, rate_y = given
    path = solve(Start(h0, y0, w0), times, rate_h=rate_h, rate_y=rate_y, dx2=dx2, dy2=dy2)
    reference = raw_equations(given, times)
    np.testing.assert_allclose(path, reference.T, atol=1e-6)
    along = conserved(reference[0], reference[1], ratio=rate_h / rate_y, dx2=dx2)
    assert np.abs(along - along[0]).max() < 1e-6  # The quantity is conserved by the equations.


def test_a_start_near_zero_is_no_harder():
    path = solve(Start(1e-12, 1e-20, 0.0), [0, 1e4], rate_h=0.02, rate_y=0.02, dx2=1, dy2=0.5)
    assert path[-1] == pytest.approx([0.5**0.5, 0.5, 0.0], abs=1e-6)


def test_times_may_begin_late_and_be_one():
    given = {"rate_h": 0.01, "rate_y": 0.01, "dx2": 1.0, "dy2": 0.5}
    whole = solve(Start(1e-3, 1e-6, -1e-4), [0, 100, 700], **given)
    np.testing.assert_allclose(solve(Start(1e-3, 1e-6, -1e-4), [700], **given), whole[2:])
    np.testing.assert_allclose(solve(Start(1e-3, 1e-6, -1e-4), [0], **given), whole[:1])


def test_limits_are_the_rich_and_the_lazy_one():
    given = {"ratio": 0.3, "dx2": 1.2, "dy2": 0.8}
    assert end_state(1e-9, 1e-20, **given) == pytest.approx(rich_limit(**given), rel=1e-6)
    assert end_state(1e4, 1e-3, **given) == pytest.approx(1e4, rel=1e-6)


def test_end_state_of_a_steep_start_does_not_cancel():
    # A_hi = -1e9: the sum of half of it and the root has no digits left, the other form has all.
    exact = 0.5 / 1e9
    assert end_state(1e-9, 1.0, ratio=1.0, dx2=1.0, dy2=0.5) == pytest.approx(exact, rel=1e-6)


def test_loss_identity_is_exact():
    rng = np.random.default_rng(0)
    for _ in range(50):
        targets, outputs = rng.normal(size=(2, 2, 4))
        change, aim = outputs[1] - outputs[0], targets[1] - targets[0]
        y = change @ change
        errors = outputs - targets
        mean = errors.mean(axis=0)
        measured = 0.5 * (errors**2).sum(axis=1).mean()
        assert loss(y, y - change @ aim, aim @ aim, mean @ mean) == pytest.approx(
            measured, rel=1e-12
        )


def test_an_ablated_dynamics_that_reaches_zero_is_undefined_after_its_start():
    # Outputs opposed to the target: with its sign reversed, what would hold w back drives it.
    path = solve(
        Start(0.05, 2.0, 3.0), np.linspace(0, 100, 5), rate_h=0.1, rate_y=1e-4, dx2=1.0, dy2=0.5,
        dynamics="alignment_reversed",
    )  # fmt: skip
    assert path[0] == pytest.approx([0.05, 2.0, 3.0])
    assert np.isnan(path[1:]).all()


@pytest.mark.parametrize(
    ("start", "change", "words"),
    [
        ((1.0, 0.1, -0.1), {"rate_h": 0.0}, "rate_h must be above 0"),
        ((1.0, 0.1, -0.1), {"dy2": -1.0}, "cannot be -1"),
        ((1.0, 0.1, -0.1), {"times": [5, 3]}, "must rise"),
        ((1.0, 0.1, 5.0), {}, "cannot exceed"),
    ],
)
def test_impossible_values_are_refused(start, change, words):
    given = {"times": [0, 1], "rate_h": 0.1, "rate_y": 0.1, "dx2": 1.0, "dy2": 0.5} | change
    with pytest.raises(InvalidInputError, match=words):
        solve(Start(*start), **given)


def test_a_pair_that_is_not_told_apart_has_no_dynamics():
    with pytest.raises(NotIdentifiableError, match="no direction to grow"):
        solve(Start(0.0, 0.0, 0.0), [0, 1], rate_h=0.1, rate_y=0.1, dx2=1.0, dy2=0.5)


def test_unknown_dynamics_get_the_nearest_name():
    with pytest.raises(UnknownNameError, match="hidden_twice"):
        solve(
            Start(1.0, 0.1, 0.1), [0, 1], rate_h=0.1, rate_y=0.1, dx2=1.0, dy2=0.5,
            dynamics="hidden_twise",
        )  # fmt: skip

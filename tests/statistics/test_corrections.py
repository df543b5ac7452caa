"""Corrections against their definitions, written out."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.statistics import benjamini_hochberg, correct, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def holm_by_definition(p):
    """Smallest level at which the step-down procedure rejects each hypothesis."""
    order, m = np.argsort(p), len(p)
    adjusted, running = np.empty(m), 0.0
    for step, place in enumerate(order):
        running = max(running, min(1.0, (m - step) * p[place]))
        adjusted[place] = running
    return adjusted


def bh_by_definition(p):
    """Smallest level at which the step-up procedure rejects each hypothesis."""
    order, m = np.argsort(p)[::-1], len(p)
    adjusted, running = np.empty(m), 1.0
    for step, place in enumerate(order):
        running = min(running, m / (m - step) * p[place])
        adjusted[place] = running
    return adjusted


@given(P_VALUES)
def test_both_corrections_follow_their_definitions(p):
    np.testing.assert_allclose(holm(p), holm_by_definition(np.array(p)), atol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p), bh_by_definition(np.array(p)), atol=1e-12)


@given(P_VALUES)
def test_correcting_never_helps_and_holm_is_the_stricter(p):
    assert (benjamini_hochberg(p) >= np.array(p) - 1e-12).all()
    assert (holm(p) >= benjamini_hochberg(p) - 1e-12).all()


def test_tests_that_were_not_done_stay_nan_and_do_not_count():
    found = holm([[0.01, np.nan], [0.04, np.nan]])
    np.testing.assert_allclose(found, [[0.02, np.nan], [0.04, np.nan]])
    assert np.isnan(benjamini_hochberg([np.nan])).all()


def test_what_is_no_p_value_is_refused():
    with pytest.raises(InvalidInputError, match=r"1\.2"):
        holm([0.5, 1.2])


def test_families_are_corrected_apart_only_when_asked():
    table = pd.DataFrame({"region": list("aabb"), "p": [0.01, 0.02, 0.03, 0.04]})
    whole = correct(table)
    apart = correct(table, within=["region"])
    assert whole.p_holm.tolist() == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert apart.p_holm.tolist() == pytest.approx([0.02, 0.02, 0.06, 0.06])
    with pytest.raises(UnknownNameError, match="holm"):
        correct(table, method="holms")
    with pytest.raises(UnknownNameError, match="region"):
        correct(table, within=["regions"])

import numpy as np
import pandas as pd
import pytest

from reprcompare.encoding.folds import make_folds
from reprcompare.errors import (
    InvalidInputError,
    LabelMismatchError,
    NotIdentifiableError,
    UnknownNameError,
)

IDS = [f"s{k:02d}" for k in range(20)]


def rows(**more):
    return pd.DataFrame({"stimulus_id": IDS} | more)


def test_repeats_of_a_stimulus_are_never_divided():
    frame = pd.concat([rows(), rows(), rows().iloc[:7]], ignore_index=True)
    folds = make_folds(frame, 4)
    for codes in (folds.outer, *folds.inner):
        assert (pd.Series(codes).groupby(frame["stimulus_id"]).nunique() == 1).all()


def test_every_row_is_held_out_once_and_never_in_its_own_training_rows():
    folds = make_folds(rows(), 5, inner_cv=3)
    assert sorted(np.unique(folds.outer)) == [0, 1, 2, 3, 4]
    for number, inner in enumerate(folds.inner):
        assert ((inner < 0) == (folds.outer == number)).all()
        assert sorted(np.unique(inner[inner >= 0])) == [0, 1, 2]


def test_folds_do_not_depend_on_the_order_of_presentations():
    frame = rows()
    shuffled = frame.sample(frac=1, random_state=1)
    one = make_folds(frame, 5).outer
    other = pd.Series(make_folds(shuffled, 5).outer, index=shuffled.index)
    assert one.tolist() == other.sort_index().tolist()


def test_levels_of_a_coordinate_are_left_out_in_turn():
    frame = rows(run=list("abcd") * 5)
    folds = make_folds(frame, "run")
    assert folds.number == 4
    assert (pd.Series(folds.outer).groupby(frame["run"]).nunique() == 1).all()
    assert folds.name == "run"


def test_blocks_are_stretches_of_time_inside_and_outside():
    folds = make_folds(rows(), "blocks", n_blocks=5, inner_cv=2)
    assert folds.outer.tolist() == [k // 4 for k in range(20)]
    for inner in folds.inner:
        assert (np.diff(inner[inner >= 0]) >= 0).all()


def test_given_folds_are_joined_by_stimulus():
    given = pd.Series(np.arange(20) % 2, index=IDS[::-1])
    folds = make_folds(rows(), given)
    assert folds.outer.tolist() == given.loc[IDS].tolist()
    with pytest.raises(LabelMismatchError, match="no fold to 1 stimuli: s19"):
        make_folds(rows(), given.iloc[1:])


def test_folds_that_cannot_be_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'run'"):
        make_folds(rows(run=1), "runs")
    with pytest.raises(InvalidInputError, match="expected 2 to 6"):
        make_folds(rows(), 7)
    with pytest.raises(InvalidInputError, match="cv must be a number"):
        make_folds(rows(), True)
    with pytest.raises(NotIdentifiableError, match="at least two of them, got 1"):
        make_folds(rows(run=1), "run")
    with pytest.raises(NotIdentifiableError, match="too few for a correlation"):
        make_folds(rows(run=["a"] * 9 + ["b"] * 9 + ["c"] * 2), "run")
    with pytest.raises(NotIdentifiableError, match="beside the one that is left out"):
        make_folds(rows(run=["a", "b"] * 10), "run")

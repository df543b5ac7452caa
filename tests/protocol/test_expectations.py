import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol.expectations import answer
from reprcompare.protocol.schema import Expectation


def tables(easy, hard):
    n = len(easy)
    rows = pd.DataFrame(
        {
            "subject": [f"s{i}" for i in range(n)] * 2,
            "feature": ["easy"] * n + ["hard"] * n,
            "region": "h",
            "share": [*easy, *hard],
        }
    )
    scores = pd.DataFrame({"model": ["a", "b"], "layer": ["x", "y"], "score": [0.2, 0.4]})
    pairs = pd.DataFrame(
        {"layer": ["x", "y"], "difference": [0.1, 0.3], "lo": [-0.1, 0.2], "hi": [0.3, 0.4]}
    )
    return {"audit": {"table": rows}, "scores": {"table": scores}, "pairs": {"table": pairs}}


def ask(given, **changes):
    arguments = {
        "claim": "c",
        "analysis": "audit",
        "measure": "share",
        "contrast": {"easy": 1.0, "hard": -1.0},
        "direction": "greater",
    } | changes
    return answer([Expectation(**arguments)], given).iloc[0]


def test_the_interval_is_that_of_a_one_sample_t_test():
    easy, hard = [0.5, 0.6, 0.8, 0.7], [0.1, 0.2, 0.1, 0.2]
    found = ask(tables(easy, hard))
    difference = np.subtract(easy, hard)
    reach = 3.182446 * difference.std(ddof=1) / 2
    assert found.estimate == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - reach, abs=1e-6)
    assert (found.answer, found.n) == ("confirmed", 4)


@pytest.mark.parametrize(
    ("smallest", "direction", "expected"),
    [
        (0.0, "greater", "confirmed"),
        (0.45, "greater", "undetermined"),
        (0.9, "greater", "contradicted"),
        (0.0, "less", "contradicted"),
        (0.9, "less", "confirmed"),
    ],
)
def test_answers_follow_from_where_the_interval_lies(smallest, direction, expected):
    given = tables([0.5, 0.6, 0.8, 0.7], [0.1, 0.2, 0.1, 0.2])
    assert ask(given, smallest_effect=smallest, direction=direction).answer == expected


def test_every_unit_is_judged_by_the_worst():
    given = tables([0.9, 0.81, 0.95], [0.0, 0.0, 0.0])
    every = {"over": "every", "contrast": {"easy": 1.0}}
    assert ask(given, smallest_effect=0.8, **every).answer == "confirmed"
    assert ask(given, smallest_effect=0.85, **every).answer == "contradicted"


def test_one_unit_alone_determines_nothing():
    assert ask(tables([0.9], [0.1])).answer == "undetermined"


def test_a_published_value_is_met_within_its_rounding():
    row = {"analysis": "scores", "where": {"model": "a"}, "measure": "score", "contrast": None}
    given = tables([1], [0])
    exact = ask(given, direction="equal", smallest_effect=0.2, tolerance=0.01, **row)
    other = ask(given, direction="equal", smallest_effect=0.3, tolerance=0.01, **row)
    assert (exact.answer, other.answer) == ("confirmed", "contradicted")


def test_a_row_can_be_chosen_on_other_data():
    chosen = ask(
        tables([1], [0]),
        analysis="pairs",
        measure="difference",
        contrast=None,
        interval=["lo", "hi"],
        choose={"analysis": "scores", "column": "layer", "into": ["layer"]},
    )
    assert (chosen.estimate, chosen.low, chosen.answer) == (0.3, 0.2, "confirmed")


def test_what_does_not_exist_is_named():
    given = tables([0.5, 0.6], [0.1, 0.2])
    with pytest.raises(ProtocolError, match="no column 'shar'; did you mean 'share'"):
        ask(given, measure="shar")
    with pytest.raises(ProtocolError, match="no level middle; it has easy, hard"):
        ask(given, contrast={"middle": 1.0})
    with pytest.raises(ProtocolError, match="no row fits where"):
        ask(given, where={"region": "g"})
    with pytest.raises(ProtocolError, match="4 rows fit"):
        ask(given, contrast=None)
    with pytest.raises(ProtocolError, match="no table 'densities'"):
        ask(given, table="densities")


def test_networks_of_different_cells_are_contrasted_as_groups():
    cells = pd.DataFrame(
        {
            "subject": list("abcdef"),
            "task": ["one"] * 3 + ["four"] * 3,
            "share": [0.5, 0.6, 0.7, 0.1, 0.2, 0.3],
        }
    )
    given = {"audit": {"table": cells}}
    found = ask(given, by="task", contrast={"one": 1.0, "four": -1.0})
    assert found.estimate == pytest.approx(0.4)
    assert (found.low, found.high) == pytest.approx((0.1733, 0.6267), abs=1e-3)  # pooled t, 4 df
    assert (found.answer, found.n) == ("confirmed", 6)
    with pytest.raises(ProtocolError, match="has no meaning"):
        ask(given, by="task", contrast={"one": 1.0, "four": -1.0}, over="every")

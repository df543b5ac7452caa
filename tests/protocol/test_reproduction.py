"""The bias paper again, at reduced size: the directions that stored tables state come out anew.

Every protocol is run with four new networks in each cell. No expectation that was confirmed or
contradicted at full size may get the opposite answer, and estimates must fall on the same side of
the bound where the stored effect is larger than what four networks can tell from none.
"""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from reprcompare.protocol import read_protocol, run_protocol
from reprcompare.shipped import shipped

OURS = (
    "architecture",
    "depth_width",
    "initialisation",
    "learning_order",
    "optimiser",
    "output_position",
    "regularisation",
    "training_dynamics",
)

RESULTS = shipped("protocols") / "results"
FULL, REDUCED = 10, 4
"""Networks in each cell of the stored tables, and here."""


@pytest.fixture(scope="module")
def reduced(tmp_path_factory):
    """Run a protocol that comes with the package with four networks of other seeds in each cell."""
    folder = tmp_path_factory.mktemp("reduced")

    def run(name):
        text = (shipped("protocols") / f"{name}.toml").read_text()
        assert f"n_networks = {FULL}\n" in text
        path = folder / f"{name}.toml"
        fewer = f"n_networks = {REDUCED}\nfirst_seed = 5000\n"
        path.write_text(text.replace(f"n_networks = {FULL}\n", fewer))
        return run_protocol(path, folder / name, cache=folder / "cache", progress=False)

    return run


@pytest.fixture(scope="module")
def headline(reduced):
    return reduced("complexity").outcomes


@pytest.mark.slow
def test_every_network_that_counts_is_above_95_and_99_percent(headline):
    accuracy = headline["accuracy"].tables["table"]
    assert accuracy.counted.all()
    assert (accuracy.accuracy > 0.99).all()


@pytest.mark.slow
def test_the_easy_share_is_five_times_the_hard_one_in_the_headline_setting(headline):
    audit = headline["audit"].tables["table"]
    shares = audit[audit.region == "hidden4"].pivot_table(
        index=["coding", "subject"], columns="feature", values="share"
    )
    assert (shares.loc["0/1"].easy > 5 * shares.loc["0/1"].hard).all()
    assert (shares.easy > shares.hard).all()


@pytest.mark.slow
def test_the_first_component_is_the_easy_feature(headline):
    components = headline["audit"].tables["components"]
    first = components.query(
        "coding == '0/1' and region == 'hidden4' and component == 1 and feature == 'easy'"
    )
    # The stored tables hold every network against 0.8, which the lowest of ten misses (0.786).
    assert first.r2.mean() > 0.8
    assert (first.r2 > 0.7).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_directions_come_out_as_stored(reduced, name):
    stored = pd.read_csv(RESULTS / name / "expectations.csv").set_index("claim")
    claims = {item.claim: item for item in read_protocol(name).expectations}
    assert set(stored.index) == set(claims)
    again = reduced(name).expectations.set_index("claim")
    for claim, row in stored[stored.answer != "undetermined"].iterrows():
        new, side = again.loc[claim], partial(_side, claims[claim])
        assert {new.answer, row.answer} != {"confirmed", "contradicted"}, claim
        # An effect that four networks cannot tell from none may fall on either side of it.
        told = (row.high - row.low) / 2 * np.sqrt(FULL / REDUCED)
        if abs(row.estimate - claims[claim].smallest_effect) > told:
            assert side(new.estimate) == side(row.estimate), claim


def _side(claim, estimate):
    """Tell on which side of the bound an estimate lies, or whether it is as near as was claimed."""
    beyond = estimate - claim.smallest_effect
    return abs(beyond) <= claim.tolerance if claim.direction == "equal" else beyond > 0


@pytest.mark.parametrize("name", OURS)
def test_every_protocol_is_repeated_at_99_percent_and_at_a_matched_loss(name):
    protocol = read_protocol(name)
    assert protocol.heading.name == name
    assert "?" in protocol.heading.question
    settings = [cell.settings for cell in protocol.cells]
    assert settings == [
        {"criterion": 0.95, "matched_loss": 0.0},
        {"criterion": 0.99, "matched_loss": 0.0},
        {"criterion": 0.95, "matched_loss": 0.02},
    ]
    for cell in protocol.cells:
        for table in cell.tables["recording"].values():
            assert table.n_networks >= 10
            assert table.criterion == cell.settings["criterion"]
    asked = [
        (item.where.get("criterion"), item.where.get("matched_loss"))
        for item in protocol.expectations
    ]
    assert {(0.95, 0.0), (0.99, None), (None, 0.02)} <= set(asked)

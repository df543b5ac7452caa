import itertools

import numpy as np
import pandas as pd
import pytest

from reprcompare.errors import ProtocolError
from reprcompare.protocol import read_protocol, run_protocol
from reprcompare.protocol.bench import Bench, Outcome
from reprcompare.protocol.kinds import ANALYSES
from reprcompare.protocol.kinds.atlas import AtlasTable, run
from reprcompare.protocol.sweep import Cell
from reprcompare.report.atlas import factors_of


@pytest.fixture
def bench():
    """Two factors, three networks a setting; with `slow`, coded 0/1, one of them is not counted."""
    cells = [
        Cell({"training": training, "coding": coding}, {})
        for training, coding in itertools.product(["fast", "slow"], ["0/1", "-1/1"])
    ]
    networks, audited = [], []
    for cell, seed in itertools.product(cells, range(3)):
        fast, plus = cell.settings["training"] == "fast", cell.settings["coding"] == "-1/1"
        counted = fast or plus or seed > 0
        networks.append(
            {
                **{"recording": "nets", **cell.settings, "subject": f"nets-{seed}"},
                **{"lowest_accuracy": 0.98 if fast else 1.0, "counted": counted},
                **{"cell": str(cell.settings), "file": f"{len(networks)}.nc"},
            }
        )
        name = f"nets-{seed} ({cell.settings['training']}, {cell.settings['coding']})"
        shares = {"a": 0.6, "b": 0.1 + 0.2 * plus + 0.01 * seed}
        for region, (feature, share) in itertools.product(["hidden1", "hidden2"], shares.items()):
            if counted:
                share = share if region == "hidden2" else 0.9
                audited.append((*cell.settings.values(), "nets", name, region, feature, share))
    columns = ["training", "coding", "recording", "subject", "region", "feature", "share"]
    table = pd.DataFrame(audited, columns=columns)
    made = {"audit": Outcome("audit", {"table": table})}
    return Bench(None, cells, pd.DataFrame(networks), made)


def atlas(**more):
    given = {"name": "atlas", "kind": "atlas", "audit": "audit", "easy": "a", "hard": "b"}
    return AtlasTable(**given | more)


def test_an_atlas_holds_every_network_and_describes_those_that_count(bench):
    tables = run(atlas(), bench).tables
    networks = tables["table"]
    assert len(networks) == 12
    assert networks[~networks.counted].seed.tolist() == ["nets-0"]
    assert networks[["hard", "easy", "easy - hard"]].isna().all(axis=1).equals(~networks.counted)
    counted = networks[networks.counted]
    plus = counted.coding == "-1/1"
    number = counted.seed.str[-1].astype(int)
    assert np.allclose(counted.hard, 0.1 + 0.2 * plus + 0.01 * number)
    assert np.allclose(counted["easy - hard"], 0.6 - counted.hard)
    found = tables["differences"].set_index(["value", "factor"])
    assert found.difference["hard", "coding"] == pytest.approx(0.2 - 0.005 / 2)
    assert tables["effects"].set_index("term").eta2["coding"] > 0.9
    assert tables["overall"].n_replicates.tolist() == [11, 11, 11]
    for label, table in tables.items():
        assert set(table.columns) <= {*ANALYSES["atlas"].columns[label].names, "coding", "training"}


def test_an_atlas_can_be_stricter_than_its_recordings(bench):
    table = run(atlas(criterion=0.99), bench).tables["table"]
    assert set(table[table.counted].training) == {"slow"}
    with pytest.raises(ProtocolError, match="no network reached its criterion in any setting"):
        run(atlas(criterion=1.0), bench)


def test_settings_that_follow_from_others_are_no_factors(bench):
    """Networks are still found by all settings, which their names hold."""
    whole, part = run(atlas(), bench).tables, run(atlas(factors=["coding"]), bench).tables
    assert factors_of(part["table"]) == ["coding"]
    assert part["table"].hard.equals(whole["table"].hard)
    assert set(part["levels"].factor) == {"coding"}
    # Settings that differ in what is no factor are one.
    assert set(part["levels"].n_settings) == {1}
    message = "no factor 'code' in the sweep; did you mean 'coding'"
    with pytest.raises(ProtocolError, match=message):
        run(atlas(factors=["code"]), bench)


def test_an_atlas_needs_its_features_and_a_sweep(bench):
    with pytest.raises(ProtocolError, match="the audit 'audit' has no feature 'easy'"):
        run(atlas(easy="easy"), bench)
    alone = Bench(None, [Cell({}, {})], bench.networks, bench.outcomes)
    with pytest.raises(ProtocolError, match=r"an atlas needs a \[sweep\]"):
        run(atlas(), alone)


def test_settings_in_which_no_network_counts_are_left_out_and_named(write, tmp_path):
    path = write(
        ("[task.two]", '[sweep]\n"training.quick.max_steps" = [300, 200, 1]\n\n[task.two]'),
        ("n_permutations = 20", "n_permutations = 0"),
        ("n_networks = 3", "n_networks = 2"),
    )
    text = path.read_text()
    kept = text[: text.index('[[analysis]]\nname = "contrast"')]
    atlas = '[[analysis]]\nname = "atlas"\nkind = "atlas"\naudit = "audit"\nhard = "other"\n'
    path.write_text(kept + atlas)
    done = run_protocol(path, tmp_path / "out", cache=tmp_path / "cache", progress=False)
    table = done.outcomes["atlas"].tables["table"]
    assert table.groupby("max_steps").counted.sum().to_dict() == {1: 0, 200: 2, 300: 2}
    audit = done.outcomes["audit"].tables["table"]
    rows = audit[(audit.region == "hidden2") & (audit.feature == "other")]
    assert sorted(rows.share) == pytest.approx(sorted(table.hard.dropna()))
    assert "in 1 of 3 settings, which are left out: (1)" in done.report.read_text()
    assert (done.folder / "tables" / "atlas_effects.csv").is_file()


def test_the_shipped_atlas_has_the_settings_that_it_says():
    cells = read_protocol("atlas_mlp").cells
    assert len(cells) == 320
    assert sum(cell.tables["recording"]["networks"].n_networks for cell in cells) == 2560
    swept = pd.DataFrame([cell.settings for cell in cells])
    assert swept.nunique().to_dict() == {"network": 5, "training": 8, "task": 4, "coding": 2}


def test_the_shipped_atlas_of_architectures_has_ten_networks_in_every_setting():
    protocol = read_protocol("atlas_architectures")
    assert all(cell.tables["recording"]["networks"].n_networks == 10 for cell in protocol.cells)
    atlas = next(table for table in protocol.analyses if table.name == "atlas")
    swept = pd.DataFrame([cell.settings for cell in protocol.cells])
    settings = swept[atlas.factors].drop_duplicates()
    assert len(settings) == len(protocol.cells) == 36
    assert settings.nunique().to_dict() == {"network": 6, "training": 2, "task": 2, "coding": 2}
    # The layer follows from the architecture.
    assert (swept.astype(str).groupby("network").layers.nunique() == 1).all()

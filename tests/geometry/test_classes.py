import numpy as np
import pytest
from scipy.spatial.distance import pdist

from reprcompare.errors import InvalidInputError
from reprcompare.geometry import class_scores


def noisy(signal, n, noise, seed):
    rng = np.random.default_rng(seed)
    return signal + noise * rng.standard_normal((n, len(signal)))


def test_scores_are_mean_correlations_of_different_networks():
    rng = np.random.default_rng(0)
    rdms = {name: np.stack([pdist(rng.random((9, 3))) for _ in range(3)]) for name in "ab"}
    found = class_scores(rdms).classes.set_index(["first", "second"])
    within = [np.corrcoef(rdms["a"][i], rdms["a"][j])[0, 1] for i, j in [(0, 1), (0, 2), (1, 2)]]
    between = [np.corrcoef(x, y)[0, 1] for x in rdms["a"] for y in rdms["b"]]
    assert found.score["a", "a"] == pytest.approx(np.mean(within))
    assert found.score["a", "b"] == pytest.approx(np.mean(between))
    networks = class_scores(rdms).networks
    first = networks[(networks["class"] == "a") & (networks["number"] == 0)].set_index("other")
    assert first.score["a"] == pytest.approx(np.mean(within[:2]))
    assert first.score["b"] == pytest.approx(np.mean(between[:3]))


def test_attenuation_is_taken_off():
    rng = np.random.default_rng(1)
    one = rng.standard_normal(4950)
    other = 0.6 * one + 0.8 * rng.standard_normal(4950)
    rdms = {"a": noisy(one, 6, 1.0, 2), "b": noisy(other, 6, 0.5, 3)}
    row = class_scores(rdms).classes.set_index(["first", "second"]).loc[("a", "b")]
    assert row.score == pytest.approx(0.6 / np.sqrt(2 * 1.25), abs=0.02)
    assert row.disattenuated == pytest.approx(0.6, abs=0.03)
    assert row.disattenuated_low < 0.6 < row.disattenuated_high
    same = class_scores(rdms).classes.set_index(["first", "second"]).loc[("a", "a")]
    assert same.disattenuated == pytest.approx(1)


def test_the_paradox_is_attenuation_in_a_known_case():
    """Two of a noisy class are less alike than one of them and one of a clean class."""
    signal = np.random.default_rng(0).standard_normal(4950)
    rdms = {"noisy": noisy(signal, 8, 1.0, 1), "clean": noisy(signal, 8, 0.1, 2)}
    table = class_scores(rdms).classes.set_index(["first", "second"])
    assert table.score["noisy", "noisy"] < table.score["noisy", "clean"]
    assert table.disattenuated["noisy", "clean"] == pytest.approx(1, abs=0.02)


def test_intervals_cover_what_new_networks_would_give():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(100):
        shared = rng.standard_normal(190)
        gains = rng.uniform(0.5, 1.5, (2, 8, 1))
        rdms = {
            name: gain * shared + rng.standard_normal((8, 190))
            for name, gain in zip("ab", gains, strict=True)
        }
        row = class_scores(rdms).classes.iloc[1]
        expected = np.corrcoef(
            np.concatenate([rng.uniform(0.5, 1.5, (400, 1)) * shared])
            + rng.standard_normal((400, 190))
        )
        truth = expected[~np.eye(400, dtype=bool)].mean()
        covered += row.score_low < truth < row.score_high
    assert 88 <= covered <= 100


def test_one_network_is_no_class():
    with pytest.raises(InvalidInputError, match="class 'b' has 1 networks"):
        class_scores({"a": np.ones((2, 10)), "b": np.ones((1, 10))})

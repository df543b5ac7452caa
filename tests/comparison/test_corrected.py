"""Corrected comparisons: what they find, what they refuse, and that they name the features."""

import numpy as np
import pandas as pd
import pytest

import reprcompare as rc
from reprcompare.comparison import CORRECTIONS
from reprcompare.errors import LabelMismatchError, UnknownNameError

N = 96
IDS = [f"s{k}" for k in range(N)]
BITS = pd.DataFrame(
    (np.arange(N)[:, None] >> np.arange(3)) & 1, index=IDS, columns=["easy", "hard", "unused"]
)
NEUROIDS = 20


def recorded(sizes, seed=0, effect=None, labels=BITS, noise=0.5, repetitions=1, outputs=True):
    """A region with features of given sizes, and, by hand, roles."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(NEUROIDS, 3)))[0].T
    signed = 2.0 * BITS.to_numpy() - 1
    exemplar = signed @ (np.array(sizes)[:, None] * axes) + 0.3 * rng.normal(size=(N, NEUROIDS))
    trials = exemplar + noise * rng.normal(size=(repetitions, N, NEUROIDS)) * (repetitions > 1)
    made = rc.build_recording(
        trials.reshape(-1, NEUROIDS),
        stimulus_id=IDS * repetitions,
        region="hidden",
        subject=f"net-{seed}",
        presentation={"repetition": np.repeat(np.arange(repetitions), N)},
        labels=labels,
        kind="network",
    )
    if effect is None:
        return made
    dims = ("by_subject", "by_region", "feature", "response")
    values = np.zeros((1, 1, labels.shape[1], 2))
    values[0, 0, [0, 1], [0, 1]] = effect
    made = made.assign_coords(
        by_subject=[f"net-{seed}"],
        by_region=["hidden"],
        response_feature=("response", ["easy", "hard"]),
    )
    made["effect"] = (dims, values)
    made["effect_low"] = (dims, values - 0.05)
    made["effect_null"] = (dims, np.full_like(values, 0.02))
    if outputs:
        logits = np.tile(8 * signed[:, :2] * np.asarray(effect), (repetitions, 1))
        made["output"] = (("presentation", "by_subject", "response"), logits[:, None])
    return made


def corrected(a, b, correct, **options):
    result = rc.compare({"model": a}, b, correct=correct, n_bootstrap=10, **options)
    return result.corrected.iloc[0], result.contributions.set_index("feature"), result


def test_role_follows_what_is_used_and_not_how_large_it_is():
    both = recorded((3, 0.3, 0), 0, (1, 1))
    other = recorded((0.5, 1.0, 3), 1, (1, 1))
    easy = recorded((3, 0.0, 0), 2, (1, 0))
    same, parts, _ = corrected(both, other, "role")
    different, _, _ = corrected(both, easy, "role")
    assert same["corrected"] == pytest.approx(1)
    assert same["plain"] < different["plain"]  # the paradox, in the plain score
    assert different["corrected"] == pytest.approx(np.sqrt(0.5))
    assert parts.loc["unused", "corrected"] == 0
    assert parts["corrected"].sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["contrasts", "equalised", "predictivity"])
def test_activity_alone_undoes_the_paradox(name):
    both = recorded((3, 0.5, 0), 0)
    other = recorded((1.0, 0.8, 0), 1)
    easy = recorded((3, 0.0, 0), 2)
    same, different = (corrected(both, one, name)[0] for one in (other, easy))
    assert same["corrected"] > different["corrected"] + 0.05


@pytest.mark.parametrize("name", sorted(CORRECTIONS))
def test_every_correction_gives_plain_score_interval_and_assumptions(name):
    a, b = recorded((2, 1, 0), 0, (1, 1), repetitions=4), recorded((1, 2, 0), 1, (1, 1))
    row, parts, result = corrected(a, b, name, nuisance=["unused"])
    assert row["reason"] == ""
    assert np.isfinite([row["plain"], row["corrected"], row["ci_low"], row["ci_high"]]).all()
    assert CORRECTIONS[name].assumes in result.method
    if name not in ("whitened", "residual"):
        assert parts["plain"].sum() == pytest.approx(row["plain"])
        assert parts["corrected"].sum() == pytest.approx(row["corrected"])


def test_the_residual_follows_what_is_not_listed():
    rng = np.random.default_rng(0)
    hidden = {name: rng.choice([-1.0, 1.0], size=N) for name in ("chain", "tree")}

    def through(name, sizes, seed):
        made = recorded(sizes, seed, repetitions=4, noise=1.0).copy()
        axis = np.random.default_rng(seed + 50).normal(size=NEUROIDS) / np.sqrt(NEUROIDS)
        more = np.tile(2 * np.outer(hidden[name], axis), (4, 1))
        made["activity"] = (made["activity"].dims, made["activity"].values + more)
        return made

    chain = through("chain", (3, 0.5, 0), 0)
    same = corrected(chain, through("chain", (0.5, 3, 0), 1), "residual")[0]
    other = corrected(chain, through("tree", (3, 0.5, 0), 2), "residual")[0]
    assert same["corrected"] > 0.8
    assert other["corrected"] < 0.25
    assert same["plain"] < other["plain"]  # alignment as it is follows the size of the features


def test_without_interventions_role_is_not_identifiable_and_says_what_to_do():
    row, _, _ = corrected(recorded((1, 1, 0), 0, (1, 1)), recorded((1, 1, 0), 1), "role")
    assert np.isnan(row["corrected"])
    assert row["reason"].startswith("not identifiable")
    assert "contrasts" in row["reason"]


def test_half_of_the_labels_missing_is_noticed_by_the_answers():
    a, b = recorded((1, 1, 0), 0, (1, 1)), recorded((1, 1, 0), 1, (1, 1))
    row, _, _ = corrected(a, b, "role", labels=BITS[["easy"]])
    assert np.isnan(row["corrected"])
    assert "incomplete" in row["reason"]


def test_reexpressed_labels_are_noticed_by_the_answers():
    a, b = recorded((1, 1, 0), 0, (1, 1)), recorded((1, 1, 0), 1, (1, 1))
    other = BITS.assign(hard=BITS["easy"] ^ BITS["hard"])
    row, _, _ = corrected(a, b, "role", labels=other)
    assert np.isnan(row["corrected"])
    assert "form in which they are not used" in row["reason"]


def test_a_code_without_relation_to_the_features_is_uninformative_and_not_different():
    rng = np.random.default_rng(9)
    encrypted = recorded((0, 0, 0), 3).copy()
    encrypted["activity"] = (encrypted["activity"].dims, rng.normal(size=(N, NEUROIDS)))
    for name in ("contrasts", "predictivity"):
        row, _, _ = corrected(encrypted, encrypted.copy(), name)
        if np.isnan(row["corrected"]):
            assert "uninformative" in row["reason"]
    row, _, _ = corrected(recorded((2, 1, 0), 0), encrypted, "contrasts")
    assert row["reason"].startswith("uninformative")


def test_unreliable_rdms_are_uninformative():
    silent = recorded((0.01, 0, 0), 0, noise=20, repetitions=4)
    row, _, _ = corrected(silent, recorded((2, 1, 0), 1), "disattenuated")
    assert row["reason"].startswith("uninformative")


def test_disattenuation_recovers_the_score_without_noise():
    options = {"comparator": "correlation", "metric": "squared_euclidean", "resample": "subjects"}

    def pair(noise, seed):
        sides = [
            rc.concat(
                [recorded((2, 1, 0), seed + k, noise=noise, repetitions=4) for k in range(3)],
                dim="neuroid",
            )
            for seed in (seed, seed + 3)
        ]
        return corrected(*sides, "disattenuated", **options)[0]

    truth = np.mean([pair(0.0, seed)["plain"] for seed in (0, 6)])
    noisy = [pair(0.6, seed) for seed in (0, 6)]
    assert np.mean([row["plain"] for row in noisy]) < truth - 0.07
    assert np.mean([row["corrected"] for row in noisy]) == pytest.approx(truth, abs=0.04)


def test_rdms_support_partial_scores_and_contrasts_only():
    a, b = (rc.rdm(recorded((2, 1, 0.5), k), metric="squared_euclidean") for k in (0, 1))
    result = rc.compare(
        {"model": a}, b, correct=list(CORRECTIONS), labels=BITS, nuisance=["unused"], n_bootstrap=10
    )
    table = result.corrected.set_index("correction")
    given = table["corrected"].notna()
    assert set(given[given].index) == {"contrasts", "partial", "residual"}
    assert "no repetitions" in table.loc["disattenuated", "reason"]
    assert table.loc["role", "reason"].startswith("not identifiable")


def test_subjects_and_networks_widen_the_interval():
    labels = BITS
    brain = rc.concat([recorded((2, 1, 0), k) for k in range(3)], dim="neuroid")
    row, _, _ = corrected(recorded((2, 1, 0), 9), brain, "contrasts", labels=labels)
    assert row["n_subjects"] == 3
    assert row["ci_low"] < row["corrected"] < row["ci_high"]


def test_unknown_corrections_and_labels_are_named():
    a, b = recorded((1, 1, 0), 0), recorded((1, 1, 0), 1)
    with pytest.raises(UnknownNameError, match="did you mean 'contrasts'"):
        rc.compare(a, b, correct="contrast")
    with pytest.raises(LabelMismatchError, match="luminance"):
        rc.compare(a, b, correct="partial", nuisance=["luminance"], n_bootstrap=10)

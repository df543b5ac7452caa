"""Corrected comparisons: what they find, what they refuse, and that they name the features."""

from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import reprcompare as rc
from reprcompare.comparison import CORRECTIONS
from reprcompare.errors import LabelMismatchError, UnknownNameError
from reprcompare.networks.encrypted import encrypted
from reprcompare.sessions import Search, record, role
from reprcompare.tasks import Feature, VectorTask

N = 96
IDS = [f"s{k}" for k in range(N)]
BITS = pd.DataFrame(
    (np.arange(N)[:, None] >> np.arange(3)) & 1, index=IDS, columns=["easy", "hard", "unused"]
)
NEUROIDS = 20


def recorded(
    sizes, seed=0, effect=None, labels=BITS, noise=0.5, repetitions=1, outputs=True, step=None
):
    """A region with features of given sizes, and, by hand, roles and a combination of features."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(NEUROIDS, 3)))[0].T
    signed = 2.0 * BITS.to_numpy() - 1
    exemplar = signed @ (np.array(sizes)[:, None] * axes) + 0.3 * rng.normal(size=(N, NEUROIDS))
    if step is not None:
        exemplar += np.outer(signed[:, step].prod(axis=1), 2 * axes.sum(axis=0) / np.sqrt(3))
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
    step = [0, 1] if name == "residual" else None
    a = recorded((2, 1, 0), 0, (1, 1), repetitions=4, step=step)
    b = recorded((1, 2, 0), 1, (1, 1), step=step)
    row, parts, result = corrected(a, b, name, nuisance=["unused"])
    assert row["reason"] == ""
    assert np.isfinite([row["plain"], row["corrected"], row["ci_low"], row["ci_high"]]).all()
    assert CORRECTIONS[name].assumes in result.method
    if name not in ("whitened", "residual"):
        assert parts["plain"].sum() == pytest.approx(row["plain"])
        assert parts["corrected"].sum() == pytest.approx(row["corrected"])


def test_the_residual_follows_the_step_and_not_the_size_of_the_features():
    options = {"repetitions": 4, "noise": 1.0}
    one = recorded((3, 0.5, 0.5), 0, step=[0, 1], **options)
    same = corrected(one, recorded((0.5, 3, 0.5), 1, step=[0, 1], **options), "residual")[0]
    other = corrected(one, recorded((3, 0.5, 0.5), 2, step=[1, 2], **options), "residual")[0]
    assert same["corrected"] > 0.8
    assert other["corrected"] < 0.25
    assert same["plain"] < other["plain"]  # alignment as it is follows the size of the features


LISTS = {
    "without an input": (BITS[["easy", "unused"]], "uninformative"),
    "inputs in another form": (
        BITS.assign(hard=BITS["hard"] ^ BITS["easy"], unused=BITS["unused"] ^ BITS["easy"]),
        "not identifiable",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_the_residual_abstains_where_the_list_does_not_name_what_the_region_starts_from(name):
    labels, reason = LISTS[name]
    sizes = (0.5, 3, 2)
    a, b = (recorded(sizes, k, step=[0, 1], repetitions=4) for k in range(2))
    assert corrected(a, b, "residual")[0]["corrected"] > 0.8
    row = corrected(a, b, "residual", labels=labels)[0]
    assert np.isnan(row["corrected"])
    assert row["reason"].startswith(reason)


def test_the_residual_abstains_where_the_list_does_not_account_for_the_answers():
    a, b = (recorded((1, 1, 1), k, (1, 1), step=[0, 1]) for k in range(2))
    row = corrected(a, b, "residual", labels=BITS[["easy", "unused"]])[0]
    assert "of the answers" in row["reason"]


def test_without_interventions_role_is_not_identifiable_and_says_what_to_do():
    row, _, _ = corrected(recorded((1, 1, 0), 0, (1, 1)), recorded((1, 1, 0), 1), "role")
    assert np.isnan(row["corrected"])
    assert 0 < row["plain"] < 1  # what was seen is not withheld
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


LABELLED = ("role", "contrasts", "equalised", "predictivity", "residual")


@pytest.mark.parametrize("name", LABELLED[1:])
def test_a_code_without_relation_to_the_features_is_uninformative_and_not_different(name):
    rng = np.random.default_rng(9)
    noise = recorded((0, 0, 0), 3).copy()
    noise["activity"] = (noise["activity"].dims, rng.normal(size=(N, NEUROIDS)))
    for other in (recorded((2, 1, 0), 0, step=[0, 1]), noise):
        row, _, _ = corrected(other, noise, name)
        assert np.isnan(row["corrected"])
        assert np.isfinite(row["plain"]) or name == "predictivity"
        assert row["reason"].startswith("uninformative")


@pytest.fixture(scope="module")
def on_encrypted_inputs(tmp_path_factory):
    """Two networks on the same inputs: parities on ciphertexts, and the same in the clear."""
    task = VectorTask((Feature("easy", "linear"), Feature("hard", "xor")), n_inputs=16)
    stimuli = task.evaluation_set(16)
    changed = {name: task.counterfactuals(stimuli, name) for name in task.label_names}
    clear = nn.Sequential(
        OrderedDict(
            hidden=nn.Sequential(nn.Linear(16, 8), nn.ReLU()), readout=nn.Linear(8, 2, bias=True)
        )
    )
    with torch.no_grad():
        # Inputs are 0 or 1: the sum of two is even, or not, by two rectified units.
        for part in (clear.hidden[0], clear.readout):
            part.weight.zero_()
            part.bias.zero_()
        clear.hidden[0].weight[[0, 1, 1, 2, 2], [0, 1, 2, 1, 2]] = 1.0
        clear.hidden[0].bias[2] = -1.0
        # Five more see what is irrelevant, and nothing depends on them.
        clear.hidden[0].weight[3:, 3:] = torch.randn(5, 13, generator=torch.manual_seed(0)) / 3
        clear.readout.weight[0, 0], clear.readout.weight[1, 1:3] = 4.0, torch.tensor([4.0, -8.0])
        clear.readout.bias.fill_(-2.0)
    made = []
    for number, (network, layer) in enumerate(
        [(encrypted(16, 2, sizes=[1, 2], seed=1), "encrypted"), (clear, "hidden")]
    ):
        path = tmp_path_factory.mktemp("encrypted") / f"{number}.nc"
        recording = record(
            network, stimuli, layers=[layer], path=path, outputs="logits", subject=f"net-{number}",
            progress=False,
        )  # fmt: skip
        made.append(
            role(
                network, recording, stimuli, changed, responses=task.response_features,
                search=Search(dimensions=(1, 4), steps=20), progress=False,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("name", LABELLED)
def test_what_is_computed_on_encrypted_states_is_uninformative(on_encrypted_inputs, name):
    hidden, clear = on_encrypted_inputs
    options = {"metric": "squared_euclidean"}
    row, _, _ = corrected(clear, hidden, name, **options)
    assert np.isnan(row["corrected"])
    assert row["reason"].startswith("uninformative")
    if name in ("role", "contrasts"):
        assert "whole state" in row["reason"]
        assert "1.00 of the effect" in row["reason"]
    # The network in the clear is not refused for itself.
    if name in ("role", "contrasts"):
        assert corrected(clear, clear, name, **options)[0]["corrected"] == pytest.approx(
            1, abs=0.02
        )


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
    a, b = (
        rc.rdm(recorded((2, 1, 0.5), k, step=[0, 1]), metric="squared_euclidean") for k in (0, 1)
    )
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

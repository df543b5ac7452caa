"""The null model of two points: distances in closed form, no feature favoured, beside an audit."""

import itertools

import numpy as np
import pandas as pd
import pytest

import reprcompare as rc
from reprcompare.errors import InvalidInputError, LabelMismatchError, NotIdentifiableError
from reprcompare.recording import build_recording, stimulus_set
from reprcompare.theory import rich_rdm

BITS = np.array(list(itertools.product([0, 1], repeat=4)))
IDS = ["".join(map(str, row)) for row in BITS]
LABELS = pd.DataFrame({"easy": BITS[:, 0], "hard": BITS[:, 1] ^ BITS[:, 2]}, index=IDS)
STIMULI = stimulus_set(BITS.astype(float), stimulus_ids=IDS, labels=LABELS)


def null(targets=LABELS, stimuli=STIMULI):
    return rich_rdm(stimuli, targets)


def test_distances_are_the_product_of_those_of_stimuli_and_targets():
    found = null().get_matrices()[0]
    for i, j in itertools.combinations(range(len(IDS)), 2):
        dx2 = (BITS[i] != BITS[j]).sum()
        dy2 = (LABELS.to_numpy()[i] != LABELS.to_numpy()[j]).sum()
        assert found[i, j] == pytest.approx(np.sqrt(dx2 * dy2))


def test_a_hard_feature_has_the_share_of_an_easy_one_that_moves_stimuli_as_far():
    # One bit, or the XOR of two of which one changes: matched in stimuli and in targets.
    matched = BITS[:, 1] == 0
    stimuli = STIMULI.isel(presentation=np.flatnonzero(matched))
    found = rc.audit(null(LABELS[matched], stimuli), LABELS[matched], n_permutations=0).table
    shares = found.set_index("feature")["share"]
    assert shares["easy"] == pytest.approx(shares["hard"])
    assert shares["easy"] > 0.3


def test_what_is_not_asked_for_has_less():
    only = rc.audit(null(LABELS[["easy"]]), LABELS, n_permutations=0).table
    shares = only.set_index("feature")["share"]
    assert shares["easy"] > 5 * abs(shares["hard"])


def test_an_audit_puts_the_null_beside_the_share_that_was_found():
    biased = np.outer(LABELS["easy"], [3.0, 0, 0]) + np.outer(LABELS["hard"], [0, 1.0, 0])
    recording = build_recording(
        biased + np.random.default_rng(0).normal(scale=0.1, size=biased.shape),
        stimulus_id=IDS, region="hidden", subject="net", labels=LABELS, kind="network",
    )  # fmt: skip
    found = rc.audit(recording, n_permutations=0, null=null())
    table = found.table.set_index("feature")
    alone = rc.audit(null(), LABELS, n_permutations=0).table.set_index("feature")
    pd.testing.assert_series_equal(table["share_null"], alone["share"], check_names=False)
    assert table.loc["easy", "share"] > table.loc["easy", "share_null"] + 0.3
    assert "two-point theory" in found.method


def test_a_comparison_takes_the_null_as_a_model():
    brain = rc.rdm(
        build_recording(
            np.concatenate([BITS, LABELS], axis=1).astype(float),
            stimulus_id=IDS, region="IT", subject="one",
        ),
        metric="squared_euclidean",
    )  # fmt: skip
    table = rc.compare({"null": null(), "network": brain}, brain, n_bootstrap=10).table
    scores = table.set_index("model")["score"]
    assert 0.3 < scores["null"] < scores["network"]


def test_stimuli_without_targets_and_targets_without_differences_are_refused():
    with pytest.raises(LabelMismatchError, match="1 stimuli have no targets"):
        null(LABELS.iloc[1:])
    with pytest.raises(InvalidInputError, match="targets must be a DataFrame.*got a dict"):
        null({"easy": 1})
    with pytest.raises(InvalidInputError, match="two rows for 0000"):
        null(pd.concat([LABELS, LABELS.iloc[:1]]))
    with pytest.raises(InvalidInputError, match="missing or no numbers"):
        null(LABELS.assign(hard="yes"))
    with pytest.raises(NotIdentifiableError, match="same for all stimuli"):
        null(LABELS[["easy"]] * 0)
    with pytest.raises(InvalidInputError, match="must be one RDM"):
        rc.audit(null(), LABELS, null="rich")

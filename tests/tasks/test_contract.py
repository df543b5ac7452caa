"""What every task with features promises to networks, recordings and protocols."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprcompare.recording import label_table
from reprcompare.tasks import RULES, Feature, TrifeatureTask, VectorTask

TASKS = {
    "vectors": VectorTask(
        (
            Feature("first", "xor"),
            Feature("unasked", "linear", values=3, output=False),
            Feature("second", "sum_mod", values=3, labelled=0.5),
        )
    ),
    "objects": TrifeatureTask(size=12),
    "relations": TrifeatureTask(
        asked=("same_shape", "colour"), distractors=("texture",), n_objects=2, size=12
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_keeps_what_it_promises(name):
    task = TASKS[name]
    asked, levels = task.feature_names, task.levels
    assert len(asked) == len(levels)
    assert task.n_outputs == len(task.response_features) == sum(1 if n == 2 else n for n in levels)
    for partition in ("train", "validation", "test"):
        x, y = task.examples(60, partition, [1, 2])
        assert x.shape == (60, *task.input_shape)
        assert x.dtype == y.dtype == np.float32
        assert y.shape == (60, len(asked))
        for column, n in zip(y.T, levels, strict=True):
            known = column[~np.isnan(column)]
            assert set(known) <= set(range(n))
    stimuli = task.evaluation_set(1)
    assert stimuli.stimulus.shape[1:] == task.input_shape
    assert stimuli.stimulus.dtype == np.float32
    assert stimuli.feature.values.tolist() == list(task.properties.index)
    larger = task.evaluation_set(3)
    assert set(larger.stimulus_id.values) >= set(stimuli.stimulus_id.values)
    shared = larger.set_index(presentation="stimulus_id").sel(
        presentation=stimuli.stimulus_id.values
    )
    np.testing.assert_array_equal(shared.stimulus.values, stimuli.stimulus.values)
    every = list(itertools.product(*(range(n) for n in task.properties.n_levels)))
    assert sorted(map(tuple, stimuli.label.values.astype(int).tolist())) == every
    table = label_table(stimuli)
    for feature, n in task.properties.n_levels.items():
        assert table[feature].nunique() == n


@st.composite
def features(draw):
    made = []
    for number in range(draw(st.integers(1, 4))):
        rule = draw(st.sampled_from(sorted(RULES)))
        known = RULES[rule]
        size = known.n_units if known.fixed else draw(st.integers(1, 4))
        if rule == "majority":
            size = 2 * (size // 2) + 1
        values = draw(st.integers(2, 4)) if known.categorical else 2
        made.append(Feature(f"f{number}", rule, size, values=values))
    return tuple(made)


@settings(max_examples=40, deadline=None)
@given(features(), st.integers(0, 1000))
def test_stimuli_have_the_levels_that_are_wanted_and_counterfactuals_differ_in_one(found, seed):
    task = VectorTask(found, n_inputs=80)
    rng = np.random.default_rng(seed)
    wanted = np.stack([rng.integers(item.levels, size=20) for item in found], axis=1)
    bits = task.draw(20, "train", seed, wanted)
    np.testing.assert_array_equal(task.labels(bits), wanted)
    stimuli = task.evaluation_set(1, seed)
    changed = task.counterfactuals(stimuli, found[-1].name, seed)
    differs = changed.label.values != stimuli.label.values
    assert differs[:, -1].all()
    assert not differs[:, :-1].any()

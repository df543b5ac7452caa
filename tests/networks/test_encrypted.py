import numpy as np
import pytest
import torch

from reprcompare.errors import InvalidInputError
from reprcompare.networks.encrypted import Key, encrypted, make_key
from reprcompare.tasks import Feature, VectorTask

TASK = VectorTask((Feature("easy", "linear"), Feature("hard", "parity", 3)), n_inputs=16)


def test_ciphertexts_of_a_number_all_differ_and_all_decrypt_to_it():
    key = make_key(3)
    made = {key.encrypt(7, random) for random in range(1, 60)}
    assert len(made) == 59
    assert {key.decrypt(item) for item in made} == {7}


def test_sums_wrap_at_the_modulus():
    key = Key(32719, 16411)
    total = key.add(key.encrypt(key.n - 1, 11), key.encrypt(5, 13), 17)
    assert key.decrypt(total) == 4


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("coding", ["0/1", "-1/1"])
def test_the_answers_are_right(seed, coding):
    task = VectorTask(TASK.features, n_inputs=16, coding=coding)
    x, y = task.examples(64, "test", 0)
    logits = encrypted(16, 2, sizes=[1, 3], seed=seed)(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(logits > 0, y > 0.5)


def test_the_same_stimulus_never_has_the_same_state():
    network = encrypted(16, 2, sizes=[1, 3])
    x = torch.zeros(40, 16)
    state = x
    for name, module in list(network.named_children())[:-1]:
        state = module(state)
        ciphertexts = state.reshape(40, -1, network.encrypted.key.n_bits)
        assert len(torch.unique(ciphertexts.flatten(0, 1), dim=0)) == ciphertexts.shape[1] * 40, (
            name
        )


def test_exchanging_whole_states_exchanges_all_answers():
    network = encrypted(16, 2, sizes=[1, 3], seed=5)
    x, y = TASK.examples(32, "test", 0)
    other, answers = TASK.examples(32, "test", 1)
    modules = list(network.children())
    for cut in range(1, len(modules)):
        own, foreign = torch.from_numpy(x), torch.from_numpy(other)
        for module in modules[:cut]:
            own, foreign = module(own), module(foreign)
        exchanged = torch.where(torch.arange(32)[:, None] < 16, foreign, own)
        for module in modules[cut:]:
            exchanged = module(exchanged)
        expected = np.where(np.arange(32)[:, None] < 16, answers, y)
        np.testing.assert_array_equal(exchanged.numpy() > 0, expected > 0.5)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="must be 2 numbers"):
        encrypted(16, 2, sizes=[1])
    with pytest.raises(InvalidInputError, match="at most 16 inputs"):
        encrypted(16, 2, sizes=[1, 30])

"""Wrong settings are refused with what was expected; right ones do what they say."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from reprcompare.errors import InvalidInputError
from reprcompare.recording.provenance import provenance_of
from reprcompare.sessions import record
from reprcompare.sessions.run import round_bits

NETWORK = nn.Sequential(nn.Linear(3, 40))
STIMULI = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
IDS = range(30)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number from 1 on, got 0"),
        ({"outputs": "probabilities"}, "outputs must be None or 'logits'"),
        ({"nonfinite": "drop"}, "nonfinite must be one of"),
        ({"compression": 10}, "compression must be from 0 to 9"),
        ({"keep_bits": 0}, "keep_bits must be None or from 1 to 23"),
        ({"subject": ""}, "subject must be a name"),
        ({"seed": -1}, "seed must be"),
        ({"time_axis": 0}, "time_axis must be"),
        ({"checkpoints": {}}, "checkpoints is empty"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(InvalidInputError, match=message):
        record(NETWORK, STIMULI, layers=None, path=tmp_path / "a.nc", stimulus_ids=IDS, **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_something_that_is_no_network(tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist; create it first"):
        record(NETWORK, STIMULI, layers=None, path=tmp_path / "no" / "a.nc", stimulus_ids=IDS)
    with pytest.raises(InvalidInputError, match=r"expected a torch\.nn\.Module"):
        record(lambda x: x, STIMULI, layers=None, path=tmp_path / "a.nc", stimulus_ids=IDS)


def test_compression_is_lossless_and_rounding_is_bounded(tmp_path):
    paths = [tmp_path / name for name in ("plain.nc", "packed.nc", "rounded.nc")]
    options = [{}, {"compression": 5}, {"compression": 5, "keep_bits": 7}]
    plain, packed, rounded = (
        record(NETWORK, STIMULI, layers=None, path=path, stimulus_ids=IDS, **option)
        for path, option in zip(paths, options, strict=True)
    )
    np.testing.assert_array_equal(plain.activity.values, packed.activity.values)
    error = np.abs(rounded.activity.values / plain.activity.values - 1)
    assert 0 < error.max() <= 2**-8
    assert rounded.activity.attrs["kept_bits"] == 7
    sizes = [path.stat().st_size for path in paths]
    assert sizes[0] > sizes[2]


@settings(deadline=None)
@given(
    arrays(np.float32, 20, elements=st.floats(width=32, allow_subnormal=False)),
    st.integers(1, 23),
)
def test_rounding_is_to_the_nearest_value_with_so_many_bits(values, keep):
    rounded = round_bits(values, keep)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(rounded[~finite], values[~finite])
    mantissa, exponent = np.frexp(values[finite].astype(np.float64))
    expected = np.ldexp(np.round(mantissa * 2 ** (keep + 1)), exponent - keep - 1)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(rounded[finite], expected.astype(np.float32))


def test_provenance_tells_how_it_was_made_but_not_by_whom(tmp_path):
    recording = record(
        NETWORK, STIMULI, layers=None, path=tmp_path / "a.nc", stimulus_ids=IDS, subject="mlp-0"
    )
    found = provenance_of(recording)
    assert found["session"]["class"] == "torch.nn.modules.container.Sequential"
    assert len(found["session"]["weights_sha256"]) == 64
    assert found["session"]["seed"] == 0
    assert found["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["machine"]["device"] == "cpu"
    assert found["layers"] == {"0": {"shape": [40], "dtype": "float32", "size": 40}}
    text = json.dumps(found)
    assert str(tmp_path) not in text
    assert "/root" not in text


def test_dropout_is_off_unless_asked_for(tmp_path):
    network = nn.Sequential(nn.Dropout(0.5)).train()
    still = record(network, STIMULI, layers=None, path=tmp_path / "a.nc", stimulus_ids=IDS)
    np.testing.assert_array_equal(still.activity.values, STIMULI)
    noisy = [
        record(
            network, STIMULI, layers=None, path=tmp_path / f"{name}.nc", stimulus_ids=IDS,
            training=True, seed=seed,
        ).activity.values
        for name, seed in (("b", 0), ("c", 0), ("d", 1))
    ]  # fmt: skip
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])
    assert 0.3 < (noisy[0] == 0).mean() < 0.7

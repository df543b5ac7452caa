import pickle
import sys

import pytest
import torch

from reprcompare.errors import InvalidInputError, MissingExtraError, UnknownNameError
from reprcompare.networks import import_object, named_network
from reprcompare.networks.baselines import Pixels


def test_a_network_comes_with_what_prepares_its_images():
    network, prepare = named_network("pixels")
    assert isinstance(network, Pixels)
    assert network(prepare(torch.zeros((2, 50, 50, 3), dtype=torch.uint8))).shape == (2, 3072)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="no network 'pixel'; did you mean 'pixels'"):
        named_network("pixel")
    with pytest.raises(InvalidInputError, match="'mlp' is made for a task"):
        named_network("mlp")


def test_a_library_that_is_not_there_is_named():
    try:
        import timm  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="pip install timm"):
            named_network("timm:resnet18")
    else:
        pytest.skip("timm is installed")


def test_code_is_imported_only_if_allowed():
    with pytest.raises(InvalidInputError, match="--allow-import"):
        named_network("torch.nn:Identity")
    network, prepare = named_network("torch.nn:Identity", allow_import=True)
    assert isinstance(network, torch.nn.Identity)
    assert prepare is None
    with pytest.raises(InvalidInputError, match="expected a torch.nn.Module"):
        named_network("os:getcwd", allow_import=True)
    with pytest.raises(InvalidInputError, match="could not be imported"):
        import_object("no_such_module:x", allowed=True)


def test_trained_weights_that_do_not_exist_are_not_silently_fresh_ones():
    with pytest.raises(InvalidInputError, match="no trained weights come with 'pixels'"):
        named_network("pixels", "DEFAULT")
    with pytest.raises(InvalidInputError, match="no trained weights come with 'torch.nn:Identity'"):
        named_network("torch.nn:Identity", "DEFAULT", allow_import=True)


def test_a_module_is_found_where_the_command_is_called(tmp_path, monkeypatch):
    (tmp_path / "my_own_network.py").write_text("import torch\nnetwork = torch.nn.Identity\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [place for place in sys.path if place])
    network, _ = named_network("my_own_network:network", allow_import=True)
    assert isinstance(network, torch.nn.Identity)


def test_weights_come_from_a_file_and_never_run_code(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"wrong": torch.ones(1)}, path)
    with pytest.raises(InvalidInputError, match="do not fit"):
        named_network("torch.nn:Identity", str(path), allow_import=True)

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    path.write_bytes(pickle.dumps({"x": Hostile()}))
    with pytest.raises(InvalidInputError):
        named_network("torch.nn:Identity", str(path), allow_import=True)
    assert not (tmp_path / "owned").exists()
    with pytest.raises(InvalidInputError, match=r"nothing\.pt does not exist"):
        named_network("pixels", str(tmp_path / "nothing.pt"))

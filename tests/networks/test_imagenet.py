import builtins

import numpy as np
import pytest
import torch

from reprcompare.errors import InvalidInputError, MissingExtraError
from reprcompare.networks.imagenet import BLOCKS, LAYERS, efficientnet_lite0, preprocess

skimage_data = pytest.importorskip("skimage.data")


def top_classes(image, n):
    with torch.no_grad():
        return efficientnet_lite0()(preprocess(image))[0].topk(n).indices.tolist()


def test_a_cat_is_seen_as_a_cat():
    assert top_classes(skimage_data.chelsea(), 1)[0] in {281, 282, 285}  # tabby, tiger, Egyptian


def test_a_cup_of_coffee_is_seen_as_one():
    assert top_classes(skimage_data.coffee(), 1) == [967]  # espresso


def test_the_untrained_network_differs_by_seed_and_is_repeatable():
    image = preprocess(skimage_data.chelsea())
    with torch.no_grad():
        first, again, other = (
            efficientnet_lite0(trained=False, seed=seed)(image) for seed in (1, 1, 2)
        )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_signals_of_the_untrained_network_neither_die_nor_explode():
    network = efficientnet_lite0(trained=False)
    scales = []
    for name in BLOCKS:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output: scales.append(float(output.std()))
        )
    with torch.no_grad():
        network(preprocess(skimage_data.chelsea()))
    assert min(scales) > 1e-2
    assert max(scales) < 1e2


def test_the_seed_leaves_the_global_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    efficientnet_lite0(trained=False, seed=9)
    assert torch.equal(torch.rand(3), expected)


def test_every_named_layer_exists_and_no_block_is_left_out():
    modules = dict(efficientnet_lite0(trained=False).named_modules())
    assert set(LAYERS) <= set(modules)
    assert len(BLOCKS) == len(modules["_blocks"])


def test_preprocessing_keeps_the_whole_of_a_square_image_and_normalises():
    image = np.zeros((175, 175, 3), np.uint8)
    image[:, 0] = 255  # the leftmost column would be lost by a centre crop
    result = preprocess(image)
    assert result.shape == (1, 3, 224, 224)
    assert result[0, :, :, 0].min() > 0.5
    assert result[0, :, :, 112].max() == pytest.approx(-127 / 128)


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 3, 8, 8), np.uint8), np.zeros(8, np.uint8)],
)
def test_images_of_another_kind_are_refused_with_what_was_expected(images):
    with pytest.raises(InvalidInputError, match="expected"):
        preprocess(images)


def test_without_the_packages_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("efficientnet"):
            raise ImportError(name=name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"reprcompare\[demo\]"):
        efficientnet_lite0()

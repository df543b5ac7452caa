import itertools

import numpy as np
import pytest

from reprcompare.errors import InvalidInputError, UnknownNameError
from reprcompare.recording import label_table
from reprcompare.tasks import TrifeatureTask
from reprcompare.tasks.drawing import (
    BACKGROUND,
    COLOURS,
    SHAPES,
    TEXTURES,
    draw_objects,
    shape_mask,
    texture_mask,
)

ALL = np.array(list(itertools.product(range(10), repeat=3)))[:, None]


def drawn(shape="circle", texture="solid", colour="red", angles=(0.0, 0.0), size=64):
    return draw_objects(
        size, [(shape, texture, colour)], np.array([[0.5, 0.5]]), np.array([angles])
    )


def test_the_papers_split_leaves_3430_images_to_train_and_3570_to_validate():
    for asked in ("shape", "texture", "colour"):
        trained = TrifeatureTask(asked=(asked,)).trained_on(ALL)
        assert 7 * trained.sum() == 3430
        assert 7 * (~trained).sum() == 3570


def test_with_several_features_asked_every_pair_of_values_is_trained():
    trained = ALL[TrifeatureTask().trained_on(ALL), 0]
    assert len(trained) == 500
    for pair in itertools.combinations(range(3), 2):
        assert len(np.unique(trained[:, pair], axis=0)) == 100


def test_training_and_validation_show_different_combinations():
    task = TrifeatureTask(size=8)
    _, train = task.examples(400, "train", 0)
    _, validation = task.examples(400, "validation", 0)
    seen = {tuple(row) for row in train.tolist()}
    assert not seen & {tuple(row) for row in validation.tolist()}


def test_the_evaluation_set_is_balanced_fully_crossed_and_named():
    stimuli = TrifeatureTask(asked=("colour", "shape"), size=8).evaluation_set(2)
    _, counts = np.unique(stimuli.label.values, axis=0, return_counts=True)
    assert len(counts) == 100
    assert set(counts) == {2}
    names = label_table(stimuli)
    for stimulus, row in names.iterrows():
        shape, _, colour = str(stimulus).split(".")[0].split("-")
        assert (row["colour"], row["shape"]) == (colour, shape)


def test_relations_are_what_the_two_objects_are():
    task = TrifeatureTask(
        asked=("colour", "same_shape"), distractors=("same_colour",), size=16, n_objects=2
    )
    stimuli = task.evaluation_set(3)
    table = label_table(stimuli)
    for stimulus, row in table.iterrows():
        left, right = (part.split("-") for part in str(stimulus).split(".")[0].split("+"))
        assert row["same_shape"] == (left[0] == right[0])
        assert row["same_colour"] == (left[2] == right[2])
        assert row["colour"] == left[2]
    assert task.levels == (10, 2)
    assert task.n_outputs == 11
    _, y = task.examples(2000, "train", 1)
    assert abs(y[:, 1].mean() - 0.5) < 0.04
    assert np.bincount(y[:, 0].astype(int)).min() > 130


def test_a_solid_object_has_its_colour_and_its_area_on_grey():
    image = drawn("circle", "solid", "blue", size=112)
    assert image[56, 56].tolist() == list(COLOURS["blue"])
    assert image[2, 2].tolist() == [BACKGROUND] * 3
    covered = (np.abs(image.astype(int) - BACKGROUND).sum(axis=2) > 60).sum()
    assert covered == pytest.approx(np.pi * 32**2, rel=0.02)


def test_rotation_turns_the_shape_and_not_the_texture():
    upright = drawn("rhombus", "solid", "white", size=112)
    turned = drawn("rhombus", "solid", "white", (90.0, 0.0), size=112)
    np.testing.assert_allclose(turned.astype(int), np.rot90(upright).astype(int), atol=130, rtol=0)
    assert np.abs(turned.astype(int) - np.rot90(upright)).mean() < 1
    striped = drawn("circle", "stripes", "white", (40.0, 0.0), size=112)
    np.testing.assert_array_equal(striped[56, 40:70].std(axis=0) < 1, True)


def test_all_shapes_and_textures_differ():
    assert len({shape_mask(name).tobytes() for name in SHAPES}) == 10
    tiles = np.stack([texture_mask(name) for name in TEXTURES])
    assert len({tile.tobytes() for tile in tiles}) == 10
    assert (tiles[1:].mean(axis=(1, 2)) < 0.8).all()
    assert (tiles.mean(axis=(1, 2)) > 0.2).all()


def test_objects_stay_on_the_canvas_and_pictures_are_repeatable():
    task = TrifeatureTask(asked=("shape",), size=48, colours=("red", "blue"))
    x, y = task.examples(60, "train", [4, 1])
    circles = TrifeatureTask(
        asked=("shape",), shapes=("circle", "square"), textures=("solid", "dots"), size=48
    ).examples(200, "train", 0)
    solid = np.abs(circles[0] - (BACKGROUND / 127.5 - 1)).max(axis=1) > 0.25
    areas = solid.sum(axis=(1, 2))[circles[1][:, 0] == 0]
    assert areas.min() > 0.8 * np.pi * (48 * 64 / 224) ** 2  # nothing is cut off
    again, same = task.examples(60, "train", [4, 1])
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, same)
    assert x.dtype == np.float32
    assert x.min() >= -1
    assert x.max() <= 1


def test_impossible_pictures_get_a_sentence():
    with pytest.raises(UnknownNameError, match="no feature 'same_shape' in images of 1 object"):
        TrifeatureTask(asked=("same_shape",))
    with pytest.raises(UnknownNameError, match="did you mean 'colour'"):
        TrifeatureTask(asked=("color",))
    with pytest.raises(UnknownNameError, match="did you mean 'stripes'"):
        TrifeatureTask(textures=("solid", "stripe"))
    with pytest.raises(InvalidInputError, match="n_objects must be 1 or 2, got 3"):
        TrifeatureTask(n_objects=3)
    with pytest.raises(InvalidInputError, match="names each once"):
        TrifeatureTask(asked=("shape",), distractors=("shape",))
    with pytest.raises(InvalidInputError, match="colours must be at least two"):
        TrifeatureTask(colours=("red",))

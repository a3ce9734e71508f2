import numpy as np
import pytest

from tl_core.backbones import backbone
from tl_core.backbones.build import preprocessing_layers
from tl_core.features.pictures import Preparation
from tl_core.features.views import apply_view


def _pictures(height: int, width: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "densenet121"])
@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 96), (60, 48, 32), (32, 32, 32)])
def test_preparation_is_what_the_saved_model_does(
    name: str, height: int, width: int, size: int
) -> None:
    import keras

    row, pictures = backbone(name), _pictures(height, width)
    expected = keras.layers.Resizing(size, size, interpolation="bicubic")(
        pictures.astype(np.float32)
    )
    for layer in preprocessing_layers(row):
        expected = layer(expected)
    out = np.empty((len(pictures), size, size, 3), np.float32)
    Preparation.of(row, height, width, size)(pictures, out)
    np.testing.assert_allclose(out, np.asarray(expected), rtol=1e-5, atol=2e-4)


def test_flip_mirrors_left_and_right() -> None:
    pictures = _pictures(8, 8)
    flipped = apply_view(pictures, "flip", np.arange(3), 0)
    np.testing.assert_array_equal(flipped[:, :, 0], pictures[:, :, -1])
    np.testing.assert_array_equal(apply_view(pictures, None, np.arange(3), 0), pictures)


@pytest.mark.parametrize("view", ["crop", "colour"])
def test_a_drawn_view_belongs_to_picture_and_seed(view: str) -> None:
    pictures = np.repeat(_pictures(32, 32, 1), 20, axis=0)
    indices = np.arange(20)
    once = apply_view(pictures, view, indices, 5)
    np.testing.assert_array_equal(once, apply_view(pictures, view, indices, 5))
    np.testing.assert_array_equal(once[7:9], apply_view(pictures[7:9], view, indices[7:9], 5))
    assert len({picture.tobytes() for picture in once}) > 10
    assert (once != apply_view(pictures, view, indices, 6)).any()
    assert once.min() >= 0
    assert once.max() <= 255


def test_a_crop_is_a_shift_of_at_most_an_eighth_filled_by_reflection() -> None:
    side, reach = 32, 4
    picture = np.zeros((1, side, side, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.mgrid[:side, :side]
    padded = np.pad(picture[0], ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    indices = np.arange(200)
    shifts = set()
    for shifted in apply_view(np.repeat(picture, 200, axis=0), "crop", indices, 0):
        row, column = int(shifted[16, 16, 0]) - 16, int(shifted[16, 16, 1]) - 16
        shifts.add((row, column))
        window = padded[reach + row : reach + row + side, reach + column : reach + column + side]
        np.testing.assert_array_equal(shifted, window)
    assert {row for row, _ in shifts} == {column for _, column in shifts} == set(range(-4, 5))


def test_colour_keeps_grey_pictures_grey() -> None:
    grey = np.repeat(_pictures(8, 8)[..., :1], 3, axis=3)
    changed = apply_view(grey, "colour", np.arange(3), 0)
    np.testing.assert_allclose(changed[..., 0], changed[..., 2], atol=1e-3)
    assert np.abs(changed - grey).mean() > 1

from pathlib import Path

import numpy as np
import pytest

from tl_core.backbones import BACKBONES, backbone
from tl_core.backbones.build import build_backbone, pooled_outputs
from tl_core.backbones.weights import Weights
from tl_core.errors import TransferLabError
from tl_core.inference.explain import Explainer, overlay
from tl_core.inference.foreign import check_model_file
from tl_core.inference.saved import SavedModel
from tl_core.training.assemble import assemble
from tl_core.training.head import build_head
from tl_core.training.recipe import make_recipe


def saved(folder: Path, name: str, *, resolution: int = 40, mirrored: bool = False) -> SavedModel:
    row = backbone(name)
    base = build_backbone(row, Weights("random"), 64)
    width = sum(part.shape[-1] for part in pooled_outputs(base, row, "last"))
    recipe = make_recipe(backbone=name)
    ones = np.ones(width, np.float32)
    head = build_head(recipe, 4, 0 * ones, ones, policy="float32", training=False)
    scores = head.get_layer("scores")
    # Weights of one sign: with random ones a class may find nothing at all that speaks for it.
    scores.set_weights([np.abs(part) for part in scores.get_weights()])
    model = assemble(row, base, "last", head, resolution=resolution, mirrored=mirrored)
    path = folder / "model.keras"
    model.save(path)
    return SavedModel(path)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_can_be_explained(name: str, tmp_path: Path) -> None:
    model = saved(tmp_path, name)
    # What runs save must stay what a run from elsewhere may bring.
    check_model_file(tmp_path / "model.keras")
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    explain = Explainer(model)
    maps = [explain(picture, target) for target in (0, 3)]
    assert all(heat.shape == (40, 40) for heat in maps)
    assert all(heat.min() >= 0 and heat.max() <= 1 for heat in maps)
    assert all(heat.max() > 0.5 for heat in maps)


@pytest.mark.parametrize("target", [1, 2])
def test_the_map_is_grad_cam_s_formula(target: int, tmp_path: Path) -> None:
    import keras

    model = saved(tmp_path, "vgg16", resolution=64, mirrored=True)
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    whole = model.keras_model
    network = whole.get_layer("backbone")
    features = keras.Model(network.input, network.get_layer("block5_pool").output)
    bgr = picture[None, ..., ::-1].astype(np.float32) - [103.939, 116.779, 123.68]
    activation = np.asarray(features(bgr.astype(np.float32)))[0]
    # With a linear head on averages, the slope of a score is the head's weight over the places.
    weight = whole.get_layer("head").get_layer("scores").get_weights()[0][:, target]
    expected = np.maximum((activation * weight).sum(-1), 0)
    heat = Explainer(model)(picture, target)
    centres = heat[16::32, 16::32]
    assert expected.max() > 0
    assert np.allclose(centres / centres.max(), expected / expected.max(), atol=0.15)


def test_a_picture_or_class_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    explain = Explainer(saved(tmp_path, "mobilenet_v2"))
    with pytest.raises(TransferLabError, match="the model takes"):
        explain(np.zeros((8, 8, 3), np.uint8), 0)
    with pytest.raises(TransferLabError, match="no class number 4"):
        explain(np.zeros((40, 40, 3), np.uint8), 4)


def test_a_foreign_model_cannot_be_explained(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((4, 4, 3), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(inputs))
    keras.Model(inputs, keras.layers.Dense(2)(pooled)).save(tmp_path / "model.keras")
    with pytest.raises(TransferLabError, match="cannot be explained"):
        Explainer(SavedModel(tmp_path / "model.keras"))


def test_the_overlay_leaves_the_picture_at_no_strength_and_tints_what_is_hot() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    heat = np.array([[0, 1], [0, 0]], np.float32)
    assert np.array_equal(overlay(picture, heat, 0.0), picture)
    tinted = overlay(picture, heat, 1.0)
    assert tinted[0, 1, 0] > 150 > 100 > tinted[0, 1, 2]
    assert tinted[0, 0].max() <= 100

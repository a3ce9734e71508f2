"""Where in a picture a model saw what it answered: Grad-CAM."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tl_core.backbones.table import backbone
from tl_core.errors import TransferLabError
from tl_core.inference.guarded import GuardedModel
from tl_core.inference.saved import SavedModel

# How strongly the map covers the picture unless somebody says otherwise, 0 to 1.
STRENGTH = 0.8


def explainer(
    model: SavedModel | GuardedModel,
) -> Callable[[NDArray[np.uint8], int], NDArray[np.float32]]:
    """Return what makes `model`'s Grad-CAM maps; see `Explainer`.

    Raises:
        TransferLabError: the model was not put together by this project.
    """
    return model.explain if isinstance(model, GuardedModel) else Explainer(model)


class Explainer:
    """Grad-CAM maps of one saved model, compiled once."""

    def __init__(self, model: SavedModel) -> None:
        """Prepare the parts of `model` that a map is made from.

        Raises:
            TransferLabError: the model was not put together by this project.
        """
        import keras
        import tensorflow as tf

        whole = model.keras_model
        try:
            network = whole.get_layer("backbone")
            last = network.get_layer(backbone(whole.name).pooled_layers[-1])
            head = whole.get_layer("head")
        except ValueError as error:
            raise TransferLabError(
                "This model has no backbone and head of Transfer Lab's, so it cannot be explained."
            ) from error
        before = whole.layers[1 : [layer.name for layer in whole.layers].index("backbone")]
        before = [layer for layer in before if layer.name != "flip"]
        both = keras.Model(network.input, [last.output, network.output])
        self.input_shape = model.input_shape
        self.classes = model.classes

        def maps(picture: Any, target: Any) -> Any:
            pictures = picture[None]
            for layer in before:
                pictures = layer(pictures)
            with tf.GradientTape() as tape:
                activation, joined = both(pictures, training=False)
                score = head(joined, training=False)[0, target]
            slope = tape.gradient(score, activation)
            weights = tf.reduce_mean(slope, axis=(1, 2), keepdims=True)
            return tf.nn.relu(tf.reduce_sum(weights * activation, axis=-1))[0]

        self._maps = tf.function(
            maps,
            input_signature=[
                tf.TensorSpec(self.input_shape, tf.uint8),
                tf.TensorSpec((), tf.int32),
            ],
        )

    def __call__(self, picture: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """Return how much each place of `picture` (H×W×3) speaks for class `target`, H×W in 0..1.

        Grad-CAM of the backbone's last feature map (Selvaraju et al. 2017, arXiv:1610.02391),
        enlarged smoothly to the picture; all 0 where nothing speaks for the class. With a head on
        several layers it shows the share that passes through the last one.

        Raises:
            TransferLabError: the picture has another size, or there is no such class.
        """
        if picture.shape != self.input_shape:
            raise TransferLabError(
                f"The picture is {picture.shape}, the model takes {self.input_shape}."
            )
        if not 0 <= target < self.classes:
            raise TransferLabError(
                f"There is no class number {target}; the model knows {self.classes} classes."
            )
        coarse = np.asarray(self._maps(picture, np.int32(target)), np.float32)
        peak = float(coarse.max())
        if peak <= 0:
            return np.zeros(picture.shape[:2], np.float32)
        fine = Image.fromarray(coarse / peak).resize(
            (picture.shape[1], picture.shape[0]), Image.Resampling.BILINEAR
        )
        return np.clip(np.asarray(fine, np.float32), 0, 1)


@dataclass(frozen=True)
class Colour:
    """A colour by its red, green and blue, 0..255."""

    red: int
    green: int
    blue: int


HOT = Colour(255, 96, 0)


def overlay(
    picture: NDArray[np.uint8], heat: NDArray[np.float32], strength: float = STRENGTH
) -> NDArray[np.uint8]:
    """Return `picture` (H×W×3) greyed where `heat` (H×W, 0..1) is low and tinted where it is high.

    `strength` runs from 0, the picture as it is, to 1.
    """
    share = strength * heat[..., None]
    grey = picture.mean(axis=2, keepdims=True)
    dimmed = picture + strength * (1 - heat[..., None]) * (0.8 * grey - picture)
    tint = np.array([HOT.red, HOT.green, HOT.blue], np.float32)
    mixed = dimmed * (1 - 0.6 * share) + 0.6 * share * tint
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)

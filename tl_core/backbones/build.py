"""A row of the table, built as a Keras model."""

from __future__ import annotations

import inspect
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.errors import TransferLabError

if TYPE_CHECKING:
    import keras

# Mean and standard deviation of ImageNet's RGB values, 0..255.
TORCH_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
TORCH_DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)
# Mean of ImageNet's values in the order blue, green, red.
CAFFE_MEAN = (103.939, 116.779, 123.68)

Pooled = Literal["last", "several", "spread"]
Statistic = Literal["mean", "deviation"]

# Under the root of a variance: a root is infinitely steep at zero, where a dead channel is.
_EPSILON = 1e-6


def build_backbone(row: Backbone, weights: Weights, size: int) -> keras.Model:
    """Return the network: preprocessed float32 N×size×size×3 to its last feature map.

    The ImageNet top is gone, every layer is frozen, and so BatchNormalization uses its stored
    statistics. Random weights are the same for the same seed.

    Raises:
        TransferLabError: `size` is below the row's smallest, or the weights file does not fit.
    """
    import keras

    if size < row.smallest_size:
        raise TransferLabError(
            f"{row.title} needs pictures of at least {row.smallest_size} pixels, not {size}."
        )
    constructor = getattr(keras.applications, row.constructor)
    options: dict[str, Any] = {"weights": None, "include_top": False}
    # An engine's converter got preprocessing inside the graph wrong, so it always stays outside.
    if "include_preprocessing" in inspect.signature(constructor).parameters:
        options["include_preprocessing"] = False
    with _drawn_from(weights.seed):
        model = constructor(input_shape=(size, size, 3), **options)
    # Keras numbers a layer without a name by what this process built before.
    model.layers[-1].name = row.pooled_layers[-1]
    if weights.path is not None:
        _load(model, row, weights.path)
    for layer in model.layers:
        layer.trainable = False
    model.trainable = False
    return model


def preprocessing_layers(row: Backbone) -> list[keras.layers.Layer]:
    """Return the layers from RGB values 0..255 (N×H×W×3) to what the network was trained on.

    They hold no Lambda, so a saved model loads in Keras' safe mode without this project.
    """
    import keras

    if row.preprocessing == "tf":
        return [keras.layers.Rescaling(1 / 127.5, offset=-1.0)]
    if row.preprocessing == "torch":
        variance = [deviation**2 for deviation in TORCH_DEVIATION]
        return [keras.layers.Normalization(mean=list(TORCH_MEAN), variance=variance)]
    rgb = keras.Input((None, None, 3))
    bgr = keras.Model(rgb, rgb[..., ::-1], name="rgb_to_bgr")
    return [bgr, keras.layers.Normalization(mean=list(CAFFE_MEAN), variance=[1.0, 1.0, 1.0])]


def pooled_outputs(base: keras.Model, row: Backbone, which: Pooled) -> list[keras.KerasTensor]:
    """Return the pooled outputs (None, C), in the order of `pooled_names`."""
    return [_pooled(base, *part) for part in _parts(row, which)]


def pooled_names(row: Backbone, which: Pooled) -> tuple[str, ...]:
    """Return what is pooled, from early to late, by name.

    The average over the picture of the last layer, or of several; with `spread` also the standard
    deviation over the picture of all but the last, whose few cells say little of it.
    """
    return tuple(
        name if statistic == "mean" else f"{name} {statistic}"
        for name, statistic in _parts(row, which)
    )


def _parts(row: Backbone, which: Pooled) -> list[tuple[str, Statistic]]:
    *early, last = row.pooled_layers
    parts: list[tuple[str, Statistic]] = []
    if which != "last":
        for name in early:
            parts.append((name, "mean"))
            if which == "spread":
                parts.append((name, "deviation"))
    return [*parts, (last, "mean")]


def split_at(
    base: keras.Model, row: Backbone, which: Pooled, blocks: int
) -> tuple[keras.KerasTensor, list[keras.KerasTensor], list[keras.KerasTensor]]:
    """Return where the last `blocks` blocks begin: (boundary, low, high).

    `boundary` (None, h, w, C) enters the blocks; `low` and `high` are the pooled outputs of the
    layers up to it and after it, which in this order are those of `pooled_outputs`.

    Raises:
        ValueError: the row has not so many blocks.
    """
    if not 0 < blocks <= len(row.blocks):
        raise ValueError(f"{row.name} has {len(row.blocks)} blocks, not {blocks}.")
    order = [layer.name for layer in base.layers]
    boundary = row.blocks[blocks - 1]
    parts = _parts(row, which)
    low = [part for part in parts if order.index(part[0]) <= order.index(boundary)]
    return (
        base.get_layer(boundary).output,
        [_pooled(base, *part) for part in low],
        [_pooled(base, *part) for part in parts[len(low) :]],
    )


def _pooled(base: keras.Model, name: str, statistic: Statistic) -> keras.KerasTensor:
    import keras

    output = base.get_layer(name).output
    # A mean in bfloat16 would lose digits that the sum over the picture had won.
    if statistic == "mean":
        return keras.layers.GlobalAveragePooling2D(dtype="float32")(output)
    exact = keras.layers.Activation("linear", dtype="float32")(output)
    return keras.ops.sqrt(keras.ops.var(exact, axis=(1, 2)) + _EPSILON)


@contextmanager
def _drawn_from(seed: int) -> Iterator[None]:
    """Let Keras' initializers draw their seeds from `seed`, and nothing else after them."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _load(model: keras.Model, row: Backbone, path: Path) -> None:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            legacy = "layer_names" in file.attrs
        # Keras tells its two formats by the ending of the name, people name files as they like.
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder) / ("legacy.h5" if legacy else "keras3.weights.h5")
            link.symlink_to(path.absolute())
            model.load_weights(link)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TransferLabError(
            f"The weights file {path} cannot be used for {row.title} without its top: {reason} "
            f"Replace it by the right file, or choose the weights `random`."
        ) from error

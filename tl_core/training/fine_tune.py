"""Training a backbone's last blocks from the cached activations that enter them."""

from typing import TYPE_CHECKING, Any

from tl_core.backbones.build import build_backbone, split_at
from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


def trainable_top(
    row: Backbone,
    weights: Weights,
    recipe: Recipe,
    head: "keras.Sequential",
    *,
    policy: str,
    dtype: str,
) -> "tuple[keras.Model, keras.Model]":
    """Return a backbone whose top is trainable, and the model that trains this top and the head.

    The model takes the boundary activation N×h×w×C and, where layers before the boundary are
    pooled too, all pooled outputs N×D, of which it uses those, both in `dtype`, as they are
    stored; it gives scores N×classes.
    BatchNorm layers stay fixed: `training=False` alone would not keep them so under training.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        base = build_backbone(row, weights, recipe.size)
        boundary, low, high = split_at(base, row, recipe.pooled_layers, recipe.fine_tune_blocks)
        top = keras.Model(boundary, high)
    finally:
        keras.config.set_dtype_policy(before)
    for layer in top.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    activation = keras.Input(boundary.shape[1:], dtype=dtype, name="boundary")
    inputs: list[Any] = [activation]
    parts = [
        keras.layers.Activation("linear", dtype="float32")(part)
        for part in _listed(top(keras.layers.Activation("linear", dtype=policy)(activation)))
    ]
    if low:
        widths = [part.shape[-1] for part in [*low, *high]]
        pooled = keras.Input((sum(widths),), dtype=dtype, name="pooled")
        inputs.append(pooled)
        before_boundary = pooled[:, : sum(widths[: len(low)])]
        parts = [keras.layers.Activation("linear", dtype="float32")(before_boundary), *parts]
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(dtype="float32")(parts)
    return base, keras.Model(inputs, head(joined))


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

"""The head: what turns pooled features into one score a class."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tl_core.features.rows import Rows
from tl_core.training.recipe import Recipe

if TYPE_CHECKING:
    import keras

DEFAULT_HIDDEN_UNITS = 512

# At once, in as many threads: more of them would hold more in memory and are no faster.
_STATISTICS_ROWS, _STATISTICS_THREADS = 1000, 2


def feature_statistics(
    features: Rows, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and variance (each D) of the features N×D at `rows`, read a slice at a time."""

    def sums(start: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        part = features[rows[start : start + _STATISTICS_ROWS]].astype(np.float32)
        return part.sum(0, dtype=np.float64), np.einsum("nd,nd->d", part, part, dtype=np.float64)

    total = np.zeros(features.shape[1])
    squares = np.zeros(features.shape[1])
    with ThreadPoolExecutor(_STATISTICS_THREADS) as pool:
        for own, own_squares in pool.map(sums, range(0, len(rows), _STATISTICS_ROWS)):
            total += own
            squares += own_squares
    mean = total / len(rows)
    variance = np.maximum(squares / len(rows) - mean**2, 1e-8)
    return mean.astype(np.float32), variance.astype(np.float32)


def build_head(
    recipe: Recipe,
    classes: int,
    mean: NDArray[np.float32],
    variance: NDArray[np.float32],
    *,
    policy: str,
    training: bool,
) -> "keras.Sequential":
    """Return standardisation and dense layers: pooled features N×D to scores N×classes, float32.

    `policy` is the Keras dtype policy of the large products; the last layer's scores and the
    standardisation stay in float32. Without `training`, dropout is left out.
    """
    import keras

    # Constant features would otherwise be blown up by their rounding noise.
    floor = 1e-6 * float(variance.max())
    layers: list[Any] = [
        keras.Input((len(mean),)),
        keras.layers.Normalization(
            mean=mean,
            variance=np.maximum(variance, floor),
            dtype="float32",
            name="standardise",
        ),
    ]

    def dropout() -> None:
        if training and recipe.dropout:
            layers.append(keras.layers.Dropout(recipe.dropout, seed=recipe.seed + len(layers)))

    dropout()
    if recipe.head == "mlp":
        units = recipe.hidden_units or DEFAULT_HIDDEN_UNITS
        layers.append(keras.layers.Dense(units, dtype=policy, name="hidden"))
        if recipe.batch_norm:
            layers.append(keras.layers.BatchNormalization(dtype="float32", name="hidden_norm"))
        layers.append(keras.layers.Activation("relu", dtype="float32", name="hidden_relu"))
        dropout()
    layers.append(
        keras.layers.Dense(
            classes,
            kernel_initializer=keras.initializers.RandomNormal(stddev=1e-3, seed=recipe.seed),
            dtype="float32" if recipe.head == "mlp" else policy,
            name="scores",
        )
    )
    layers.append(keras.layers.Activation("linear", dtype="float32", name="scores_float32"))
    return keras.Sequential(layers, name="head")


def copy_head(source: "keras.Sequential", target: "keras.Sequential") -> None:
    """Copy weights between two heads of one recipe, one of which may lack the dropout layers."""
    for layer in target.layers:
        layer.set_weights(source.get_layer(layer.name).get_weights())

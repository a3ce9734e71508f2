"""The parts of a run put together: one model from raw pictures to probabilities."""

from typing import TYPE_CHECKING, Any

from tl_core.backbones.build import Pooled, pooled_outputs, preprocessing_layers
from tl_core.backbones.table import Backbone

if TYPE_CHECKING:
    import keras


def assemble(
    row: Backbone,
    base: "keras.Model",
    pooled: Pooled,
    head: "keras.Sequential",
    *,
    resolution: int,
    mirrored: bool,
) -> "keras.Model":
    """Return a model from uint8 pictures N×resolution×resolution×3 to float32 probabilities.

    It consists of Keras layers only, so that its file loads in safe mode without this package.
    With `mirrored` the probabilities are the mean over a picture and its mirror image.
    """
    import keras

    size = base.input_shape[1]
    outputs = pooled_outputs(base, row, pooled)
    joined = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate(name="joined")(outputs)
    backbone = keras.Model(base.input, joined, name="backbone")
    before: list[Any] = [keras.layers.Rescaling(1.0, name="to_float")]
    if resolution != size:
        before.append(
            keras.layers.Resizing(size, size, interpolation="bicubic", name="to_input_size")
        )
    before += preprocessing_layers(row)
    softmax = keras.layers.Softmax(dtype="float32", name="probabilities")

    def answer(pictures: Any) -> Any:
        for layer in before:
            pictures = layer(pictures)
        return softmax(head(backbone(pictures)))

    pictures = keras.Input((resolution, resolution, 3), dtype="uint8", name="pictures")
    probabilities = answer(pictures)
    if mirrored:
        other = answer(keras.ops.flip(pictures, axis=2))
        probabilities = keras.layers.Average(name="mean_of_views")([probabilities, other])
    return keras.Model(pictures, probabilities, name=row.name)

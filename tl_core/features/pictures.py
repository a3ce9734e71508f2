"""Pictures as a network wants them: resized and preprocessed, beside the inference."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.build import CAFFE_MEAN, TORCH_DEVIATION, TORCH_MEAN
from tl_core.backbones.table import Backbone

INTERPOLATION = "bicubic"

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Preparation:
    """What `keras.layers.Resizing` and a backbone's preprocessing layers do, as matrix products.

    Resizing is linear, one matrix for the rows and one for the columns; `columns` acts on
    interleaved channels (W·3 × size·3). Both are None where pictures have the size already.
    Preprocessing scales each channel, which commutes with resizing and is cheaper before it.
    """

    size: int
    rows: Matrix | None
    columns: Matrix | None
    scale: Matrix
    offset: Matrix
    reverse: bool

    @classmethod
    def of(cls, row: Backbone, height: int, width: int, size: int) -> Self:
        """Return the preparation of height×width pictures for `row` at size×size."""
        scale, offset, reverse = _channels(row)
        if (height, width) == (size, size):
            return cls(size, None, None, scale, offset, reverse)
        columns = np.kron(resize_matrix(width, size).T, np.eye(3, dtype=np.float32))
        return cls(size, resize_matrix(height, size), columns, scale, offset, reverse)

    def __call__(self, pictures: NDArray[np.generic], out: Matrix) -> None:
        """Write `pictures` (N×H×W×3, RGB values 0..255) to `out` (N×size×size×3)."""
        channels = pictures[..., ::-1] if self.reverse else pictures
        if self.rows is None or self.columns is None:
            np.multiply(channels, self.scale, out=out)
            out += self.offset
            return
        scaled = np.multiply(channels, self.scale, dtype=np.float32)
        scaled += self.offset
        count, height, width = pictures.shape[:3]
        wide = scaled.reshape(count * height, width * 3) @ self.columns
        np.matmul(
            self.rows,
            wide.reshape(count, height, self.size * 3),
            out=out.reshape(count, self.size, self.size * 3),
        )


def resize_matrix(source: int, target: int) -> Matrix:
    """Return the target×source matrix by which Keras resizes one axis."""
    import keras

    layer = keras.layers.Resizing(target, source, interpolation=INTERPOLATION, dtype="float32")
    unit = np.eye(source, dtype=np.float32)
    return np.array(layer(unit[None, :, :, None]))[0, :, :, 0]


def _channels(row: Backbone) -> tuple[Matrix, Matrix, bool]:
    if row.preprocessing == "tf":
        scale, offset = np.full(3, 1 / 127.5), np.full(3, -1.0)
    elif row.preprocessing == "torch":
        scale = 1 / np.array(TORCH_DEVIATION)
        offset = -np.array(TORCH_MEAN) * scale
    else:
        scale, offset = np.ones(3), -np.array(CAFFE_MEAN)
    return scale.astype(np.float32), offset.astype(np.float32), row.preprocessing == "caffe"

"""A run's saved model, opened so that an answer costs no more than its arithmetic."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.inference.foreign import check_model_file


class SavedModel:
    """A model from its file, compiled for raw uint8 pictures N×H×W×3; warm when it is there.

    Called layer by layer from Python, a network of many layers takes several times as long for a
    single picture as it does compiled.
    """

    def __init__(self, path: Path) -> None:
        """Load the file in Keras' safe mode and answer once.

        Raises:
            TransferLabError: the file is missing, has a part that no model of Transfer Lab has, or
                is not a model that safe mode accepts.
        """
        if not path.is_file():
            raise TransferLabError(
                f"There is no {path.name} in {path.parent.name}; the run may have been deleted."
            )
        # Also where a run was made here, as far as is known: a folder may have been copied in.
        try:
            check_model_file(path)
        except TransferLabError as error:
            raise TransferLabError(f"{_unusable(path)}. {error}") from error
        import keras
        import tensorflow as tf

        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
            self.input_shape: tuple[int, int, int] = tuple(model.input_shape[1:])
            self.classes: int = model.output_shape[-1]
            signature = [tf.TensorSpec((None, *self.input_shape), tf.uint8)]
            self.keras_model = model
            self._call: Any = tf.function(
                lambda pictures: model(pictures, training=False), input_signature=signature
            )
            self(np.zeros((1, *self.input_shape), np.uint8))
        except (ValueError, TypeError, OSError, KeyError) as error:
            raise TransferLabError(
                f"{_unusable(path)}: {(str(error).splitlines() or ['no reason given'])[0]}"
            ) from error

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities N×classes.

        Raises:
            TransferLabError: the pictures have another size than the model takes.
        """
        if pictures.shape[1:] != self.input_shape:
            got = "×".join(str(side) for side in pictures.shape[1:])
            expected = "×".join(str(side) for side in self.input_shape)
            raise TransferLabError(f"The pictures are {got}, the model takes {expected}.")
        return np.asarray(self._call(pictures), np.float32)


def _unusable(path: Path) -> str:
    return f"{path.name} in {path.parent.name} cannot be used as a model"

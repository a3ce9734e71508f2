"""Trained models kept ready to answer, the least recently used given up first."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError


@dataclass(frozen=True)
class Prediction:
    """Probabilities N×classes for N pictures, and the milliseconds that each took."""

    probabilities: NDArray[np.float32]
    ms_per_image: float


class Predictor:
    """Answers for pictures by saved models; safe to share between threads.

    At most `max_models` stay in memory. A file that was replaced since is loaded again.
    """

    def __init__(self, max_models: int = 3) -> None:
        self._most = max_models
        self._models: OrderedDict[tuple[Path, int], Any] = OrderedDict()
        self._lock = threading.Lock()

    def predict(self, model_path: Path, pictures: NDArray[np.uint8]) -> Prediction:
        """Answer for uint8 pictures N×H×W×3 at the resolution the model was trained at.

        Raises:
            TransferLabError: the model is missing or unreadable, or the pictures' size is not its.
        """
        with self._lock:
            model = self._ready(model_path)
            expected = tuple(model.input_shape[1:])
            if pictures.shape[1:] != expected:
                raise TransferLabError(
                    f"The pictures are {pictures.shape[1:]}, the model takes {expected}."
                )
            started = time.perf_counter()
            rows = [np.asarray(model(picture[None], training=False)) for picture in pictures]
            seconds = time.perf_counter() - started
        answers = np.concatenate(rows) if rows else np.empty((0, model.output_shape[-1]))
        return Prediction(answers.astype(np.float32), 1000 * seconds / max(len(rows), 1))

    def _ready(self, path: Path) -> Any:
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise TransferLabError(
                f"There is no model at {path.name}; the run may have been deleted."
            ) from error
        if key not in self._models:
            self._models[key] = load_model(path)
            while len(self._models) > self._most:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]


def load_model(path: Path) -> Any:
    """Load a saved model in safe mode and run it once, so that the first answer is not slow.

    Raises:
        TransferLabError: the file is not a model that safe mode accepts.
    """
    import keras

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        model(np.zeros((1, *model.input_shape[1:]), np.uint8), training=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise TransferLabError(
            f"{path.name} could not be loaded as a model: {str(error).splitlines()[0]}"
        ) from error
    return model

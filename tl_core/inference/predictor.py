"""Trained models kept ready to answer, the least recently used given up first."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.inference.explain import explainer
from tl_core.inference.guarded import GuardedModel, is_from_elsewhere
from tl_core.inference.saved import SavedModel

Model = SavedModel | GuardedModel
Explaining = Callable[[NDArray[np.uint8], int], NDArray[np.float32]]


def open_model(path: Path) -> Model:
    """Open the model at `path`: an imported run's in a process of its own, any other in this one.

    Raises:
        TransferLabError: the file is missing, or not a model that can be used.
    """
    return GuardedModel(path) if is_from_elsewhere(path) else SavedModel(path)


@dataclass(frozen=True)
class Prediction:
    """Probabilities N×classes for N pictures, and the milliseconds that each took, once warm."""

    probabilities: NDArray[np.float32]
    ms_per_image: float


@dataclass
class _Ready:
    """A model in memory, and what makes its maps once it was asked for one: they go together."""

    model: Model
    explain: Explaining | None = None


class Predictor:
    """Answers for pictures by saved models; safe to share between threads.

    At most `max_models` stay in memory. A file that was replaced since is loaded again. `opening`
    makes a model of its path.
    """

    def __init__(self, max_models: int = 3, opening: Callable[[Path], Model] = open_model) -> None:
        self._most = max_models
        self._open = opening
        self._models: OrderedDict[tuple[Path, int], _Ready] = OrderedDict()
        self._lock = threading.Lock()

    def predict(self, model_path: Path, pictures: NDArray[np.uint8]) -> Prediction:
        """Answer for uint8 pictures N×H×W×3 at the resolution the model was trained at.

        Raises:
            TransferLabError: the model is missing or unreadable, or the pictures' size is not its.
        """
        with self._lock:
            ready, loaded = self._ready(model_path)
            model = ready.model
            if loaded:
                # A first answer traces the model, which takes a hundred times as long.
                for picture in pictures[:1]:
                    model(picture[None])
            started = time.perf_counter()
            # One at a time, as a user's pictures come, so that memory does not grow with them.
            rows = [model(picture[None]) for picture in pictures]
            seconds = time.perf_counter() - started
        answers = np.concatenate(rows) if rows else np.empty((0, model.classes), np.float32)
        return Prediction(answers, 1000 * seconds / max(len(rows), 1))

    def explain(
        self, model_path: Path, picture: NDArray[np.uint8], target: int
    ) -> NDArray[np.float32]:
        """Return where in `picture` (uint8 H×W×3) the model sees class `target`; see `Explainer`.

        Raises:
            TransferLabError: the model is missing or unreadable or was not put together by this
                project, the picture's size is not its, or there is no such class.
        """
        with self._lock:
            ready, _ = self._ready(model_path)
            ready.explain = ready.explain or explainer(ready.model)
            return ready.explain(picture, target)

    def model(self, model_path: Path) -> Model:
        """Return the model at `model_path`, kept ready from now on.

        Raises:
            TransferLabError: the model is missing or unreadable.
        """
        with self._lock:
            return self._ready(model_path)[0].model

    def _ready(self, path: Path) -> tuple[_Ready, bool]:
        """Return the model at `path`, and whether it was loaded just now."""
        try:
            key = (path, path.stat().st_mtime_ns)
        except OSError as error:
            raise TransferLabError(
                f"There is no {path.name} in {path.parent.name}; the run may have been deleted."
            ) from error
        loaded = key not in self._models
        if loaded:
            self._models[key] = _Ready(self._open(path))
            while len(self._models) > self._most:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key], loaded

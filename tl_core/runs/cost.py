"""What the answers of a saved model cost, measured on the file as it will be used."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BATCH = 64
_SINGLE_IMAGES = 50
_SECONDS = 5.0


@dataclass(frozen=True)
class Measured:
    """A saved model measured: bytes on disk, milliseconds of one warm image, images/s in batches.

    `agreement` is the share of the pictures whose top answer is the recorded one.
    """

    agreement: float
    images_per_second: float
    ms_per_image: float
    ms_per_image_p95: float
    model_bytes: int


def measure(path: Path, pictures: NDArray[np.uint8], recorded: NDArray[np.float32]) -> Measured:
    """Load the model at `path` in Keras' safe mode, ask it about `pictures` and time it.

    `pictures` are uint8 N×H×W×3 and `recorded` the probabilities N×classes that the run stored
    for them. Single images are timed one at a time, at most 50 of them or 5 seconds; the rate is
    that of batches of 64, the first one not counted where there are several.

    Raises:
        TransferLabError: safe mode refuses the file.
    """
    from tl_core.inference.saved import SavedModel

    model = SavedModel(path)
    rates = []
    answers = []
    for start in range(0, len(pictures), _BATCH):
        batch = pictures[start : start + _BATCH]
        began = time.perf_counter()
        answers.append(model(batch).argmax(axis=1))
        rates.append(len(batch) / (time.perf_counter() - began))
    singles: list[float] = []
    began = time.perf_counter()
    while len(singles) < _SINGLE_IMAGES and (not singles or time.perf_counter() - began < _SECONDS):
        picture = pictures[len(singles) % len(pictures)][None]
        asked = time.perf_counter()
        model(picture)
        singles.append(1000 * (time.perf_counter() - asked))
    return Measured(
        agreement=float((np.concatenate(answers) == recorded.argmax(axis=1)).mean()),
        images_per_second=float(np.median(rates[1:] or rates)),
        ms_per_image=float(np.median(singles)),
        ms_per_image_p95=float(np.percentile(singles, 95)),
        model_bytes=path.stat().st_size,
    )

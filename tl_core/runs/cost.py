"""What the answers of a saved model cost, measured on the file as it will be used."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BATCH, _BATCHES = 64, 12
_SINGLE_IMAGES = 50
_BATCH_SECONDS, _SINGLE_SECONDS = 2.0, 5.0


def in_batches(median: float, slow: float | None) -> str:
    """Say the rates of batches: the median and, where it is known, what 95 of 100 reach."""
    most = "" if slow is None else f", 95 % of batches at {slow:.0f} or more"
    return f"{median:.0f} images a second{most}"


@dataclass(frozen=True)
class Measured:
    """A saved model measured: bytes on disk, milliseconds of one warm image, images/s in batches.

    Of milliseconds the median and the 95th percentile, of rates the median and the 5th.

    `agreement` is the share of the pictures whose top answer is the recorded one.
    """

    agreement: float
    images_per_second: float
    images_per_second_p5: float
    ms_per_image: float
    ms_per_image_p95: float
    model_bytes: int


def measure(path: Path, pictures: NDArray[np.uint8], recorded: NDArray[np.float32]) -> Measured:
    """Load the model at `path` in Keras' safe mode, ask it about `pictures` and time it.

    `pictures` are uint8 N×H×W×3 and `recorded` the probabilities N×classes that the run stored
    for them. Single images are timed one at a time, at most 50 of them or 5 seconds; the rates are
    those of batches of 64, the first one not counted where there are several, of which there are
    12 or as many as take 2 seconds, but all the pictures at least once.

    Raises:
        TransferLabError: safe mode refuses the file.
    """
    from tl_core.inference.saved import SavedModel

    model = SavedModel(path)
    batches = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    rates: list[float] = []
    answers = []
    began = time.perf_counter()
    while len(rates) < len(batches) or (
        len(rates) < _BATCHES and time.perf_counter() - began < _BATCH_SECONDS
    ):
        batch = batches[len(rates) % len(batches)]
        asked = time.perf_counter()
        answers.append(model(batch).argmax(axis=1))
        rates.append(len(batch) / (time.perf_counter() - asked))
    singles: list[float] = []
    began = time.perf_counter()
    while len(singles) < _SINGLE_IMAGES and (
        not singles or time.perf_counter() - began < _SINGLE_SECONDS
    ):
        picture = pictures[len(singles) % len(pictures)][None]
        asked = time.perf_counter()
        model(picture)
        singles.append(1000 * (time.perf_counter() - asked))
    return Measured(
        agreement=float(
            (np.concatenate(answers[: len(batches)]) == recorded.argmax(axis=1)).mean()
        ),
        images_per_second=float(np.median(rates[1:] or rates)),
        images_per_second_p5=float(np.percentile(rates[1:] or rates, 5)),
        ms_per_image=float(np.median(singles)),
        ms_per_image_p95=float(np.percentile(singles, 95)),
        model_bytes=path.stat().st_size,
    )

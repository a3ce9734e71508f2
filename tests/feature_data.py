"""Pictures made in memory, and an engine that needs no network, for tests of features."""

import time
from collections.abc import Callable

import numpy as np

from tl_core.backbones import backbone
from tl_core.backbones.weights import Weights
from tl_core.data.dataset import Dataset
from tl_core.features import extract as module
from tl_core.features.compile import Compiled
from tl_core.features.engines import SAFE
from tl_core.features.extract import Features, extract

BATCH = 4
ROW = backbone("mobilenet_v2")


class MemoryImages:
    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures
        self.shape = pictures.shape

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.pictures[indices]


def pictures_dataset(count: int, side: int = 32, fingerprint: str = "pictures") -> Dataset:
    pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    positions = np.arange(count)
    return Dataset(
        name="pictures",
        title="Pictures",
        images=MemoryImages(pictures),
        labels=positions % 2,
        class_names=("even", "odd"),
        train=positions,
        validation=positions,
        test=positions,
        fingerprint=fingerprint,
    )


class MeanEngine:
    """Gives the mean of each channel, `scale` times, taking `seconds` a batch."""

    batch = BATCH
    parallel = 1

    def __init__(self, seconds: float = 0.0, scale: float = 1.0) -> None:
        self.seconds = seconds
        self.scale = scale
        self.images = 0

    def run(self, batches, prepare):
        for number in range(batches):
            pictures = np.full((BATCH, 32, 32, 3), np.nan, np.float32)
            prepare(number, pictures)
            time.sleep(self.seconds)
            self.images += BATCH
            yield (self.scale * pictures.mean(axis=(1, 2)),)


def use_engine(engine: MeanEngine) -> None:
    """Let `extract` in this process compute with `engine`."""
    compiled = Compiled(engine, SAFE, shapes=((3,),), widths=(3,), dtype="float16", wrong=())
    module.compiled_for = lambda *_: compiled


def means(
    count: int,
    on_batch: Callable[[int], None] | None = None,
    dataset: Dataset | None = None,
    indices: np.ndarray | None = None,
    **options: object,
) -> Features:
    """Call `extract` on made pictures; with `use_engine`, no framework is loaded."""
    choices = {"pooled": "last", "engine": "keras", "precision": "float32", **options}
    return extract(
        dataset or pictures_dataset(count),
        np.arange(count) if indices is None else indices,
        choices.pop("row", ROW),
        choices.pop("weights", Weights("random")),
        choices.pop("size", 32),
        on_batch=on_batch,
        **choices,
    )


def expected_means(count: int) -> np.ndarray:
    pictures = pictures_dataset(count).images.pictures
    return (pictures / 127.5 - 1).mean(axis=(1, 2))

"""The one shape that every source of labelled images takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Images(Protocol):
    """N pictures of one size, in memory or read from disk when asked for."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, height, width, 3)."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at `indices`, in that order, as uint8 len(indices)×H×W×3."""
        ...


@dataclass(frozen=True)
class Skipped:
    """A file that was passed over, and why: `reason` goes on after 'the file …'."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Labelled images with three disjoint splits.

    `train`, `validation` and `test` hold sorted positions in `images`; the test set is used once,
    at the end of a run, and chooses nothing. `fingerprint` changes with any picture, label or
    name, and with the pictures' size, but not with the splits. `test_fingerprint` is the same
    where the same pictures are tested in the same order, whatever size they are read at; a source
    that leaves it out has pictures of one size only.
    """

    name: str
    title: str
    images: Images
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    fingerprint: str
    coarse_of_class: NDArray[np.int64] | None = None
    coarse_names: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    test_fingerprint: str | None = None

    @property
    def is_demo(self) -> bool:
        """Whether the pictures were made by code and prove nothing about real ones."""
        return self.name == "demo"

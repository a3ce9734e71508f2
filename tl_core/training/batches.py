"""Training batches gathered from features that may be larger than memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.features.rows import Rows

ViewRows = tuple[Rows, ...]

_CHUNK_BYTES = 32 * 2**20
_MOST_STEPS = 16


@dataclass(frozen=True)
class Examples:
    """Rows that a model can be trained on or asked about.

    Each of `views` holds the model's inputs, row by row; `rows` (views×N)
    are those in use in each of them and `labels` (N) the class of each, in the same order.
    """

    views: tuple[ViewRows, ...]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of one view."""
        return sum(a.dtype.itemsize * int(np.prod(a.shape[1:])) for a in self.views[0])

    def gather(
        self, positions: NDArray[np.int64], view: NDArray[np.int64] | int
    ) -> tuple[NDArray[np.generic], ...]:
        """Return the inputs at `positions`, each from the view named for it."""
        rows = self.rows[view, positions]
        if len(self.views) == 1:
            view = 0
        if isinstance(view, int):
            return tuple(a[rows] for a in self.views[view])
        parts = tuple(np.empty((len(rows), *a.shape[1:]), a.dtype) for a in self.views[0])
        for number, arrays in enumerate(self.views):
            chosen = view == number
            for part, array in zip(parts, arrays, strict=True):
                part[chosen] = array[rows[chosen]]
        return parts


@dataclass(frozen=True)
class Chunk:
    """Several batches in one piece: inputs S×B×…, labels S×B, for S steps of B examples."""

    inputs: tuple[NDArray[np.generic], ...]
    labels: NDArray[np.int64]


def training_chunks(
    examples: Examples, batch_size: int, rng: np.random.Generator
) -> Iterator[Chunk]:
    """Yield one epoch in random order, each example in a random one of its views.

    The examples left over from the last whole batch wait for another epoch's order, so that every
    step has `batch_size` examples (or all, where there are fewer).
    """
    batch = min(batch_size, len(examples))
    steps = len(examples) // batch
    order = rng.permutation(len(examples))[: steps * batch]
    views = rng.integers(0, len(examples.views), len(order))
    at_once = batch * steps_at_once(examples, batch)

    def chunk(start: int) -> Chunk:
        positions = order[start : start + at_once]
        inputs = examples.gather(positions, views[start : start + at_once])
        return Chunk(
            tuple(a.reshape(-1, batch, *a.shape[1:]) for a in inputs),
            examples.labels[positions].reshape(-1, batch),
        )

    # The next is gathered while the one before it is trained on.
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(chunk, 0)
        for start in range(at_once, len(order), at_once):
            ready, coming = coming.result(), ahead.submit(chunk, start)
            yield ready
        yield coming.result()


def steps_at_once(examples: Examples, batch: int) -> int:
    """Return how many steps one compiled call may take within the memory set aside for it."""
    return int(np.clip(_CHUNK_BYTES // max(examples.row_bytes * batch, 1), 1, _MOST_STEPS))

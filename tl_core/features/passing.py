"""Activations that are computed whenever they are asked for: the way without room on the disk."""

from contextlib import closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tl_core.features.compile import EngineChoice, PrecisionChoice
from tl_core.features.engines import Array
from tl_core.features.request import Request, compiled_for


class Passing:
    """What enters the blocks to be fine-tuned, for N images: looks like an array N×h×w×C.

    Every look passes the images through the frozen part again.
    """

    def __init__(self, request: Request, engine: EngineChoice, precision: PrecisionChoice) -> None:
        self._request = request
        self._compiled = compiled_for(request, engine, precision)
        self.dtype = np.dtype(self._compiled.dtype)
        self.shape = (len(request.indices), *self._compiled.shapes[0])

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        request = replace(self._request, indices=self._request.indices[rows])
        engine, prepare = self._compiled.engine, request.preparation
        starts = range(0, len(rows), engine.batch)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)

        def fetch(number: int, out: Array) -> None:
            pictures = request.pictures(starts[number], starts[number] + engine.batch)
            prepare(pictures, out[: len(pictures)])
            out[len(pictures) :] = 0

        with (
            threadpool_limits(1, user_api="blas"),
            closing(engine.run(len(starts), fetch)) as batches,
        ):
            for start, outputs in zip(starts, batches, strict=True):
                part = found[start : start + engine.batch]
                part[:] = outputs[0][: len(part)]
        return found

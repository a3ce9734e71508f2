"""Frozen features of the images of a data set, computed once and then read from the cache."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tl_core.backbones.build import Pooled
from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.data.dataset import Dataset
from tl_core.features import memory
from tl_core.features.cache import Entry, Filling, Kept
from tl_core.features.compile import Compiled, EngineChoice, PrecisionChoice, known_plan
from tl_core.features.engines import SAFE, Array, Plan
from tl_core.features.network import Network
from tl_core.features.request import Request, compiled_for
from tl_core.features.rows import StoredRows
from tl_core.features.shards import TooWide
from tl_core.features.views import View


@dataclass(frozen=True)
class Features:
    """What was kept of N images, read from disk when it is looked at.

    `values` is N×D, the joined pooled layers, and `activations` N×h×w×C what enters the blocks to
    be fine-tuned, where that was asked for; both float16 unless the values need float32. `engine`
    and `precision` are those used; `computed` images took `seconds`, compilation aside, and none
    where they were `cached`; `notes` are sentences for the user.
    """

    values: StoredRows
    activations: StoredRows | None
    engine: str
    precision: str
    cached: bool
    computed: int
    seconds: float
    notes: tuple[str, ...]


def extract(
    dataset: Dataset,
    indices: NDArray[np.int64],
    row: Backbone,
    weights: Weights,
    size: int,
    *,
    pooled: Pooled,
    blocks: int = 0,
    view: View | None = None,
    engine: EngineChoice = "auto",
    precision: PrecisionChoice = "auto",
    seed: int = 0,
    images: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> Features:
    """Return the pooled features of the images at `indices`, from the cache where it has them.

    Args:
        dataset: Where the images are.
        indices: Which of them, N positions; the features are in this order.
        row: The backbone.
        weights: Its weights.
        size: Side in pixels of the network's input; images are brought to it as
            `keras.layers.Resizing` does, bicubic.
        pooled: The last layer, or layers from early to late.
        blocks: Keep what enters the last so many blocks, too.
        view: A changed copy of each image.
        engine: What computes; `auto` is the fastest here that agrees with Keras.
        precision: Its arithmetic; `auto` likewise.
        seed: Draws the changes of the views `crop` and `colour`.
        images: How many will be computed by this network in all, other calls included; `auto`
            chooses by it. None: those of this call.
        on_batch: Called with the number of images done so far; what it raises ends the work,
            and finished shards stay.

    Raises:
        TransferLabError: a weights file does not fit, or the disk is full.
        DoesNotFit: the features are larger than the cache may be.
    """
    request = Request(
        dataset,
        indices,
        Network(row, weights, size, pooled, blocks),
        view,
        seed,
        len(indices) if images is None else images,
        on_batch or _ignore,
    )
    found = _find_or_compute(request, engine, precision)
    return Features(
        values=found.kept.arrays["values"],
        activations=found.kept.arrays.get("activations"),
        engine=found.plan.engine,
        precision=found.plan.precision,
        cached=found.computed == 0,
        computed=found.computed,
        seconds=found.seconds,
        notes=found.notes,
    )


@dataclass(frozen=True)
class _Found:
    kept: Kept
    plan: Plan
    computed: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def _find_or_compute(request: Request, engine: EngineChoice, precision: PrecisionChoice) -> _Found:
    plan = known_plan(request.network, engine, precision, request.images)
    if plan is None:
        return _compute(request, engine, precision)
    wrong = memory.recall_wrong(request.network, plan)
    plan, notes = (SAFE, (wrong,)) if wrong else (plan, ())
    kept = Entry(request.document(plan)).find()
    return _Found(kept, plan, notes=notes) if kept else _compute(request, engine, precision)


def _compute(request: Request, engine: EngineChoice, precision: PrecisionChoice) -> _Found:
    # These products are small: a second thread gains nothing and takes a core from the engine.
    with threadpool_limits(1, user_api="blas"):
        compiled = compiled_for(request, engine, precision)
        entry = Entry(request.document(compiled.plan))
        rows = len(request.indices)
        with entry.filling(
            rows, compiled.dtype, request.shapes(compiled), request.on_batch
        ) as filling:
            started = time.perf_counter()
            done_before = filling.shards.state.rows_done
            notes = compiled.wrong + _damage(filling)
            while True:
                try:
                    _fill(filling, request, compiled)
                    break
                except TooWide:
                    done_before = 0
                    filling.restart("float32")
            seconds = time.perf_counter() - started
            kept = filling.finish()
    return _Found(kept, compiled.plan, rows - done_before, seconds, notes)


def _fill(filling: Filling, request: Request, compiled: Compiled) -> None:
    prepare = request.preparation
    batch = compiled.engine.batch
    spans = [
        (start, min(start + batch, last))
        for first, last in filling.shards.missing()
        for start in range(first, last, batch)
    ]

    def fetch(number: int, out: Array) -> None:
        start, stop = spans[number]
        prepare(request.pictures(start, stop), out[: stop - start])
        out[stop - start :] = 0

    done = filling.shards.state.rows_done
    with closing(compiled.engine.run(len(spans), fetch)) as batches:
        for (start, stop), outputs in zip(spans, batches, strict=True):
            filling.add(start, [output[: stop - start] for output in outputs])
            done += stop - start
            request.on_batch(done)


def _damage(filling: Filling) -> tuple[str, ...]:
    if not filling.damaged:
        return ()
    parts = filling.shards.state.shards
    return (
        f"{filling.damaged} of {parts} parts of the cached features were damaged on disk and "
        f"were computed again.",
    )


def _ignore(_: int) -> None:
    return

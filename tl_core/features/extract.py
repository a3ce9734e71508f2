"""Frozen features of the images of a data set, computed once and then read from the cache."""

import hashlib
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tl_core.backbones.build import Pooled, pooled_names
from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.data.dataset import Dataset
from tl_core.features import memory
from tl_core.features.cache import Document, Entry, Filling, Kept
from tl_core.features.compile import (
    Compiled,
    EngineChoice,
    PrecisionChoice,
    compile_network,
    known_plan,
)
from tl_core.features.engines import INT8, SAFE, Array, Plan
from tl_core.features.network import Network
from tl_core.features.pictures import INTERPOLATION, Preparation
from tl_core.features.quantise import CALIBRATION_PICTURES
from tl_core.features.shards import TooWide
from tl_core.features.views import View, apply_view, is_drawn

# Raised whenever the same key would give other features than before.
_FORMAT = 1

_COMPARED_PICTURES = 16

# Networks compiled last: a run asks for the same one for each view and split, and for the
# boundary besides.
_KEPT_ENGINES = 2
_engines: dict[tuple[Network, EngineChoice, PrecisionChoice], Compiled] = {}


@dataclass(frozen=True)
class Features:
    """Joined pooled layers of N images.

    `values` is N×D, mapped from disk, float16 unless the values need float32; `engine` and
    `precision` are those used; `computed` images took `seconds`, compilation aside, and none
    where they were `cached`; `notes` are sentences for the user.
    """

    values: NDArray[np.generic]
    engine: str
    precision: str
    cached: bool
    computed: int
    seconds: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Boundary:
    """What enters the blocks that are fine-tuned, for N images; the rest as in `Features`.

    `activations` is N×h×w×C; `low` is N×D, the joined pooled layers up to the boundary, D being
    0 where none of them lies there.
    """

    activations: NDArray[np.generic]
    low: NDArray[np.generic]
    engine: str
    precision: str
    cached: bool
    computed: int
    seconds: float
    notes: tuple[str, ...]


_Result = TypeVar("_Result", Features, Boundary)


def extract(
    dataset: Dataset,
    indices: NDArray[np.int64],
    row: Backbone,
    weights: Weights,
    size: int,
    *,
    pooled: Pooled,
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
    request = _Request(
        dataset,
        indices,
        Network(row, weights, size, pooled),
        view,
        seed,
        len(indices) if images is None else images,
        on_batch or _ignore,
    )
    found = _find_or_compute(request, engine, precision)
    return found.of(Features, values=found.kept.arrays["values"])


def extract_boundary(
    dataset: Dataset,
    indices: NDArray[np.int64],
    row: Backbone,
    weights: Weights,
    size: int,
    blocks: int,
    *,
    pooled: Pooled,
    view: View | None = None,
    engine: EngineChoice = "auto",
    precision: PrecisionChoice = "auto",
    seed: int = 0,
    images: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> Boundary:
    """Return what enters the last `blocks` blocks of the backbone, for the images at `indices`.

    The arguments are those of `extract`, and so are the errors; `DoesNotFit` says that there is
    no room for the activations, which are far larger than pooled features.
    """
    request = _Request(
        dataset,
        indices,
        Network(row, weights, size, pooled, blocks),
        view,
        seed,
        len(indices) if images is None else images,
        on_batch or _ignore,
    )
    found = _find_or_compute(request, engine, precision)
    activations = found.kept.arrays["activations"]
    nothing = np.empty((len(indices), 0), activations.dtype)
    low = found.kept.arrays.get("values", nothing)
    return found.of(Boundary, activations=activations, low=low)


def forget_engines() -> None:
    """Free the memory of the networks that were compiled last."""
    _engines.clear()


@dataclass(frozen=True)
class _Request:
    dataset: Dataset
    indices: NDArray[np.int64]
    network: Network
    view: View | None
    seed: int
    images: int
    on_batch: Callable[[int], None]

    @property
    def calibration(self) -> NDArray[np.int64]:
        """Positions of the images that an integer network takes its ranges from.

        They are the same for every part of a data set: its test set has to be computed by the
        very network that its training images were.
        """
        labelled = np.sort(np.concatenate([self.dataset.train, self.dataset.validation]))
        return labelled[_spread(len(labelled), CALIBRATION_PICTURES)]

    def document(self, plan: Plan) -> Document:
        """Everything that changes the features, as the cache's key."""
        network = self.network
        return {
            "format": _FORMAT,
            "data": self.dataset.fingerprint,
            "resolution": list(self.dataset.images.shape[1:3]),
            "images": _hash(self.indices),
            "backbone": network.row.name,
            "weights": network.weights.identity,
            "size": network.size,
            "interpolation": INTERPOLATION,
            "preprocessing": network.row.preprocessing,
            "pooled": list(pooled_names(network.row, network.pooled)),
            "boundary": network.boundary,
            "engine": plan.engine,
            "precision": plan.precision,
            "libraries": memory.libraries(plan),
            "calibration": _hash(self.calibration) if plan == INT8 else None,
            "view": self.view,
            "view_seed": self.seed if is_drawn(self.view) else None,
        }

    def shapes(self, compiled: Compiled) -> dict[str, tuple[int, ...]]:
        """The arrays that are kept, with the shape of one image's part."""
        names = ("values",) if self.network.boundary is None else ("activations", "values")
        return dict(zip(names, compiled.shapes, strict=False))


@dataclass(frozen=True)
class _Found:
    kept: Kept
    plan: Plan
    computed: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    def of(self, kind: type[_Result], **arrays: NDArray[np.generic]) -> _Result:
        return kind(
            **arrays,
            engine=self.plan.engine,
            precision=self.plan.precision,
            cached=self.computed == 0,
            computed=self.computed,
            seconds=self.seconds,
            notes=self.notes,
        )


def _find_or_compute(request: _Request, engine: EngineChoice, precision: PrecisionChoice) -> _Found:
    plan = known_plan(request.network, engine, precision, request.images)
    if plan is None:
        return _compute(request, engine, precision)
    wrong = memory.recall_wrong(request.network, plan)
    plan, notes = (SAFE, (wrong,)) if wrong else (plan, ())
    kept = Entry(request.document(plan)).find()
    return _Found(kept, plan, notes=notes) if kept else _compute(request, engine, precision)


def _compute(request: _Request, engine: EngineChoice, precision: PrecisionChoice) -> _Found:
    # These products are small: a second thread gains nothing and takes a core from the engine.
    with threadpool_limits(1, user_api="blas"):
        height, width = request.dataset.images.shape[1:3]
        prepare = Preparation.of(request.network.row, height, width, request.network.size)
        compiled = _compiled(request, engine, precision, prepare)
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
                    _fill(filling, request, compiled, prepare)
                    break
                except TooWide:
                    done_before = 0
                    filling.restart("float32")
            seconds = time.perf_counter() - started
            kept = filling.finish()
    return _Found(kept, compiled.plan, rows - done_before, seconds, notes)


def _fill(filling: Filling, request: _Request, compiled: Compiled, prepare: Preparation) -> None:
    batch = compiled.engine.batch
    spans = [
        (start, min(start + batch, last))
        for first, last in filling.shards.missing()
        for start in range(first, last, batch)
    ]

    def fetch(number: int, out: Array) -> None:
        start, stop = spans[number]
        part = request.indices[start:stop]
        pictures = request.dataset.images.read(part)
        prepare(apply_view(pictures, request.view, part, request.seed), out[: stop - start])
        out[stop - start :] = 0

    done = filling.shards.state.rows_done
    with closing(compiled.engine.run(len(spans), fetch)) as batches:
        for (start, stop), outputs in zip(spans, batches, strict=True):
            filling.add(start, [output[: stop - start] for output in outputs])
            done += stop - start
            request.on_batch(done)


def _compiled(
    request: _Request, engine: EngineChoice, precision: PrecisionChoice, prepare: Preparation
) -> Compiled:
    key = (request.network, engine, precision)
    if key not in _engines:

        def prepared(indices: NDArray[np.int64]) -> Array:
            pictures = np.empty((len(indices), prepare.size, prepare.size, 3), np.float32)
            prepare(request.dataset.images.read(indices), pictures)
            return pictures

        few = min(_COMPARED_PICTURES, len(request.indices))
        while len(_engines) >= _KEPT_ENGINES:
            del _engines[next(iter(_engines))]
        _engines[key] = compile_network(
            request.network,
            prepared(request.indices[_spread(len(request.indices), few)]),
            engine,
            precision,
            images=request.images,
            calibration=lambda: prepared(request.calibration),
        )
    return _engines[key]


def _damage(filling: Filling) -> tuple[str, ...]:
    if not filling.damaged:
        return ()
    parts = filling.shards.state.shards
    return (
        f"{filling.damaged} of {parts} parts of the cached features were damaged on disk and "
        f"were computed again.",
    )


def _spread(length: int, count: int) -> NDArray[np.int64]:
    """Return `count` positions spread evenly over `length`, some twice where there are fewer."""
    return np.linspace(0, length - 1, count).round().astype(np.int64)


def _hash(indices: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(indices, np.int64).tobytes()).hexdigest()


def _ignore(_: int) -> None:
    return

"""Which images pass which network, and the engine compiled for them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.build import pooled_names
from tl_core.data.dataset import Dataset
from tl_core.features import memory
from tl_core.features.cache import Document
from tl_core.features.compile import Compiled, EngineChoice, PrecisionChoice, compile_network
from tl_core.features.engines import INT8, Array, Plan
from tl_core.features.network import Network
from tl_core.features.pictures import INTERPOLATION, Preparation
from tl_core.features.quantise import CALIBRATION_PICTURES
from tl_core.features.views import View, apply_view, is_drawn

# Raised whenever the same key would give other features than before.
_FORMAT = 2

_COMPARED_PICTURES = 16

# A run asks for the same network for each view and split.
_KEPT_ENGINES = 2
_engines: dict[tuple[object, ...], Compiled] = {}


@dataclass(frozen=True)
class Request:
    """Images at some positions of a data set, a view of them, and a network.

    `images` is how many will pass the network in all; `on_batch` hears how many of these have.
    """

    dataset: Dataset
    indices: NDArray[np.int64]
    network: Network
    view: View | None
    seed: int
    images: int
    on_batch: Callable[[int], None]

    @property
    def preparation(self) -> Preparation:
        """What brings a picture to the network's input."""
        height, width = self.dataset.images.shape[1:3]
        return Preparation.of(self.network.row, height, width, self.network.size)

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

    def pictures(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return the view of the images from `start` up to `stop`."""
        part = self.indices[start:stop]
        return apply_view(self.dataset.images.read(part), self.view, part, self.seed)

    def shapes(self, compiled: Compiled) -> dict[str, tuple[int, ...]]:
        """The arrays that are kept, with the shape of one image's part."""
        names = ("values",) if self.network.boundary is None else ("activations", "values")
        return dict(zip(names, compiled.shapes, strict=False))


def compiled_for(request: Request, engine: EngineChoice, precision: PrecisionChoice) -> Compiled:
    """Return the engine for the request, which was compared with Keras on some of its images."""
    key = (request.network, engine, precision, request.dataset.fingerprint, request.images)
    if key not in _engines:
        prepare = request.preparation

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


def forget_engines() -> None:
    """Free the memory of the networks that were compiled last."""
    _engines.clear()


def _spread(length: int, count: int) -> NDArray[np.int64]:
    """Return `count` positions spread evenly over `length`, some twice where there are fewer."""
    return np.linspace(0, length - 1, count).round().astype(np.int64)


def _hash(indices: NDArray[np.int64]) -> str:
    return hashlib.sha256(np.ascontiguousarray(indices, np.int64).tobytes()).hexdigest()

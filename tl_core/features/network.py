"""The frozen part of a backbone as a Keras model whose outputs are what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.backbones.build import Pooled, build_backbone, pooled_outputs
from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Network:
    """Which backbone is computed, and what is kept of it.

    The joined pooled layers (N×D) are, and with `blocks` above 0, before them, the activation
    that enters the last so many blocks (N×h×w×C): what is fine-tuned starts from the one and from
    a head that was trained on the other, and both come from one pass.
    """

    row: Backbone
    weights: Weights
    size: int
    pooled: Pooled
    blocks: int = 0

    @property
    def boundary(self) -> str | None:
        """Name of the layer whose activation is kept."""
        return self.row.blocks[self.blocks - 1] if self.blocks else None


@dataclass(frozen=True)
class Built:
    """A network as a Keras model, and the channels of each joined layer of its last output."""

    model: keras.Model
    widths: tuple[int, ...]


def build(network: Network, policy: str = "float32") -> Built:
    """Return the network as a Keras model with float32 outputs, computing in `policy`."""
    import keras

    with _dtype_policy(policy):
        base = build_backbone(network.row, network.weights, network.size)
    pooled = pooled_outputs(base, network.row, network.pooled)
    outputs = []
    if network.boundary:
        boundary = base.get_layer(network.boundary).output
        outputs.append(keras.layers.Activation("linear", dtype="float32")(boundary))
    if len(pooled) > 1:
        outputs.append(keras.layers.Concatenate(dtype="float32")(pooled))
    else:
        outputs += pooled
    return Built(keras.Model(base.input, outputs), tuple(p.shape[-1] for p in pooled))


@contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)

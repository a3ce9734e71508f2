"""One row a backbone: everything the product knows of it stands here and nowhere else."""

from dataclasses import dataclass
from typing import Literal

from tl_core.errors import TransferLabError


@dataclass(frozen=True)
class Backbone:
    """What there is to know of one pretrained network; plain facts, no Keras.

    `blocks` are what fine-tuning unfreezes, last block first: each names the layer whose single
    output tensor enters the block, so that everything after that layer is trained.
    `pooled_layers` run from early to late and end with the last layer of the network.
    """

    name: str
    title: str
    constructor: str
    preprocessing: Literal["tf", "torch", "caffe", "none"]
    default_size: int
    smallest_size: int
    parameters: int
    pooled_layers: tuple[str, ...]
    blocks: tuple[str, ...]
    colour: str
    character: str
    licence: str
    paper: str
    year: int


BACKBONES: dict[str, Backbone] = {}


def backbone(name: str) -> Backbone:
    """Return the row called `name`.

    Raises:
        TransferLabError: there is no such row.
    """
    if name not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise TransferLabError(f"There is no backbone {name!r}; choose one of {known}.")
    return BACKBONES[name]

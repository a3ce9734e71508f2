"""Published accuracies that a run is held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A published top-1 accuracy (0..1) of one backbone, where it was measured, and its source."""

    backbone: str
    top1: float
    where: str
    source: str


_SOURCE = (
    "The transfer-learning notebook this product replaces: ImageNet weights, CIFAR-100 at "
    "32 pixels, ten epochs; no interval was given."
)

NOTEBOOK: dict[str, Reference] = {
    name: Reference(backbone=name, top1=top1, where="CIFAR-100, 32 px", source=_SOURCE)
    for name, top1 in (("resnet50", 0.45), ("vgg16", 0.31), ("mobilenet_v2", 0.28))
}


def notebook(backbone: str) -> Reference | None:
    """Return what the notebook published for `backbone`, or None where it did not try it."""
    return NOTEBOOK.get(backbone)

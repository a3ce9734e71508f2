"""What a recipe will cost on this machine, told before it is run."""

from dataclasses import dataclass

from tl_core import processor
from tl_core.backbones.build import pooled_names
from tl_core.backbones.table import backbone
from tl_core.data.splits import VALIDATION_SHARE
from tl_core.progress import Phase
from tl_core.training import rates
from tl_core.training.recipe import Recipe
from tl_core.training.sweep import tried_decays

# Images a second at 96 pixels on two server cores that multiply bfloat16, where this machine has no
# figure of its own.
_TYPICAL_FEATURES = {
    "resnet50": 800,
    "vgg16": 350,
    "mobilenet_v2": 3000,
    "efficientnet_v2_b0": 1200,
    "mobilenet_v3_large": 3000,
    "densenet121": 500,
    "convnext_tiny": 300,
}
_SLOWER_IN_FLOAT32 = 3.0
# Of the largest steps; the smallest take this long too.
_TYPICAL_HEAD = 45_000.0
_HEAD_STEP_SECONDS = 0.003
# What training the last blocks does of the images that a frozen pass does in the same time.
_TYPICAL_TRAINING = 0.25
_START_SECONDS = 8.0
_DATA_SECONDS = 2.0
_SAVE_SECONDS = 15.0
_FEATURE_BYTES = 2


@dataclass(frozen=True)
class Estimate:
    """Seconds and bytes of disk a run will take; `measured`: from this machine's own runs.

    `phases` holds the part of `seconds` that each phase takes; the rest is the start.
    """

    seconds: float
    disk_bytes: int
    measured: bool
    phases: dict[Phase, float]


def estimate(recipe: Recipe, labelled: int, test: int) -> Estimate:
    """Return what `recipe` will cost with so many labelled and test images, nothing cached."""
    row = backbone(recipe.backbone)
    known = rates.recall()
    labelled = min(labelled, recipe.limit or labelled)
    validation = round(VALIDATION_SHARE * labelled)
    pool = recipe.passes(labelled - validation, validation, 0)
    tested = recipe.passes(0, 0, test)
    images = pool + tested
    features_rate = known.get(rates.features_key(recipe))
    typical = _TYPICAL_FEATURES.get(row.name, 500) * (96 / recipe.size) ** 2
    if recipe.precision == "float32" or not processor.multiplies_bfloat16():
        typical /= _SLOWER_IN_FLOAT32
    speed = features_rate or typical
    head_rate = known.get(rates.head_key(recipe, labelled - validation))
    phases: dict[Phase, float] = {"data": _DATA_SECONDS, "features": pool / speed}
    if recipe.epochs:
        heads = 1 + len(tried_decays(recipe)) * recipe.sweep
        step = max(recipe.head_batch(labelled - validation), 1)
        typical_head = step / (_HEAD_STEP_SECONDS + step / _TYPICAL_HEAD)
        phases["head"] = heads * labelled * recipe.epochs / (head_rate or typical_head)
    disk = images * len(pooled_names(row, recipe.pooled_layers)) * 400 * _FEATURE_BYTES
    measured = features_rate is not None and (head_rate is not None or recipe.epochs == 0)
    if recipe.fine_tune_blocks:
        rate = known.get(rates.fine_tune_key(recipe))
        phases["fine-tune"] = (
            labelled * recipe.fine_tune_epochs / (rate or _TYPICAL_TRAINING * typical)
        )
        disk += images * row.parameters // 500
        measured = measured and rate is not None
    phases |= {"test": tested / speed, "save": _SAVE_SECONDS}
    return Estimate(_START_SECONDS + sum(phases.values()), disk, measured, phases)

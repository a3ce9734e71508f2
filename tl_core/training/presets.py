"""Recipes with names a person understands."""

from dataclasses import dataclass

from tl_core.backbones.table import backbone
from tl_core.errors import TransferLabError


@dataclass(frozen=True)
class Preset:
    """A starting point for a recipe: what it is called and when to choose it."""

    name: str
    title: str
    sentence: str


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            "Quick look",
            "At most 10,000 labelled images, the network's last layer, a few seconds of training: "
            "for a first impression.",
        ),
        Preset(
            "frozen",
            "Frozen backbone",
            "All labelled images, layers from early to late (of light networks also how far each "
            "varies over the picture), a linear head: the best accuracy for minutes.",
        ),
        Preset(
            "mirrored",
            "Frozen, mirrored too",
            "The frozen recipe, each answer averaged over the picture and its mirror image: the "
            "most accuracy without fine-tuning, but an answer takes twice as long.",
        ),
        Preset(
            "fine-tune",
            "Fine-tuned",
            "A head on layers from early to late, mirrored images too, then the last blocks are "
            "trained with it: slower, more accurate.",
        ),
        Preset(
            "notebook",
            "The old notebook",
            "32 pixels, 10 epochs, Adam; ResNet50 with its top layers unfrozen: only to compare "
            "with the notebook's published figures.",
        ),
    )
}

DEFAULT_PRESET = "frozen"
_QUICK_LIMIT = 10_000
_EPOCHS = 10
# Where ten epochs see fewer images in all, a head on joined layers gains by more of them
# (`benchmarks/few_images.py`). One on the last layer soon learns its images by heart.
_FEWEST_SEEN = 20_000
_FEWEST_SEEN_BY_LAST = 5_000
_MOST_EPOCHS = 300


def preset_choices(
    preset: str, backbone_name: str, labelled: int | None = None
) -> dict[str, object]:
    """Return the recipe fields that `preset` sets for this backbone.

    Of data with so many `labelled` images a preset takes all where it would take as many or more,
    and trains the head longer where they are few.

    Raises:
        TransferLabError: there is no such preset or backbone.
    """
    row = backbone(backbone_name)
    choices: dict[str, object] = {"backbone": row.name, "preset": preset}
    if preset == "quick":
        limited = labelled is None or labelled > _QUICK_LIMIT
        limit = {"limit": _QUICK_LIMIT} if limited else {}
        return choices | limit | _longer(labelled, _FEWEST_SEEN_BY_LAST) | {"pooled_layers": "last"}
    if preset != "notebook":
        choices |= _longer(labelled, _FEWEST_SEEN)
    # Twice the features need twice the decay. Dense networks keep to averages: where the processor
    # has no bfloat16 they run in integers, twice as fast, which do not give deviations rightly.
    spread = {} if row.dense else {"pooled_layers": "spread", "weight_decay": 4.0}
    if preset == "frozen":
        return choices | spread
    if preset == "mirrored":
        # Training on mirror images too would add nothing to what averaging over them brings.
        return choices | spread | {"test_views": True}
    if preset == "fine-tune":
        return choices | {
            "augmentation": ("flip",),
            "test_views": True,
            "dropout": 0.3,
            "label_smoothing": 0.1,
            "fine_tune_blocks": row.fine_tune_blocks,
            "fine_tune_epochs": 12,
            "fine_tune_rate": 5e-4,
            "fine_tune_batch_size": 128,
            "fine_tune_mixup": 0.2,
            "fine_tune_shift": 1,
        }
    if preset == "notebook":
        choices |= {
            "input_size": max(32, row.smallest_size),
            "pooled_layers": "last",
            "batch_size": 64,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "weight_decay": 0.0,
            "fine_tune_weight_decay": 0.0,
            "schedule": "constant",
        }
        if row.name == "resnet50":
            choices |= {
                "epochs": 0,
                "fine_tune_blocks": 1,
                "fine_tune_epochs": 10,
                "fine_tune_rate": 1e-3,
            }
        return choices
    raise TransferLabError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")


def _longer(labelled: int | None, fewest_seen: int) -> dict[str, object]:
    if labelled is None or labelled * _EPOCHS >= fewest_seen:
        return {}
    return {"epochs": min(fewest_seen // max(labelled, 1), _MOST_EPOCHS)}

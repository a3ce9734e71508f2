"""Choices that would change nothing."""

from collections.abc import Collection

from tl_core.errors import TransferLabError
from tl_core.training.recipe import Recipe

_OF_FINE_TUNING = (
    "fine_tune_rate",
    "fine_tune_batch_size",
    "fine_tune_weight_decay",
    "fine_tune_mixup",
    "fine_tune_shift",
)
_OF_THE_HEAD = ("batch_size", "learning_rate", "warmup_epochs", "weight_decay", "sweep")


def unused_fields(recipe: Recipe) -> tuple[str, ...]:
    """Return the fields that belong to a part of training that the recipe leaves out."""
    of_fine_tuning = () if recipe.fine_tune_blocks else _OF_FINE_TUNING
    return of_fine_tuning + (() if recipe.epochs else _OF_THE_HEAD)


def refuse_unused(recipe: Recipe, chosen: Collection[str]) -> None:
    """Refuse fields that were `chosen`, and not only filled in by a preset, without effect.

    Raises:
        TransferLabError: a field belongs to a part of training that the recipe leaves out.
    """
    for name in unused_fields(recipe):
        if name not in chosen:
            continue
        if name in _OF_FINE_TUNING:
            raise TransferLabError(
                f"{name} is for fine-tuning, and nothing is fine-tuned; set fine_tune_blocks "
                "and fine_tune_epochs, choose the preset 'fine-tune', or leave it out."
            )
        raise TransferLabError(
            f"{name} is for the head before fine-tuning, which epochs 0 leaves out; raise "
            "epochs, or leave it out."
        )

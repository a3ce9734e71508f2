"""The optimiser and the course of its learning rate."""

from typing import TYPE_CHECKING, Any

from tl_core.training.recipe import Recipe

if TYPE_CHECKING:
    import keras


def learning_rate(
    peak: float, schedule: str, steps: int, warmup_steps: int
) -> "float | keras.optimizers.schedules.LearningRateSchedule":
    """Return a constant rate, or a schedule over `steps` with a linear rise at its start."""
    import keras

    if schedule == "constant" and warmup_steps == 0:
        return peak
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else peak,
        decay_steps=max(steps - warmup_steps, 1),
        alpha=1.0 if schedule == "constant" else 0.0,
        warmup_target=peak if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


def make_optimizer(
    recipe: Recipe, *, peak: float, decay: float, steps: int, warmup_steps: int = 0
) -> Any:
    """Return the recipe's optimiser; biases and normalisation scales are never decayed."""
    import keras

    from tl_core.training.adam import FusedAdamW

    rate = learning_rate(peak, recipe.schedule, steps, warmup_steps)
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(
            rate, momentum=0.9, nesterov=True, weight_decay=decay or None
        )
    else:
        optimizer = FusedAdamW(rate, weight_decay=decay)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def fine_tuning_optimizer(recipe: Recipe, images: int) -> Any:
    """Return the optimiser that trains the top blocks on `images` images an epoch."""
    steps = max(images // recipe.fine_tune_batch_size, 1)
    return make_optimizer(
        recipe,
        peak=recipe.fine_tune_rate,
        decay=recipe.fine_tune_weight_decay,
        steps=steps * recipe.fine_tune_epochs,
        # Adam's first steps are as long as its last whatever the gradient is, which would
        # throw away what the blocks know.
        warmup_steps=steps // 2,
    )

"""How strongly to regularise the head, chosen on validation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.progress import Progress
from tl_core.training.batches import Examples, training_chunks
from tl_core.training.fit import preference, quality
from tl_core.training.head import build_head
from tl_core.training.loop import Loop
from tl_core.training.optimizers import make_optimizer
from tl_core.training.recipe import Recipe
from tl_core.wording import percent

DECAYS = (0.1, 0.5, 2.0, 8.0)


def tried_decays(recipe: Recipe) -> list[float]:
    """Return the decays that a sweep tries: `DECAYS` and the recipe's own, from weak to strong."""
    return sorted({*DECAYS, recipe.weight_decay})


@dataclass(frozen=True)
class Sweep:
    """Validation top-1 (0..1) for each of the decays tried, and the decay that won."""

    tried: tuple[float, ...]
    accuracies: tuple[float, ...]
    decay: float

    def __str__(self) -> str:
        tried = ", ".join(
            f"{decay:g}: {percent(accuracy)}"
            for decay, accuracy in zip(self.tried, self.accuracies, strict=True)
        )
        return f"Validation chose a weight decay of {self.decay:g} for the head ({tried})."


def sweep_decay(
    recipe: Recipe,
    training: Examples,
    validation: Examples,
    statistics: tuple[NDArray[np.float32], NDArray[np.float32]],
    classes: int,
    policy: str,
    progress: Progress,
) -> Sweep:
    """Train the recipe's head once with each of `DECAYS` and its own, and choose on validation.

    Best is what `preference` says of top-1 and loss after the last epoch. `statistics` are mean
    and variance (each D) of the features, `policy` the dtype policy of the head's products. Every
    decay sees the same images in the same order.

    Raises:
        Stopped: `progress` asked for it.
    """
    import keras

    batch, rate = recipe.head_batch(len(training)), recipe.head_rate(len(training))
    steps = len(training) // batch * recipe.epochs
    decays = tried_decays(recipe)
    progress.begin("head", len(decays) * steps * batch, "images")
    found: list[tuple[float, float]] = []
    done = 0
    for decay in decays:
        keras.utils.set_random_seed(recipe.seed)
        head = build_head(recipe, classes, *statistics, policy=policy, training=True)
        optimizer = make_optimizer(
            recipe,
            peak=rate,
            decay=decay,
            steps=steps,
            warmup_steps=round(len(training) // batch * recipe.warmup_epochs),
        )
        loop = Loop(head, optimizer, recipe.label_smoothing, classes)
        for epoch in range(recipe.epochs):
            order = np.random.default_rng([recipe.seed, epoch + 1])
            for chunk in training_chunks(training, batch, order):
                loop.train(chunk)
                done += chunk.labels.size
                progress.advance(done)
        loss, accuracy, _ = quality(loop.probabilities(validation), validation)
        found.append((accuracy, loss))
    ranks = [preference(accuracy, loss, len(validation)) for accuracy, loss in found]
    accuracies = tuple(accuracy for accuracy, _ in found)
    return Sweep(tuple(decays), accuracies, decays[ranks.index(max(ranks))])

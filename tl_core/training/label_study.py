"""How accuracy grows with the number of labelled images: the same head on fewer and fewer."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.table import backbone
from tl_core.backbones.weights import find_weights
from tl_core.data.dataset import Dataset
from tl_core.evaluation.document import LabelPoint
from tl_core.progress import Progress
from tl_core.training.arithmetic import head_policy
from tl_core.training.batches import Examples, training_chunks
from tl_core.training.head import build_head, feature_statistics
from tl_core.training.inputs import Inputs
from tl_core.training.loop import Loop
from tl_core.training.optimizers import make_optimizer
from tl_core.training.recipe import Recipe

COUNTS = (1, 2, 5, 10, 25, 50, 100, 250, 450)

# Fewer cost accuracy where labels are few, more cost minutes where they are many.
_STEPS = 300


def label_study(
    recipe: Recipe,
    dataset: Dataset,
    progress: Progress,
    *,
    counts: tuple[int, ...] = COUNTS,
    seeds: int = 3,
) -> tuple[LabelPoint, ...]:
    """Train the recipe's head on ever more labelled images a class, and measure each on test.

    Every head sees the same cached frozen features; only the images that count as labelled also
    set its standardisation. Every head takes as many steps, and nothing is chosen by the test set.
    The subsets of one seed nest. Counts that a class cannot fill are left out.

    Raises:
        TransferLabError: weights are missing or damaged.
        Stopped: `progress` asked for it.
    """
    import keras

    recipe = recipe.model_copy(update={"fine_tune_blocks": 0, "fine_tune_epochs": 0})
    row = backbone(recipe.backbone)
    weights = find_weights(row, recipe.weights, recipe.size, progress, seed=recipe.seed)
    inputs = Inputs(recipe, dataset, row, weights, progress)
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    of_labelled = [(view, pool) for view in recipe.training_views]
    labelled = inputs.in_order(inputs.of(of_labelled, "features").head, pool)
    test = inputs.in_order(inputs.of([(None, dataset.test)], "test").head, dataset.test)
    rows = np.searchsorted(pool, dataset.train)
    largest = int(np.bincount(dataset.labels[dataset.train]).min())
    usable = [count for count in counts if count <= largest]
    progress.begin("head", len(usable) * seeds, "heads")
    points = []
    for number, count in enumerate(usable):
        accuracies = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            chosen = first_of_each_class(labelled.labels, rows, count, seed)
            part = replace(labelled, rows=labelled.rows[:, chosen], labels=labelled.labels[chosen])
            accuracies.append(_accuracy(recipe, part, test, len(dataset.class_names), seed))
            progress.advance(number * seeds + seed + 1)
        points.append(LabelPoint(per_class=count, accuracies=tuple(accuracies)))
    return tuple(points)


def first_of_each_class(
    labels: NDArray[np.int64], rows: NDArray[np.int64], count: int, seed: int
) -> NDArray[np.int64]:
    """Return `count` of `rows` for each class, the first in an order that `seed` decides."""
    order = np.random.default_rng(seed).permutation(rows)
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels[rows])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(by_class)) - np.repeat(starts, sizes)
    return np.sort(by_class[rank < count])


def _accuracy(recipe: Recipe, part: Examples, test: Examples, classes: int, seed: int) -> float:
    mean, variance = feature_statistics(part.views[0][0], part.rows[0])
    policy = head_policy(recipe)
    head = build_head(recipe, classes, mean, variance, policy=policy, training=True)
    batch = recipe.head_batch(len(part))
    optimizer = make_optimizer(
        recipe, peak=recipe.head_rate(len(part)), decay=recipe.weight_decay, steps=_STEPS
    )
    loop = Loop(head, optimizer, recipe.label_smoothing, classes)
    rng = np.random.default_rng(seed)
    taken = 0
    while taken < _STEPS:
        for chunk in training_chunks(part, batch, rng):
            loop.train(chunk)
            taken += len(chunk.labels)
    return float((loop.probabilities(test).argmax(1) == test.labels).mean())

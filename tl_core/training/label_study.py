"""How accuracy grows with the number of labelled images: the same head on fewer and fewer."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock

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

# Steps of a head on so many images or fewer: fewer cost accuracy where labels are few, more take
# most of the minute where they are many.
_STEPS = ((1_000, 400), (10_000, 300), (None, 200))

# A small head leaves a processor idle most of the time, and to make one takes as long as to train
# it.
_AT_ONCE = 2


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
    set its standardisation. Nothing is chosen by the test set.
    The subsets of one seed nest. Counts that a class cannot fill are left out.

    Raises:
        TransferLabError: weights are missing or damaged.
        Stopped: `progress` asked for it.
    """
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
    heads = _Heads(recipe, test, len(dataset.class_names))

    def accuracy(count: int, seed: int) -> float:
        chosen = first_of_each_class(labelled.labels, rows, count, seed)
        part = replace(labelled, rows=labelled.rows[:, chosen], labels=labelled.labels[chosen])
        return heads.accuracy(part, seed)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        coming = [
            threads.submit(accuracy, count, seed) for count in usable for seed in range(seeds)
        ]
        found = []
        try:
            for one in coming:
                found.append(one.result())
                progress.advance(len(found))
        finally:
            heads.given_up.set()
            threads.shutdown(cancel_futures=True)
    return tuple(
        LabelPoint(per_class=count, accuracies=tuple(accuracies))
        for count, accuracies in zip(usable, np.reshape(found, (-1, seeds)).tolist(), strict=True)
    )


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


def _steps(images: int) -> int:
    return next(steps for most, steps in _STEPS if most is None or images <= most)


class _Heads:
    """Trains heads of one recipe, each on some labelled images, from several threads at once."""

    def __init__(self, recipe: Recipe, test: Examples, classes: int) -> None:
        self.recipe = recipe
        self.test = test
        self.classes = classes
        self.given_up = Event()
        self._making = Lock()

    def accuracy(self, part: Examples, seed: int) -> float:
        """Return test top-1 (0..1) of a head trained on `part`; no number once given up."""
        batch = self.recipe.head_batch(len(part))
        loop = self._made(part, seed)
        rng = np.random.default_rng(seed)
        steps, taken = _steps(len(part)), 0
        while taken < steps:
            for chunk in training_chunks(part, batch, rng):
                if self.given_up.is_set():
                    return float("nan")
                loop.train(chunk)
                taken += len(chunk.labels)
        return float((loop.probabilities(self.test).argmax(1) == self.test.labels).mean())

    def _made(self, part: Examples, seed: int) -> Loop:
        import keras

        recipe = self.recipe
        mean, variance = feature_statistics(part.views[0][0], part.rows[0])
        # The seed that first weights are drawn with is the whole process'.
        with self._making:
            keras.utils.set_random_seed(seed)
            policy = head_policy(recipe)
            head = build_head(recipe, self.classes, mean, variance, policy=policy, training=True)
            rate = recipe.head_rate(len(part))
            optimizer = make_optimizer(
                recipe, peak=rate, decay=recipe.weight_decay, steps=_steps(len(part))
            )
            return Loop(head, optimizer, recipe.label_smoothing, self.classes)

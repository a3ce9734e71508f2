"""What the head and the top blocks are trained on: features and activations of chosen images."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.data.dataset import Dataset
from tl_core.features.cache import DoesNotFit
from tl_core.features.extract import Features, extract
from tl_core.features.network import Network
from tl_core.features.passing import Passing
from tl_core.features.request import Request
from tl_core.features.views import View
from tl_core.progress import Phase, Progress
from tl_core.training import batches, rates
from tl_core.training.batches import Examples
from tl_core.training.recipe import Recipe

# Views, each of the images at some positions.
Parts = Sequence[tuple[View | None, NDArray[np.int64]]]


@dataclass(frozen=True)
class Extracted:
    """Model inputs by part, rows in the order asked for, and what computed them.

    `head` holds the features (N×D) that the head takes; `top` the activations (N×h×w×C) that
    enter the blocks to be fine-tuned and the features beside them, or nothing where none are.
    """

    head: tuple[batches.ViewRows, ...]
    top: tuple[batches.ViewRows, ...]
    engine: str
    precision: str
    cached: bool


@dataclass(frozen=True)
class Inputs:
    """Computes, or finds in the cache, what a recipe feeds to its trained part."""

    recipe: Recipe
    dataset: Dataset
    row: Backbone
    weights: Weights
    progress: Progress

    @property
    def _passes(self) -> int:
        data = self.dataset
        return self.recipe.passes(len(data.train), len(data.validation), len(data.test))

    def of(self, parts: Parts, phase: Phase) -> Extracted:
        """Return what the recipe trains on, for each view of some images.

        Activations for which there is no room are computed whenever they are asked for, and the
        run says so.
        """
        self.progress.begin(phase, sum(len(indices) for _, indices in parts), "images")
        blocks = self.recipe.fine_tune_blocks
        if not blocks:
            found = self._extract(parts, 0)
            return self._extracted(found, ())
        try:
            found = self._extract(parts, blocks)
        except DoesNotFit as error:
            self.progress.note(
                f"{error} So the frozen part is passed again at every epoch, which is slower."
            )
            found = self._extract(parts, 0)
            return self._extracted(found, [self._passing(*part) for part in parts])
        return self._extracted(found, [features.activations for features in found])

    @property
    def to_train_on(self) -> Parts:
        """What training and validation look at, each image once a view."""
        data, recipe = self.dataset, self.recipe
        pool = np.sort(np.concatenate([data.train, data.validation]))
        validation = np.sort(data.validation)
        return [
            *((view, pool) for view in recipe.training_views),
            *((view, validation) for view in recipe.validation_views),
        ]

    def split(self, views: tuple[batches.ViewRows, ...]) -> tuple[Examples, Examples]:
        """Return training and validation examples; `views` are those of `to_train_on`."""
        computed = {
            view: (arrays, positions)
            for arrays, (view, positions) in zip(views, self.to_train_on, strict=True)
        }

        def part(indices: NDArray[np.int64], chosen: tuple[View | None, ...]) -> Examples:
            return Examples(
                tuple(computed[view][0] for view in chosen),
                np.stack([np.searchsorted(computed[view][1], indices) for view in chosen]),
                self.dataset.labels[indices],
            )

        return (
            part(self.dataset.train, self.recipe.training_views),
            part(self.dataset.validation, self.recipe.answer_views),
        )

    def _extract(self, parts: Parts, blocks: int) -> list[Features]:
        recipe = self.recipe
        found: list[Features] = []
        before = 0
        for view, indices in parts:
            features = extract(
                self.dataset,
                indices,
                self.row,
                self.weights,
                recipe.size,
                pooled=recipe.pooled_layers,
                blocks=blocks,
                view=view,
                engine=recipe.engine,
                precision=recipe.precision,
                seed=recipe.seed,
                images=self._passes,
                on_batch=self._counter(before),
            )
            for note in features.notes:
                self.progress.note(note)
            if not features.cached:
                rates.remember(rates.features_key(recipe), features.computed, features.seconds)
            found.append(features)
            before += len(indices)
        return found

    def _passing(self, view: View | None, indices: NDArray[np.int64]) -> Passing:
        recipe = self.recipe
        network = Network(
            self.row, self.weights, recipe.size, recipe.pooled_layers, recipe.fine_tune_blocks
        )
        images = self._passes * (recipe.fine_tune_epochs + 1)
        request = Request(self.dataset, indices, network, view, recipe.seed, images, lambda _: None)
        return Passing(request, recipe.engine, recipe.precision)

    def _extracted(self, found: list[Features], activations: Sequence[Any]) -> Extracted:
        return Extracted(
            head=tuple((features.values,) for features in found),
            top=tuple(
                (one, features.values) for one, features in zip(activations, found, strict=True)
            )
            if activations
            else (),
            engine=found[0].engine,
            precision=found[0].precision,
            cached=all(features.cached for features in found),
        )

    def in_order(self, views: tuple[batches.ViewRows, ...], indices: NDArray[np.int64]) -> Examples:
        """Return examples for all of `indices`, for which all `views` were computed."""
        rows = np.tile(np.arange(len(indices)), (len(views), 1))
        return Examples(views, rows, self.dataset.labels[indices])

    def _counter(self, offset: int) -> Callable[[int], None]:
        first: tuple[float, int] | None = None

        def count(done: int) -> None:
            nonlocal first
            # Counted from the first batch: before it the network was compiled.
            if first is None:
                first = time.monotonic(), done
                self.progress.advance(offset + done)
                return
            seconds = max(time.monotonic() - first[0], 1e-9)
            self.progress.advance(offset + done, images_per_second=(done - first[1]) / seconds)

        return count

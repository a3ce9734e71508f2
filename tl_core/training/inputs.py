"""What the head and the top blocks are trained on: features and activations of chosen images."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.table import Backbone
from tl_core.backbones.weights import Weights
from tl_core.data.dataset import Dataset
from tl_core.features.extract import extract, extract_boundary
from tl_core.progress import Phase, Progress
from tl_core.training import batches, rates
from tl_core.training.batches import Examples
from tl_core.training.recipe import Recipe, View

Views = tuple[View | None, ...]


@dataclass(frozen=True)
class Extracted:
    """Model inputs by view, rows in the order asked for, and what computed them."""

    views: tuple[batches.View, ...]
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
        labelled = len(self.dataset.train) + len(self.dataset.validation)
        return self.recipe.passes(labelled, len(self.dataset.test))

    def frozen(self, indices: NDArray[np.int64], views: Views, phase: Phase) -> Extracted:
        """Return the joined pooled features (N×D) of the images at `indices`, for each view."""
        self.progress.begin(phase, len(indices) * len(views), "images")
        recipe = self.recipe
        found = []
        for number, view in enumerate(views):
            features = extract(
                self.dataset,
                indices,
                self.row,
                self.weights,
                recipe.size,
                pooled=recipe.pooled_layers,
                view=view,
                engine=recipe.engine,
                precision=recipe.precision,
                seed=recipe.seed,
                images=self._passes,
                on_batch=self._counter(number * len(indices)),
            )
            self._notes(features.notes)
            if not features.cached:
                rates.remember(rates.features_key(recipe), len(indices), features.seconds)
            found.append(features)
        return Extracted(
            tuple((features.values,) for features in found),
            found[0].engine,
            found[0].precision,
            all(features.cached for features in found),
        )

    def boundary(self, indices: NDArray[np.int64], views: Views, phase: Phase) -> Extracted:
        """Return the activations (N×h×w×C) that enter the blocks to be fine-tuned, by view.

        Where layers before the boundary are pooled too, their features (N×D) come second.
        """
        self.progress.begin(phase, len(indices) * len(views), "images")
        recipe = self.recipe
        found = []
        for number, view in enumerate(views):
            boundary = extract_boundary(
                self.dataset,
                indices,
                self.row,
                self.weights,
                recipe.size,
                recipe.fine_tune_blocks,
                pooled=recipe.pooled_layers,
                view=view,
                engine=recipe.engine,
                precision=recipe.precision,
                seed=recipe.seed,
                images=self._passes,
                on_batch=self._counter(number * len(indices)),
            )
            self._notes(boundary.notes)
            found.append(boundary)
        return Extracted(
            tuple(
                (part.activations, part.low) if part.low.shape[1] else (part.activations,)
                for part in found
            ),
            found[0].engine,
            found[0].precision,
            all(part.cached for part in found),
        )

    def in_order(self, extracted: Extracted, indices: NDArray[np.int64]) -> Examples:
        """Return examples for all of `indices`, for which `extracted` was computed."""
        return Examples(extracted.views, np.arange(len(indices)), self.dataset.labels[indices])

    def _notes(self, notes: tuple[str, ...]) -> None:
        for note in notes:
            self.progress.note(note)

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

"""From a recipe and a data set to a trained model."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tl_core.backbones.build import build_backbone
from tl_core.backbones.table import Backbone, backbone
from tl_core.backbones.weights import Weights, find_weights
from tl_core.data.dataset import Dataset
from tl_core.progress import Phase, Progress
from tl_core.training import batches, rates
from tl_core.training.arithmetic import FLOAT32, head_policy, top_policy
from tl_core.training.assemble import assemble
from tl_core.training.batches import Examples
from tl_core.training.breaks import Breaks
from tl_core.training.checkpoint import Checkpoint, Fitted
from tl_core.training.fine_tune import trainable_top
from tl_core.training.fit import fit, quality, tell_epochs_apart
from tl_core.training.head import build_head, copy_head, feature_statistics
from tl_core.training.inputs import Extracted, Inputs
from tl_core.training.loop import Loop
from tl_core.training.mixing import Mixing
from tl_core.training.optimizers import fine_tuning_optimizer, make_optimizer
from tl_core.training.recipe import Recipe
from tl_core.training.sweep import sweep_decay

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Trained:
    """What training leaves: the whole model, how it was made, and its answers for validation.

    `model` takes uint8 pictures N×H×W×3 at the data set's resolution and gives float32
    probabilities N×classes. `validation_probabilities` are in the order of `Dataset.validation`.
    `answer` gives the probabilities for the pictures at some positions of the data set.
    """

    model: "keras.Model"
    weights: Weights
    engine: str
    precision: str
    feature_size: int
    cached_features: bool
    best_epoch: int
    epochs: int
    val_loss: float
    val_accuracy: float
    trained_parameters: int
    validation_probabilities: NDArray[np.float32]
    answer: Callable[[NDArray[np.int64], Phase], NDArray[np.float32]]


def prepare() -> Thread:
    """Begin to import what training needs, which takes seconds, beside what the caller does."""
    # A daemon, so that a run that is stopped meanwhile need not wait for it. Should the import
    # fail, it does so again, and is heard, where it is needed.
    importing = Thread(target=import_module, args=("keras",), daemon=True)
    importing.start()
    return importing


def train(
    recipe: Recipe, dataset: Dataset, progress: Progress, checkpoint: Checkpoint | None = None
) -> Trained:
    """Train as `recipe` says on the training images; validation chooses the epoch if it can.

    The test images are not looked at; `Trained.answer` does that, once, afterwards. What was
    reached is kept in `checkpoint`; what that holds already is gone on from, and leads to the same
    numbers as training that was never broken off.

    Raises:
        TransferLabError: weights are missing or damaged, or there is no room for the features.
        Stopped: `progress` asked for it.
    """
    return _Run(recipe, dataset, backbone(recipe.backbone), progress, checkpoint).train()


class _Run:
    """The steps of one training run, with what they share."""

    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        row: Backbone,
        progress: Progress,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.recipe = recipe
        self.dataset = dataset
        self.row = row
        self.progress = progress
        self.weights = find_weights(row, recipe.weights, recipe.size, progress, seed=recipe.seed)
        self.inputs = Inputs(recipe, dataset, row, self.weights, progress)
        self.checkpoint = checkpoint
        self.classes = len(dataset.class_names)

    def train(self) -> Trained:
        import keras

        extracted = self.inputs.of(self.inputs.to_train_on, "features")
        source = f"{self.dataset.fingerprint} {self.weights.identity}"
        self.breaks = Breaks(self.checkpoint, source, extracted.cached, self.progress)
        training, validation = self.inputs.split(extracted.head)
        # Here, so that the first weights do not depend on whether an engine was built before.
        keras.utils.set_random_seed(self.recipe.seed)
        mean, variance = feature_statistics(training.views[0][0], training.rows[0])
        decay = self.decay(training, validation, (mean, variance))
        head = self.head(mean, variance, head_policy(self.recipe), training=True)
        fitted, loop = self.fit_head(head, training, validation, decay)
        final_head = self.head(mean, variance, FLOAT32, training=False)
        base = build_backbone(self.row, self.weights, self.recipe.size)
        trained_parameters = head.count_params()
        if self.recipe.fine_tune_blocks:
            fitted, loop, validation = self.fine_tune(head, base, fitted, extracted)
            trained_parameters = sum(int(np.prod(v.shape)) for v in loop.model.trainable_variables)
        assert fitted is not None, "a recipe trains the head, the top blocks, or both"
        copy_head(head, final_head)
        model = assemble(
            self.row,
            base,
            self.recipe.pooled_layers,
            final_head,
            resolution=self.dataset.images.shape[1],
            mirrored=self.recipe.test_views,
        )

        def answer(indices: NDArray[np.int64], phase: Phase) -> NDArray[np.float32]:
            parts = [(view, indices) for view in self.recipe.answer_views]
            found = self.inputs.of(parts, phase)
            views = taken(loop, found.top) if found.top else found.head
            return self.mean_of_views(loop, self.inputs.in_order(views, indices))

        validation_probabilities = self.mean_of_views(loop, validation)
        val_loss, val_accuracy, _ = quality(validation_probabilities, validation)
        return Trained(
            model=model,
            weights=self.weights,
            engine=extracted.engine,
            precision=extracted.precision,
            feature_size=len(mean),
            cached_features=self.breaks.cached_features,
            best_epoch=fitted.best_epoch,
            epochs=fitted.epochs,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            trained_parameters=trained_parameters,
            validation_probabilities=validation_probabilities,
            answer=answer,
        )

    def head(
        self, mean: NDArray[np.float32], variance: NDArray[np.float32], policy: str, training: bool
    ) -> "keras.Sequential":
        return build_head(
            self.recipe, self.classes, mean, variance, policy=policy, training=training
        )

    def decay(
        self,
        training: Examples,
        validation: Examples,
        statistics: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> float:
        recipe = self.recipe
        if not recipe.sweep or self.breaks.saved_in("fine-tune"):
            return recipe.weight_decay
        found = sweep_decay(
            recipe,
            training,
            validation,
            statistics,
            self.classes,
            head_policy(recipe),
            self.progress,
        )
        self.progress.note(str(found))
        return found.decay

    def fit_head(
        self,
        head: "keras.Sequential",
        training: Examples,
        validation: Examples,
        decay: float,
    ) -> tuple[Fitted | None, Loop]:
        recipe = self.recipe
        batch = recipe.head_batch(len(training))
        steps = len(training) // batch
        optimizer = make_optimizer(
            recipe,
            peak=recipe.head_rate(len(training)),
            decay=decay,
            steps=steps * recipe.epochs,
            warmup_steps=round(steps * recipe.warmup_epochs),
        )
        loop = Loop(head, optimizer, recipe.label_smoothing, self.classes)
        if recipe.epochs == 0:
            return None, loop
        fine_tuned = self.breaks.saved_in("fine-tune")
        if fine_tuned:
            # The head's weights are among those of the top that were saved.
            return fine_tuned.reached.before, loop
        keep_last = (
            recipe.schedule == "cosine"
            and not recipe.early_stopping
            and not tell_epochs_apart(len(validation))
        )
        started = time.monotonic()
        saved = self.breaks.saved_in("head")
        fitted = fit(
            loop,
            training,
            validation,
            phase="head",
            epochs=recipe.epochs,
            first_epoch=1,
            batch_size=batch,
            patience=recipe.early_stopping,
            seed=recipe.seed,
            progress=self.progress,
            keep_last=keep_last,
            saved=saved,
            keep=self.breaks.keep(loop, "head", None),
        )
        epochs = fitted.epochs - (saved.reached.epoch if saved else 0)
        rates.remember(
            rates.head_key(recipe, len(training)),
            len(training) * epochs,
            time.monotonic() - started,
        )
        return fitted, loop

    def fine_tune(
        self,
        head: "keras.Sequential",
        base: "keras.Model",
        before: Fitted | None,
        extracted: Extracted,
    ) -> tuple[Fitted, Loop, Examples]:
        recipe = self.recipe
        tuned, top = trainable_top(
            self.row,
            self.weights,
            recipe,
            head,
            policy=top_policy(self.row, recipe),
            dtype=max(array.dtype for array in extracted.top[0]).name,
        )
        optimizer = fine_tuning_optimizer(recipe, len(self.dataset.train))
        mixing = Mixing(recipe.fine_tune_mixup, recipe.fine_tune_shift, recipe.seed)
        loop = Loop(top, optimizer, recipe.label_smoothing, self.classes, mixing)
        training, validation = self.inputs.split(taken(loop, extracted.top))
        started = time.monotonic()
        saved = self.breaks.saved_in("fine-tune")
        epochs_before = before.epochs if before else 0
        fitted = fit(
            loop,
            training,
            validation,
            phase="fine-tune",
            epochs=recipe.fine_tune_epochs,
            first_epoch=epochs_before + 1,
            batch_size=recipe.fine_tune_batch_size,
            patience=recipe.early_stopping,
            seed=recipe.seed,
            progress=self.progress,
            best=before,
            saved=saved,
            keep=self.breaks.keep(loop, "fine-tune", before),
        )
        if before and fitted.best_epoch <= before.epochs:
            self.progress.note(
                f"Fine-tuning did not help: on validation epoch {fitted.best_epoch}, before it "
                "began, stayed the best, and that model was kept."
            )
        rates.remember(
            rates.fine_tune_key(recipe),
            len(training) * (fitted.epochs - (saved.reached.epoch if saved else epochs_before)),
            time.monotonic() - started,
        )
        base.set_weights(tuned.get_weights())
        return fitted, loop, validation

    def mean_of_views(self, loop: Loop, examples: Examples) -> NDArray[np.float32]:
        answers = [loop.probabilities(examples, view) for view in range(len(examples.views))]
        mean: NDArray[np.float32] = np.mean(answers, axis=0, dtype=np.float32)
        return mean


def taken(loop: Loop, views: tuple[batches.ViewRows, ...]) -> tuple[batches.ViewRows, ...]:
    """Return of each view those arrays that the loop's model takes; they come first."""
    return tuple(view[: len(loop.model.inputs)] for view in views)

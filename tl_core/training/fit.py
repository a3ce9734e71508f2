"""Epochs: train, look at the validation images, keep the best."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.progress import Progress
from tl_core.training.batches import Examples, training_chunks
from tl_core.training.checkpoint import Arrays, Fitted, Saved, TrainingPhase
from tl_core.training.loop import Loop

# Called with a finished epoch, the best so far, and its weights where the model has others.
Keep = Callable[[int, Fitted, Arrays | None], None]

# An epoch can take less time than to save what it reached.
_KEEP_SECONDS = 1.0
# So many images tell accuracies apart that differ by three points: their standard error is at most
# 1.6 each, and less for the difference of two epochs.
_ENOUGH_TO_COUNT = 1000
_ENOUGH_TO_CHOOSE = 400
# As in the loss of the test set, so that the two can be compared.
_LEAST = float(np.finfo(np.float32).eps)


def fit(
    loop: Loop,
    training: Examples,
    validation: Examples,
    *,
    phase: TrainingPhase,
    epochs: int,
    first_epoch: int,
    batch_size: int,
    patience: int,
    seed: int,
    progress: Progress,
    keep_last: bool = False,
    best: Fitted | None = None,
    saved: Saved | None = None,
    keep: Keep | None = None,
) -> Fitted:
    """Train for `epochs` and leave the model with the weights of its best epoch.

    `preference` says which is best; with `keep_last` it is the last, if training gets there.
    `best` is what an earlier phase reached, which the model as it comes in stands for. With
    `patience` above 0 the fit ends after so many epochs without a better one. Epochs are numbered
    from `first_epoch`, and the order of the images follows from `seed` and the epoch alone.

    With `saved`, which `keep` was given in a fit like this one, it goes on from there and ends as
    that one would have. `keep` is called after the last epoch and after others, at most once a
    second.

    Raises:
        TransferLabError: `saved` is of another model, or the first epoch's answers are no numbers.
    """
    batch = min(batch_size, len(training))
    steps = len(training) // batch
    last = first_epoch - 1
    weights = loop.model.get_weights() if best else None
    if saved:
        loop.restore(saved.variables)
        last, best = saved.reached.epoch, saved.reached.best
        weights = list(saved.best) if saved.best else loop.model.get_weights()

    def rank(one: Fitted) -> tuple[float, float]:
        return preference(one.val_accuracy, one.val_loss, len(validation))

    def over() -> bool:
        waited = last - max(best.best_epoch if best else 0, first_epoch - 1)
        return last >= first_epoch + epochs - 1 or bool(patience and waited >= patience)

    seen = (last - first_epoch + 1) * steps * batch
    progress.begin(phase, epochs * steps * batch, "images")
    progress.go_on(seen, last)
    kept = time.monotonic()
    while not over():
        epoch = last + 1
        started = time.monotonic()
        figures = np.zeros(3)
        done = 0
        for chunk in training_chunks(training, batch_size, np.random.default_rng([seed, epoch])):
            chunk_started = time.monotonic()
            sums, rate = loop.train(chunk)
            count = len(chunk.labels)
            figures += sums
            done += count
            seen += count * batch
            loss, accuracy, top5 = sums / count
            progress.advance(
                seen,
                epoch=epoch - 1 + done / steps,
                loss=float(loss),
                accuracy=float(accuracy),
                top5=float(top5),
                learning_rate=rate,
                images_per_second=count * batch / (time.monotonic() - chunk_started),
            )
        seconds = time.monotonic() - started
        val_loss, val_accuracy, val_top5 = quality(loop.probabilities(validation), validation)
        if not np.isfinite(val_loss):
            if best is None:
                raise TransferLabError(
                    f"The model diverged in epoch {epoch}: its answers are no numbers. Train it "
                    "with a lower learning rate."
                )
            progress.note(
                f"The model diverged in epoch {epoch}, so training ended there and the best epoch "
                "before it was kept; a lower learning rate would go on."
            )
            break
        last = epoch
        reached = Fitted(epoch, epoch, val_loss, val_accuracy)
        at_the_end = epoch == first_epoch + epochs - 1
        if best is None or (keep_last and at_the_end) or rank(reached) > rank(best):
            best = reached
            weights = loop.model.get_weights()
        progress.epoch(
            epoch,
            loss=float(figures[0] / steps),
            accuracy=float(figures[1] / steps),
            top5=float(figures[2] / steps),
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            val_top5=val_top5,
            learning_rate=loop.learning_rate,
            seconds=seconds,
        )
        if keep and (over() or time.monotonic() - kept >= _KEEP_SECONDS):
            assert weights is not None
            keep(epoch, best, None if best.best_epoch == epoch else tuple(weights))
            kept = time.monotonic()
    assert best is not None and weights is not None
    if keep_last and best.best_epoch == first_epoch + epochs - 1:
        progress.note(
            f"Epoch {best.best_epoch}, the last, was kept: {len(validation)} validation images are "
            "too few to tell which is best."
        )
    loop.model.set_weights(weights)
    return Fitted(best.best_epoch, last, best.val_loss, best.val_accuracy)


def tell_epochs_apart(images: int) -> bool:
    """Return whether so many validation images can choose between epochs of a falling rate.

    The last epoch has the smallest steps behind it. With fewer images the one they like best was
    worse than it on average: `benchmarks/few_images.py`.
    """
    return images >= _ENOUGH_TO_CHOOSE


def preference(accuracy: float, loss: float, images: int) -> tuple[float, float]:
    """Return what is higher the better top-1 (0..1) and loss on validation `images` are.

    Accuracy counts first, unless the images are so few that it is mostly luck: of 120 it once
    chose the second of ten epochs, five points below the last. The loss of each image says more
    than whether it was right.
    """
    return (accuracy, -loss) if images >= _ENOUGH_TO_COUNT else (-loss, accuracy)


def quality(probabilities: NDArray[np.float32], examples: Examples) -> tuple[float, float, float]:
    """Return mean negative log-likelihood, top-1 and top-5 of probabilities N×classes.

    Of equal probabilities the lower class stands first, as in the evaluation of the test set:
    a model that gives every class the same would otherwise be right about every image. One that
    gives no numbers is right about none, and its loss is infinite.
    """
    if not np.isfinite(probabilities).all():
        return float("inf"), 0.0, 0.0
    rows: Any = np.arange(len(examples))
    own = probabilities[rows, examples.labels][:, None]
    earlier = np.arange(probabilities.shape[1]) < examples.labels[:, None]
    rank = ((probabilities > own) | ((probabilities == own) & earlier)).sum(1)
    return (
        float(-np.log(np.maximum(own, _LEAST)).mean()),
        float((rank == 0).mean()),
        float((rank < 5).mean()),
    )

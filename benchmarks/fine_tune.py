"""Seconds an epoch of fine-tuning: plain Keras against the cached boundary activations.

    TL_DATA_DIR=… TL_WEIGHTS_DIR=… python benchmarks/fine_tune.py [vgg16] [--images 2000] [--json]

Both sides train the same last block and a linear head on the same images with the same batches,
optimiser, rates and epochs, without augmentation, and are measured on the same test images. The
plain side is what a tutorial shows: the whole network inside the model, its last block unfrozen,
`fit` in float32; its head is trained first, on frozen features, as ours is. Both keep the epoch,
head's or fine-tuning's, that is best on the same validation images, which is not timed. Ours passes
the frozen part once, which is counted apart. Each side has a process of its own, in which
TensorFlow has the kernels that it has in a tutorial or in a run of ours. The two are as alike in
their random numbers as the two ways allow, which is not to the bit: `--seeds` repeats both.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from scipy import stats


class Clock:
    """Hears the seconds of each epoch and of each phase."""

    def __init__(self) -> None:
        from tl_core.progress import Progress

        clock = self
        self.epochs: dict[str, list[float]] = {}
        self.phases: dict[str, float] = {}
        self._phase, self._began = "", time.perf_counter()

        class Listening(Progress):
            def begin(self, phase, total, unit):
                clock.turn(phase)

            def epoch(self, epoch, **figures):
                clock.epochs.setdefault(clock._phase, []).append(figures["seconds"])

        self.progress = Listening()

    def turn(self, phase: str) -> None:
        """Count the time since the last turn as that of the phase then begun."""
        now = time.perf_counter()
        if self._phase:
            self.phases[self._phase] = self.phases.get(self._phase, 0) + now - self._began
        self._phase, self._began = phase, now


def data_of(recipe, images: int, test: int):
    """Return the first so many training and test images of CIFAR-100, and 500 of validation."""
    from tl_core.data import open_dataset

    whole = open_dataset("cifar100", seed=recipe.seed)
    return replace(
        whole,
        train=np.sort(whole.train[:images]),
        validation=np.sort(whole.validation[:500]),
        test=whole.test[:test],
    )


def ours(recipe, images: int, test: int) -> dict:
    """Return seconds an epoch, seconds of the frozen part, and what was right on test."""
    from tl_core.training.arithmetic import choose_kernels

    choose_kernels(recipe)
    from tl_core.training.train import train

    dataset = data_of(recipe, images, test)
    clock = Clock()
    trained = train(recipe, dataset, clock.progress)
    clock.turn("")
    right = trained.answer(dataset.test, "test").argmax(1) == dataset.labels[dataset.test]
    return {
        "epoch": float(np.median(clock.epochs["fine-tune"])),
        "once": clock.phases["features"],
        "right": right,
    }


def plain(recipe, images: int, test: int) -> dict:
    """Return seconds an epoch of the tutorial's way, and what was right on test."""
    import keras

    from tl_core.backbones import backbone
    from tl_core.backbones.build import build_backbone, preprocessing_layers
    from tl_core.backbones.weights import find_weights
    from tl_core.training.fit import preference
    from tl_core.training.optimizers import fine_tuning_optimizer, make_optimizer

    dataset = data_of(recipe, images, test)
    keras.utils.set_random_seed(recipe.seed)
    row, size = backbone(recipe.backbone), recipe.size
    base = build_backbone(row, find_weights(row, recipe.weights, size), size)
    classes = len(dataset.class_names)
    pictures, labels = dataset.images.read(dataset.train), dataset.labels[dataset.train]
    side = pictures.shape[1]
    before = keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Resizing(size, size, interpolation="bicubic"),
            *preprocessing_layers(row),
        ]
    )
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    backbone_model = keras.Model(base.input, pooled)
    features = keras.Sequential([before, backbone_model]).predict(pictures, 32, verbose=0)
    normalise = keras.layers.Normalization(
        mean=features.mean(0), variance=np.maximum(features.var(0), 1e-8)
    )
    dense = keras.layers.Dense(classes, kernel_initializer=keras.initializers.RandomNormal(0, 1e-3))
    head = keras.Sequential([keras.Input((features.shape[1],)), normalise, dense])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    watched, truth = dataset.images.read(dataset.validation), dataset.labels[dataset.validation]
    frozen = keras.Sequential([before, backbone_model]).predict(watched, 32, verbose=0)
    best: tuple = ((-np.inf, -np.inf), None)

    def keep(scores: np.ndarray) -> None:
        nonlocal best
        own = keras.ops.log_softmax(scores)
        wrong = -float(np.take_along_axis(np.asarray(own), truth[:, None], 1).mean())
        rank = preference(float((scores.argmax(1) == truth).mean()), wrong, len(truth))
        if rank > best[0]:
            best = rank, [variable.numpy() for variable in (*base.variables, *head.variables)]

    batch = recipe.head_batch(len(pictures))
    steps = max(len(pictures) // batch, 1) * recipe.epochs
    rate, decay = recipe.head_rate(len(pictures)), recipe.weight_decay
    head.compile(make_optimizer(recipe, peak=rate, decay=decay, steps=steps), loss)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: keep(head.predict(frozen, verbose=0))
    )
    head.fit(features, labels, batch, recipe.epochs, verbose=0, callbacks=[watch])

    names = [layer.name for layer in base.layers]
    first = names.index(row.blocks[recipe.fine_tune_blocks - 1]) + 1
    for number, layer in enumerate(base.layers):
        layer.trainable = number >= first and not isinstance(layer, keras.layers.BatchNormalization)
    model = keras.Sequential([before, backbone_model, head])
    batch = recipe.fine_tune_batch_size
    model.compile(fine_tuning_optimizer(recipe, len(pictures)), loss)
    seconds: list[float] = []

    class Timer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.perf_counter() - self.began)
            keep(model.predict(watched, 32, verbose=0))

    model.fit(pictures, labels, batch, recipe.fine_tune_epochs, verbose=0, callbacks=[Timer()])
    for variable, value in zip((*base.variables, *head.variables), best[1], strict=True):
        variable.assign(value)
    scores = model.predict(dataset.images.read(dataset.test), 32, verbose=0)
    right = scores.argmax(1) == dataset.labels[dataset.test]
    # The first epoch traces the model, which is Keras' start and not its pace.
    return {"epoch": float(np.median(seconds[1:] or seconds)), "right": right}


def apart(side: Callable[..., dict], *arguments: object) -> dict:
    """Return what `side` gives in a fresh process with an empty cache."""
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as artifacts:
        os.environ["TL_ARTIFACTS_DIR"] = artifacts
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            return process.submit(side, *arguments).result()


def differences(points: list[float]) -> dict:
    """Return the mean difference over the seeds with its 95 % interval (Student's t)."""
    mean = float(np.mean(points))
    if len(points) < 2:
        return {"cached_less_plain_points": round(mean, 2)}
    half = stats.t.ppf(0.975, len(points) - 1) * np.std(points, ddof=1) / len(points) ** 0.5
    return {
        "cached_less_plain_points": round(mean, 2),
        "interval": [round(float(mean - half), 2), round(float(mean + half), 2)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbone", nargs="?", default="vgg16")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--images", type=int, default=2000, help="training images")
    parser.add_argument("--test", type=int, default=2000, help="test images")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    from tl_core.training.recipe import make_recipe

    rows = []
    for seed in range(options.seeds):
        recipe = make_recipe(
            backbone=options.backbone,
            input_size=options.size,
            pooled_layers="last",
            epochs=10,
            fine_tune_blocks=1,
            fine_tune_epochs=options.epochs,
            seed=seed,
        )
        fast = apart(ours, recipe, options.images, options.test)
        slow = apart(plain, recipe, options.images, options.test)
        rows.append(
            {
                "seed": seed,
                "plain_epoch_seconds": round(slow["epoch"], 1),
                "cached_epoch_seconds": round(fast["epoch"], 1),
                "ratio": round(slow["epoch"] / fast["epoch"], 1),
                "frozen_part_once_seconds": round(fast["once"], 1),
                "plain_top1": round(float(slow["right"].mean()), 4),
                "cached_top1": round(float(fast["right"].mean()), 4),
                "only_plain_right": int((slow["right"] & ~fast["right"]).sum()),
                "only_cached_right": int((fast["right"] & ~slow["right"]).sum()),
            }
        )
    head = {
        "backbone": options.backbone,
        "size": options.size,
        "images": options.images,
        "test": options.test,
        "epochs": options.epochs,
    }
    together = differences([100 * (row["cached_top1"] - row["plain_top1"]) for row in rows])
    if options.json:
        print(json.dumps(head | {"rows": rows} | together))
        return
    for row in [head, *rows, together]:
        print(*(f"{key}: {value}" for key, value in row.items()), sep="\n  ")


if __name__ == "__main__":
    main()

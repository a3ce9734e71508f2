"""Plain Keras against `tl train --preset frozen`, cold and warm, as a ratio of whole times.

    TL_DATA_DIR=… TL_WEIGHTS_DIR=… python benchmarks/time_to_result.py mobilenet_v2 [--json]

The plain way is what a tutorial shows: a frozen base inside the model and `fit` for ten epochs,
float32, every image through the backbone at every epoch, validation after each. Its epoch is timed
on a slice (`--slice` images a step count that is steady) and multiplied out; both are printed. Ours
is the whole command in a process of its own: imports, data, features, head, test set, saved model.
A backbone without weights here is timed with random ones and shows no accuracy. The accuracy of
the plain way is that of its head after ten epochs of `fit` on the features of its frozen base,
which are the same at every epoch. The folder of the
run is a temporary one: the first run is cold, the second finds its features in the cache.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

EPOCHS = 10


def plain_keras(
    name: str, weights: str, size: int, images: int
) -> tuple[float, float, list[float]]:
    """Return seconds an image of training and of validation, and those of each timed part."""
    import keras

    from tl_core.backbones import backbone
    from tl_core.backbones.build import build_backbone, preprocessing_layers
    from tl_core.backbones.weights import find_weights
    from tl_core.data import open_dataset

    dataset = open_dataset("cifar100")
    chosen = dataset.train[:images]
    pictures, labels = dataset.images.read(chosen), dataset.labels[chosen]
    row = backbone(name)
    base = build_backbone(row, find_weights(row, weights, size), size)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Resizing(size, size, interpolation="bicubic"),
            *preprocessing_layers(row),
            base,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(100, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures[:512], labels[:512], batch_size=64, verbose=0)
    parts = []
    for part in np.array_split(np.arange(len(pictures)), 4):
        started = time.perf_counter()
        model.fit(pictures[part], labels[part], batch_size=64, verbose=0)
        parts.append((time.perf_counter() - started) / len(part))
    model.evaluate(pictures[:128], labels[:128], verbose=0)
    started = time.perf_counter()
    model.evaluate(pictures, labels, batch_size=64, verbose=0)
    return float(np.median(parts)), (time.perf_counter() - started) / len(pictures), parts


def plain_accuracy(name: str, size: int) -> float:
    """Return test top-1 of a dense layer after ten epochs on the last layer's features."""
    import keras

    from tl_core.backbones import backbone
    from tl_core.backbones.weights import find_weights
    from tl_core.data import open_dataset
    from tl_core.features.extract import extract

    dataset, row = open_dataset("cifar100"), backbone(name)
    weights = find_weights(row, "imagenet", size)

    def features(indices: np.ndarray) -> np.ndarray:
        found = extract(dataset, indices, row, weights, size, pooled="last")
        return np.asarray(found.values, np.float32)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(100, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        features(dataset.train),
        dataset.labels[dataset.train],
        batch_size=64,
        epochs=EPOCHS,
        verbose=0,
    )
    found = model.evaluate(features(dataset.test), dataset.labels[dataset.test], verbose=0)
    return float(found[1])


def ours(name: str, weights: str, size: int, artifacts: str) -> tuple[float, dict]:
    """Return the wall seconds of the whole command, and what it printed."""
    command = [sys.executable, "-m", "tl_core", "train", name, "--preset", "frozen", "--json"]
    command += ["--weights", weights, "--input-size", str(size)]
    started = time.perf_counter()
    done = subprocess.run(
        command,
        env=os.environ | {"TL_ARTIFACTS_DIR": artifacts},
        stdout=subprocess.PIPE,
        check=True,
    )
    return time.perf_counter() - started, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbones", nargs="+")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--slice", type=int, default=8192)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from tl_core.backbones import backbone
    from tl_core.backbones.weights import report

    rows = []
    for name in options.backbones:
        weights = "imagenet" if report(backbone(name)).found else "random"
        with tempfile.TemporaryDirectory() as artifacts:
            cold, first = ours(name, weights, options.size, artifacts)
            fit_image, evaluate_image, parts = plain_keras(
                name, weights, options.size, options.slice
            )
            warm, second = ours(name, weights, options.size, artifacts)
            os.environ["TL_ARTIFACTS_DIR"] = artifacts
            known = weights == "imagenet"
            plain_top1 = plain_accuracy(name, options.size) if known else None
        plain = EPOCHS * (45_000 * fit_image + 5_000 * evaluate_image) + 10_000 * evaluate_image
        rows.append(
            {
                "backbone": name,
                "weights": weights,
                "slice": options.slice,
                "plain_ms_per_image": [round(1000 * part, 2) for part in parts],
                "plain_seconds": round(plain),
                "cold_seconds": round(cold, 1),
                "warm_seconds": round(warm, 1),
                "cold_ratio": round(plain / cold, 1),
                "warm_ratio": round(plain / warm, 1),
                # What stands before the head but its start, which is the imports and little else.
                "warm_seconds_to_head": round(
                    second["seconds"]["data"] + second["seconds"]["features"], 2
                ),
                "plain_top1": plain_top1,
                "top1": first["test"]["top1"] if known else None,
                "features": f"{first['engine']}, {first['precision']}",
            }
        )
    if options.json:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        print(*(f"{key}: {value}" for key, value in row.items()), sep="\n  ")


if __name__ == "__main__":
    main()

"""Test accuracy from a handful of pictures: a preset as it takes few, and as it takes many.

    TL_DATA_DIR=… TL_WEIGHTS_DIR=… python benchmarks/few_images.py [BACKBONE] [--seeds 5] [--json]

Some pictures of each of some classes of CIFAR-100 stand for a small collection; a tenth of them is
its validation. One side is the preset `frozen` as it takes so few. The other takes them as if they
were many: ten epochs, of which validation chooses the one with the lowest loss. Both sides see the
same pictures and features and differ in nothing else. A seed decides which pictures, the first
weights and the order; all test images of the classes are named. The interval is Student's t over
the seeds.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

CASES = ((10, 4), (10, 10), (10, 50), (100, 3), (100, 10))
# Waits longer than there are epochs, so that the best is kept and none is left out.
AS_MANY = {"epochs": 10, "early_stopping": 10}


def collection(whole, classes: int, of_each: int, seed: int):  # type: ignore[no-untyped-def]
    """Return a data set of `of_each` labelled pictures of every tenth or of all classes."""
    from tl_core.data.splits import hold_out_validation

    chosen = np.arange(0, 100, 100 // classes)
    number = np.full(100, -1)
    number[chosen] = np.arange(classes)
    labels = number[whole.labels]
    order = np.random.default_rng(seed).permutation(whole.train)
    some = np.concatenate([order[labels[order] == c][:of_each] for c in range(classes)])
    train, validation = hold_out_validation(some, labels, seed)
    return replace(
        whole,
        labels=labels,
        class_names=tuple(whole.class_names[c] for c in chosen),
        coarse_of_class=None,
        coarse_names=(),
        train=np.sort(train),
        validation=np.sort(validation),
        test=whole.test[labels[whole.test] >= 0],
    )


def accuracy(dataset, backbone: str, seed: int, changes: dict) -> float:  # type: ignore[no-untyped-def]
    """Return test top-1 (0..1) of the preset with `changes`."""
    from tl_core.progress import Progress
    from tl_core.training.presets import preset_choices
    from tl_core.training.recipe import make_recipe
    from tl_core.training.train import train

    labelled = len(dataset.train) + len(dataset.validation)
    recipe = make_recipe(**preset_choices("frozen", backbone, labelled) | {"seed": seed} | changes)
    trained = train(recipe, dataset, Progress())
    answers = trained.answer(dataset.test, "test").argmax(1)
    return float((answers == dataset.labels[dataset.test]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbone", nargs="?", default="mobilenet_v2")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from scipy.stats import t

    from tl_core.cli.quiet import start_tensorflow
    from tl_core.data import open_dataset

    start_tensorflow()
    whole = open_dataset("cifar100")
    rows = []
    for classes, of_each in CASES:
        sides = np.array(
            [
                [accuracy(data, options.backbone, seed, changes) for changes in ({}, AS_MANY)]
                for seed in range(options.seeds)
                for data in (collection(whole, classes, of_each, seed),)
            ]
        )
        gain = sides[:, 0] - sides[:, 1]
        half = t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5
        rows.append(
            {
                "classes": classes,
                "of_each": of_each,
                "few": sides[:, 0].tolist(),
                "as_many": sides[:, 1].tolist(),
                "gain": float(gain.mean()),
                "gain_low": float(gain.mean() - half),
                "gain_high": float(gain.mean() + half),
            }
        )
        row = rows[-1]
        if not options.json:
            few, as_many = 100 * sides.mean(0)
            print(
                f"{classes:3} classes, {of_each:2} of each: {few:.1f} % against {as_many:.1f} %, "
                f"{100 * row['gain']:+.1f} points "
                f"({100 * row['gain_low']:+.1f} to {100 * row['gain_high']:+.1f})",
                flush=True,
            )
    if options.json:
        print(json.dumps({"backbone": options.backbone, "seeds": options.seeds, "rows": rows}))


if __name__ == "__main__":
    main()

"""Run folders written by the same code as real ones, from probabilities made up by a seed."""

from pathlib import Path

import numpy as np

from tl_core.evaluation import evaluate
from tl_core.evaluation.document import Cost
from tl_core.runs.documents import (
    DatasetInfo,
    MetricsLine,
    Outcome,
    State,
    Status,
    WeightsInfo,
)
from tl_core.runs.store import Run
from tl_core.settings import settings
from tl_core.training.recipe import make_recipe


def write_run(
    name: str = "20261122-0741-mobilenet_v2-frozen-3f2a",
    *,
    state: State = "finished",
    created: float = 1_700_000_000.0,
    classes: int = 10,
    test: int = 200,
    skill: float = 2.0,
    seed: int = 0,
    backbone: str = "mobilenet_v2",
    dataset: str = "demo",
    superclasses: int = 0,
    recipe: dict[str, object] | None = None,
) -> Run:
    """Write a run whose answers are right the more often the higher `skill` is.

    `seed` makes the answers; `recipe` holds further fields of the recipe.
    """
    folder = settings().runs / name
    folder.mkdir(parents=True)
    choices = {"backbone": backbone, "dataset": dataset, "preset": "frozen"} | (recipe or {})
    (folder / "recipe.json").write_text(make_recipe(**choices).model_dump_json())
    ended = state in ("finished", "failed", "stopped", "interrupted")
    status = Status(
        state=state,
        created=created,
        started=None if state == "queued" else created + 5,
        ended=created + 65 if ended else None,
        share=1.0 if state == "finished" else 0.0,
        message="It went wrong." if state == "failed" else None,
    )
    (folder / "status.json").write_text(status.model_dump_json())
    if state == "finished":
        _write_results(folder, dataset, classes, superclasses, test, skill, seed)
    return Run(name, folder)


def _write_results(
    folder: Path, dataset: str, classes: int, superclasses: int, test: int, skill: float, seed: int
) -> None:
    # The labels depend on the size alone, so that runs of one size share their test set.
    labels = np.random.default_rng(classes * test).integers(0, classes, test)
    rng = np.random.default_rng(seed)
    probabilities = _answers(rng, labels, classes, skill)
    validation_labels = rng.integers(0, classes, 100)
    validation = _answers(rng, validation_labels, classes, skill)
    np.savez(
        folder / "predictions.npz",
        probabilities=probabilities,
        labels=labels,
        validation_probabilities=validation,
        validation_labels=validation_labels,
    )
    names = tuple(f"class {number}" for number in range(classes))
    coarse_names = tuple(f"kind {number}" for number in range(superclasses))
    coarse = tuple(number % superclasses for number in range(classes)) if superclasses else None
    evaluation = evaluate(probabilities, labels, names, coarse, coarse_names)
    (folder / "evaluation.json").write_text(evaluation.model_dump_json())
    accuracy = evaluation.top1.value
    validated = evaluate(validation, validation_labels, names)
    outcome = Outcome(
        dataset=DatasetInfo(
            name=dataset,
            title=dataset,
            is_demo=dataset == "demo",
            fingerprint="f",
            test_fingerprint=f"{dataset}-{classes}-{test}",
            resolution=32,
            class_names=names,
            coarse_names=coarse_names,
            coarse_of_class=coarse,
            train=1000,
            validation=100,
            test=test,
        ),
        weights=WeightsInfo(kind="random"),
        engine="keras",
        precision="float32",
        feature_size=64,
        cached_features=False,
        best_epoch=2,
        epochs=2,
        val_accuracy=validated.top1.value,
        val_loss=validated.loss,
        cost=Cost(
            seconds={"start": 1.0, "data": 2.0, "features": 30.0, "head": 20.0},
            images_per_second=100.0,
            images_per_second_p5=90.0,
            ms_per_image=10.0,
            ms_per_image_p95=12.0,
            parameters=1_000_000,
            trained_parameters=1000,
            model_bytes=4_000_000,
            peak_memory_bytes=10**9,
        ),
        estimated_seconds={"start": 8.0, "data": 2.0, "features": 40.0, "head": 10.0},
        saved_model_agreement=0.99,
        machine={"processor": "p", "kind": "p, 2 cores"},
        versions={"python": "3"},
    )
    (folder / "outcome.json").write_text(outcome.model_dump_json())
    with (folder / "metrics.jsonl").open("w") as lines:
        for epoch in (1, 2):
            line = MetricsLine(
                kind="epoch",
                phase="head",
                time=float(epoch),
                step=epoch,
                epoch=float(epoch),
                loss=2.0 / epoch,
                accuracy=accuracy,
                val_loss=2.5 / epoch,
                val_accuracy=0.9 * accuracy,
            )
            lines.write(line.model_dump_json() + "\n")


def _answers(
    rng: np.random.Generator, labels: np.ndarray, classes: int, skill: float
) -> np.ndarray:
    scores = rng.normal(size=(len(labels), classes)) + skill * np.eye(classes)[labels]
    chances = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return chances.astype(np.float32)

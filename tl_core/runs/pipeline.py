"""A run from its recipe to its folder: data, training, the test set once, the saved model."""

import numpy as np

from tl_core.data import Dataset
from tl_core.evaluation import evaluate
from tl_core.evaluation.document import Cost
from tl_core.files import replacing, write_text
from tl_core.runs.analysis import analysis
from tl_core.runs.cost import Measured
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.documents import Outcome, WeightsInfo
from tl_core.runs.machine import machine, versions
from tl_core.runs.measuring import measure_apart, measure_model
from tl_core.runs.memory import peak_memory
from tl_core.runs.reporter import Reporter
from tl_core.runs.store import CHECKPOINT, EVALUATION, OUTCOME, PREDICTIONS, Run
from tl_core.training.arithmetic import choose_kernels
from tl_core.training.checkpoint import Checkpoint
from tl_core.training.data import open_data
from tl_core.training.estimate import Estimate, estimate
from tl_core.training.train import Trained, prepare, train


def train_and_test(run: Run, reporter: Reporter) -> None:
    """Do everything that the recipe of `run` asks for and leave the results in its folder.

    Raises:
        TransferLabError: data or weights are missing or damaged, or the choices do not fit them.
        Stopped: a stop was asked for.
    """
    recipe = run.recipe
    other_kernels = choose_kernels(recipe)
    importing = prepare()
    reporter.begin("data", 1, "data set")
    dataset = open_data(recipe, reporter)
    if dataset.skipped:
        reporter.note(f"{len(dataset.skipped)} unreadable pictures were skipped.")
    expected = estimate(recipe, len(dataset.train) + len(dataset.validation), len(dataset.test))
    reporter.expect(
        expected.phases,
        {
            "head": recipe.head_batch(len(dataset.train)),
            "fine-tune": recipe.fine_tune_batch_size,
        },
    )
    reporter.start()
    importing.join()
    trained = train(recipe, dataset, reporter, Checkpoint(run.folder / CHECKPOINT))
    probabilities = trained.answer(dataset.test, "test")
    labels = dataset.labels[dataset.test]

    reporter.begin("save", 5, "steps")
    with replacing(run.folder / PREDICTIONS) as path:
        np.savez(
            path,
            probabilities=probabilities,
            labels=labels,
            validation_probabilities=trained.validation_probabilities,
            validation_labels=dataset.labels[dataset.validation],
        )
    reporter.advance(1)
    evaluation = evaluate(
        probabilities,
        labels,
        dataset.class_names,
        dataset.coarse_of_class,
        dataset.coarse_names,
    )
    write_text(run.folder / EVALUATION, evaluation.model_dump_json())
    reporter.advance(2)
    analysis(run)
    reporter.advance(3)
    with replacing(run.model_path) as path:
        trained.model.save(path)
    reporter.advance(4)
    saved = measure_apart(run) if other_kernels else measure_model(run, dataset, probabilities)
    outcome = _outcome(dataset, trained, saved, expected, reporter)
    write_text(run.folder / OUTCOME, outcome.model_dump_json(indent=1))


def _outcome(
    dataset: Dataset, trained: Trained, saved: Measured, expected: Estimate, reporter: Reporter
) -> Outcome:
    weights = trained.weights
    return Outcome(
        dataset=dataset_info(dataset),
        weights=WeightsInfo(
            kind=weights.kind,
            file=weights.path.name if weights.path else None,
            sha256=weights.sha256,
            bytes=weights.bytes,
        ),
        engine=trained.engine,
        precision=trained.precision,
        feature_size=trained.feature_size,
        cached_features=trained.cached_features,
        best_epoch=trained.best_epoch,
        epochs=trained.epochs,
        val_accuracy=trained.val_accuracy,
        val_loss=trained.val_loss,
        cost=Cost(
            seconds=reporter.seconds,
            images_per_second=saved.images_per_second,
            images_per_second_p5=saved.images_per_second_p5,
            ms_per_image=saved.ms_per_image,
            ms_per_image_p95=saved.ms_per_image_p95,
            parameters=trained.model.count_params(),
            trained_parameters=trained.trained_parameters,
            model_bytes=saved.model_bytes,
            peak_memory_bytes=peak_memory(),
        ),
        estimated_seconds={
            "start": expected.seconds - sum(expected.phases.values()),
            **{str(phase): seconds for phase, seconds in expected.phases.items()},
        },
        saved_model_agreement=saved.agreement,
        notes=reporter.notes,
        machine=machine(),
        versions=versions(),
    )

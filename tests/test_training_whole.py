"""A run from recipe to whole model, on pictures small enough to train in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tl_core.data import Dataset, open_dataset
from tl_core.features.cache import DoesNotFit
from tl_core.features.extract import Features
from tl_core.progress import Progress
from tl_core.training import inputs
from tl_core.training import train as training
from tl_core.training.recipe import Recipe, make_recipe
from tl_core.training.train import Trained, train

TINY = {"dataset": "demo", "limit": 200, "weights": "random", "input_size": 32, "epochs": 2}
BATCH = {"batch_size": 32, "fine_tune_batch_size": 32}
# The engine that needs no comparison with itself; the others have tests of their own.
ENGINE = {"engine": "keras", "precision": "float32"}


class Heard(Progress):
    def __init__(self) -> None:
        self.phases: list[str] = []
        self.epochs: list[tuple[int, dict]] = []
        self.notes: list[str] = []

    def begin(self, phase: str, total: int, unit: str) -> None:
        self.phases.append(phase)

    def epoch(self, epoch: int, **figures: float) -> None:
        self.epochs.append((epoch, figures))

    def note(self, text: str) -> None:
        self.notes.append(text)


def open_tiny(recipe: Recipe) -> Dataset:
    dataset = open_dataset(recipe.dataset, seed=recipe.seed, limit=recipe.limit)
    return replace(dataset, test=dataset.test[::16])


def run(backbone: str, **choices: object) -> tuple[Recipe, Trained, np.ndarray, Heard]:
    recipe = make_recipe(**({"backbone": backbone} | TINY | BATCH | ENGINE | choices))
    dataset = open_tiny(recipe)
    heard = Heard()
    trained = train(recipe, dataset, heard)
    return recipe, trained, trained.answer(dataset.test, "test"), heard


def saved_answers(trained: Trained, folder: Path, pictures: np.ndarray) -> np.ndarray:
    import keras

    path = folder / "model.keras"
    trained.model.save(path)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    return np.asarray(model(pictures, training=False))


@pytest.mark.parametrize(
    ("backbone", "choices"),
    [
        ("mobilenet_v2", {"pooled_layers": "spread", "test_views": True}),
        ("mobilenet_v2", {"augmentation": ("flip", "crop", "colour"), "test_views": True}),
        ("mobilenet_v2", {"fine_tune_blocks": 1, "fine_tune_epochs": 2}),
        ("vgg16", {"pooled_layers": "last", "head": "mlp", "hidden_units": 32}),
        ("vgg16", {"pooled_layers": "spread", "fine_tune_blocks": 1, "fine_tune_epochs": 1}),
        ("resnet50", {"epochs": 0, "fine_tune_blocks": 1, "fine_tune_epochs": 1}),
    ],
)
def test_the_saved_model_gives_the_run_s_own_test_probabilities(
    backbone: str, choices: dict, tmp_path: Path
) -> None:
    recipe, trained, probabilities, heard = run(backbone, **choices)
    dataset = open_tiny(recipe)
    assert probabilities.shape == (len(dataset.test), 100)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-4)
    assert all(np.isfinite(quality["loss"]) for _, quality in heard.epochs)
    some = dataset.test[:64]
    answers = saved_answers(trained, tmp_path, dataset.images.read(some))
    assert np.abs(answers - probabilities[:64]).max() < 0.02
    assert (answers.argmax(1) == probabilities[:64].argmax(1)).mean() > 0.95
    assert len(heard.epochs) == recipe.epochs + recipe.fine_tune_epochs
    assert heard.phases[-1] == "test"


def test_a_run_with_the_same_seed_gives_the_same_numbers() -> None:
    choices = {"fine_tune_blocks": 1, "fine_tune_epochs": 1}
    first, second = (run("mobilenet_v2", **choices) for _ in range(2))
    assert np.array_equal(first[2], second[2])
    for (_, one), (_, other) in zip(first[3].epochs, second[3].epochs, strict=True):
        assert one["loss"] == other["loss"]
        assert one["val_accuracy"] == other["val_accuracy"]
    assert not first[1].cached_features
    assert second[1].cached_features


@pytest.mark.parametrize(
    ("choices", "kept"),
    [({}, True), ({"schedule": "constant"}, False), ({"early_stopping": 5}, False)],
)
def test_of_few_validation_images_the_last_epoch_is_kept(choices: dict, kept: bool) -> None:
    learns_by_heart = {"learning_rate": 0.02, "weight_decay": 0.0, "epochs": 6}
    _, trained, _, heard = run("mobilenet_v2", **learns_by_heart, **choices)
    assert any("validation images are too few" in note for note in heard.notes) is kept
    losses = [figures["val_loss"] for _, figures in heard.epochs]
    assert losses[-1] > min(losses)
    assert trained.val_loss == (losses[-1] if kept else min(losses))


def test_without_room_for_the_activations_the_frozen_part_is_passed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choices = {"fine_tune_blocks": 1, "fine_tune_epochs": 1, "augmentation": ("flip",)}
    _, _, expected, _ = run("mobilenet_v2", **choices)
    kept = inputs.extract

    def no_room(*arguments: object, blocks: int, **options: object) -> Features:
        if blocks:
            raise DoesNotFit("The features need 9 GB, and the cache may hold 1 GB.")
        return kept(*arguments, blocks=blocks, **options)

    monkeypatch.setattr(inputs, "extract", no_room)
    _, _, answers, heard = run("mobilenet_v2", **choices)
    np.testing.assert_allclose(answers, expected, atol=1e-3)
    assert heard.notes[0].startswith("The features need 9 GB, and the cache may hold 1 GB. So the")


def test_mixing_changes_what_is_trained_and_stays_the_same_for_the_same_seed() -> None:
    tuned = {"epochs": 0, "fine_tune_blocks": 1, "fine_tune_epochs": 1}
    mixed = tuned | {"fine_tune_mixup": 0.5, "fine_tune_shift": 1}
    plain, first, second = (run("mobilenet_v2", **c)[2] for c in (tuned, mixed, mixed))
    assert np.array_equal(first, second)
    assert not np.array_equal(plain, first)


def test_the_top_takes_activations_as_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights at 32 pixels make activations that float16 would turn into zeros."""
    made, build = [], training.trainable_top

    def spy(*arguments: object, **options: object):
        made.append(build(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(training, "trainable_top", spy)
    run("mobilenet_v2", fine_tune_blocks=1, fine_tune_epochs=1)
    assert {tensor.dtype for tensor in made[0][1].inputs} == {"float32"}


def test_validation_figures_are_those_of_the_probabilities_returned() -> None:
    recipe, trained, _, _ = run("mobilenet_v2")
    dataset = open_tiny(recipe)
    labels = dataset.labels[dataset.validation]
    own = trained.validation_probabilities
    assert trained.val_accuracy == pytest.approx((own.argmax(1) == labels).mean())
    loss = -np.log(own[np.arange(len(labels)), labels]).mean()
    assert trained.val_loss == pytest.approx(loss, rel=1e-4)


def test_fine_tuning_changes_the_top_and_leaves_the_rest() -> None:
    from tl_core.backbones import backbone
    from tl_core.backbones.build import build_backbone
    from tl_core.backbones.weights import find_weights

    _, trained, _, _ = run("mobilenet_v2", epochs=0, fine_tune_blocks=1, fine_tune_epochs=1)
    row = backbone("mobilenet_v2")
    fresh = build_backbone(row, find_weights(row, "random", 32), 32)
    tuned = trained.model.get_layer("backbone")
    boundary = [layer.name for layer in fresh.layers].index(row.blocks[0])
    changed = []
    for position, layer in enumerate(fresh.layers):
        if not layer.weights:
            continue
        pairs = zip(layer.get_weights(), tuned.get_layer(layer.name).get_weights(), strict=True)
        if any(not np.array_equal(before, after) for before, after in pairs):
            changed.append(position)
            assert "BN" not in layer.name and "bn" not in layer.name
    assert changed and min(changed) > boundary

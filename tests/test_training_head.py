import numpy as np
import pytest

from tl_core.errors import TransferLabError
from tl_core.progress import Progress
from tl_core.training.batches import Examples, training_chunks
from tl_core.training.fit import fit, quality
from tl_core.training.head import build_head, copy_head, feature_statistics
from tl_core.training.loop import Loop
from tl_core.training.optimizers import learning_rate, make_optimizer
from tl_core.training.recipe import make_recipe
from tl_core.training.sweep import DECAYS, sweep_decay


def blobs(count: int, classes: int = 8, width: int = 20, seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width)) * 1.2
    labels = rng.integers(0, classes, count)
    features = centres[labels] + rng.normal(size=(count, width))
    return (features * 7 + 3).astype(np.float16), labels


def examples(count: int, seed: int = 0) -> Examples:
    features, labels = blobs(count, seed=seed)
    return Examples(((features,),), np.arange(count)[None], labels)


class Heard(Progress):
    def __init__(self) -> None:
        self.steps: list[dict] = []
        self.epochs: list[dict] = []
        self.notes: list[str] = []

    def advance(self, done: int, **figures: float) -> None:
        self.steps.append({"done": done, **figures})

    def epoch(self, epoch: int, **figures: float) -> None:
        self.epochs.append({"epoch": epoch, **figures})

    def note(self, text: str) -> None:
        self.notes.append(text)


def trained(recipe_choices: dict, seed: int = 0, keep_last: bool = False) -> tuple:
    import keras

    recipe = make_recipe(backbone="mobilenet_v2", seed=seed, **recipe_choices)
    keras.utils.set_random_seed(seed)
    training, validation = examples(1200), examples(1000, seed=1)
    mean, variance = feature_statistics(training.views[0][0], training.rows[0])
    head = build_head(recipe, 8, mean, variance, policy="float32", training=True)
    steps = len(training) // recipe.batch_size * recipe.epochs
    decay = recipe.weight_decay
    optimizer = make_optimizer(recipe, peak=1e-2, decay=decay, steps=steps)
    loop = Loop(head, optimizer, recipe.label_smoothing, 8)
    heard = Heard()
    fitted = fit(
        loop,
        training,
        validation,
        phase="head",
        epochs=recipe.epochs,
        first_epoch=1,
        batch_size=recipe.batch_size,
        patience=recipe.early_stopping,
        seed=seed,
        progress=heard,
        keep_last=keep_last,
    )
    return recipe, head, loop, fitted, heard, validation, (mean, variance)


def test_statistics_are_those_of_the_rows_asked_for() -> None:
    features, _ = blobs(3000)
    rows = np.arange(0, 3000, 2)
    mean, variance = feature_statistics(features, rows)
    assert np.allclose(mean, features[rows].astype(np.float64).mean(0), rtol=1e-4)
    assert np.allclose(variance, features[rows].astype(np.float64).var(0), rtol=1e-3)


def test_an_epoch_shows_every_example_once_and_mixes_the_views() -> None:
    plain = np.arange(200, dtype=np.float32)[:, None]
    # The second view holds fewer images, so an image has another row there.
    rows = np.stack([np.arange(10, 110), np.arange(100)])
    both = Examples(((plain,), (-plain[10:],)), rows, np.arange(100))
    chunks = list(training_chunks(both, 10, np.random.default_rng(0)))
    seen = np.concatenate([chunk.inputs[0].ravel() for chunk in chunks])
    labels = np.concatenate([chunk.labels.ravel() for chunk in chunks])
    assert sorted(labels) == list(range(100))
    assert np.array_equal(np.abs(seen), labels + 10)
    assert 25 < (seen < 0).sum() < 75


def test_a_small_training_set_is_one_batch() -> None:
    chunks = list(training_chunks(examples(7), 256, np.random.default_rng(0)))
    assert [chunk.labels.shape for chunk in chunks] == [(1, 7)]


@pytest.mark.parametrize(
    "choices",
    [
        {"epochs": 6},
        {"epochs": 6, "head": "mlp", "hidden_units": 64, "batch_norm": True, "dropout": 0.1},
        {"epochs": 6, "optimizer": "sgd", "label_smoothing": 0.1},
        {"epochs": 6, "optimizer": "adam", "weight_decay": 0.0, "schedule": "constant"},
    ],
)
def test_a_head_learns_and_reports(choices: dict) -> None:
    recipe, head, loop, fitted, heard, validation, statistics = trained(
        {"batch_size": 64} | choices
    )
    assert fitted.val_accuracy > 0.75
    assert [line["epoch"] for line in heard.epochs] == list(range(1, 7))
    assert heard.epochs[-1]["val_loss"] < heard.epochs[0]["val_loss"] + 0.05
    assert heard.steps[-1]["done"] == 6 * (1200 // 64) * 64
    best = max(heard.epochs, key=lambda line: (line["val_accuracy"], -line["val_loss"]))
    assert fitted.best_epoch == best["epoch"]
    final = build_head(recipe, 8, *statistics, policy="float32", training=False)
    copy_head(head, final)
    optimizer = make_optimizer(recipe, peak=1e-2, decay=0.0, steps=1)
    again = Loop(final, optimizer, 0.0, 8).probabilities(validation)
    assert np.allclose(again, loop.probabilities(validation), atol=1e-5)
    assert quality(again, validation)[1] == fitted.val_accuracy


def test_steps_and_answers_are_traced_once_whatever_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tl_core.training import loop as module

    traced = []
    call = module._call

    def counting(model: object, inputs: object, training: bool) -> object:
        traced.append(training)
        return call(model, inputs, training)

    monkeypatch.setattr(module, "_call", counting)
    trained({"epochs": 2, "batch_size": 64})
    assert sorted(traced) == [False, True]


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second, other = (
        trained({"epochs": 2, "batch_size": 64}, seed=seed)[4].epochs for seed in (3, 3, 4)
    )
    for line in (*first, *second):
        line.pop("seconds")
    assert first == second
    assert first[0]["loss"] != other[0]["loss"]


def test_early_stopping_ends_the_fit_and_keeps_the_best_epoch() -> None:
    *_, fitted, heard, _, _ = trained(
        {"epochs": 60, "batch_size": 64, "early_stopping": 2, "weight_decay": 0.0}
    )
    assert fitted.epochs == len(heard.epochs) == fitted.best_epoch + 2 < 60


class Diverging(Loop):
    """Gives no numbers from its third look at the validation images on."""

    looks = 0

    def probabilities(self, examples: Examples, view: int = 0) -> np.ndarray:
        self.looks += 1
        return super().probabilities(examples, view) * (np.nan if self.looks > 2 else 1)


def test_of_a_model_that_diverges_the_best_is_kept_and_not_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Worsening(Diverging):
        def probabilities(self, examples: Examples, view: int = 0) -> np.ndarray:
            found = super().probabilities(examples, view)
            return np.roll(found, 1, axis=1) if self.looks == 2 else found

    monkeypatch.setitem(globals(), "Loop", Worsening)
    *_, fitted, heard, _, _ = trained({"epochs": 6, "batch_size": 64}, keep_last=True)
    assert (fitted.best_epoch, fitted.epochs) == (1, 2)
    assert not any("the last, was kept" in note for note in heard.notes)


def test_a_model_that_diverges_is_not_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "Loop", Diverging)
    *_, loop, fitted, heard, validation, _ = trained({"epochs": 6, "batch_size": 64})
    assert (fitted.epochs, len(heard.epochs)) == (2, 2)
    assert "diverged in epoch 3" in heard.notes[0]
    _, accuracy, _ = quality(super(Diverging, loop).probabilities(validation), validation)
    assert accuracy == fitted.val_accuracy > 0.3
    monkeypatch.setattr(Diverging, "looks", 2)
    with pytest.raises(TransferLabError, match=r"diverged in epoch 1.* lower learning rate"):
        trained({"epochs": 6, "batch_size": 64})


class Lucky(Loop):
    """Is right once more in its first epoch, and barely; surer of its answers in each one."""

    looks = 0

    def probabilities(self, examples: Examples, view: int = 0) -> np.ndarray:
        self.looks += 1
        own = 0.2 + 0.15 * self.looks
        found = np.full((len(examples), 8), (1 - own) / 7, np.float32)
        found[np.arange(len(examples)), examples.labels] = own
        wrong = np.arange(2 if self.looks == 1 else 3)
        found[wrong] = np.roll(found[wrong], 1, axis=1)
        return found


@pytest.mark.parametrize(
    ("images", "keep_last", "kept"), [(999, False, 4), (1000, False, 1), (1000, True, 4)]
)
def test_the_fewer_the_validation_images_the_less_they_choose(
    images: int, keep_last: bool, kept: int
) -> None:
    """Of 120 the accuracy chose an epoch that was five points below the last on test."""
    training, validation = examples(64), examples(images, seed=1)
    recipe = make_recipe(backbone="mobilenet_v2", epochs=4, batch_size=64)
    statistics = feature_statistics(training.views[0][0], training.rows[0])
    head = build_head(recipe, 8, *statistics, policy="float32", training=True)
    loop = Lucky(head, make_optimizer(recipe, peak=1e-2, decay=0.0, steps=4), 0.0, 8)
    options = {"phase": "head", "epochs": 4, "first_epoch": 1, "batch_size": 64}
    options |= {"patience": 0, "seed": 0, "progress": (heard := Heard())}
    found = fit(loop, training, validation, keep_last=keep_last, **options)
    assert found.best_epoch == kept
    assert found.val_loss == heard.epochs[kept - 1]["val_loss"]
    assert any("Epoch 4, the last, was kept" in note for note in heard.notes) is keep_last


def test_a_sweep_keeps_the_decay_that_is_best_on_validation() -> None:
    recipe = make_recipe(
        backbone="mobilenet_v2", epochs=40, learning_rate=0.05, batch_size=64, sweep=True
    )
    # Few and noisy: without regularisation the head learns them by heart.
    training, validation = examples(32), examples(1000, seed=1)
    statistics = feature_statistics(training.views[0][0], training.rows[0])
    found = sweep_decay(recipe, training, validation, statistics, 8, "float32", Progress())
    assert len(set(found.accuracies)) > 1
    assert set(found.tried) == {*DECAYS, recipe.weight_decay}
    assert found.decay == found.tried[found.accuracies.index(max(found.accuracies))]
    head = build_head(recipe, 8, *statistics, policy="float32", training=True)
    steps = recipe.epochs
    optimizer = make_optimizer(recipe, peak=0.05, decay=found.decay, steps=steps)
    loop = Loop(head, optimizer, 0.0, 8)
    options = {"phase": "head", "epochs": 40, "first_epoch": 1, "batch_size": 64}
    options |= {"patience": 0, "seed": recipe.seed, "progress": (heard := Heard())}
    fit(loop, training, validation, **options)
    assert heard.epochs[-1]["val_accuracy"] == max(found.accuracies)
    assert str(found).startswith(f"Validation chose a weight decay of {found.decay:g}")


def test_the_learning_rate_rises_and_falls() -> None:
    schedule = learning_rate(1.0, "cosine", 100, 10)
    rates = [float(schedule(step)) for step in (0, 5, 10, 55, 100)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0], abs=0.02)
    flat = learning_rate(1.0, "constant", 100, 10)
    assert [float(flat(step)) for step in (5, 10, 100)] == pytest.approx([0.5, 1, 1], abs=0.02)
    assert learning_rate(0.3, "constant", 100, 0) == 0.3


def test_top5_counts_a_class_among_the_five_highest() -> None:
    probabilities = np.tile(np.linspace(1, 0, 8, dtype=np.float32), (3, 1))
    labels = np.array([0, 4, 5])
    loss, top1, top5 = quality(probabilities, Examples(((),), np.arange(3)[None], labels))
    assert top1 == pytest.approx(1 / 3)
    assert top5 == pytest.approx(2 / 3)
    assert loss == pytest.approx(-np.log(probabilities[0, labels]).mean(), rel=1e-5)


def test_a_model_that_gives_no_numbers_is_right_about_nothing():
    labels = np.arange(10)
    none = np.full((10, 10), np.nan, np.float32)
    assert quality(none, Examples(((),), labels[None], labels)) == (np.inf, 0.0, 0.0)


def test_a_model_that_answers_the_same_for_all_is_right_about_one_class():
    labels = np.arange(10)
    same = np.full((10, 10), 0.1, np.float32)
    _, top1, top5 = quality(same, Examples(((),), labels[None], labels))
    assert (top1, top5) == (0.1, 0.5)

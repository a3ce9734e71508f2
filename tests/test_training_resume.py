"""Training that is broken off and gone on with ends in the numbers of training that was not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training_head import examples
from test_training_whole import BATCH, TINY, open_tiny

from tl_core.errors import TransferLabError
from tl_core.progress import Progress
from tl_core.training import fit as fitting
from tl_core.training.checkpoint import Checkpoint, Fitted, Reached, Saved, Unusable
from tl_core.training.fit import fit
from tl_core.training.head import build_head, feature_statistics
from tl_core.training.loop import Loop
from tl_core.training.optimizers import make_optimizer
from tl_core.training.recipe import make_recipe
from tl_core.training.train import Trained, train


class Broken(Exception):
    pass


class Heard(Progress):
    """Hears all, and breaks off at `step` reports after the beginning of the chosen phase."""

    def __init__(self, phase: str = "", reports: int = 0) -> None:
        self.epochs: list[tuple[int, dict[str, float]]] = []
        self.notes: list[str] = []
        self.begun: list[str] = []
        self.steps = 0
        self._break_in, self._left = phase, reports

    def begin(self, phase: str, total: int, unit: str) -> None:
        self.begun.append(phase)
        self._hear()

    def go_on(self, done: int, epoch: int) -> None:
        self.epochs = [(number, figures) for number, figures in self.epochs if number <= epoch]

    def advance(self, done: int, **figures: float) -> None:
        self.steps += self.begun[-1] in ("head", "fine-tune")
        self._hear()

    def epoch(self, epoch: int, **figures: float) -> None:
        figures.pop("seconds")
        self.epochs.append((epoch, figures))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def _hear(self) -> None:
        if self.begun[-1] == self._break_in:
            self._left -= 1
            if self._left < 0:
                raise Broken


@pytest.fixture(autouse=True)
def keep_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "_KEEP_SECONDS", 0.0)


def fit_head(
    choices: dict[str, object], heard: Heard, path: Path, seed: int = 1
) -> tuple[Fitted, list[np.ndarray], np.ndarray]:
    import keras

    keep_last = bool(choices.get("keep_last"))
    choices = {name: value for name, value in choices.items() if name != "keep_last"}
    recipe = make_recipe(backbone="mobilenet_v2", batch_size=64, seed=seed, **choices)
    keras.utils.set_random_seed(seed)
    training, validation = examples(1200), examples(400, seed=1)
    statistics = feature_statistics(training.views[0][0], training.rows[0])
    head = build_head(recipe, 8, *statistics, policy="mixed_bfloat16", training=True)
    steps = 18 * recipe.epochs
    optimizer = make_optimizer(recipe, peak=1e-2, decay=1e-2, steps=steps, warmup_steps=18)
    loop = Loop(head, optimizer, 0.1, 8)
    checkpoint = Checkpoint(path)

    def keep(epoch: int, best: Fitted, weights: tuple[np.ndarray, ...] | None) -> None:
        reached = Reached(
            source="s", phase="head", epoch=epoch, best=best, before=None, cached_features=False
        )
        checkpoint.save(Saved(reached, loop.variables, weights))

    fitted = fit(
        loop,
        training,
        validation,
        phase="head",
        epochs=recipe.epochs,
        first_epoch=1,
        batch_size=64,
        patience=recipe.early_stopping,
        seed=seed,
        progress=heard,
        keep_last=keep_last,
        saved=checkpoint.load("s"),
        keep=keep,
    )
    return fitted, head.get_weights(), loop.probabilities(validation)


@pytest.mark.parametrize(
    "choices",
    [
        {"epochs": 5, "head": "mlp", "hidden_units": 64, "batch_norm": True, "dropout": 0.5},
        {"epochs": 5, "optimizer": "sgd", "warmup_epochs": 1.0, "augmentation": ("flip",)},
        {"epochs": 40, "early_stopping": 2, "schedule": "constant"},
        {"epochs": 5, "keep_last": True},
    ],
)
def test_a_fit_broken_off_again_and_again_is_the_unbroken_one_bit_for_bit(
    choices: dict[str, object], tmp_path: Path
) -> None:
    unbroken = Heard()
    expected = fit_head(choices, unbroken, tmp_path / "unbroken.npz")
    path = tmp_path / "broken.npz"
    epochs: list[tuple[int, dict[str, float]]] = []
    # Within the first epoch, within the third, and after the last.
    for reports in (1, 7, 10_000, 10_000):
        heard = Heard("head", reports)
        heard.epochs = epochs
        try:
            fitted, weights, probabilities = fit_head(choices, heard, path)
        except Broken:
            assert reports < 10_000
        epochs = heard.epochs
    assert heard.steps == 0
    assert fitted == expected[0]
    assert epochs == unbroken.epochs
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected[1], strict=True))
    assert np.array_equal(probabilities, expected[2])


FINE_TUNED = {"fine_tune_blocks": 1, "fine_tune_epochs": 2, "head": "mlp", "hidden_units": 32}
SIMPLE = {"engine": "keras", "precision": "float32"}


def whole(
    heard: Heard, checkpoint: Checkpoint | None, choices: dict[str, object], **changes: object
) -> Trained:
    recipe = make_recipe(backbone="mobilenet_v2", **TINY, **BATCH, **SIMPLE, **choices)
    return train(recipe, replace(open_tiny(recipe), **changes), heard, checkpoint)


def test_a_run_broken_off_in_the_head_and_in_fine_tuning_ends_as_the_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = Heard()
    expected = whole(unbroken, None, FINE_TUNED)
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(tmp_path / "another"))
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    epochs: list[tuple[int, dict[str, float]]] = []
    # Before the first epoch, and after one of fine-tuning.
    for phase, reports in (("head", 0), ("fine-tune", 2)):
        heard = Heard(phase, reports)
        heard.epochs = epochs
        with pytest.raises(Broken):
            whole(heard, checkpoint, FINE_TUNED)
        epochs = heard.epochs
    heard = Heard()
    heard.epochs = epochs
    trained = whole(heard, checkpoint, FINE_TUNED)
    assert "head" not in heard.begun
    assert heard.epochs == unbroken.epochs
    assert not trained.cached_features
    for name in ("best_epoch", "epochs", "val_loss", "val_accuracy", "trained_parameters"):
        assert getattr(trained, name) == getattr(expected, name)
    assert np.array_equal(trained.validation_probabilities, expected.validation_probabilities)
    pairs = zip(trained.model.get_weights(), expected.model.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_other_data_than_at_the_beginning_starts_the_training_anew(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    whole(Heard(), checkpoint, {})
    heard = Heard()
    whole(heard, checkpoint, {}, fingerprint="another")
    assert [number for number, _ in heard.epochs] == [1, 2]
    assert heard.notes[0] == (
        "Training began anew after a break: the data or the weights are not those it began with."
    )


def saved() -> Saved:
    best = Fitted(1, 2, 0.5, 0.5)
    reached = Reached(
        source="s", phase="head", epoch=2, best=best, before=None, cached_features=True
    )
    return Saved(reached, (np.arange(6.0).reshape(2, 3), np.array(7, np.uint32)), (np.ones(2),))


def test_a_checkpoint_gives_back_what_it_took_and_holds_no_code(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    assert checkpoint.load("s") is None
    checkpoint.save(saved())
    found = checkpoint.load("s")
    assert found is not None
    assert found.reached == saved().reached
    for one, other in zip(found.variables, saved().variables, strict=True):
        assert np.array_equal(one, other) and one.dtype == other.dtype
    assert found.best is not None and np.array_equal(found.best[0], np.ones(2))
    assert [path.name for path in tmp_path.glob("*checkpoint*")] == ["checkpoint.npz"]
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load("s") is None


def test_a_damaged_checkpoint_is_known_as_such_or_the_same(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    checkpoint = Checkpoint(path)
    checkpoint.save(saved())
    whole = path.read_bytes()
    known = 0
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = checkpoint.load("s")
        except Unusable:
            known += 1
            continue
        assert found is not None and found.reached == saved().reached
        arrays, expected = (part.variables + (part.best or ()) for part in (found, saved()))
        assert all(np.array_equal(one, other) for one, other in zip(arrays, expected, strict=True))
    assert known > len(whole) / 10
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(Unusable, match="is damaged"):
            checkpoint.load("s")


def test_an_array_of_python_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    np.savez(path, contents=np.array([{"a": 1}], dtype=object))
    with pytest.raises(Unusable, match="is damaged"):
        Checkpoint(path).load("s")


def test_the_variables_of_another_model_are_refused() -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    optimizer = make_optimizer(make_recipe(backbone="vgg16"), peak=1e-3, decay=0.0, steps=1)
    loop = Loop(model, optimizer, 0.0, 2)
    with pytest.raises(TransferLabError, match="another model"):
        loop.restore([np.zeros((3, 2))])

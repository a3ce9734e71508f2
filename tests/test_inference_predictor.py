import gc
import time
import weakref
from pathlib import Path

import numpy as np
import pytest

from tl_core.errors import TransferLabError
from tl_core.inference import predictor as module
from tl_core.inference.predictor import Predictor
from tl_core.inference.saved import SavedModel


def saved(path: Path, bias: float = 0.0) -> Path:
    import keras

    model = keras.Sequential(
        [
            keras.Input((4, 4, 3), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((48,)),
            keras.layers.Dense(3, bias_initializer=keras.initializers.Constant([bias, 0, 0])),
            keras.layers.Softmax(),
        ]
    )
    path.parent.mkdir(exist_ok=True)
    model.save(path)
    return path


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


def test_answers_are_those_of_keras(tmp_path: Path, pictures: np.ndarray) -> None:
    import keras

    path = saved(tmp_path / "model.keras")
    prediction = Predictor().predict(path, pictures)
    expected = keras.saving.load_model(path).predict(pictures, verbose=0)
    assert np.allclose(prediction.probabilities, expected, atol=1e-6)
    assert prediction.probabilities.dtype == np.float32
    assert prediction.ms_per_image > 0


def test_no_pictures_give_no_answers(tmp_path: Path, pictures: np.ndarray) -> None:
    prediction = Predictor().predict(saved(tmp_path / "model.keras"), pictures[:0])
    assert prediction.probabilities.shape == (0, 3)


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.keras")
    with pytest.raises(TransferLabError, match="pictures are 5×5×3, the model takes 4×4×3"):
        Predictor().predict(path, np.zeros((1, 5, 5, 3), np.uint8))


def test_a_missing_or_foreign_file_is_named(tmp_path: Path, pictures: np.ndarray) -> None:
    with pytest.raises(TransferLabError, match=r"no model\.keras in .*deleted"):
        Predictor().predict(tmp_path / "model.keras", pictures)
    foreign = tmp_path / "model.keras"
    foreign.write_bytes(b"PK not a model")
    with pytest.raises(TransferLabError, match=r"model\.keras .*cannot be used as a model"):
        Predictor().predict(foreign, pictures)


def test_code_inside_a_model_is_refused(tmp_path: Path) -> None:
    import keras

    inputs = keras.Input((4, 4, 3), dtype="uint8")
    harmful = keras.layers.Lambda(lambda x: keras.ops.cast(x, "float32"))(inputs)
    path = tmp_path / "model.keras"
    keras.Model(inputs, harmful).save(path)
    with pytest.raises(TransferLabError, match="cannot be used as a model"):
        SavedModel(path)


def test_the_least_recently_used_model_is_given_up(tmp_path: Path, pictures: np.ndarray) -> None:
    first, second, third = (saved(tmp_path / name / "model.keras") for name in "abc")
    predictor = Predictor(max_models=2)
    kept = predictor.model(first)
    given_up = predictor.model(second)
    predictor.predict(first, pictures)
    predictor.model(third)
    assert predictor.model(first) is kept
    assert predictor.model(second) is not given_up


def test_what_makes_the_maps_goes_with_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: np.ndarray
) -> None:
    """Else the page would hold the models that it gave up, three more than it may."""
    made: list[weakref.ref] = []

    class Maps:
        def __init__(self, model) -> None:
            self.model = model
            made.append(weakref.ref(model))

        def __call__(self, picture: np.ndarray, target: int) -> np.ndarray:
            return np.full(picture.shape[:2], target, np.float32)

    monkeypatch.setattr(module, "explainer", Maps)
    first, second = (saved(tmp_path / name / "model.keras") for name in "ab")
    predictor = Predictor(max_models=1)
    assert (predictor.explain(first, pictures[0], 3) == 3).all()
    assert (predictor.explain(first, pictures[0], 4) == 4).all()
    assert len(made) == 1
    predictor.predict(second, pictures)
    gc.collect()
    assert made[0]() is None


def test_a_replaced_file_is_loaded_again(tmp_path: Path, pictures: np.ndarray) -> None:
    path = saved(tmp_path / "model.keras")
    predictor = Predictor()
    predictor.predict(path, pictures)
    saved(path, bias=50.0)
    assert predictor.predict(path, pictures).probabilities[:, 0].min() > 0.99


def test_what_a_first_answer_takes_longer_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow:
        classes = 2
        calls = 0

        def __init__(self, path: Path) -> None:
            pass

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            self.calls += 1
            time.sleep(0.3 if self.calls == 1 else 0)
            return np.full((len(pictures), 2), 0.5, np.float32)

    monkeypatch.setattr(module, "SavedModel", Slow)
    path = tmp_path / "model.keras"
    path.touch()
    predictor = Predictor()
    assert predictor.predict(path, np.zeros((2, 4, 4, 3), np.uint8)).ms_per_image < 100
    assert predictor.predict(path, np.zeros((0, 4, 4, 3), np.uint8)).probabilities.shape == (0, 2)

"""Models from elsewhere: what is not looked at by Keras, and the process that opens the rest."""

import io
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
from run_folders import write_run
from test_inference_explain import saved

from tl_core.errors import TransferLabError
from tl_core.exchange import importing
from tl_core.exchange.archive import export_run
from tl_core.exchange.importing import import_run
from tl_core.inference import guard
from tl_core.inference.explain import Explainer, explainer
from tl_core.inference.guarded import GuardedModel
from tl_core.inference.predictor import Predictor
from tl_core.inference.saved import SavedModel
from tl_core.runs import measuring
from tl_core.runs.bin import delete
from tl_core.runs.store import list_runs

SIZE, CLASSES = 32, 4


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The parts of a small model that only consists of what ours do."""
    import keras

    layers = [
        keras.Input((SIZE, SIZE, 3), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(CLASSES),
        keras.layers.Softmax(),
    ]
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.Sequential(layers).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def test_a_model_of_known_parts_is_opened(small: dict[str, bytes], tmp_path: Path) -> None:
    assert guard._open(written(tmp_path / "model.keras", small)).classes == CLASSES


def _with_config(change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    def edit(parts: dict[str, bytes]) -> None:
        config = json.loads(parts["config.json"])
        change(config)
        parts["config.json"] = json.dumps(config).encode()

    return edit


def _layer(**fields: object) -> Callable[[dict[str, bytes]], None]:
    return _with_config(lambda config: config["config"]["layers"][1].update(fields))


def _weights(change: Callable[[h5py.File], object]) -> Callable[[dict[str, bytes]], None]:
    def edit(parts: dict[str, bytes]) -> None:
        file = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(file, "r+") as weights:
            change(weights)
        parts["model.weights.h5"] = file.getvalue()

    return edit


def _virtual(weights: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    weights.create_virtual_dataset("evil", layout)


def _outside(weights: h5py.File) -> None:
    weights.create_dataset("evil", (4,), "u1", external=[("/etc/hostname", 0, 4)])


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], object], str]] = {
    "Lambda": (_layer(module="keras.layers", class_name="Lambda"), "a part 'Lambda'"),
    "layer of one's own": (_layer(module="evil", class_name="Evil"), "a part 'Evil'"),
    "known name, other module": (_layer(module="os", class_name="Dense"), "a part 'Dense'"),
    "reads a file": (
        _layer(module="keras.layers", class_name="StringLookup"),
        "a part 'StringLookup'",
    ),
    "loads another model": (_layer(module="keras.layers", class_name="TFSMLayer"), "'TFSMLayer'"),
    "torch": (_layer(module="keras.layers", class_name="TorchModuleWrapper"), "TorchModuleWrapp"),
    "a function": (_layer(module="builtins", class_name="function"), "a part 'function'"),
    "deep inside": (
        _layer(config={"x": [{"y": {"class_name": "__lambda__", "config": {}}}]}),
        "a part '__lambda__'",
    ),
    "name that is no name": (_layer(module=["keras"], class_name={"a": 1}), "has a part"),
    "markup": (_layer(module="keras", class_name="![](http://x/y.png)" * 9), "has a part"),
    "not JSON": (lambda parts: parts.update({"config.json": b"{"}), "cannot be read"),
    "deep JSON": (lambda parts: parts.update({"config.json": b"[" * 99_999}), "cannot be read"),
    "large JSON": (lambda parts: parts.update({"config.json": b" " * (65 << 20)}), "too large"),
    "more parts": (lambda parts: parts.update({"assets/x": b""}), "not a Keras model"),
    "a path": (lambda parts: parts.update({"../evil": b""}), "not a Keras model"),
    "fewer parts": (lambda parts: parts.pop("metadata.json"), "not a Keras model"),
    "no weights": (lambda parts: parts.update({"model.weights.h5": b"no"}), "cannot be read"),
    "linked file": (
        _weights(lambda w: w.__setitem__("evil", h5py.ExternalLink("/etc/passwd", "x"))),
        "hold a link",
    ),
    "linked path": (_weights(lambda w: w.__setitem__("evil", h5py.SoftLink("/x"))), "hold a link"),
    "virtual": (_weights(_virtual), "lie in other files"),
    "external": (_weights(_outside), "lie in other files"),
}


@pytest.mark.parametrize(("edit", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_model_of_ours_has_is_refused_before_keras_sees_it(
    small: dict[str, bytes], tmp_path: Path, edit, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras saw it"))
    parts = dict(small)
    edit(parts)
    path = written(tmp_path / "model.keras", parts)
    # In the limited process, and where a run's folder was copied here with nothing that says so.
    for opened in (guard._open, SavedModel):
        with pytest.raises(TransferLabError, match=words) as refusal:
            opened(path)
        assert len(str(refusal.value)) < 300


def test_a_layer_that_eats_all_memory_ends_its_process_and_not_ours(
    small: dict[str, bytes], tmp_path: Path
) -> None:
    config = json.loads(small["config.json"])
    dense = next(part for part in config["config"]["layers"] if part["class_name"] == "Dense")
    # 12 GB of weights, in a file of a few kilobytes.
    dense["config"]["units"] = 10**9
    eater = small | {"config.json": json.dumps(config).encode()}
    with pytest.raises(TransferLabError, match=r"more memory or time than|cannot be used") as why:
        GuardedModel(written(tmp_path / "model.keras", eater))
    assert "\n" not in str(why.value)


def used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def test_a_process_that_uses_up_its_time_is_ended() -> None:
    code = "from tl_core.inference import guard\nguard._more_time(1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", code], timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_a_run_travels_and_its_model_answers_from_a_limited_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(classes=CLASSES)
    ours = saved(run.folder, "mobilenet_v2", resolution=SIZE)
    export_run(run, tmp_path / "run.zip")
    sent = run.model_path.read_bytes()
    delete(run)
    back = import_run(tmp_path / "run.zip")
    assert back.model_path.read_bytes() == sent
    # Timing a model again opens it in this process, which must not happen to this one.
    monkeypatch.setattr(measuring, "open_data", lambda *_: pytest.fail("it went on"))
    with pytest.raises(TransferLabError, match="not a finished run of this machine"):
        measuring.measure_again(back)

    monkeypatch.setenv("TL_PASSWORD", "a secret")
    predictor = Predictor()
    model = predictor.model(back.model_path)
    assert isinstance(model, GuardedModel)
    process = psutil.Process(model._process.pid)
    assert process.rlimit(psutil.RLIMIT_AS) == (guard.MOST_MEMORY, guard.MOST_MEMORY)
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    to_open = process.rlimit(psutil.RLIMIT_CPU)[0]
    assert 0 <= to_open - guard.SECONDS_TO_OPEN <= used(process)
    assert "a secret" not in process.environ().values()

    pictures = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    before = used(process)
    answers = predictor.predict(back.model_path, pictures).probabilities
    to_answer = process.rlimit(psutil.RLIMIT_CPU)[0]
    assert int(before) <= to_answer - guard.SECONDS_TO_ANSWER <= used(process)
    assert np.allclose(answers, ours(pictures), atol=1e-5)
    assert predictor.predict(back.model_path, pictures[:0]).probabilities.shape == (0, CLASSES)
    heat = explainer(model)(pictures[0], 3)
    assert heat.max() > 0.5
    assert np.allclose(heat, Explainer(ours)(pictures[0], 3), atol=1e-3)
    with pytest.raises(TransferLabError, match="no class number 4"):
        model.explain(pictures[0], CLASSES)
    with pytest.raises(TransferLabError, match=r"The picture is \(5, 5, 3\)"):
        model(np.zeros((1, 5, 5, 3), np.uint8))
    assert model._process.pid == process.pid

    # One that does not answer is ended, and the next question starts another.
    process.suspend()
    monkeypatch.setattr("tl_core.inference.guarded._ANSWERING", 0.5)
    with pytest.raises(TransferLabError, match="more memory or time than such a model is given"):
        model(pictures)
    assert not process.is_running()
    started = []
    monkeypatch.setattr(model, "_start", lambda: started.append(1))
    with pytest.raises(TransferLabError):
        model(pictures)
    assert started == [1]


def test_a_process_ends_with_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    begin = subprocess.Popen

    def sleeper(*_: object, **__: Any) -> "subprocess.Popen[bytes]":
        code = 'print(\'{"input": [1, 1, 3], "classes": 2}\', flush=True); input()'
        started.append(begin([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE))
        return started[-1]

    monkeypatch.setattr("tl_core.inference.guarded.subprocess.Popen", sleeper)
    model = GuardedModel(tmp_path / "model.keras")
    assert started[0].poll() is None
    del model
    assert started[0].poll() is not None


@pytest.mark.parametrize(
    ("shape", "classes", "answer", "words"),
    [
        ((SIZE, SIZE, 3), CLASSES + 1, 0.2, "knows 5 classes, but the run says .* and 4"),
        ((SIZE, 8, 3), CLASSES, 0.25, r"takes pictures of \(32, 8, 3\)"),
        ((SIZE, SIZE, 3), CLASSES, 0.7, "does not answer with probabilities"),
        ((SIZE, SIZE, 3), CLASSES, np.nan, "does not answer with probabilities"),
    ],
)
def test_a_model_that_is_not_the_runs_is_not_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape, classes, answer, words
) -> None:
    class Other:
        def __init__(self, _: Path) -> None:
            self.input_shape, self.classes = shape, classes

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            return np.full((len(pictures), classes), answer, np.float32)

    monkeypatch.setattr(importing, "GuardedModel", Other)
    run = write_run(classes=CLASSES)
    run.model_path.touch()
    export_run(run, tmp_path / "run.zip")
    delete(run)
    with pytest.raises(TransferLabError, match=words):
        import_run(tmp_path / "run.zip")
    assert list_runs() == []

import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pytest
from feature_data import pictures_dataset

from tl_core import processor
from tl_core.backbones import backbone
from tl_core.backbones.weights import Weights, find_weights
from tl_core.data import open_dataset
from tl_core.data.dataset import Dataset
from tl_core.features import compile as compiling
from tl_core.features.agreement import REQUIRED, similarity
from tl_core.features.compile import Compiled, candidates
from tl_core.features.compile import compile_network as compile_for
from tl_core.features.engines import (
    INT8,
    SAFE,
    KerasEngine,
    OpenVinoEngine,
    Plan,
    to_openvino,
)
from tl_core.features.extract import Features, extract
from tl_core.features.network import Network, build
from tl_core.features.request import Request, forget_engines

MANY = 10**6

BF16 = Plan("openvino", "bfloat16")
F32 = Plan("openvino", "float32")


def compile_network(
    network: Network, pictures: np.ndarray, engine: str, precision: str, images: int = 90
) -> Compiled:
    return compile_for(
        network,
        pictures,
        engine,
        precision,
        images=images,
        calibration=lambda: np.resize(pictures, (32, *pictures.shape[1:])),
    )


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(backbone("mobilenet_v2"), Weights("random"), 32, "several")


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (90, 32, 32, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def no_engines_from_before() -> None:
    forget_engines()


def _all(engine: object, pictures: np.ndarray) -> np.ndarray:
    def prepare(number: int, out: np.ndarray) -> None:
        part = pictures[number * engine.batch : (number + 1) * engine.batch]
        out[: len(part)] = part

    batches = -(-len(pictures) // engine.batch)
    outputs = [outputs[0].copy() for outputs in engine.run(batches, prepare)]
    return np.concatenate(outputs)[: len(pictures)]


def test_engines_agree_and_keep_the_order(network: Network, pictures: np.ndarray) -> None:
    built = build(network)
    keras = KerasEngine(built)
    (reference,) = keras(pictures)
    assert reference.shape == (90, sum(built.widths))
    model = to_openvino(built)
    for engine, required in (
        (keras, REQUIRED["float32"]),
        (OpenVinoEngine(model, "float32"), REQUIRED["float32"]),
        (OpenVinoEngine(model, "bfloat16"), REQUIRED["bfloat16"]),
        (KerasEngine(build(network, "mixed_bfloat16")), REQUIRED["bfloat16"]),
    ):
        assert similarity(_all(engine, pictures), reference) > required


def test_an_error_while_preparing_leaves_the_engine_usable(
    network: Network, pictures: np.ndarray
) -> None:
    engine = OpenVinoEngine(to_openvino(build(network)), "float32")

    def fail(number: int, out: np.ndarray) -> None:
        out[:] = 0
        if number == 3:
            raise RuntimeError("no picture")

    with pytest.raises(RuntimeError, match="no picture"):
        list(engine.run(9, fail))
    assert np.isfinite(_all(engine, pictures)).all()


def test_similarity_sees_what_a_wrong_engine_does() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((16, 100), np.float32)
    assert similarity(right, right) == 1
    assert similarity(right + rng.normal(0, 0.01, right.shape), right) > 0.99
    for wrong in (2 * right, right[::-1], np.zeros_like(right), right * np.nan):
        assert similarity(wrong, right) < 0.99
    one_wrong = right.copy()
    one_wrong[3] = 0
    assert similarity(one_wrong, right) < 0.99


class _WrongEngine(OpenVinoEngine):
    """An engine made wrong on purpose: it answers for the mirrored, inverted picture."""

    def run(self, batches, prepare):
        def inverted(number: int, out: np.ndarray) -> None:
            prepare(number, out)
            out[:] = -out[:, :, ::-1]

        return super().run(batches, inverted)


def test_a_wrong_engine_is_caught_and_keras_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: True)
    monkeypatch.setattr(compiling, "OpenVinoEngine", _WrongEngine)
    dataset, row = pictures_dataset(40), backbone("mobilenet_v2")
    indices = np.arange(40)

    def features(engine: str, precision: str = "float32"):
        return extract(
            dataset,
            indices,
            row,
            Weights("random"),
            32,
            pooled="several",
            engine=engine,
            precision=precision,
        )

    wrong = features("openvino")
    assert (wrong.engine, wrong.precision) == ("keras", "float32")
    assert any("OpenVINO in float32 did not give the features" in note for note in wrong.notes)
    forget_engines()
    right = features("keras")
    np.testing.assert_array_equal(wrong.values, right.values)
    assert right.cached
    assert not right.notes
    again = features("openvino")
    assert again.cached
    assert again.notes == wrong.notes
    automatic = features("auto", "auto")
    assert (automatic.engine, automatic.precision) == ("keras", "float32")
    assert len(automatic.notes) == 2


def test_an_engine_that_cannot_start_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, network: Network, pictures: np.ndarray
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no such device\nmore")

    monkeypatch.setattr(compiling, "OpenVinoEngine", broken)
    compiled = compile_network(network, pictures[:4], "openvino", "bfloat16")
    assert compiled.plan == SAFE
    assert compiled.wrong == ("OpenVINO in bfloat16 could not be used: no such device",)


def test_the_fastest_engine_is_timed_once_and_remembered(
    monkeypatch: pytest.MonkeyPatch, network: Network, pictures: np.ndarray
) -> None:
    rates = {"float32": 100.0, "bfloat16": 101.0}
    timed = []

    def rate(engine: object, _: np.ndarray) -> float:
        timed.append(engine)
        return rates["float32"] if len(timed) == 2 else rates["bfloat16"]

    monkeypatch.setattr(compiling, "_rate", rate)
    monkeypatch.setattr(processor, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: True)
    first = compile_network(network, pictures[:4], "openvino", "auto")
    # bfloat16 is faster by 1 %, which is not worth its rounding.
    assert first.plan == F32
    assert compiling.known_plan(network, "openvino", "auto", 90) == F32
    assert compile_network(network, pictures[:4], "openvino", "auto").plan == F32
    assert len(timed) == 2


def test_candidates_follow_the_choices_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "has_gpu", lambda: False)
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: False)
    assert candidates("auto", "auto") == [F32, SAFE]
    assert candidates("openvino", "auto") == [F32]
    assert candidates("auto", "bfloat16") == [BF16]
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: True)
    assert candidates("auto", "auto") == [BF16, F32, SAFE]
    assert candidates("auto", "bfloat16") == [BF16]
    assert candidates("auto", "int8") == [INT8]
    assert candidates("keras", "float32") == [SAFE]
    monkeypatch.setattr(processor, "has_gpu", lambda: True)
    assert candidates("auto", "auto") == [BF16, F32, Plan("keras", "bfloat16"), SAFE]
    assert candidates("openvino", "auto") == [BF16, F32]


@pytest.mark.parametrize("plans", [["bf16", "f32"], ["f32"]])
def test_integers_are_tried_for_many_pictures_and_chosen_where_they_pay(
    monkeypatch: pytest.MonkeyPatch, network: Network, pictures: np.ndarray, plans: list[str]
) -> None:
    made: list[object] = []

    def quantised(model: object, calibration: np.ndarray) -> object:
        made.append(calibration)
        return model

    clock = iter(np.arange(0, 1000, 25.0))
    rates = {"f32": 100.0, "bf16": 200.0, "int8": 400.0}
    asked = iter([*plans, *plans, "int8"])
    best = BF16 if "bf16" in plans else F32
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: "bf16" in plans)
    monkeypatch.setattr(compiling, "quantised", quantised)
    monkeypatch.setattr(compiling, "_rate", lambda *_: rates[next(asked)])
    monkeypatch.setattr(compiling.time, "perf_counter", lambda: next(clock))
    few = compile_network(network, pictures[:4], "openvino", "auto", images=90)
    assert few.plan == best
    assert not made
    assert compiling.known_plan(network, "openvino", "auto", MANY) is None
    many = compile_network(network, pictures[:4], "openvino", "auto", images=MANY)
    assert many.plan == INT8
    assert [len(c) for c in made] == [32]
    assert compiling.known_plan(network, "openvino", "auto", MANY) == INT8
    # Making it ready takes 25 s: 90 pictures are done sooner without.
    assert compiling.known_plan(network, "openvino", "auto", 90) == best


def test_a_wrong_integer_network_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, network: Network, pictures: np.ndarray
) -> None:
    monkeypatch.setattr(compiling, "quantised", lambda model, _: model)
    real = OpenVinoEngine

    def engine(model: object, precision: str) -> OpenVinoEngine:
        return (_WrongEngine if precision == "int8" else real)(model, precision)

    monkeypatch.setattr(compiling, "OpenVinoEngine", engine)
    monkeypatch.setattr(compiling, "_SECONDS_FOR_INT8", 0.0)
    compiled = compile_network(network, pictures[:4], "openvino", "auto", images=MANY)
    assert compiled.plan in (BF16, F32)
    assert len(compiled.wrong) == 1
    assert compiled.wrong[0].startswith("OpenVINO in int8 did not give the features")
    assert compiling.known_plan(network, "openvino", "auto", MANY) == compiled.plan


def test_integer_features_belong_to_their_calibration() -> None:
    dataset = pictures_dataset(40)
    other = replace(dataset, train=dataset.train[:20], validation=dataset.validation[:20])

    network = Network(backbone("mobilenet_v2"), Weights("random"), 32, "several")

    def request(dataset: Dataset) -> Request:
        return Request(dataset, np.arange(5), network, None, 0, 5, lambda _: None)

    def key(dataset: Dataset, plan: Plan) -> dict[str, object]:
        return request(dataset).document(plan)

    assert key(dataset, INT8) != key(other, INT8)
    assert key(dataset, BF16) == key(other, BF16)
    assert len(request(dataset).calibration) == 128


def test_openvino_reports_its_use_to_nobody() -> None:
    code = (
        "import sys; from tl_core.features.engines import _openvino; _openvino().Core(); "
        "print([m for m in sys.modules if m.startswith('openvino_telemetry.')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.real
def test_integers_are_right_enough_for_vgg16_and_not_for_mobilenet() -> None:
    dataset = open_dataset("cifar100")
    indices = np.sort(dataset.train[:64])

    def features(name: str, engine: str, precision: str) -> Features:
        row = backbone(name)
        return extract(
            dataset,
            indices,
            row,
            find_weights(row, "imagenet", 32),
            32,
            pooled="several",
            engine=engine,
            precision=precision,
        )

    integer = features("vgg16", "auto", "int8")
    exact = features("vgg16", "keras", "float32")
    assert (integer.engine, integer.precision, integer.notes) == ("openvino", "int8", ())
    assert 0.99 < similarity(np.asarray(integer.values), np.asarray(exact.values)) < 0.99999
    refused = features("mobilenet_v2", "auto", "int8")
    assert (refused.engine, refused.precision) == ("keras", "float32")
    assert "OpenVINO in int8 did not give the features" in refused.notes[0]


@pytest.mark.real
@pytest.mark.parametrize("name", ["mobilenet_v2", "vgg16"])
def test_bfloat16_is_right_enough_for_the_real_weights(name: str) -> None:
    row = backbone(name)
    weights = find_weights(row, "imagenet", 32)
    network = Network(row, weights, 32, "several")
    rng = np.random.default_rng(0)
    pictures = rng.normal(0, 0.5 if name == "mobilenet_v2" else 50, (16, 32, 32, 3))
    compiled = compile_network(network, pictures.astype(np.float32), "openvino", "bfloat16")
    assert compiled.plan == BF16
    assert compiled.dtype == "float16"


def test_only_the_best_engine_is_held_while_an_integer_network_is_made(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each engine holds the weights in its own way."""
    held: list[weakref.ref[object]] = []
    alive: list[int] = []

    class Engine:
        def __init__(self, plan: Plan) -> None:
            self.plan = plan

    class Bench:
        def __init__(self, *_: object) -> None:
            self.keras = Engine(SAFE)

        def compile(self, plan: Plan) -> Engine:
            if plan == INT8:
                alive.append(sum(one() is not None for one in held))
            engine = Engine(plan)
            held.append(weakref.ref(engine))
            return engine

        def compiled(self, plan: Plan, engine: Engine) -> tuple[Plan, Plan]:
            return plan, engine.plan

    speed = {"bfloat16": 9.0, "float32": 5.0, "int8": 4.0}
    monkeypatch.setattr(compiling, "_Bench", Bench)
    monkeypatch.setattr(compiling, "_rate", lambda engine, _: speed[engine.plan.precision])
    monkeypatch.setattr(processor, "multiplies_bfloat16", lambda: True)
    options = {"images": 10_000, "calibration": lambda: None}
    found = compile_for(network, None, "auto", "auto", **options)
    assert alive == [1]
    assert found == (BF16, BF16)

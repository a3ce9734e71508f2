"""What an answer costs: which of the times measured is quoted."""

from pathlib import Path

import numpy as np
import pytest

from tl_core.evaluation.document import Cost
from tl_core.inference import saved
from tl_core.runs import cost as module
from tl_core.runs.cost import in_batches, measure

PICTURES = np.zeros((256, 4, 4, 3), np.uint8)
RECORDED = np.eye(10, dtype=np.float32)[np.arange(256) // 10 % 10]


class Clock:
    """A clock that only the stand-in for a model moves."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Return what measures a model whose answers, in batches and single, take these seconds."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"12345")

    def measured(batches: list[float], singles: list[float], wrong: int = 0) -> module.Measured:
        clock = Clock()
        waiting = {64: iter(batches), 1: iter(singles)}
        answered = 0

        class Model:
            def __init__(self, path: Path) -> None:
                assert path.exists()

            def __call__(self, pictures: np.ndarray) -> np.ndarray:
                nonlocal answered
                clock.now += next(waiting[len(pictures)])
                if len(pictures) == 1:
                    return RECORDED[:1]
                start = answered % 256
                answers = RECORDED[start : start + 64].copy()
                if not answered:
                    answers[:wrong] = np.roll(answers[:wrong], 1, axis=1)
                answered += len(pictures)
                return answers

        monkeypatch.setattr(module.time, "perf_counter", clock.perf_counter)
        monkeypatch.setattr(saved, "SavedModel", Model)
        return measure(path, PICTURES, RECORDED)

    return measured


def test_the_median_and_the_slow_end_of_single_pictures(asked) -> None:
    singles = [0.010] * 40 + [0.020] * 6 + [0.500] * 4
    found = asked([0.1] * 12, singles)
    assert found.ms_per_image == pytest.approx(10)
    assert found.ms_per_image_p95 == pytest.approx(np.percentile(np.array(singles) * 1000, 95))
    assert found.model_bytes == 5


def test_the_median_and_the_slow_end_of_batches_without_the_first(asked) -> None:
    batches = [9.0, 0.064, 0.064, 0.064]
    found = asked(batches, [0.01] * 50)
    assert found.images_per_second == pytest.approx(1000)
    batches = [0.5] + [0.064] * 9 + [0.128] * 2
    found = asked(batches, [0.01] * 50)
    assert found.images_per_second == pytest.approx(1000)
    rates = [64 / seconds for seconds in batches[1:]]
    assert found.images_per_second_p5 == pytest.approx(np.percentile(rates, 5))


def test_a_slow_network_is_asked_about_each_picture_once(asked) -> None:
    found = asked([3.0] * 4, [1.0] * 5)
    assert found.images_per_second == pytest.approx(64 / 3)
    assert found.ms_per_image == pytest.approx(1000)


def test_agreement_is_that_of_the_pictures_asked_once(asked) -> None:
    assert asked([0.1] * 12, [0.01] * 50).agreement == 1
    assert asked([0.1] * 12, [0.01] * 50, wrong=32).agreement == 1 - 32 / 256


def test_older_runs_do_not_know_the_slow_batches() -> None:
    older = {
        "seconds": {"head": 1.0},
        "images_per_second": 900.4,
        "ms_per_image": 1,
        "ms_per_image_p95": 2,
        "parameters": 1,
        "trained_parameters": 1,
        "model_bytes": 1,
        "peak_memory_bytes": 1,
    }
    cost = Cost.model_validate(older)
    assert in_batches(cost.images_per_second, cost.images_per_second_p5) == "900 images a second"
    assert in_batches(900.4, 800) == "900 images a second, 95 % of batches at 800 or more"

import numpy as np
import pytest
from scipy.special import softmax

from tl_core.inference.answers import Answer, perhaps_none, read_answer, said_together

NAMES = ("apple", "bear", "chair")


def _answer(name: str, confidence: float) -> Answer:
    return Answer((name,), (confidence,), confidence, True)


def test_classes_stand_best_first_with_their_probabilities() -> None:
    answer = read_answer(np.array([0.2, 0.7, 0.1], np.float32), NAMES, None, top=2)
    assert answer.classes == ("bear", "apple")
    assert answer.probabilities == pytest.approx((0.7, 0.2))
    assert (answer.confidence, answer.calibrated) == (pytest.approx(0.7), False)


def test_confidence_is_scaled_by_the_temperature_and_the_order_is_not() -> None:
    chances = np.array([0.2, 0.7, 0.1], np.float32)
    answer = read_answer(chances, NAMES, 2.0)
    assert answer.confidence == pytest.approx(softmax(np.log(chances) / 2.0)[1], abs=1e-6)
    assert answer.probabilities == pytest.approx((0.7, 0.2, 0.1))
    assert answer.calibrated


def test_the_class_most_models_name_counts_and_confidence_breaks_a_tie() -> None:
    assert said_together([_answer("a", 0.4), _answer("b", 0.9), _answer("a", 0.3)]) == ("a", 2)
    assert said_together([_answer("a", 0.4), _answer("b", 0.9)]) == ("b", 1)


def test_one_sure_model_is_enough_for_a_class() -> None:
    assert perhaps_none([_answer("a", 0.49), _answer("b", 0.1)])
    assert not perhaps_none([_answer("a", 0.5), _answer("b", 0.1)])

"""What a model's probabilities for one picture say, and what several models say together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.evaluation.calibration import with_temperature
from tl_core.evaluation.ranking import top_answers

# Below it, a calibrated answer is more often wrong than right.
UNSURE = 0.5


@dataclass(frozen=True)
class Answer:
    """One model's best classes for one picture, best first, with the probabilities it gave (0..1).

    `confidence` is the best answer's probability (0..1) after temperature scaling; where no
    temperature is known it is the probability itself, and `calibrated` is False.
    """

    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    confidence: float
    calibrated: bool

    @property
    def unsure(self) -> bool:
        """Whether the answer is more likely wrong than right."""
        return self.confidence < UNSURE


def read_answer(
    probabilities: NDArray[np.float32],
    class_names: Sequence[str],
    temperature: float | None,
    top: int = 5,
) -> Answer:
    """Return what one picture's probabilities (one per class) say.

    `temperature` is the one fitted on the model's validation set, None where it is not known.
    """
    row = probabilities[None]
    best = top_answers(row, top)[0]
    scaled = row if temperature is None else with_temperature(row, temperature)
    return Answer(
        classes=tuple(class_names[number] for number in best),
        probabilities=tuple(float(probabilities[number]) for number in best),
        confidence=float(scaled[0, best[0]]),
        calibrated=temperature is not None,
    )


def said_together(answers: Sequence[Answer]) -> tuple[str, int]:
    """Return the class that most of the answers put first, and how many do.

    Of classes named equally often it is the one with the most confidence in sum.
    """
    votes = Counter(answer.classes[0] for answer in answers)
    sure: dict[str, float] = dict.fromkeys(votes, 0.0)
    for answer in answers:
        sure[answer.classes[0]] += answer.confidence
    name = max(votes, key=lambda name: (votes[name], sure[name]))
    return name, votes[name]


def perhaps_none(answers: Sequence[Answer]) -> bool:
    """Return whether every model is unsure, so that the picture may show none of the classes."""
    return all(answer.unsure for answer in answers)

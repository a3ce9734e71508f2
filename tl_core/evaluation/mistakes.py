"""The test images worth looking at, each with every run's answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Document
from tl_core.evaluation.ranking import checked_labels, checked_probabilities


class Answer(Document):
    """One run's answer to one image: its class, its confidence, and what it gave the right one."""

    answer: int
    confidence: float
    chance_of_label: float


class Exhibit(Document):
    """One test image by its position in the test set, its class, and each run's answer in turn."""

    position: int
    label: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Told:
    """One run's answers to N test images.

    `answers` are the classes it gives them, `confidence` their probabilities, and `own` those that
    it gives the right classes.
    """

    answers: NDArray[np.int64]
    confidence: NDArray[np.float64]
    own: NDArray[np.float64]


def told(probabilities: ArrayLike, labels: ArrayLike) -> Told:
    """Return what a run's N×C probabilities say of images with these N labels.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    checked = checked_probabilities(probabilities)
    truth = checked_labels(labels, *checked.shape)
    return Told(
        answers=checked.argmax(axis=1),
        confidence=checked.max(axis=1),
        own=checked[np.arange(len(truth)), truth],
    )


class Gallery:
    """The answers of several runs to one test set, asked for the images that tell most.

    `answers` (runs×N) is the class that each run gives each image.
    """

    def __init__(self, runs: Sequence[Told], labels: NDArray[np.int64]) -> None:
        """Take what each run said of the N images, and their labels.

        Raises:
            TransferLabError: there is no run, or one has other images.
        """
        sizes = sorted({len(run.answers) for run in runs})
        if sizes != [len(labels)]:
            raise TransferLabError(
                f"Got the answers of {len(runs)} runs to {sizes} images; expected at least one "
                f"run, and all of them tested on the same images, of which there are {len(labels)}."
            )
        self._labels = labels
        self.answers = np.stack([run.answers for run in runs])
        self._confidence = np.stack([run.confidence for run in runs])
        self._own = np.stack([run.own for run in runs])
        self._right = self.answers == labels

    def hardest(self, count: int = 24) -> tuple[Exhibit, ...]:
        """Return the images whose right class got the smallest probability, averaged over runs.

        The average is the geometric one, so that the order is that of the mean loss. Equal images
        stand in the order of the test set.
        """
        floor = np.finfo(np.float32).eps
        mean = np.log(np.maximum(self._own, floor)).mean(axis=0)
        return self._exhibits(np.argsort(mean, kind="stable")[:count])

    def only_right(self, run: int, count: int = 24) -> tuple[Exhibit, ...]:
        """Return the images that run number `run` alone names right, its surest first."""
        self._require(run)
        alone = np.flatnonzero(self._right[run] & (self._right.sum(axis=0) == 1))
        order = np.argsort(-self._confidence[run, alone], kind="stable")
        return self._exhibits(alone[order][:count])

    def confident_mistakes(self, run: int, count: int = 24) -> tuple[Exhibit, ...]:
        """Return the images that run number `run` names wrong, the surest mistake first."""
        self._require(run)
        wrong = np.flatnonzero(~self._right[run])
        order = np.argsort(-self._confidence[run, wrong], kind="stable")
        return self._exhibits(wrong[order][:count])

    def of_pair(self, run: int, label: int, answer: int, count: int = 24) -> tuple[int, ...]:
        """Return where images of class `label` stand that run number `run` calls `answer`.

        They are places in the test set, the surest answer first.
        """
        self._require(run)
        found = np.flatnonzero((self._labels == label) & (self.answers[run] == answer))
        order = np.argsort(-self._confidence[run, found], kind="stable")
        return tuple(found[order][:count].tolist())

    def _require(self, run: int) -> None:
        if not 0 <= run < len(self.answers):
            raise TransferLabError(
                f"There is no run number {run}; expected 0 to {len(self.answers) - 1}."
            )

    def _exhibits(self, positions: NDArray[np.int64]) -> tuple[Exhibit, ...]:
        return tuple(
            Exhibit(
                position=int(position),
                label=int(self._labels[position]),
                answers=tuple(
                    Answer(
                        answer=int(self.answers[run, position]),
                        confidence=float(self._confidence[run, position]),
                        chance_of_label=float(self._own[run, position]),
                    )
                    for run in range(len(self.answers))
                ),
            )
            for position in positions
        )

"""What remains when a model hands its unsure answers to a person."""

import numpy as np
from numpy.typing import ArrayLike

from tl_core.evaluation.document import Document, Proportion
from tl_core.evaluation.intervals import wilson
from tl_core.evaluation.ranking import checked_labels, checked_probabilities


class CoveragePoint(Document):
    """A model that answers only with at least `confidence`.

    `coverage` is the share of images it answers, `accuracy` the share of those it names right.
    """

    coverage: float
    accuracy: Proportion
    confidence: float


def coverage_curve(
    probabilities: ArrayLike, labels: ArrayLike, points: int = 100
) -> tuple[CoveragePoint, ...]:
    """Return accuracy against coverage, from the surest answers to all of them.

    At most `points` thresholds, spread evenly over the images. Answers of equal confidence are
    taken or handed over together, since no threshold parts them. Source: R. El-Yaniv, Y. Wiener,
    "On the foundations of noise-free selective classification", JMLR 11 (2010) 1605-1641.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    chances = checked_probabilities(probabilities)
    truth = checked_labels(labels, *chances.shape)
    confidence = chances.max(axis=1)
    right = chances.argmax(axis=1) == truth
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    right_so_far = np.cumsum(right[order])
    possible = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    wanted = np.linspace(0, len(falling) - 1, min(points, len(falling)))
    chosen = np.unique(possible[np.searchsorted(possible, np.floor(wanted))])
    return tuple(
        CoveragePoint(
            coverage=(last + 1) / len(falling),
            accuracy=wilson(int(right_so_far[last]), last + 1),
            confidence=float(falling[last]),
        )
        for last in chosen.tolist()
    )

"""Which class is taken for which: by class, by superclass, and inside one pair of superclasses."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.evaluation.document import Document


class ConfusedPair(Document):
    """Images of class `label` answered with class `answer`: their count and share of the class."""

    label: int
    answer: int
    count: int
    share: float


def confusion(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Return how many images of each class (row) got each answer (column), classes×classes."""
    pairs = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def by_superclass(
    matrix: NDArray[np.int64], coarse_of_class: Sequence[int], superclasses: int
) -> NDArray[np.int64]:
    """Return the C×C `matrix` summed up to superclasses×superclasses."""
    members = np.eye(superclasses, dtype=np.int64)[list(coarse_of_class)]
    return members.T @ matrix @ members


def inside_pair(
    matrix: NDArray[np.int64], coarse_of_class: Sequence[int], row: int, column: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Open the cell (`row`, `column`) of the superclass matrix into its classes.

    Returns the classes of superclass `row`, those of superclass `column`, and how many images of
    each of the first got each of the second as the answer.
    """
    coarse = np.asarray(coarse_of_class)
    rows = np.flatnonzero(coarse == row)
    columns = np.flatnonzero(coarse == column)
    return rows, columns, matrix[np.ix_(rows, columns)]


def most_confused(matrix: NDArray[np.int64], count: int = 20) -> tuple[ConfusedPair, ...]:
    """Return the `count` largest confusions, each direction by itself, the largest first.

    Equal counts stand in the order of the classes. Pairs never confused are not among them.
    """
    return _largest(_wrong(matrix), matrix.sum(axis=1), count)


def most_confused_superclasses(
    matrix: NDArray[np.int64], coarse_of_class: Sequence[int], superclasses: int, count: int = 20
) -> tuple[ConfusedPair, ...]:
    """Return the pairs of superclasses with most mistakes between their classes, largest first.

    `matrix` is that of the classes. A superclass may be paired with itself: there its classes are
    taken for each other. `label` and `answer` are superclasses, `share` is that of the images of
    the first.
    """
    wrong = by_superclass(_wrong(matrix), coarse_of_class, superclasses)
    totals = by_superclass(matrix, coarse_of_class, superclasses).sum(axis=1)
    return _largest(wrong, totals, count)


def _wrong(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    return wrong


def _largest(
    wrong: NDArray[np.int64], totals: NDArray[np.int64], count: int
) -> tuple[ConfusedPair, ...]:
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    return tuple(
        ConfusedPair(
            label=int(label),
            answer=int(answer),
            count=int(wrong[label, answer]),
            share=float(wrong[label, answer] / totals[label]),
        )
        for label, answer in zip(*np.unravel_index(order, wrong.shape), strict=True)
        if wrong[label, answer] > 0
    )

"""Accuracy by class and superclass, the runs side by side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Document, Evaluation
from tl_core.evaluation.intervals import wilson_bounds


class ClassRow(Document):
    """One class: its test images and each run's accuracy (0..1) on them.

    `low` and `high` bound their 95 % Wilson intervals, `spread` is the largest less the smallest.
    """

    name: str
    superclass: str | None
    support: int
    accuracies: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    spread: float


def class_table(evaluations: Sequence[Evaluation]) -> tuple[ClassRow, ...]:
    """Return one row a class, in the order of the classes.

    Raises:
        TransferLabError: the runs were not tested on the same classes.
    """
    _require_same([tuple(row.name for row in found.classes) for found in evaluations], "classes")
    rows = []
    for same in zip(*(found.classes for found in evaluations), strict=True):
        accuracies = tuple(row.accuracy for row in same)
        low, high = wilson_bounds(accuracies, same[0].support)
        rows.append(
            ClassRow(
                name=same[0].name,
                superclass=same[0].superclass,
                support=same[0].support,
                accuracies=accuracies,
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
                spread=max(accuracies) - min(accuracies),
            )
        )
    return tuple(rows)


def superclass_accuracies(
    evaluations: Sequence[Evaluation],
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the superclasses' names and the share of their images named right.

    The shares are superclasses×runs in 0..1, NaN where a superclass has no test image.

    Raises:
        TransferLabError: the runs were not tested on the same superclasses.
    """
    names = [tuple(row.name for row in found.superclasses) for found in evaluations]
    _require_same(names, "superclasses")
    shares = [
        [row.accuracy if row.support else np.nan for row in found.superclasses]
        for found in evaluations
    ]
    return names[0], np.array(shares, dtype=np.float64).T


def _require_same(names: list[tuple[str, ...]], what: str) -> None:
    if len(set(names)) != 1:
        raise TransferLabError(
            f"Got {len(names)} runs with {len(set(names))} different lists of {what}; expected at "
            "least one run, and all of them tested on the same data."
        )

"""What several runs say together: how far they agree, and what their average is worth."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.evaluation.confusion import confusion
from tl_core.evaluation.document import Document, Proportion
from tl_core.evaluation.intervals import wilson
from tl_core.evaluation.ranking import checked_labels, checked_runs, rank_of_label
from tl_core.evaluation.significance import Verdict, compare_pairs


class Agreement(Document):
    """Two runs' answers: `same` is the share of equal ones, `kappa` that beyond chance (-1..1)."""

    first: int
    second: int
    same: float
    kappa: float


class Together(Document):
    """The average of several runs' probabilities on their test set.

    `best_single` is the place of the most accurate single run and `verdict` is on the average
    beside it (exact McNemar, one comparison). `any_right` is the share of images that at least one
    run names right: what a perfect choice between the runs would reach.
    """

    top1: Proportion
    top5: Proportion
    best_single: int
    gain: float
    verdict: Verdict
    any_right: Proportion


def agreements(answers: NDArray[np.int64]) -> tuple[Agreement, ...]:
    """Return how far every two runs agree; `answers` (runs×N) are their top answers.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20 (1960) 37-46. Runs that answer everything alike have kappa 1,
    also where chance alone would bring that about.
    """
    classes = int(answers.max(initial=0)) + 1
    found = []
    for i, j in combinations(range(len(answers)), 2):
        # scikit-learn's takes 20 times as long, which is too much for a page with many pairs.
        counts = confusion(answers[i], answers[j], classes)
        same = int(np.trace(counts)) / answers.shape[1]
        chance = int(counts.sum(axis=0) @ counts.sum(axis=1)) / answers.shape[1] ** 2
        kappa = 1.0 if chance == 1 else (same - chance) / (1 - chance)
        found.append(Agreement(first=i, second=j, same=same, kappa=kappa))
    return tuple(found)


def averaged(probabilities: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Return the mean of several runs' N×C probabilities.

    Raises:
        TransferLabError: there is none, or they are no probabilities of one shape.
    """
    checked = checked_runs(probabilities)
    mean = checked[0].copy()
    for values in checked[1:]:
        mean += values
    return mean / len(checked)


def together(probabilities: Sequence[ArrayLike], labels: ArrayLike) -> Together:
    """Return what averaging the runs' N×C probabilities gives, beside the best of them.

    Raises:
        TransferLabError: the arrays do not fit each other, or are no probabilities or labels.
    """
    mean = averaged(probabilities)
    images, classes = mean.shape
    truth = checked_labels(labels, images, classes)
    ranks = rank_of_label(mean, truth)
    single = np.stack([np.argmax(values, axis=1) == truth for values in probabilities])
    best = int(single.mean(axis=1).argmax())
    top1 = wilson(int((ranks == 0).sum()), images)
    (pair,) = compare_pairs(np.stack([ranks == 0, single[best]]))
    return Together(
        top1=top1,
        top5=wilson(int((ranks < 5).sum()), images),
        best_single=best,
        gain=top1.value - float(single[best].mean()),
        verdict=pair.verdict,
        any_right=wilson(int(single.any(axis=0).sum()), images),
    )

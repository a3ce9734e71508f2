"""Cost against accuracy: which runs nothing else beats on both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tl_core.evaluation.document import Cost


@dataclass(frozen=True)
class CostKind:
    """One way to count what a model costs; less is better."""

    title: str
    unit: str
    of: Callable[[Cost], float]


def _latency(cost: Cost) -> float:
    return cost.ms_per_image


def _parameters(cost: Cost) -> float:
    return cost.parameters / 1e6


def _size(cost: Cost) -> float:
    return cost.model_bytes / 1e6


def _training(cost: Cost) -> float:
    return sum(cost.seconds.values()) / 60


COSTS: dict[str, CostKind] = {
    "latency": CostKind("Time per picture", "ms", _latency),
    "parameters": CostKind("Parameters", "million", _parameters),
    "size": CostKind("Size on disk", "MB", _size),
    "training": CostKind("Training", "minutes", _training),
}


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Return the places of the points that no other beats, from the cheapest on.

    A point is beaten by one that is no dearer and no less accurate, and better in at least one of
    the two; of equal points all stay.
    """
    cost = np.asarray(costs, dtype=np.float64)
    accuracy = np.asarray(accuracies, dtype=np.float64)
    no_worse = (cost[None] <= cost[:, None]) & (accuracy[None] >= accuracy[:, None])
    better = (cost[None] < cost[:, None]) | (accuracy[None] > accuracy[:, None])
    kept = np.flatnonzero(~(no_worse & better).any(axis=1))
    return sorted(kept.tolist(), key=lambda place: (cost[place], place))

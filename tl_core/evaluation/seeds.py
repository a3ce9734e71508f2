"""Several seeds of one recipe: one result with a spread, not rivals."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tl_core.evaluation.document import Document
from tl_core.training.recipe import Recipe


class SeedGroup(Document):
    """The runs that differ in nothing but their seed.

    `runs` and `values` (top-1, 0..1) are in the order of `seeds`, one run a seed. `spread` is the
    sample standard deviation, None for a single seed. `representative` is the run of the lowest
    seed, which the test set had no part in choosing; `repeats` are further runs of a seed there.
    """

    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float
    spread: float | None
    representative: str
    repeats: tuple[str, ...]


def seed_groups(runs: Sequence[tuple[str, Recipe, str, float]]) -> tuple[SeedGroup, ...]:
    """Group runs by what they share but the seed.

    Each is an id, its recipe, what identifies the data and weights it was made from, and its top-1
    (0..1). The preset a recipe started from is only a name and plays no part. Groups stand in the
    order of their first run; of two runs with the same recipe and seed the first counts.
    """
    groups: dict[tuple[str, str], list[tuple[int, str, float]]] = defaultdict(list)
    for run, recipe, source, value in runs:
        chosen = recipe.model_dump_json(exclude={"seed", "preset"})
        groups[chosen, source].append((recipe.seed, run, value))
    return tuple(_group(members) for members in groups.values())


def _group(members: list[tuple[int, str, float]]) -> SeedGroup:
    first: dict[int, tuple[str, float]] = {}
    repeats = []
    for seed, run, value in members:
        if seed in first:
            repeats.append(run)
        else:
            first[seed] = (run, value)
    seeds = sorted(first)
    values = [first[seed][1] for seed in seeds]
    return SeedGroup(
        runs=tuple(first[seed][0] for seed in seeds),
        seeds=tuple(seeds),
        values=tuple(values),
        mean=float(np.mean(values)),
        spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        representative=first[seeds[0]][0],
        repeats=tuple(repeats),
    )

"""What a comparison says in sentences."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.compare.document import ComparedRun
from tl_core.evaluation.significance import Pair, verdict_sentence
from tl_core.wording import percent


def verdict(runs: Sequence[ComparedRun], right: NDArray[np.bool_], pairs: Sequence[Pair]) -> str:
    """Return the answer first; `right` (runs×N) and `pairs` belong to the runs in their order."""
    # Milliseconds of two machines say nothing about the runs.
    times = [run.ms_per_image for run in runs] if one_machine(runs) else None
    return verdict_sentence([run.title for run in runs], right, pairs, times)


def one_machine(runs: Sequence[ComparedRun]) -> bool:
    """Return whether all runs are known to have been timed on the same kind of machine."""
    kinds = {run.machine.get("kind") for run in runs}
    return len(runs) == 1 or (len(kinds) == 1 and None not in kinds)


def caveats(runs: Sequence[ComparedRun], is_demo: bool) -> tuple[str, ...]:
    """Return what must be known before these runs' figures are believed."""
    found = []
    if is_demo:
        found.append(
            "The pictures are demo data, made by code: these figures show how the product works "
            "and prove nothing about photographs."
        )
    random = [run.title for run in runs if run.weights == "random"]
    if random:
        found.append(f"Started from random weights, as a baseline: {', '.join(random)}.")
    recorded = [run.title for run in runs if run.recorded]
    if recorded:
        found.append(f"Recorded elsewhere, not made on this machine: {', '.join(recorded)}.")
    if not one_machine(runs):
        found.append(
            "The runs were made on different machines, or it is not known on which: compare "
            "accuracies, not minutes or milliseconds."
        )
    if len({run.training_images for run in runs}) > 1:
        counts = ", ".join(f"{run.title} {run.training_images:,}" for run in runs)
        found.append(
            f"Not trained on equally many images ({counts}): a difference may be that of the data."
        )
    cached = [run.title for run in runs if run.cached_features]
    if 0 < len(cached) < len(runs):
        found.append(
            f"Found the features in the cache, which the others computed: {', '.join(cached)}; "
            "from an empty cache the minutes are more."
        )
    for run in runs:
        seeds = run.seeds
        if seeds.spread is not None:
            found.append(
                f"{run.title} stands for {len(seeds.seeds)} seeds of its recipe, which reach "
                f"{percent(seeds.mean)} on average with a standard deviation of "
                f"{100 * seeds.spread:.1f} points."
            )
    return tuple(found)

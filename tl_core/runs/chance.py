"""Whether a run's answers are any better than guessing, in words."""

from tl_core.runs.store import Run


def no_better_than_guessing(run: Run) -> str | None:
    """Return a sentence on a run whose test top-1 may be that of a guess among its classes.

    None where the whole 95 % interval lies above one in as many as there are classes, or where the
    run has no results.
    """
    figures, outcome = run.figures, run.outcome
    if figures is None or outcome is None:
        return None
    classes = len(outcome.dataset.class_names)
    if figures.top1.low > 1 / classes:
        return None
    advice = (
        "Random weights give the head little to go by: take ImageNet weights, or features of more "
        "than the last layer."
        if outcome.weights.kind == "random"
        else "Train on more images, for more epochs, or start from another network."
    )
    return f"No better than guessing one of the {classes} classes. {advice}"

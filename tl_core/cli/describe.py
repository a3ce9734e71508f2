"""One run in words."""

import typer

from tl_core.cli.output import duration, err, print_facts, proportion, share, size
from tl_core.runs.chance import no_better_than_guessing
from tl_core.runs.cost import in_batches
from tl_core.runs.store import Run

DEMO = "demo data"

_MOST_SKIPPED = 20


def print_run(run: Run) -> None:
    """Print a run for people."""
    if run.problem is not None:
        err().print(f"{run.id} cannot be read: {run.problem}")
        raise typer.Exit(1)
    status, figures, outcome = run.status, run.figures, run.outcome
    about = run.about
    facts: list[tuple[str, object]] = [("run", run.id), ("state", status.said)]
    said = (("called", about.name), ("tags", ", ".join(about.tags)), ("said of it", about.note))
    facts += [(name, text) for name, text in said if text]
    if status.message:
        facts.append(("message", status.message))
    facts.append(("data", _data(run)))
    if figures is not None:
        facts.append(("top-1", proportion(figures.top1)))
        guessed = no_better_than_guessing(run)
        if guessed:
            facts.append(("beware", guessed))
        if outcome is None or len(outcome.dataset.class_names) > 5:
            facts.append(("top-5", proportion(figures.top5)))
        facts += [
            ("test images", figures.top1.n),
            ("macro F1", share(figures.macro_f1)),
        ]
    if outcome is not None:
        cost, weights = outcome.cost, outcome.weights
        facts += [
            (
                "validation",
                f"{share(outcome.val_accuracy)} of {outcome.dataset.validation:,} images, "
                f"epoch {outcome.best_epoch}",
            ),
            ("time", _time(cost.seconds, outcome.estimated_seconds)),
            ("an answer", f"{cost.ms_per_image:.1f} ms, 95 % under {cost.ms_per_image_p95:.1f} ms"),
            ("in batches", in_batches(cost.images_per_second, cost.images_per_second_p5)),
            ("model", f"{size(cost.model_bytes)}, {cost.parameters:,} parameters"),
            ("memory", f"{size(cost.peak_memory_bytes)} at most"),
            ("weights", f"{weights.kind}, {weights.file}" if weights.file else weights.kind),
            ("engine", f"{outcome.engine}, {outcome.precision}"),
            (
                "saved model",
                f"{share(outcome.saved_model_agreement)} of its answers are those of the test",
            ),
        ]
        facts += [("note", note) for note in outcome.notes]
        skipped = outcome.dataset.skipped
        facts += [("passed over", name) for name in skipped[:_MOST_SKIPPED]]
        if len(skipped) > _MOST_SKIPPED:
            facts.append(("passed over", f"and {len(skipped) - _MOST_SKIPPED:,} more (`--json`)"))
    facts += [("recipe", _changed(run)), ("folder", run.folder)]
    print_facts(facts)


def _time(seconds: dict[str, float], estimated: dict[str, float]) -> str:
    taken = {**seconds, "total": sum(seconds.values())}
    expected = {**estimated, "total": sum(estimated.values())} if estimated else {}
    return ", ".join(
        f"{name} {duration(took)}"
        + (f" (expected {duration(expected[name])})" if name in expected else "")
        for name, took in taken.items()
    )


def _data(run: Run) -> str:
    name = run.recipe.dataset
    return f"{DEMO} (proves nothing about photographs)" if name == "demo" else name


def _changed(run: Run) -> str:
    given = run.recipe.model_dump(exclude_defaults=True, exclude={"backbone", "dataset"})
    return ", ".join(f"{name} {value}" for name, value in given.items())

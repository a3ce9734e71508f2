"""A run in one dictionary, and which runs stand for their backbones."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from tl_core.evaluation.document import Figures
from tl_core.runs.documents import Outcome
from tl_core.runs.store import Run


def summary(run: Run) -> dict[str, Any]:
    """Return what `tl show --json` prints of `run`: the same keys for a run in any state.

    Shares are in 0..1, times ISO 8601 in UTC, sizes in bytes. What is not known (yet) is None; a
    run that cannot be read has the status 'unreadable' and its problem as the message.
    """
    readable = run.problem is None
    recipe = run.recipe if readable else None
    status = run.status if readable else None
    about = run.about if readable else None
    outcome, figures = run.outcome, run.figures
    return {
        "run": run.id,
        "name": about.name if about else None,
        "tags": list(about.tags) if about else [],
        "note": about.note if about else "",
        "status": status.state if status else "unreadable",
        "message": status.message if status else run.problem,
        "code": status.code if status else None,
        "imported": run.imported,
        "held": status.held if status else False,
        "phase": status.phase if status else None,
        "share": status.share if status else None,
        "seconds_left": status.seconds_left if status else None,
        "created": _time(status.created if status else None),
        "started": _time(status.started if status else None),
        "ended": _time(status.ended if status else None),
        "backbone": recipe.backbone if recipe else None,
        "preset": recipe.preset if recipe else None,
        "dataset": recipe.dataset if recipe else None,
        "demo": recipe.dataset == "demo" if recipe else None,
        "recipe": recipe.model_dump(mode="json") if recipe else None,
        "test": _test(figures) if figures else None,
        "validation": _validation(outcome) if outcome else None,
        "epochs": outcome.epochs if outcome else None,
        "best_epoch": outcome.best_epoch if outcome else None,
        "seconds": seconds_of(run),
        "estimated_seconds": _estimated(outcome),
        "cost": outcome.cost.model_dump(exclude={"seconds"}) if outcome else None,
        "weights": outcome.weights.model_dump() if outcome else None,
        "engine": outcome.engine if outcome else None,
        "precision": outcome.precision if outcome else None,
        "feature_size": outcome.feature_size if outcome else None,
        "cached_features": outcome.cached_features if outcome else None,
        "saved_model_agreement": outcome.saved_model_agreement if outcome else None,
        "notes": list(outcome.notes) if outcome else [],
        "skipped": list(outcome.dataset.skipped) if outcome else [],
        "machine": outcome.machine if outcome else None,
        "versions": outcome.versions if outcome else None,
        "folder": str(run.folder),
    }


def best_runs(runs: Iterable[Run]) -> list[Run]:
    """Return the best finished run of each backbone on the data set of the newest finished one.

    Best is the highest validation accuracy: the test set chooses nothing. Demo data count only
    where there are no others.
    """
    finished = [run for run in runs if run.outcome is not None]
    real = [run for run in finished if run.recipe.dataset != "demo"] or finished
    if not real:
        return []
    return _best(real, max(real, key=lambda run: run.status.created).recipe.dataset)


def beside(run: Run, runs: Iterable[Run]) -> list[Run]:
    """Return a finished run and what to compare it with: the best of each other backbone.

    Where no other backbone was trained on its data, the best other run of its own.
    """
    rivals = [one for one in runs if one.outcome is not None and one.id != run.id]
    own = run.recipe.backbone
    others = _best([one for one in rivals if one.recipe.backbone != own], run.recipe.dataset)
    return [run, *(others or _best(rivals, run.recipe.dataset))]


def _best(finished: Iterable[Run], dataset: str) -> list[Run]:
    best: dict[str, Run] = {}
    for run in sorted(finished, key=_validation_accuracy):
        if run.recipe.dataset == dataset:
            best[run.recipe.backbone] = run
    return sorted(best.values(), key=_validation_accuracy, reverse=True)


def minutes(run: Run) -> float | None:
    """Return how many minutes a readable run took, None while it has not ended."""
    seconds = seconds_of(run).get("total")
    return None if seconds is None else seconds / 60


def _validation_accuracy(run: Run) -> float:
    return run.outcome.val_accuracy if run.outcome else -1.0


def _test(figures: Figures) -> dict[str, Any]:
    top1, top5 = figures.top1, figures.top5
    return {
        "top1": top1.value,
        "top1_low": top1.low,
        "top1_high": top1.high,
        "top5": top5.value,
        "top5_low": top5.low,
        "top5_high": top5.high,
        "images": top1.n,
        "loss": figures.loss,
        "macro_precision": figures.macro_precision,
        "macro_recall": figures.macro_recall,
        "macro_f1": figures.macro_f1,
    }


def _validation(outcome: Outcome) -> dict[str, Any]:
    return {
        "accuracy": outcome.val_accuracy,
        "loss": outcome.val_loss,
        "images": outcome.dataset.validation,
    }


def epoch_now(run: Run, ended: int) -> tuple[int, int] | None:
    """Return the epoch that `run` is at and how many there may be; None while it trains none.

    `ended` are the epochs that it has finished.
    """
    if run.status.phase not in ("head", "fine-tune"):
        return None
    most = run.recipe.epochs + run.recipe.fine_tune_epochs
    return min(ended + 1, most), most


def seconds_of(run: Run) -> dict[str, float]:
    """Return what each phase of `run` took so far and their `total`; nothing if it is not known."""
    if run.outcome:
        seconds = run.outcome.cost.seconds
    elif run.problem is None:
        seconds = run.status.seconds
    else:
        seconds = {}
    return {**seconds, "total": sum(seconds.values())} if seconds else {}


def _estimated(outcome: Outcome | None) -> dict[str, float]:
    seconds = outcome.estimated_seconds if outcome else {}
    return {**seconds, "total": sum(seconds.values())} if seconds else {}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()

"""Watching a run from the outside, by the files it writes."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tl_core import progress as work
from tl_core.cli.output import duration, err
from tl_core.runs.queue import refresh
from tl_core.runs.store import Run, get_run, list_runs, waiting_runs
from tl_core.wording import percent

_LOOK = 0.25
_REFRESH = 1.0
_LINE = 3.0


def follow(run: Run) -> Run:
    """Show how `run` goes on until it has ended, and return it as it then is.

    Shows a bar where stderr is a terminal, and elsewhere a line every few seconds.
    """
    console = err()
    with (_bar if sys.stderr.isatty() else _lines)(console) as show:
        refreshed = time.monotonic()
        while True:
            run = get_run(run.id)
            show(_sentence(run), run.status.share)
            if not run.active:
                return run
            if time.monotonic() - refreshed > _REFRESH:
                refresh()
                refreshed = time.monotonic()
            time.sleep(_LOOK)


Show = Callable[[str, float], None]


@contextmanager
def watching() -> Iterator[work.Progress]:
    """Yield a listener that shows how work inside this process goes on, as `follow` does a run."""
    with (_bar if sys.stderr.isatty() else _lines)(err()) as show:
        yield _Shown(show)


class _Shown(work.Progress):
    """Shows each phase and how far it got."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._title, self._total, self._unit = "", 1, ""

    def begin(self, phase: work.Phase, total: int, unit: str) -> None:
        """Name the phase."""
        self._title, self._total, self._unit = work.PHASE_TITLES[phase], max(total, 1), unit
        self._show(f"{self._title} …", 0.0)

    def advance(self, done: int, **figures: float) -> None:
        """Say how much of the phase is done."""
        counted = f"{done:,} of {self._total:,} {self._unit}"
        self._show(f"{self._title}: {counted}", done / self._total)

    def note(self, text: str) -> None:
        """Print the note on a line of its own."""
        err().print(text)


@contextmanager
def _bar(console: Console) -> Iterator[Show]:
    columns = (
        BarColumn(24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda sentence, share: progress.update(task, description=sentence, completed=share)


@contextmanager
def _lines(console: Console) -> Iterator[Show]:
    last = ("", -_LINE)

    def show(sentence: str, share: float) -> None:
        nonlocal last
        said, at = last
        head = sentence.partition(":")[0]
        if sentence != said and (time.monotonic() - at >= _LINE or head != said.partition(":")[0]):
            console.print(f"{100 * share:3.0f} %  {sentence}")
            last = sentence, time.monotonic()

    yield show


def _sentence(run: Run) -> str:
    status = run.status
    if status.state == "queued":
        if status.held:
            return "Held; `tl release` lets it go on"
        before = _runs_before(run)
        return f"Waiting for {before} other run{'s' * (before != 1)}" if before else "Starting"
    if status.state == "stopping":
        return "Stopping"
    if not run.active:
        return status.said.capitalize()
    if status.phase is None:
        return status.message or "Starting"
    left = status.seconds_left
    return f"{status.message}{_last(run)}" + (f", {duration(left)} left" if left else "")


def _runs_before(run: Run) -> int:
    """Return how many runs are at work or stand before `run`, in the order that the queue has."""
    active = [one for one in list_runs() if one.active]
    waiting = [one.id for one in waiting_runs(active) if not one.status.held or one.id == run.id]
    at_work = sum(not one.waits for one in active)
    return at_work + (waiting.index(run.id) if run.id in waiting else 0)


def _last(run: Run) -> str:
    if run.status.phase not in ("head", "fine-tune"):
        return ""
    epochs = [line for line in run.metrics() if line.kind == "epoch"]
    if not epochs or epochs[-1].val_accuracy is None:
        return ""
    return f", validation {percent(epochs[-1].val_accuracy)} after epoch {len(epochs)}"

"""The runs on disk, as everybody reads them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tl_core.errors import TransferLabError
from tl_core.evaluation.document import Evaluation, Figures
from tl_core.inference.guarded import is_from_elsewhere
from tl_core.runs.documents import ACTIVE, About, Headline, MetricsLine, Outcome, Status
from tl_core.runs.reading import read
from tl_core.settings import settings
from tl_core.training.recipe import Recipe

RECIPE = "recipe.json"
STATUS = "status.json"
METRICS = "metrics.jsonl"
LOG = "log.txt"
PREDICTIONS = "predictions.npz"
EVALUATION = "evaluation.json"
OUTCOME = "outcome.json"
MODEL = "model.keras"
CHECKPOINT = "checkpoint.npz"
ABOUT = "about.json"
STOP_REQUEST = "stop-requested"


@dataclass(frozen=True)
class Run:
    """One run folder as it was when first looked at; ask `get_run` again for news.

    A `recorded` run came with the product: it was made elsewhere, and is there to be read only.
    """

    id: str
    folder: Path
    recorded: bool = False

    @cached_property
    def recipe(self) -> Recipe:
        """The choices of the run.

        Raises:
            TransferLabError: the document is missing or damaged (`problem` says so beforehand).
        """
        return read(self.folder / RECIPE, Recipe)

    @cached_property
    def status(self) -> Status:
        """Where the run stands; `stopping` from the moment a stop was asked for.

        Raises:
            TransferLabError: the document is missing or damaged (`problem` says so beforehand).
        """
        status = read(self.folder / STATUS, Status)
        status = _unwritten.get(_identity(self, status), status)
        if status.state == "running" and (self.folder / STOP_REQUEST).exists():
            return status.model_copy(update={"state": "stopping"})
        return status

    @cached_property
    def outcome(self) -> Outcome | None:
        """What the run was made of and cost: None until it is finished, or if unreadable."""
        return read(self.folder / OUTCOME, Outcome) if self._has_results else None

    @cached_property
    def figures(self) -> Figures | None:
        """The figures of the whole test set: None until the run is finished, or if unreadable."""
        return read(self.folder / EVALUATION, Headline) if self._has_results else None

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Every figure of the test set: None until the run is finished, or if unreadable.

        Raises:
            TransferLabError: the figures of its classes are damaged.
        """
        return read(self.folder / EVALUATION, Evaluation, few=True) if self._has_results else None

    @property
    def _has_results(self) -> bool:
        return self.problem is None and self.status.state == "finished"

    @cached_property
    def about(self) -> About:
        """What people say of the run; nothing where they said nothing.

        Raises:
            TransferLabError: the document is damaged (`problem` says so beforehand).
        """
        path = self.folder / ABOUT
        return read(path, About) if path.exists() else About()

    @cached_property
    def problem(self) -> str | None:
        """Why this folder cannot be read as a run, in one sentence; None if it can."""
        try:
            _ = self.recipe, self.about
            if self.status.state == "finished":
                read(self.folder / OUTCOME, Outcome)
                read(self.folder / EVALUATION, Headline)
        except TransferLabError as error:
            return str(error)
        return None

    @property
    def imported(self) -> bool:
        """Whether the run came from elsewhere, so that nobody here saw it trained."""
        return is_from_elsewhere(self.model_path)

    @property
    def active(self) -> bool:
        """Whether the run waits, works or is about to stop."""
        try:
            return self.status.state in ACTIVE
        except TransferLabError:
            return False

    @property
    def waits(self) -> bool:
        """Whether the run stands in the queue, held or not."""
        return self.active and self.status.state == "queued"

    @property
    def model_path(self) -> Path:
        """Where the trained model lies once the run is finished."""
        return self.folder / MODEL

    def metrics(self) -> list[MetricsLine]:
        """Return the lines of `metrics.jsonl` so far.

        A line that a crash or a write in progress left incomplete is passed over: the lines around
        it are right without it.
        """
        try:
            text = (self.folder / METRICS).read_bytes()
        except OSError:
            return []
        lines = []
        for line in text.splitlines():
            try:
                lines.append(MetricsLine.model_validate_json(line))
            except ValidationError:
                continue
        return lines

    def log(self) -> str:
        """Return `log.txt` so far, empty if there is none."""
        try:
            return (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def predictions(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the test set's probabilities (N×classes) and labels (N), in its order.

        Raises:
            TransferLabError: there are none, or they are damaged.
        """
        return self._arrays("probabilities", "labels")

    def validation_predictions(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the validation set's probabilities (N×classes) and labels (N), in its order.

        Raises:
            TransferLabError: there are none, or they are damaged.
        """
        return self._arrays("validation_probabilities", "validation_labels")

    def _arrays(self, first: str, second: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        path = self.folder / PREDICTIONS
        try:
            with np.load(path, allow_pickle=False) as arrays:
                probabilities, labels = arrays[first], arrays[second]
        except FileNotFoundError as error:
            raise TransferLabError(
                f"Run {self.id} has no {PREDICTIONS}: they are written when it has been tested."
            ) from error
        except KeyError as error:
            raise TransferLabError(f"{PREDICTIONS} of run {self.id} holds no {error}.") from error
        except (OSError, ValueError, BadZipFile, EOFError) as error:
            raise TransferLabError(
                f"{PREDICTIONS} of run {self.id} is damaged ({error}); train it again."
            ) from error
        if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
            raise TransferLabError(
                f"{PREDICTIONS} of run {self.id} holds {first} of shape {probabilities.shape} and "
                f"{second} of shape {labels.shape}; expected N×classes and N. Train it again."
            )
        return probabilities.astype(np.float32, copy=False), labels.astype(np.int64, copy=False)


# The ends of runs whose folders cannot be written to, by folder, process and its start.
_unwritten: dict[tuple[Path, int | None, float | None], Status] = {}


def presume(run: Run, stored: Status, end: Status | None) -> None:
    """Let `run`, stored as `stored`, be seen by this process as it ended; None: as it is stored."""
    _unwritten.pop(_identity(run, stored), None)
    if end is not None:
        _unwritten[_identity(run, stored)] = end


def _identity(run: Run, status: Status) -> tuple[Path, int | None, float | None]:
    return run.folder, status.pid, status.started


def list_runs() -> list[Run]:
    """Return every folder under `<artifacts>/runs`, newest first.

    A damaged or foreign folder is among them, last, with its `problem` set.
    """
    return newest_first(Run(name, path) for name, path in folders_in(settings().runs))


def waiting_runs(among: Iterable[Run] | None = None) -> list[Run]:
    """Return the runs that wait, held ones too, in the order in which they are to be taken."""
    waiting = [run for run in (list_runs() if among is None else among) if run.waits]
    return sorted(waiting, key=lambda run: (run.status.place, run.status.created, run.id))


def get_run(name: str) -> Run:
    """Return the run whose id is `name`, or the only one whose id begins or ends with it.

    Raises:
        TransferLabError: there is no such run, or several.
    """
    found = matching(name, list_runs())
    if not found:
        raise TransferLabError(
            f"There is no run {name!r} among those made here; `tl runs` lists them, `tl bin` the "
            "deleted ones, and recorded runs are only to be looked at."
        )
    return the_one(name, found)


def folders_in(folder: Path) -> list[tuple[str, Path]]:
    """Return name and path of each folder in `folder` that is not hidden; none if it is missing.

    Raises:
        TransferLabError: it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, Path(entry.path)) for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TransferLabError(f"Cannot read {folder}: {error.strerror}.") from error
    return [(name, path) for name, path in found if not name.startswith(".")]


def newest_first(runs: Iterable[Run]) -> list[Run]:
    """Return the runs by the time they were asked for, the latest first, unreadable ones last."""
    return sorted(runs, key=_age, reverse=True)


def matching(name: str, runs: Sequence[Run]) -> list[Run]:
    """Return the run whose id is `name`, or all whose id begins or ends with it."""
    exact = [run for run in runs if run.id == name]
    return exact or [
        run for run in runs if name and (run.id.startswith(name) or run.id.endswith(name))
    ]


def the_one(name: str, found: Sequence[Run]) -> Run:
    """Return the only run in `found`, which are those that `name` may mean.

    Raises:
        TransferLabError: there is none, or there are several.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise TransferLabError(f"There is no run {name!r}; `tl runs` lists those there are.")
    several = ", ".join(run.id for run in found[:5]) + (" …" if len(found) > 5 else "")
    raise TransferLabError(f"{name!r} means {len(found)} runs ({several}); give more of the name.")


def _age(run: Run) -> tuple[float, str]:
    try:
        return run.status.created, run.id
    except TransferLabError:
        return 0.0, run.id

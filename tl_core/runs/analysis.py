"""What takes long to find out about one run: computed once, stored in its folder."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tl_core.errors import TransferLabError
from tl_core.evaluation.calibration import Believable, believable
from tl_core.evaluation.coverage import CoveragePoint, coverage_curve
from tl_core.evaluation.document import Document
from tl_core.evaluation.ranking import checked_labels, checked_probabilities
from tl_core.files import write_text
from tl_core.progress import Phase
from tl_core.runs.store import PREDICTIONS, Run

ANALYSIS = "analysis.json"

_log = logging.getLogger(__name__)


class EpochPoint(Document):
    """A finished epoch: `seconds` since the run began, losses in nats, accuracies in 0..1."""

    epoch: float
    phase: Phase
    seconds: float
    loss: float | None
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None


class Analysis(Document):
    """`analysis.json`; its version rises whenever a figure in it would come out otherwise.

    `answers` are the checksums of the stored arrays that it was made from.
    """

    version: Literal[3] = 3
    answers: str
    believable: Believable
    coverage: tuple[CoveragePoint, ...]
    curve: tuple[EpochPoint, ...]


def analysis(run: Run) -> Analysis:
    """Return the analysis of a tested run: the stored one, or a new one that is then stored.

    Where the folder cannot be written, and for a recorded run, a new one is kept in memory only.

    Raises:
        TransferLabError: the run has no answers to its test set, or they are damaged.
    """
    answers = _checksums(run.folder / PREDICTIONS)
    try:
        stored = Analysis.model_validate_json((run.folder / ANALYSIS).read_bytes())
    except (OSError, ValidationError):
        # Missing, of another version, or damaged: all the same, since it can be made again.
        stored = None
    if stored is not None and stored.answers == answers:
        return stored
    return _made(run.id, run.folder, run.recorded, answers)


def temperature(run: Run) -> float | None:
    """Return the temperature that scales the run's answers, None where it is not known."""
    try:
        return analysis(run).believable.temperature
    except TransferLabError as error:
        _log.info("no temperature for %s: %s", run.id, error)
        return None


def _checksums(path: Path) -> str:
    """Return the checksums that the archive at `path` lists, empty if it is none."""
    try:
        with ZipFile(path) as archive:
            return " ".join(f"{entry.filename}:{entry.CRC:08x}" for entry in archive.infolist())
    except (OSError, BadZipFile):
        return ""


@lru_cache(maxsize=64)
def _made(name: str, folder: Path, recorded: bool, answers: str) -> Analysis:
    run = Run(name, folder, recorded)
    made = _analyse(run, answers)
    if not recorded:
        try:
            write_text(folder / ANALYSIS, made.model_dump_json(), parents=False)
        except OSError as error:
            _log.info("the analysis of %s is not stored: %s", name, error)
    return made


def _analyse(run: Run, answers: str) -> Analysis:
    probabilities, labels = run.predictions()
    return Analysis(
        answers=answers,
        believable=believable(probabilities, labels, _validation(run)),
        coverage=coverage_curve(probabilities, labels),
        curve=tuple(
            EpochPoint(
                epoch=line.epoch,
                phase=line.phase,
                seconds=line.time,
                loss=line.loss,
                accuracy=line.accuracy,
                val_loss=line.val_loss,
                val_accuracy=line.val_accuracy,
            )
            for line in run.metrics()
            if line.kind == "epoch" and line.epoch is not None
        ),
    )


def _validation(run: Run) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    try:
        probabilities, labels = run.validation_predictions()
        if len(labels):
            labels = checked_labels(labels, *checked_probabilities(probabilities).shape)
    except TransferLabError as error:
        _log.info("no temperature for %s: %s", run.id, error)
        return None
    return (probabilities, labels) if len(labels) else None

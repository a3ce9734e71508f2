"""Runs that come with the product: the ones behind its published figures, to be read only."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.evaluation.ranking import top_answers
from tl_core.files import replacing, write_text
from tl_core.paths import without_known_folders
from tl_core.runs.analysis import analysis
from tl_core.runs.labels import keep_study, stored_study
from tl_core.runs.store import (
    EVALUATION,
    METRICS,
    OUTCOME,
    PREDICTIONS,
    RECIPE,
    STATUS,
    Run,
    folders_in,
    list_runs,
    matching,
    newest_first,
    the_one,
)
from tl_core.settings import settings

# Its ids begin so, and no folder name holds a '/': a recorded run is never taken for one made here.
PREFIX = "recorded/"

# The answers that decide about figures: top-1, top-5, and the one they must stay above.
_DECISIVE = 6

# Most of a file would be the last digits of what a model thinks next to impossible. Four binary
# digits of these are within 3 %, and a test set's loss within a ten-thousandth.
_UNLIKELY, _DIGITS, _HALF_DIGITS = 1 / 64, 4, 10


def recorded_runs() -> list[Run]:
    """Return the runs in the folder of recorded ones, newest first, each with `recorded` set."""
    return newest_first(
        Run(PREFIX + name, path, True) for name, path in folders_in(settings().recorded)
    )


def find_run(name: str) -> Run:
    """Return the run made here that `name` means, as `get_run` does, or else the recorded one.

    Raises:
        TransferLabError: there is no such run, or several.
    """
    return the_one(name, matching(name, list_runs()) or matching(name, recorded_runs()))


def record(run: Run) -> Run:
    """Copy a finished run to the folder of recorded ones, for others to read; return the copy.

    The copy has no model, no log and nothing of this machine's folders. Its probabilities are
    float16, rounded so that every image keeps its top answer and its top five.

    Raises:
        TransferLabError: the run has no results, is recorded already, was made from a folder of
            pictures that nobody else has, or the copy cannot be written.
    """
    outcome = run.outcome
    if outcome is None:
        state = run.problem or f"it is {run.status.said}"
        raise TransferLabError(f"Run {run.id} cannot be recorded: {state}.")
    if run.imported:
        raise TransferLabError(f"Run {run.id} was made elsewhere; record the runs made here.")
    if outcome.dataset.name.startswith(FOLDER):
        raise TransferLabError(
            f"Run {run.id} was made from a folder of pictures that others do not have; record a "
            "run on CIFAR-100 or the demo data."
        )
    folder = settings().recorded / run.folder.name
    if folder.exists():
        raise TransferLabError(f"{folder} is there already; delete it to record the run anew.")
    building = folder.with_name(f".recording-{folder.name}")
    try:
        building.mkdir(parents=True)
        try:
            _copy(run, building)
            building.rename(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as error:
        raise TransferLabError(f"{folder} cannot be written: {error.strerror}.") from error
    return Run(PREFIX + folder.name, folder, True)


def rounded(probabilities: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return N×C probabilities as float16 with the same top answer and top five in each row.

    Where rounding makes two of these equal, the better one is raised to the next larger number.
    Unlikely answers, under 1 in 64 and not among a row's best, keep four binary digits.
    """
    best = top_answers(probabilities, _DECISIVE)
    half = probabilities.astype(np.float16)
    values = np.take_along_axis(half, best, axis=1)
    half = np.where(half < _UNLIKELY, np.minimum(_coarse(half), values[:, -1:]), half)
    for place in range(best.shape[1] - 2, -1, -1):
        above = np.nextafter(values[:, place + 1], np.float16(np.inf))
        values[:, place] = np.maximum(values[:, place], above)
    np.put_along_axis(half, best, values, axis=1)
    return half


def _coarse(half: NDArray[np.float16]) -> NDArray[np.float16]:
    """Return the nearest float16 of `_DIGITS` binary digits after the first."""
    unit = 1 << (_HALF_DIGITS - _DIGITS)
    bits = half.view(np.uint16) + np.uint16(unit // 2)
    return (bits & np.uint16(0x10000 - unit)).view(np.float16)


def _copy(run: Run, folder: Path) -> None:
    status = run.status.model_copy(update={"pid": None, "pid_created": None})
    outcome = run.outcome
    assert outcome is not None
    documents = {
        RECIPE: run.recipe.model_dump_json(indent=1),
        STATUS: status.model_dump_json(indent=1),
        OUTCOME: outcome.model_dump_json(indent=1),
        EVALUATION: (run.folder / EVALUATION).read_text(encoding="utf-8"),
        METRICS: "".join(
            f"{line.model_dump_json()}\n" for line in run.metrics() if line.kind == "epoch"
        ),
    }
    for name, text in documents.items():
        write_text(folder / name, without_known_folders(text))
    study = stored_study(run)
    if study is not None:
        keep_study(Run(run.id, folder), study)
    probabilities, labels = run.predictions()
    validation, validation_labels = run.validation_predictions()
    with replacing(folder / PREDICTIONS) as path:
        np.savez_compressed(
            path,
            probabilities=rounded(probabilities),
            labels=labels.astype(np.int16),
            validation_probabilities=rounded(validation),
            validation_labels=validation_labels.astype(np.int16),
        )
    # Of the copy, not of the run: figures and the answers beside them must agree.
    analysis(Run(run.id, folder))

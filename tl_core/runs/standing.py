"""Changing what is stored of where a run stands, and recording how it ended.

A run folder's `status.json` has one writer at a time: whoever holds the queue lock while no worker
lives on the run, and its worker from the moment it claimed the run until it ends.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tl_core.errors import TransferLabError
from tl_core.files import remove_unfinished
from tl_core.runs import reserve
from tl_core.runs.documents import State, Status
from tl_core.runs.locks import is_held, worker_lock
from tl_core.runs.store import STATUS, STOP_REQUEST, Run, presume
from tl_core.runs.temporary import discard_temporary_files

OUT_OF_MEMORY = (
    "There was not enough memory; choose a smaller batch, input size or backbone, or end other "
    "programs and resume it."
)
_INTERRUPTED = (
    "The process that trained it ended without a word: it was killed, or the machine went down."
)

_log = logging.getLogger(__name__)


def again(run: Run) -> Run:
    """Return `run` as it is now.

    Raises:
        TransferLabError: it was deleted, or is a recorded one, which nobody changes.
    """
    if run.recorded:
        raise TransferLabError(f"Run {run.id} is a recorded one, which is there to be read only.")
    if not run.folder.is_dir():
        raise TransferLabError(f"There is no run {run.id} any more; somebody deleted it.")
    return Run(run.id, run.folder)


def write_status(run: Run, **changes: object) -> None:
    """Replace `status.json` of `run` by its present content with `changes`.

    Call it as the worker of the run, or under the queue lock while it has none.
    """
    status = again(run).status
    changed = Status.model_validate({**status.model_dump(), **changes})
    reserve.write_last(run.folder / STATUS, changed.model_dump_json(indent=1))
    presume(run, status, None)


@contextmanager
def changing(run: Run) -> Iterator[None]:
    """Say in a sentence where what is done to `run` inside cannot be stored."""
    try:
        yield
    except OSError as error:
        raise TransferLabError(
            f"Run {run.id} cannot be changed ({error.strerror}); make its folder writable, or make "
            "room."
        ) from error


def record_end(run: Run, state: State, message: str, code: str | None) -> None:
    """Record the end of a `run` that no worker lives on, and tidy up after it.

    Where its folder cannot be written, the end is known to this process alone, so that a run that
    is over is never seen at work. Call it under the queue lock.
    """
    end = {"state": state, "message": message, "code": code}
    changes = {**end, "ended": time.time(), "seconds_left": None}
    try:
        write_status(run, **changes)
        tidy(run.folder)
    except OSError as error:
        _log.warning("%s is %s, which cannot be stored: %s", run.id, state, error)
        presume(run, run.status, run.status.model_copy(update=changes))


def tidy(folder: Path) -> None:
    """Delete what a run that is over leaves in its folder beside its documents."""
    reserve.give_back(folder)
    remove_unfinished(folder)
    discard_temporary_files(folder)


def bury(run: Run, *, out_of_memory: bool = False) -> bool:
    """Record the end of a running `run` whose worker is gone; return False if it lives.

    It becomes stopped if a stop had been asked for, failed if the system ended it for want of
    memory, and else interrupted. Call it under the queue lock.
    """
    if is_held(worker_lock(run.folder)):
        return False
    run = again(run)
    if run.waits or not run.active:
        # Its worker recorded its end and let go after `run` had been read.
        return True
    if (run.folder / STOP_REQUEST).exists():
        record_end(run, "stopped", "Stopped.", None)
    elif out_of_memory:
        record_end(run, "failed", OUT_OF_MEMORY, "out-of-memory")
    else:
        record_end(run, "interrupted", _INTERRUPTED, "interrupted")
    return True

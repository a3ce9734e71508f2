"""Asking for runs and stopping them; the queue itself is the run folders.

A run folder's `status.json` has one writer at a time: whoever holds the queue lock while no worker
lives on the run, and its worker from the moment it claimed the run until it ends.
"""

import logging
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.files import remove_unfinished, write_text
from tl_core.runs import environment, reserve
from tl_core.runs.documents import ACTIVE, State, Status
from tl_core.runs.locks import dispatcher_lock, is_held, queue_lock, worker_lock
from tl_core.runs.store import (
    RECIPE,
    STATUS,
    STOP_REQUEST,
    Run,
    list_runs,
    presume,
    waiting_runs,
)
from tl_core.settings import settings
from tl_core.training.recipe import Recipe

OUT_OF_MEMORY = (
    "There was not enough memory; choose a smaller batch, input size or backbone, or end other "
    "programs and resume it."
)
_INTERRUPTED = (
    "The process that trained it ended without a word: it was killed, or the machine went down."
)

RESUMABLE: frozenset[State] = frozenset({"stopped", "interrupted", "failed"})

BUILDING, DELETING, IMPORTING = ".building-", ".deleting-", ".importing-"
# Inside the runs folder, so that a run gets there in one step, whatever is mounted where; hidden,
# so that no list of runs takes it for one.
BIN = ".bin"
_DISPATCHER = [sys.executable, "-m", "tl_core.runs.dispatcher"]

_log = logging.getLogger(__name__)
_started: list[subprocess.Popen[bytes]] = []


def submit(recipe: Recipe) -> Run:
    """Put a run of `recipe` at the end of the queue, see that the queue moves, and return it.

    The path of a folder of pictures is stored as it is understood here and now: the process that
    will train may work in another folder.

    Raises:
        TransferLabError: the runs folder cannot be written to.
    """
    # Read what is new before others have to wait for it: documents that were read are remembered.
    list_runs()
    with queue_lock():
        try:
            run = _write_run(_with_whole_path(recipe))
        except OSError as error:
            raise _not_stored(error) from error
        ensure_dispatcher()
    return run


def stop(run: Run) -> Run:
    """Stop `run`: at once where it waits, within five seconds where it works. Return it anew.

    What a run has written until then stays.

    Raises:
        TransferLabError: the run has already ended, or its folder cannot be read or written.
    """
    with queue_lock(), changing(run):
        run = again(run)
        state = run.status.state
        if state == "queued":
            message = "Stopped while waiting."
            write_status(run, state="stopped", held=False, ended=time.time(), message=message)
            reserve.give_back(run.folder)
        elif state not in ACTIVE:
            raise TransferLabError(f"Run {run.id} is {state}; there is nothing to stop.")
        elif not bury(run):
            (run.folder / STOP_REQUEST).touch()
            ensure_dispatcher()
    return again(run)


def resume(run: Run) -> Run:
    """Put a run that ended too early back into the queue, behind those that wait; return it anew.

    It keeps its folder and what it has, and goes on from the last finished epoch, or from the last
    finished part of its features. The settings in force now count, where there are any.

    Raises:
        TransferLabError: the run is finished, waits, is at work or was made elsewhere, or its
            folder cannot be written.
    """
    with queue_lock():
        run = again(run)
        status = run.status
        if run.imported:
            raise TransferLabError(
                f"Run {run.id} was made elsewhere and is not gone on with; train one of its recipe."
            )
        if status.state not in RESUMABLE:
            raise TransferLabError(f"Run {run.id} is {status.state}; there is nothing to resume.")
        try:
            (run.folder / STOP_REQUEST).unlink(missing_ok=True)
            reserve.set_aside(run.folder)
            environment.store(run.folder)
            queued = {"state": "queued", "place": last_place(), "held": False}
            nothing = dict.fromkeys(("ended", "phase", "seconds_left", "message", "code"))
            write_status(run, **queued, **nothing)
        except OSError as error:
            raise _not_stored(error) from error
        ensure_dispatcher()
    return again(run)


def sweep() -> None:
    """Remove what a process killed while it stored or deleted a run has left.

    Call it under the queue lock, which whoever stores or deletes holds.
    """
    for path in settings().runs.iterdir():
        # An import takes too long to hold the queue lock; it holds the lock of its folder.
        left = path.name.startswith(IMPORTING) and not is_held(worker_lock(path))
        if left or path.name.startswith((BUILDING, DELETING)):
            _log.info("removing %s, left by a process that was killed", path.name)
            remove(path)


def refresh() -> None:
    """Bring the stored states up to date: a run whose worker is gone is interrupted, or stopped.

    Also sees that a dispatcher is there if anything is left to do. Cheap, and meant to be called
    by everybody who is about to show runs. Where the runs folder cannot be written, what it finds
    holds for this process alone.
    """
    runs = settings().runs
    if not os.access(runs, os.W_OK):
        for run in list_runs():
            if run.active and not run.waits:
                bury(run)
        return
    if not any(run.active for run in list_runs()):
        return
    with queue_lock():
        active = [run for run in list_runs() if run.active]
        at_work = [run for run in active if run.status.state != "queued" and not bury(run)]
        if at_work or any(run.waits and not run.status.held for run in active):
            ensure_dispatcher()


def last_place() -> int:
    """Return the place behind all runs that wait; call it under the queue lock."""
    return 1 + max((run.status.place for run in waiting_runs()), default=0)


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


def _not_stored(error: OSError) -> TransferLabError:
    return TransferLabError(
        f"Cannot store a run in {settings().runs} ({error.strerror}); make room or make "
        "it writable, or set TL_ARTIFACTS_DIR to another folder."
    )


def _with_whole_path(recipe: Recipe) -> Recipe:
    if not recipe.dataset.startswith(FOLDER):
        return recipe
    path = Path(recipe.dataset.removeprefix(FOLDER)).expanduser().absolute()
    return recipe.model_copy(update={"dataset": f"{FOLDER}{path}"})


def _free_name(beginning: str) -> str:
    """Return a name that no run has, here or in the bin, from where it may come back."""
    runs = settings().runs
    while True:
        name = f"{beginning}-{secrets.token_hex(2)}"
        if not (runs / name).exists() and not any((runs / BIN).glob(f"*~{name}")):
            return name


def _write_run(recipe: Recipe) -> Run:
    now = time.time()
    parts = (
        time.strftime("%Y%m%d-%H%M", time.localtime(now)),
        recipe.backbone,
        recipe.preset or "own",
    )
    folder = settings().runs / _free_name("-".join(parts))
    building = folder.with_name(f"{BUILDING}{folder.name}")
    building.mkdir()
    try:
        write_text(building / RECIPE, recipe.model_dump_json(indent=1))
        status = Status(state="queued", created=now, place=last_place())
        write_text(building / STATUS, status.model_dump_json(indent=1))
        environment.store(building)
        reserve.set_aside(building)
        building.rename(folder)
    except OSError:
        shutil.rmtree(building)
        raise
    return Run(folder.name, folder)


def ensure_dispatcher() -> None:
    """See that a dispatcher is there; call it under the queue lock."""
    _started[:] = [process for process in _started if process.poll() is None]
    if is_held(dispatcher_lock()):
        return
    artifacts = settings().artifacts
    with (artifacts / "dispatcher.log").open("ab") as log:
        _started.append(
            subprocess.Popen(
                _DISPATCHER,
                env=os.environ | {"TL_ARTIFACTS_DIR": str(artifacts)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        )


def remove(path: Path) -> None:
    """Delete a folder with all that is in it, or a link to one and not what it leads to."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path)


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

"""Asking for runs and stopping them; the queue itself is the run folders."""

import logging
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.files import write_text
from tl_core.runs import environment, reserve
from tl_core.runs.documents import ACTIVE, State, Status
from tl_core.runs.locks import dispatcher_lock, is_held, queue_lock, worker_lock
from tl_core.runs.standing import again, bury, changing, write_status
from tl_core.runs.store import RECIPE, STATUS, STOP_REQUEST, Run, list_runs, waiting_runs
from tl_core.settings import settings
from tl_core.training.recipe import Recipe

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
            raise TransferLabError(f"Run {run.id} is {status.said}; there is nothing to resume.")
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


def repeat(run: Run, seed: int | None = None) -> Run:
    """Ask for a run of the recipe of `run`, with another seed where one is given; return it.

    Raises:
        TransferLabError: the recipe cannot be read, or came from elsewhere and names a folder of
            that machine, or the runs folder cannot be written to.
    """
    if run.problem is not None:
        raise TransferLabError(f"Run {run.id} cannot be read: {run.problem}")
    if run.imported and run.recipe.dataset.startswith(FOLDER):
        raise TransferLabError(
            f"Run {run.id} was made elsewhere of a folder there; train its recipe on yours."
        )
    return submit(run.recipe if seed is None else run.recipe.model_copy(update={"seed": seed}))


def sweep() -> None:
    """Remove what a process killed while it stored or deleted a run has left.

    Call it under the queue lock, which whoever stores or deletes holds.
    """
    for path in settings().runs.iterdir():
        # An import takes too long to hold the queue lock; it holds the lock of its folder.
        left = path.name.startswith(IMPORTING) and not is_held(worker_lock(path))
        if left or path.name.startswith((BUILDING, DELETING)):
            _log.info("removing %s, left by a process that was killed", path.name)
            try:
                remove(path)
            except OSError as error:
                # It is tried again by the next dispatcher; runs must not wait for it.
                _log.warning("%s could not be removed: %s", path.name, error)


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
    """Delete a folder with all that is in it, or a file, or a link and not what it leads to."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)

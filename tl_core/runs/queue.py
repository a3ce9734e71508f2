"""Asking for runs and stopping them; the queue itself is the run folders.

A run folder's `status.json` has one writer at a time: whoever holds the queue lock while no worker
lives on the run, and its worker from the moment it claimed the run until it ends.
"""

import json
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
from tl_core.runs.documents import ACTIVE, Status
from tl_core.runs.locks import dispatcher_lock, is_held, queue_lock, worker_lock
from tl_core.runs.store import RECIPE, STATUS, STOP_REQUEST, Run, list_runs, waiting_runs
from tl_core.settings import settings
from tl_core.training.recipe import Recipe

ENVIRONMENT = "environment.json"

OUT_OF_MEMORY = (
    "There was not enough memory; choose a smaller batch, input size or backbone, or end other "
    "programs."
)
_INTERRUPTED = (
    "The process that trained it ended without a word: it was killed, or the machine went down."
)

BUILDING, DELETING = ".building-", ".deleting-"
_DISPATCHER = [sys.executable, "-m", "tl_core.runs.dispatcher"]
_FOLDERS = ("TL_DATA_DIR", "TL_WEIGHTS_DIR", "KERAS_HOME")
_SUBMITTED = (*_FOLDERS, "TL_CACHE_LIMIT_GB")

_log = logging.getLogger(__name__)
_started: list[subprocess.Popen[bytes]] = []


def submit(recipe: Recipe) -> Run:
    """Put a run of `recipe` at the end of the queue, see that the queue moves, and return it.

    The path of a folder of pictures is stored as it is understood here and now: the process that
    will train may work in another folder.

    Raises:
        TransferLabError: the runs folder cannot be written to.
    """
    with queue_lock():
        try:
            run = _write_run(_with_whole_path(recipe))
        except OSError as error:
            raise TransferLabError(
                f"Cannot store a run in {settings().runs} ({error.strerror}); make room or make "
                "it writable, or set TL_ARTIFACTS_DIR to another folder."
            ) from error
        ensure_dispatcher()
    return run


def stop(run: Run) -> Run:
    """Stop `run`: at once where it waits, within five seconds where it works. Return it anew.

    What a run has written until then stays.

    Raises:
        TransferLabError: the run has already ended, or its folder cannot be read.
    """
    with queue_lock():
        run = again(run)
        state = run.status.state
        if state == "queued":
            message = "Stopped while waiting."
            write_status(run, state="stopped", held=False, ended=time.time(), message=message)
        elif state not in ACTIVE:
            raise TransferLabError(f"Run {run.id} is {state}; there is nothing to stop.")
        elif not bury(run):
            (run.folder / STOP_REQUEST).touch()
            ensure_dispatcher()
    return again(run)


def sweep() -> None:
    """Remove what a process killed while it stored or deleted a run has left.

    Call it under the queue lock, which whoever stores or deletes holds.
    """
    for path in settings().runs.iterdir():
        if path.name.startswith((BUILDING, DELETING)):
            _log.info("removing %s, left by a process that was killed", path.name)
            remove(path)


def refresh() -> None:
    """Bring the stored states up to date: a run whose worker is gone is interrupted, or stopped.

    Also sees that a dispatcher is there if anything is left to do. Cheap, and meant to be called
    by everybody who is about to show runs. Does nothing where the runs folder cannot be written:
    then nothing can be at work in it either.
    """
    runs = settings().runs
    if not os.access(runs, os.W_OK) or not any(run.active for run in list_runs()):
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
    write_text(run.folder / STATUS, changed.model_dump_json(indent=1))


def bury(run: Run, *, out_of_memory: bool = False) -> bool:
    """Record the end of a running `run` whose worker is gone; return False if it lives.

    It becomes stopped if a stop had been asked for, failed if the system ended it for want of
    memory, and else interrupted. Call it under the queue lock.
    """
    if is_held(worker_lock(run.folder)):
        return False
    if (run.folder / STOP_REQUEST).exists():
        end = {"state": "stopped", "message": "Stopped.", "code": None}
    elif out_of_memory:
        end = {"state": "failed", "message": OUT_OF_MEMORY, "code": "out-of-memory"}
    else:
        end = {"state": "interrupted", "message": _INTERRUPTED, "code": "interrupted"}
    write_status(run, **end, ended=time.time(), seconds_left=None)
    return True


def environment_of(run: Run) -> dict[str, str]:
    """Return the environment for the worker of `run`: this one, with its submitter's settings."""
    try:
        submitted = json.loads((run.folder / ENVIRONMENT).read_text(encoding="utf-8"))
        settled = {name: str(submitted[name]) for name in _SUBMITTED if name in submitted}
    except (OSError, ValueError, TypeError) as error:
        _log.warning("%s: taking the dispatcher's own settings (%s)", run.id, error)
        return dict(os.environ)
    others = {name: value for name, value in os.environ.items() if name not in _SUBMITTED}
    return others | settled


def _own_settings() -> dict[str, str]:
    own = {name: os.environ[name] for name in _SUBMITTED if os.environ.get(name)}
    paths = {name: Path(own[name]).expanduser().absolute() for name in _FOLDERS if name in own}
    return own | {name: str(path) for name, path in paths.items()}


def _with_whole_path(recipe: Recipe) -> Recipe:
    if not recipe.dataset.startswith(FOLDER):
        return recipe
    path = Path(recipe.dataset.removeprefix(FOLDER)).expanduser().absolute()
    return recipe.model_copy(update={"dataset": f"{FOLDER}{path}"})


def _write_run(recipe: Recipe) -> Run:
    now = time.time()
    parts = (
        time.strftime("%Y%m%d-%H%M", time.localtime(now)),
        recipe.backbone,
        recipe.preset or "own",
        secrets.token_hex(2),
    )
    folder = settings().runs / "-".join(parts)
    building = folder.with_name(f"{BUILDING}{folder.name}")
    building.mkdir()
    try:
        write_text(building / RECIPE, recipe.model_dump_json(indent=1))
        status = Status(state="queued", created=now, place=last_place())
        write_text(building / STATUS, status.model_dump_json(indent=1))
        write_text(building / ENVIRONMENT, json.dumps(_own_settings(), indent=1))
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

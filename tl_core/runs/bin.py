"""Deleted runs, until they are restored or the bin is emptied."""

import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tl_core.errors import TransferLabError
from tl_core.runs.locks import is_held, queue_lock, worker_lock
from tl_core.runs.queue import BIN, DELETING, remove
from tl_core.runs.standing import again, bury, write_status
from tl_core.runs.store import Run, folders_in, matching, the_one
from tl_core.settings import settings


@dataclass(frozen=True)
class Binned:
    """A run in the bin, the Unix time at which it was deleted, and its size in bytes."""

    run: Run
    deleted: float
    size: int


def delete(run: Run) -> None:
    """Put `run` into the bin with everything in its folder, also one that waits or is unreadable.

    Raises:
        TransferLabError: the run is at work (stop it first), there is no such run, or it cannot
            be moved.
    """
    with queue_lock():
        run = again(run)
        if is_held(worker_lock(run.folder)):
            raise TransferLabError(f"Run {run.id} is at work; stop it first, then delete it.")
        place = _bin() / f"{time.time_ns()}-{secrets.token_hex(2)}~{run.id}"
        try:
            place.parent.mkdir(exist_ok=True)
            run.folder.rename(place)
        except OSError as error:
            raise TransferLabError(
                f"Run {run.id} cannot be deleted: {error.strerror}; change that and try again."
            ) from error


def binned() -> list[Binned]:
    """Return the runs in the bin, the one deleted last first.

    Raises:
        TransferLabError: the bin cannot be read.
    """
    found = []
    for name, path in folders_in(_bin()):
        stamp, _, run_id = name.partition("~")
        deleted = int(stamp.partition("-")[0]) / 1e9 if stamp.partition("-")[0].isdigit() else 0.0
        found.append(Binned(Run(run_id or name, path), deleted, _size(path)))
    return sorted(found, key=lambda one: one.deleted, reverse=True)


def total(found: Iterable[Binned]) -> int:
    """Return how many bytes these take."""
    return sum(one.size for one in found)


def restore(name: str) -> Run:
    """Take the run whose id is `name`, or begins or ends with it, out of the bin and return it.

    Of several that were deleted under one id it is the last. What waited or worked when it was
    deleted comes back stopped.

    Raises:
        TransferLabError: there is no such run in the bin, or several, or one of its id here.
    """
    with queue_lock():
        newest: dict[str, Run] = {}
        for one in binned():
            newest.setdefault(one.run.id, one.run)
        found = matching(name, list(newest.values()))
        if not found:
            raise TransferLabError(f"There is no run {name!r} in the bin; `tl bin` lists it.")
        run = the_one(name, found)
        folder = settings().runs / run.id
        if folder.exists() or folder.is_symlink():
            raise TransferLabError(f"There is a run {run.id} already; delete it first.")
        try:
            _settle(run)
            run.folder.rename(folder)
        except OSError as error:
            raise TransferLabError(f"Run {run.id} cannot be restored: {error.strerror}.") from error
    return Run(run.id, folder)


def empty() -> int:
    """Delete for good what is in the bin and return how many bytes that freed.

    Raises:
        TransferLabError: something in it cannot be deleted.
    """
    freed = 0
    for one in binned():
        # Moved under a name that is swept, one at a time: nobody waits long for the lock, and who
        # is killed here leaves nothing half deleted in the bin.
        with queue_lock():
            doomed = settings().runs / f"{DELETING}{one.run.folder.name}"
            try:
                one.run.folder.rename(doomed)
                remove(doomed)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise TransferLabError(
                    f"Run {one.run.id} cannot be deleted for good ({error.strerror}: "
                    f"{error.filename}); change that and empty the bin again."
                ) from error
        freed += one.size
    return freed


def _bin() -> Path:
    return settings().runs / BIN


def _settle(run: Run) -> None:
    if not run.active:
        return
    if run.waits:
        message = "Deleted while waiting, and restored."
        write_status(run, state="stopped", held=False, ended=time.time(), message=message)
    else:
        bury(run)


def _size(folder: Path) -> int:
    if folder.is_symlink():
        return 0
    size = 0
    for path in folder.rglob("*"):
        # Another process may be emptying the bin.
        with suppress(FileNotFoundError):
            size += 0 if path.is_dir() else path.lstat().st_size
    return size

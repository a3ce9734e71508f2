"""The three locks that keep runs apart; the kernel lets go of them however a process ends.

`queue_lock` is held for moments, by whoever changes the state of a run it does not work on itself.
The dispatcher and each worker hold a lock of their own for as long as they live, which is how
everybody else knows that they do: unlike a process number, a lock cannot be taken for another's,
outlive its holder, or be misread after the clock was changed.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tl_core.errors import TransferLabError
from tl_core.settings import settings

_PATIENCE = 120.0
# Nobody waits in line for a file lock: who looks for it often gets it, among many on a busy machine
# too. A look costs microseconds.
_LOOK = 0.005


@contextmanager
def queue_lock() -> Iterator[None]:
    """Hold the lock under which runs are claimed, stopped, deleted and declared dead.

    Raises:
        TransferLabError: the runs folder cannot be written to, or another process holds the lock
            for more than two minutes.
    """
    runs = settings().runs
    lock = FileLock(runs / ".queue.lock", timeout=_PATIENCE, poll_interval=_LOOK)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise TransferLabError(
            f"Another process has kept the queue in {runs} locked for {_PATIENCE:.0f} seconds; "
            "see with `tl queue` what is running, and try again."
        ) from error
    except OSError as error:
        raise TransferLabError(
            f"Cannot write to {runs} ({error.strerror}); make it writable, or set "
            "TL_ARTIFACTS_DIR to a folder that is."
        ) from error
    try:
        yield
    finally:
        lock.release()


def dispatcher_lock() -> FileLock:
    """Return the lock that the dispatcher of this artifacts folder holds while it lives."""
    return FileLock(settings().runs / ".dispatcher.lock")


def worker_lock(folder: Path) -> FileLock:
    """Return the lock that the worker of the run in `folder` holds while it lives."""
    return FileLock(folder / ".worker.lock")


def take(lock: FileLock) -> bool:
    """Take `lock` for good if nobody holds it, and return whether that worked.

    Call it under `queue_lock`, so that it never meets somebody who is only looking.
    """
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True


def is_held(lock: FileLock) -> bool:
    """Return whether a living process holds `lock`; call it under `queue_lock`."""
    path = Path(lock.lock_file)
    if not path.exists():
        return False
    try:
        free = take(lock)
    except OSError:
        # On a file system that is read-only by now a process may still hold what it once took.
        return _is_locked(path)
    if free:
        lock.release()
    return not free


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

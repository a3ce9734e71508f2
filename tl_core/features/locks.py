"""Locks between processes that vanish with the process: many readers, or one writer."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.2


class Lock:
    """A held lock; it ends with `release`, or with the process."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    def share(self) -> None:
        """Let readers in, and stay one."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def duplicate(self) -> Callable[[], None]:
        """Return a function that gives up one more share; the lock ends with the last share."""
        copy = os.dup(self._descriptor)
        return lambda: os.close(copy)

    def release(self, *, forget: bool = False) -> None:
        """End this share; with `forget` the lock's file goes too (writers only)."""
        if forget:
            self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def try_lock(path: Path, *, write: bool) -> Lock | None:
    """Return the lock on `path`, or None while another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            kind = fcntl.LOCK_EX if write else fcntl.LOCK_SH
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            # The file may have been forgotten and made anew between opening and locking.
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                return Lock(descriptor, path)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        os.close(descriptor)


def wait_lock(path: Path, *, write: bool, waiting: Callable[[], None]) -> Lock:
    """Return the lock on `path`, calling `waiting` several times a second until it is free.

    `waiting` may raise to give up.
    """
    while True:
        lock = try_lock(path, write=write)
        if lock is not None:
            return lock
        waiting()
        time.sleep(_POLL_SECONDS)

"""Locks between processes that vanish with the process: many readers, or one writer."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.2


class Lock:
    """A held lock; it ends with `release`, or with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def duplicate(self) -> Callable[[], None]:
        """Return a function that gives up one more share; the lock ends with the last share."""
        copy = os.dup(self._descriptor)
        return lambda: os.close(copy)

    def release(self) -> None:
        """End this share."""
        os.close(self._descriptor)


def try_lock(path: Path, *, write: bool) -> Lock | None:
    """Return the lock on `path`, or None while another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            kind = fcntl.LOCK_EX if write else fcntl.LOCK_SH
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            # The file may have been removed and made anew between opening and locking.
            if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
                return Lock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        os.close(descriptor)


def wait_lock(path: Path, *, write: bool, waiting: Callable[[], None] = lambda: None) -> Lock:
    """Return the lock on `path`, calling `waiting` several times a second until it is free.

    `waiting` may raise to give up.
    """
    while True:
        lock = try_lock(path, write=write)
        if lock is not None:
            return lock
        waiting()
        time.sleep(_POLL_SECONDS)

"""Who has logged in, and how long who guessed wrong must wait."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tl_core.door.passwords import matches

# A working day; then the password is asked for again.
LASTS = 12 * 3600.0

_FREE_TRIES = 3
_LONGEST_WAIT = 300.0
_MOST_ADDRESSES = 10_000
_MOST_LOGINS = 10_000


class Logins:
    """Logins by password, kept in memory: they end with the process, by log-out or by age.

    Whoever guesses wrong more than three times in a row waits 1, 2, 4 … up to 300 seconds before
    the next try counts; hashing goes on for one try at a time, so that guessing cannot take the
    machine either.
    """

    def __init__(self, stored: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stored = stored
        self._clock = clock
        self._ends: OrderedDict[str, float] = OrderedDict()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._hashing = threading.Lock()

    def seconds_to_wait(self, address: str) -> float:
        """Return how long the next try from `address` must wait, 0 if it need not."""
        with self._lock:
            _, until = self._wrong.get(address, (0, 0.0))
            return max(0.0, until - self._clock())

    def enter(self, address: str, password: str) -> str | None:
        """Return a token for whoever at `address` knows the password, None for anybody else."""
        if not self._may_try(address):
            return None
        with self._hashing:
            right = matches(password, self._stored)
        if not right:
            return None
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._wrong.pop(address, None)
            self._ends[_name(token)] = self._clock() + LASTS
            while len(self._ends) > _MOST_LOGINS:
                self._ends.popitem(last=False)
        return token

    def knows(self, token: str | None) -> bool:
        """Return whether `token` belongs to somebody who is logged in."""
        if not token:
            return False
        with self._lock:
            return self._ends.get(_name(token), 0.0) > self._clock()

    def leave(self, token: str | None) -> None:
        """End the login of `token`."""
        with self._lock:
            self._ends.pop(_name(token or ""), None)

    def _may_try(self, address: str) -> bool:
        with self._lock:
            now = self._clock()
            tries, until = self._wrong.get(address, (0, 0.0))
            if now < until:
                return False
            # Counted as wrong until it turns out right: tries at the same time count each.
            tries += 1
            wait = 0.0 if tries <= _FREE_TRIES else 2.0 ** min(tries - _FREE_TRIES - 1, 20)
            self._wrong[address] = (tries, now + min(wait, _LONGEST_WAIT))
            self._wrong.move_to_end(address)
            while len(self._wrong) > _MOST_ADDRESSES:
                self._wrong.popitem(last=False)
            return True


def _name(token: str) -> str:
    # Looked up by its hash: how long that takes says nothing about the token.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

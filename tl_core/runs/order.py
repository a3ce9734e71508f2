"""The order of the runs that wait, and holding one back."""

from typing import Literal

from tl_core.errors import TransferLabError
from tl_core.runs.locks import queue_lock
from tl_core.runs.queue import ensure_dispatcher
from tl_core.runs.standing import again, changing, write_status
from tl_core.runs.store import Run, waiting_runs

Move = Literal["first", "up", "down", "last"]


def move(run: Run, to: Move) -> list[Run]:
    """Move a waiting `run` in the queue and return the runs that wait, next first.

    `up` and `down` change places with its neighbour; at an end of the queue nothing changes.

    Raises:
        TransferLabError: the run does not wait (any more), or cannot be stored.
    """
    with queue_lock(), changing(run):
        _waiting(run)
        order = waiting_runs()
        names = [one.id for one in order]
        at = names.index(run.id)
        target = {"first": 0, "up": max(at - 1, 0), "down": at + 1, "last": len(order)}[to]
        order.insert(target, order.pop(at))
        for place, one in enumerate(order, start=1):
            if one.status.place != place:
                write_status(one, place=place)
        return waiting_runs()


def hold(run: Run) -> Run:
    """Let a waiting `run` wait until it is released, others before it; return it anew.

    Raises:
        TransferLabError: the run does not wait (any more), or cannot be stored.
    """
    with queue_lock(), changing(run):
        write_status(_waiting(run), held=True)
    return again(run)


def release(run: Run) -> Run:
    """Let a held `run` be taken when its turn comes, see that the queue moves, return it anew.

    Raises:
        TransferLabError: the run does not wait (any more), or cannot be stored.
    """
    with queue_lock(), changing(run):
        write_status(_waiting(run), held=False)
        ensure_dispatcher()
    return again(run)


def _waiting(run: Run) -> Run:
    run = again(run)
    if not run.waits:
        raise TransferLabError(
            f"Run {run.id} is {run.status.said}; only a run that waits can be moved or held."
        )
    return run

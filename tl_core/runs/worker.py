"""The process that works on one run: `python -m tl_core.runs.worker <folder>`."""

import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tl_core.errors import Stopped, TransferLabError
from tl_core.files import remove_unfinished
from tl_core.runs import reserve
from tl_core.runs.documents import State
from tl_core.runs.locks import queue_lock, take, worker_lock
from tl_core.runs.memory import bounded
from tl_core.runs.reporter import Reporter
from tl_core.runs.standing import OUT_OF_MEMORY, tidy, write_status
from tl_core.runs.store import CHECKPOINT, LOG, Run
from tl_core.runs.temporary import temporary_files
from tl_core.settings import settings

_YIELDS = 5

Work = Callable[[Run, Reporter], None]


def work_on(folder: Path, work: Work) -> State | None:
    """Claim the queued run in `folder`, do `work` on it, and record and return how it ended.

    Returns None, and does nothing, if the run does not wait (any more) or is held. Whatever `work`
    raises becomes the run's failure: one sentence in its status, the traceback in its log.
    """
    run = Run(folder.name, folder.absolute())
    lock = worker_lock(run.folder)
    with queue_lock():
        if not run.folder.is_dir() or not run.waits or run.status.held or not take(lock):
            return None
        remove_unfinished(run.folder)
        started = run.status.started or time.time()
        write_status(run, state="running", started=started, pid=os.getpid())
    run = Run(run.id, run.folder)
    reporter = Reporter(run)
    with bounded(settings().memory_bytes, partial(_end_for_memory, reporter)):
        state, message, code = _outcome_of(work, run, reporter)
    reporter.end(state, message, code)
    if state == "finished":
        (run.folder / CHECKPOINT).unlink(missing_ok=True)
    with queue_lock():
        # From its end on the run may be resumed, and what lies there be the next worker's.
        if not Run(run.id, run.folder).active:
            tidy(run.folder)
        lock.release()
    return state


def _end_for_memory(reporter: Reporter, used: int, limit: int) -> None:
    message = (
        f"It took {used / 1e9:.1f} GB of memory, and TL_MEMORY_LIMIT allows {limit / 1e9:g} GB; "
        "choose a smaller batch, input size or backbone, or raise the limit and resume it."
    )
    try:
        reporter.end("failed", message, "memory-limit")
    finally:
        # The thread that works may be deep in native code, which hears nothing else.
        os._exit(1)


def _outcome_of(work: Work, run: Run, reporter: Reporter) -> tuple[State, str | None, str | None]:
    log = logging.getLogger(__name__)
    try:
        with temporary_files(run.folder):
            work(run, reporter)
    except (Stopped, KeyboardInterrupt):
        return "stopped", "Stopped.", None
    except TransferLabError as error:
        log.exception("failed")
        return "failed", str(error), "refused"
    except Exception as error:
        log.exception("failed")
        return "failed", *_explained(error)
    return "finished", None, None


def _explained(error: Exception) -> tuple[str, str]:
    """Return one sentence for the user and a short code for an unforeseen `error`."""
    # TensorFlow's own class would have to be imported to be named.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return OUT_OF_MEMORY, "out-of-memory"
    if _is_full(error):
        return "The disk is full; make room ('tl cache' shows what can go) and resume it.", "disk"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to use {error.filename}; change that and resume it.", "permission"
    if isinstance(error, OSError) and error.errno == errno.ENOENT:
        gone = f"{error.filename} is gone" if error.filename else f"{error.strerror}"
        return f"{gone}; put it back and resume the run.", "gone"
    return (
        f"Something unexpected went wrong ({type(error).__name__}); `tl log RUN` shows what.",
        "unexpected",
    )


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in reserve.FULL:
        return True
    # HDF5 passes on the system's words, not always its number.
    return os.strerror(errno.ENOSPC) in str(error)


def _log_to(folder: Path) -> None:
    # The dispatcher sends this process' stdout and stderr to the same file, so that what native
    # libraries write on their way down is there too; opened here for a worker started by hand.
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


def main(arguments: list[str]) -> int:
    """Work on the run in the folder that `arguments` names; return the exit status."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tl_core.runs.worker RUN_FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    _log_to(folder)
    # Whoever looks at the app goes first: a page takes a blink, a run minutes.
    if hasattr(os, "nice"):
        os.nice(_YIELDS)

    def pipeline(run: Run, reporter: Reporter) -> None:
        from tl_core.runs.pipeline import train_and_test

        train_and_test(run, reporter)

    return 0 if work_on(folder, pipeline) in ("finished", "stopped", None) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

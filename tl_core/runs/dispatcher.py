"""The process that takes queued runs in order: `python -m tl_core.runs.dispatcher`.

There is one for an artifacts folder, started by whoever asks for a run or looks at one. It starts
workers, sees them end, ends those that do not heed a stop, and leaves when nothing is left to do.
If it is killed its workers go on, and the next look at the runs starts another.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tl_core.errors import TransferLabError
from tl_core.runs.documents import State
from tl_core.runs.environment import environment_of
from tl_core.runs.locks import dispatcher_lock, is_held, queue_lock, take, worker_lock
from tl_core.runs.memory import oom_kills
from tl_core.runs.queue import sweep
from tl_core.runs.standing import bury, record_end, tidy
from tl_core.runs.store import LOG, STOP_REQUEST, Run, list_runs, waiting_runs
from tl_core.settings import settings

WORKER = (sys.executable, "-m", "tl_core.runs.worker")
STOP_GRACE = 3.0

_POLL = 0.5
_AFTER_FAILURE = 5.0

_log = logging.getLogger(__name__)


@dataclass
class _Child:
    run: Run
    process: subprocess.Popen[bytes]
    oom_kills: int


def dispatch(worker: Sequence[str] = WORKER) -> None:
    """Work the queue off and return; return at once if another dispatcher does so already.

    `worker` is the command that works on a run; the run's folder is added to it.
    """
    lock = dispatcher_lock()
    with queue_lock():
        if not take(lock):
            return
        sweep()
    dispatcher = _Dispatcher(worker)
    while True:
        pause = _POLL
        # Whoever submits a run looks for a dispatcher under the queue lock: letting go under it,
        # after a last look, leaves no moment in which a run is queued and nobody comes.
        with queue_lock():
            try:
                if not dispatcher.step():
                    lock.release()
                    return
            except (OSError, TransferLabError):
                # A full disk or a folder taken away in this moment: the queue waits for better.
                _log.exception("could not move the queue")
                pause = _AFTER_FAILURE
        time.sleep(pause)


class _Dispatcher:
    def __init__(self, worker: Sequence[str]) -> None:
        self._worker = tuple(worker)
        self._children: list[_Child] = []
        self._stop_seen: dict[str, float] = {}

    def step(self) -> bool:
        """Do what is due, under the queue lock, and return whether anything is left to do."""
        self._reap()
        runs = [run for run in list_runs() if run.active]
        at_work = [run for run in runs if run.status.state != "queued" and not bury(run)]
        for run in at_work:
            self._enforce_stop(run)
        taken = {child.run.id for child in self._children}
        free = [run for run in waiting_runs(runs) if not run.status.held]
        waiting = [run for run in free if run.id not in taken]
        busy = taken | {run.id for run in at_work}
        for run in waiting[: max(0, settings().workers - len(busy))]:
            self._start(run)
        return bool(waiting or busy)

    def _start(self, run: Run) -> None:
        try:
            log = (run.folder / LOG).open("ab")
        except OSError as error:
            # One folder that cannot be written to keeps no other run waiting.
            message = f"{run.folder} cannot be written to ({error.strerror}); change that and "
            record_end(run, "failed", message + "resume the run.", "permission")
            return
        with log:
            process = subprocess.Popen(
                [*self._worker, str(run.folder)],
                env=environment_of(run.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._children.append(_Child(run, process, oom_kills()))
        _log.info("%s: worker %d", run.id, process.pid)

    def _reap(self) -> None:
        ended = [child for child in self._children if child.process.poll() is not None]
        self._children = [child for child in self._children if child not in ended]
        for child in ended:
            _log.info("%s: worker ended with %s", child.run.id, child.process.returncode)
            run = Run(child.run.id, child.run.folder)
            state = _state(run)
            claimed = state is not None and run.status.pid == child.process.pid
            if state == "queued" and child.process.returncode and not claimed:
                # The worker could not even claim the run; asked again it would fail again. One
                # that ended well found the run held or moved on, which is no failure, and one
                # that claimed it has been followed by somebody who resumed it.
                message = "The worker process could not start; `tl log RUN` shows why."
                record_end(run, "failed", message, "no-worker")
            elif state in ("running", "stopping"):
                bury(run, out_of_memory=_ran_out_of_memory(child))
            if not Run(run.id, run.folder).active:
                tidy(run.folder)

    def _enforce_stop(self, run: Run) -> None:
        request = run.folder / STOP_REQUEST
        if not request.exists():
            self._stop_seen.pop(run.id, None)
            return
        if run.id not in self._stop_seen:
            self._stop_seen[run.id] = time.monotonic() - _age(request)
        if time.monotonic() - self._stop_seen[run.id] < STOP_GRACE:
            return
        _log.info("%s: stopping by force", run.id)
        for child in self._children:
            if child.run.id == run.id:
                _kill_with_children(child.process.pid)
                child.process.wait()
                return
        _kill(run)


def _age(request: Path) -> float:
    """Return for how many seconds a stop has been asked for, as far as they matter.

    A dispatcher that was started by the request has lost a second or two of its grace. A clock
    that was set meanwhile makes this wrong, but never longer than the grace.
    """
    return min(max(time.time() - request.stat().st_mtime, 0.0), STOP_GRACE)


def _ran_out_of_memory(child: _Child) -> bool:
    if child.process.returncode == -signal.SIGABRT:
        # What C++ says before it gives up.
        return "bad_alloc" in child.run.log()[-5000:]
    return child.process.returncode == -signal.SIGKILL and oom_kills() > child.oom_kills


def _kill(run: Run) -> None:
    status = run.status
    if status.pid is None or not is_held(worker_lock(run.folder)):
        return
    try:
        process = psutil.Process(status.pid)
        # The number may be of another machine that shares the folder; when a process began cannot
        # tell, since that changes with the clock.
        if any(Path(argument).name == run.id for argument in process.cmdline()):
            _kill_with_children(process.pid)
    except psutil.Error:
        return


def _kill_with_children(pid: int) -> None:
    """End a worker and what it started: the process that times its model would go on without it."""
    try:
        worker = psutil.Process(pid)
        ended = [worker, *worker.children(recursive=True)]
    except psutil.Error:
        return
    for process in ended:
        with suppress(psutil.Error):
            process.kill()


def _state(run: Run) -> State | None:
    try:
        return run.status.state
    except TransferLabError:
        return None


def main() -> None:
    """Run the dispatcher with its log on stderr, which its starter sends to a file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    dispatch()


if __name__ == "__main__":
    main()

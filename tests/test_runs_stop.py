"""A stop by force: when it comes, and what it ends beside the worker; with real processes."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from fake_worker import children
from run_folders import write_run
from test_runs_queue import recipe, wait_for

from tl_core.runs import dispatcher, queue, standing
from tl_core.runs.locks import queue_lock


@pytest.mark.parametrize(("age", "ended"), [(10, True), (0, False), (-10, False)])
def test_a_stop_counts_from_when_it_was_asked_for_and_not_from_when_a_dispatcher_came(age, ended):
    run = write_run(state="running")
    code = (
        "import sys, time; from pathlib import Path; from tl_core.runs.locks import *\n"
        "assert take(lock := worker_lock(Path(sys.argv[1])))\n"
        "print('taken', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(run.folder)], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "taken\n"
        with queue_lock():
            standing.write_status(run, pid=worker.pid)
            request = run.folder / "stop-requested"
            request.touch()
            os.utime(request, (time.time() - age,) * 2)
            dispatcher._Dispatcher(("true",)).step()
        time.sleep(0.2)
        assert (worker.poll() is not None) is ended
        worker.kill()


@pytest.mark.parametrize("orphaned", [False, True])
def test_what_a_worker_started_is_stopped_with_it(journal, orphaned):
    run = wait_for(queue.submit(recipe(dataset="folder:parent")), "running")
    deadline = time.monotonic() + 20
    while len(journal()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = psutil.Process(int(journal()[1][1]))
    if orphaned:
        # Another dispatcher than the one that started the worker.
        for process in children():
            if process.pid not in (run.status.pid, child.pid):
                process.kill()
                process.wait()
    asked = time.monotonic()
    queue.stop(run)
    wait_for(run, "stopped")
    assert time.monotonic() - asked < 5
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE

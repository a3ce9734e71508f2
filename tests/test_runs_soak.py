"""A dozen made-up runs under a seeded storm of everything that can happen to a run."""

import contextlib
import os
import signal
import time
from collections import Counter

import numpy as np
import psutil
import pytest
from fake_worker import children
from test_runs_queue import recipe

from benchmarks import soak
from tl_core.errors import TransferLabError
from tl_core.runs import bin as waste
from tl_core.runs import queue
from tl_core.runs.documents import State
from tl_core.runs.locks import is_held, queue_lock, worker_lock
from tl_core.runs.store import Run, list_runs

EPOCHS = 25

# What is done to runs, and to those in which states.
STATES: dict[str, frozenset[State]] = {
    "stop": frozenset({"queued", "running"}),
    "kill": frozenset({"running"}),
    "power cut": frozenset({"running"}),
    "resume": queue.RESUMABLE,
    "delete": queue.RESUMABLE | {"finished"},
}


def test_a_storm_of_stops_kills_resumes_and_deletions_loses_and_repeats_nothing(
    journal, own_folders, monkeypatch
):
    monkeypatch.setenv("TL_WORKERS", "2")
    rng = np.random.default_rng(7)
    runs = [queue.submit(recipe(EPOCHS)) for _ in range(12)]
    deleted: set[str] = set()
    done: Counter[str] = Counter()
    deadline = time.monotonic() + 90
    while min(done[act] for act in STATES) < 2:
        assert time.monotonic() < deadline, done
        time.sleep(rng.uniform(0.05, 0.3))
        act = str(rng.choice([act for act in STATES if act != "delete" or done[act] < 2]))
        found = [run for run in list_runs() if run.status.state in STATES[act]]
        if not found:
            continue
        run = found[rng.integers(len(found))]
        try:
            _act(act, run)
        except TransferLabError as error:
            # It ended meanwhile, or is about to.
            assert "there is nothing to" in str(error) or "is at work" in str(error), error
            continue
        done[act] += 1
        deleted |= {run.id} if act == "delete" else set()
        queue.refresh()

    while left := [run for run in list_runs() if run.status.state != "finished"]:
        assert time.monotonic() < deadline + 60, [run.status for run in left]
        for run in left:
            if run.status.state in queue.RESUMABLE:
                queue.resume(run)
        queue.refresh()
        time.sleep(0.2)
    assert {run.id for run in list_runs()} == {run.id for run in runs} - deleted
    for run in list_runs():
        epochs = [line.epoch for line in run.metrics() if line.kind == "epoch"]
        assert epochs == list(range(1, EPOCHS + 1)), run.log()
    ended_by = time.monotonic() + 5
    while left := [process for process in children() if process.status() != "zombie"]:
        assert time.monotonic() < ended_by, left
        time.sleep(0.1)
    with queue_lock():
        assert not any(is_held(worker_lock(run.folder)) for run in list_runs())
    hidden = [path for path in own_folders.rglob(".*") if path.suffix != ".lock"]
    assert [path for path in hidden if not path.is_dir()] == []


def _act(act: str, run: Run) -> None:
    if act == "stop":
        queue.stop(run)
    elif act == "resume":
        queue.resume(run)
    elif act == "delete":
        waste.delete(run)
    elif act == "kill":
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.status.pid or 0, signal.SIGKILL)
    else:
        for process in children():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.parametrize("name", [*soak.NOTHING, *soak.SLOWEST])
def test_the_long_soak_tells_a_broken_promise(name):
    kept = dict.fromkeys(soak.NOTHING, 0) | dict.fromkeys(soak.SLOWEST, 4.9)
    assert soak.broken_promises(kept) == []
    assert soak.broken_promises(kept | {name: 6}) == [f"{name} 6"]

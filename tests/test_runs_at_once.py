"""Many processes at one queue: no run is lost, none trained twice, none stuck.

The claims, stops, deletions, locks and the dispatcher are the real ones, in real processes. Only
the training is made up (200 imports of TensorFlow would take an hour): a run "trains" for a few
hundredths of a second, in a process forked from one that has imported what a worker imports.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_worker import children

from tl_core.runs import queue
from tl_core.runs.bin import binned
from tl_core.runs.store import list_runs

_PROCESSES, _EACH = 8, 25

# Started once; forks for each run folder that it is told of, and says when the fork has ended.
_FORKING = """
import os, socket, sys, time
from pathlib import Path
from tl_core.errors import TransferLabError
from tl_core.runs.worker import work_on

def work(run, reporter):
    with open(sys.argv[2], "a") as journal:
        journal.write(f"begin {run.id}\\n")
    reporter.begin("head", run.recipe.epochs, "images")
    for done in range(run.recipe.epochs):
        time.sleep(0.01)
        reporter.advance(done + 1, loss=1.0, accuracy=0.5)
    with open(sys.argv[2], "a") as journal:
        journal.write(f"end {run.id}\\n")

def serve(connection):
    folder = connection.makefile().readline().strip()
    code = 0
    try:
        work_on(Path(folder), work)
    except TransferLabError:
        code = 1
    connection.sendall(b"%d" % code)
    os._exit(0)

door = socket.socket(socket.AF_UNIX)
door.bind(sys.argv[1])
door.listen(64)
print("ready", flush=True)
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    connection, _ = door.accept()
    if os.fork() == 0:
        door.close()
        serve(connection)
    connection.close()
"""

# What the dispatcher starts: lives as long as the fork that works for it.
_WORKER = """
import socket, sys
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.sendall(sys.argv[2].encode() + b"\\n")
sys.exit(int(line.recv(1) or b"1"))
"""

_DISPATCHER = """
import logging, sys
from tl_core.runs import dispatcher
logging.basicConfig(level=logging.INFO)
dispatcher._POLL = 0.2
dispatcher.dispatch((sys.executable, "-S", "-E", sys.argv[1], sys.argv[2]))
"""

# One of the eight: asks for runs, and stops, holds, moves and deletes some, its own and others'.
_USER = """
import json, random, sys
from tl_core.errors import TransferLabError
from tl_core.runs import bin, order, queue
from tl_core.runs.store import get_run, list_runs, waiting_runs
from tl_core.training.recipe import make_recipe

number, count, queue._DISPATCHER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
chance = random.Random(number)
asked, deleted, refused = [], [], 0
for n in range(count):
    steps = chance.choice((1, 2, 5))
    recipe = make_recipe(backbone="mobilenet_v2", dataset="demo", epochs=steps)
    asked.append(queue.submit(recipe).id)
    what = chance.choice(("nothing", "stop", "delete", "move", "hold"))
    run = chance.choice(list_runs())
    try:
        if what == "stop":
            queue.stop(run)
        elif what == "delete":
            bin.delete(run)
            deleted.append(run.id)
        elif what == "move" and waiting_runs():
            order.move(chance.choice(waiting_runs()), chance.choice(("first", "up", "last")))
        elif what == "hold" and waiting_runs():
            order.release(order.hold(chance.choice(waiting_runs())))
    except TransferLabError:
        # It ended, was taken or deleted by another in this moment: an answer as good as any.
        refused += 1
print(json.dumps({"asked": asked, "deleted": deleted, "refused": refused}))
"""


@pytest.fixture
def crowd(
    own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Callable[[], list[subprocess.Popen[str]]]":
    """Return how to start the eight, once the queue has workers that start at once."""
    scripts = {"forking": _FORKING, "worker": _WORKER, "dispatcher": _DISPATCHER, "user": _USER}
    for name, text in scripts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("TL_WORKERS", "4")
    address = str(tmp_path / "door")
    journal = str(tmp_path / "journal.txt")
    # Not from here: this process has threads.
    forking = subprocess.Popen(
        [sys.executable, str(tmp_path / "forking.py"), address, journal],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert forking.stdout is not None
    assert forking.stdout.readline() == "ready\n"
    starter = [sys.executable, str(tmp_path / "dispatcher.py"), str(tmp_path / "worker.py")]
    monkeypatch.setattr(queue, "_DISPATCHER", [*starter, address])

    def start() -> "list[subprocess.Popen[str]]":
        command = [sys.executable, str(tmp_path / "user.py")]
        return [
            subprocess.Popen(
                [*command, str(number), str(_EACH), *queue._DISPATCHER],
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(_PROCESSES)
        ]

    yield start
    forking.kill()
    forking.wait()
    for process in children():
        process.kill()
    for started in queue._started:
        started.wait(5)


def test_eight_processes_at_two_hundred_runs(crowd, tmp_path: Path) -> None:
    users = crowd()
    told = [json.loads(user.communicate(timeout=300)[0]) for user in users]
    assert [user.returncode for user in users] == [0] * _PROCESSES

    deadline = time.monotonic() + 240
    while any(run.active for run in list_runs()):
        queue.refresh()
        stuck = Counter(run.status.state for run in list_runs() if run.active)
        assert time.monotonic() < deadline, f"stuck: {stuck}"
        time.sleep(0.2)

    asked = [run for one in told for run in one["asked"]]
    deleted = [run for one in told for run in one["deleted"]]
    assert len(asked) == len(set(asked)) == _PROCESSES * _EACH
    # None lost: what was asked for is stored, or in the bin if somebody deleted it; each once.
    assert sorted(deleted) == sorted(one.run.id for one in binned())
    assert sorted([*deleted, *(run.id for run in list_runs())]) == sorted(asked)
    # None stuck, none broken: it was trained or stopped.
    ends = Counter(run.status.state for run in list_runs())
    assert set(ends) <= {"finished", "stopped"}
    # None twice; what is finished was begun and ended.
    lines = [line.split() for line in (tmp_path / "journal.txt").read_text().splitlines()]
    begun = Counter(run for event, run in lines if event == "begin")
    assert set(begun.values()) == {1}
    finished = {run.id for run in list_runs() if run.status.state == "finished"}
    assert finished <= {run for event, run in lines if event == "end"}
    # Each of these had its share, or the test shows little.
    assert len(finished) > 20
    assert len(deleted) > 10
    assert ends["stopped"] > 5

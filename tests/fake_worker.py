"""A queue whose workers are real processes that do made-up work."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tl_core.runs import queue
from tl_core.runs.store import Run, list_runs

WORKER = """
import subprocess, sys, tempfile, time
from pathlib import Path
from tl_core.errors import TransferLabError
from tl_core.files import write_text
from tl_core.runs.worker import work_on

def work(run, reporter):
    journal = run.folder.parent.parent / "journal.txt"
    def write(event):
        with journal.open("a") as lines:
            lines.write(f"{event} {run.id}\\n")
    write("begin")
    kind = Path(run.recipe.dataset).name
    if kind == "deaf":
        time.sleep(60)
    if kind == "parent":
        child = subprocess.Popen(["sleep", "60"])
        write(f"started {child.pid} by")
        child.wait()
    if kind == "messy":
        write(tempfile.mkdtemp())
        write(subprocess.check_output(["mktemp"], text=True).strip())
        time.sleep(60)
    if kind == "refused":
        raise TransferLabError("There is no such folder.")
    if kind == "broken":
        raise ZeroDivisionError("a secret")
    if kind == "large":
        raise MemoryError
    if kind == "locked":
        raise PermissionError(13, "Permission denied", "/data/birds")
    if kind == "taken":
        open("/data/birds/taken.png")
    if kind == "homeless":
        raise FileNotFoundError(2, "No usable temporary directory found")
    if kind == "hungry":
        held = bytearray(400_000_000)
        time.sleep(60)
    if kind == "absent" and not Path(run.recipe.dataset.partition(":")[2]).exists():
        raise TransferLabError("There is no such folder.")
    total = run.recipe.epochs
    saved = run.folder / "checkpoint.npz"
    first = int(saved.read_text()) if saved.exists() else 0
    reporter.expect({"head": total * 0.02}, {})
    reporter.begin("head", total, "images")
    reporter.go_on(first, first)
    for done in range(first + 1, total + 1):
        time.sleep(0.02)
        reporter.advance(done, epoch=done - 0.5, loss=1.0, accuracy=0.5)
        reporter.epoch(done, loss=1.0, accuracy=0.5)
        write_text(saved, str(done))
    write("end")

work_on(Path(sys.argv[1]), work)
"""

DISPATCHER = """
import logging, sys
from tl_core.runs.dispatcher import dispatch
logging.basicConfig(level=logging.INFO)
dispatch((sys.executable, sys.argv[1]))
"""


@pytest.fixture
def journal(
    own_folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[list[str]]]]:
    """Let the queue start the worker above, and return how to read what workers wrote."""
    worker = tmp_path / "fake_worker.py"
    worker.write_text(WORKER)
    starter = tmp_path / "fake_dispatcher.py"
    starter.write_text(DISPATCHER)
    monkeypatch.setattr(queue, "_DISPATCHER", [sys.executable, str(starter), str(worker)])
    before = set(children())

    def read() -> list[list[str]]:
        path = own_folders / "journal.txt"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    yield read
    workers = [_worker(run) for run in list_runs()]
    for process in [*(set(children()) - before), *filter(None, workers)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for started in queue._started:
        started.wait(5)


def _worker(run: Run) -> psutil.Process | None:
    pid = run.status.pid if run.active else None
    return psutil.Process(pid) if pid and psutil.pid_exists(pid) else None


def tidied(folder: Path) -> Path:
    """Return the folder of a run that has ended, once its worker has tidied up after that."""
    deadline = time.monotonic() + 10
    while (folder / ".reserve").exists():
        assert time.monotonic() < deadline, sorted(folder.iterdir())
        time.sleep(0.02)
    return folder


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)

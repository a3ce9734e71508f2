"""Where workers put their temporary files: a server's own /tmp ends with it, workers outlive it."""

import os
import signal
import tempfile
import time
from pathlib import Path

from fake_worker import tidied
from run_folders import write_run

from tl_core.runs import queue
from tl_core.runs.store import get_run
from tl_core.runs.worker import work_on
from tl_core.training.recipe import make_recipe


def test_a_worker_s_temporary_files_lie_in_its_run_and_go_with_it(journal, tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("TMPDIR", str(shared))
    run = queue.submit(make_recipe(backbone="vgg16", dataset="folder:messy"))
    deadline = time.monotonic() + 30
    while len(journal()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    made = [Path(line[0]) for line in journal()[1:]]
    assert all(path.exists() and path.is_relative_to(run.folder) for path in made), made
    assert not list(shared.iterdir())
    os.kill(get_run(run.id).status.pid, signal.SIGKILL)
    while get_run(run.id).status.state != "interrupted":
        assert time.monotonic() < deadline
        queue.refresh()
        time.sleep(0.05)
    assert not any(path.exists() for path in made)


def test_what_worked_on_a_run_goes_back_to_its_own_place(own_folders):
    before = tempfile.gettempdir()
    run = write_run(state="queued")
    seen = []
    work_on(run.folder, lambda run, reporter: seen.append(tempfile.gettempdir()))
    assert Path(seen[0]).is_relative_to(run.folder)
    assert tempfile.gettempdir() == before
    assert not Path(seen[0]).exists()
    assert tidied(run.folder)

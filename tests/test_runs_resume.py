"""Runs that ended too early go on where they were; what a worker does is made up, all else real."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_worker import children, tidied
from run_folders import write_run
from test_runs_queue import FOREVER, recipe, wait_for
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.errors import Stopped, TransferLabError
from tl_core.runs import dispatcher, locks, queue, reserve, standing, worker
from tl_core.runs.environment import environment_of
from tl_core.runs.reporter import Reporter
from tl_core.runs.store import Run, get_run, list_runs, waiting_runs
from tl_core.runs.summary import summary


def epochs(run: Run) -> list[float | None]:
    return [line.epoch for line in run.metrics() if line.kind == "epoch"]


def wait_for_epochs(run: Run, count: int) -> Run:
    deadline = time.monotonic() + 60
    while len(epochs(run)) < count:
        assert time.monotonic() < deadline, run.log()
        time.sleep(0.02)
    return get_run(run.id)


def test_a_run_stopped_and_one_killed_go_on_in_their_folders_to_the_same_end(journal):
    run = wait_for(queue.submit(recipe(60)), "running")
    folder = run.folder
    wait_for_epochs(run, 5)
    queue.stop(run)
    stopped = wait_for(run, "stopped")
    tidied(folder)
    assert queue.resume(stopped).status.state in ("queued", "running")
    running = wait_for_epochs(wait_for(run, "running"), len(epochs(stopped)) + 25)
    os.kill(running.status.pid or 0, signal.SIGKILL)
    killed = wait_for(run, "interrupted", seconds=5)
    (folder / ".writing-1234-status.json").touch()
    queue.resume(killed)
    ended = wait_for(run, "finished")
    assert epochs(ended) == list(range(1, 61))
    times = [line.time for line in ended.metrics()]
    assert times == sorted(times)
    assert [line.step for line in ended.metrics()] == sorted(line.step for line in ended.metrics())
    assert ended.folder == folder and [one.id for one in list_runs()] == [run.id]
    # 60 epochs of 0.02 s and more; SIGKILL may take the quarter of a second since the last status.
    assert 1.2 - 0.25 <= ended.status.seconds["head"] <= times[-1]
    left = {path.name for path in tidied(folder).iterdir()}
    assert left <= {
        *("recipe.json", "status.json", "environment.json", "metrics.jsonl", "log.txt"),
        *(".worker.lock", "stop-requested"),
    }


def test_a_resumed_run_waits_behind_the_others_and_keeps_what_it_has(journal):
    first = wait_for(queue.submit(recipe(FOREVER)), "running")
    stopped = write_run("20261122-0741-mobilenet_v2-frozen-3f2a", state="stopped")
    (stopped.folder / "metrics.jsonl").write_text("kept\n")
    (stopped.folder / "stop-requested").touch()
    waiting = queue.submit(recipe())
    resumed = queue.resume(stopped)
    assert [run.id for run in waiting_runs()] == [waiting.id, stopped.id]
    status = resumed.status
    assert (status.state, status.ended, status.phase, status.message) == ("queued", *[None] * 3)
    assert (stopped.folder / "metrics.jsonl").read_text() == "kept\n"
    queue.stop(first)


@pytest.mark.parametrize(
    ("state", "said"),
    [("finished", "finished"), ("queued", "waiting"), ("running", "training")],
)
def test_only_a_run_that_ended_too_early_is_resumed(state, said):
    run = write_run(state=state)
    with pytest.raises(TransferLabError, match=f"is {said}; there is nothing to resume"):
        queue.resume(run)
    assert get_run(run.id).status.state == state


def test_a_run_whose_data_were_gone_is_resumed_when_they_are_back(journal, tmp_path):
    run = wait_for(queue.submit(recipe(dataset=f"folder:{tmp_path}/absent")), "failed")
    assert run.status.message == "There is no such folder."
    (tmp_path / "absent").mkdir()
    result = CliRunner().invoke(app, ["resume", run.id, "--json"])
    shown = json.loads(CliRunner().invoke(app, ["show", run.id, "--json"]).stdout)
    assert json.loads(result.stdout) == shown
    assert wait_for(run, "finished").status.message is None
    again = CliRunner().invoke(app, ["resume", run.id])
    assert again.exit_code == 1 and "nothing to resume" in again.output


def test_the_command_can_leave_the_run_to_itself(journal):
    run = write_run(state="interrupted")
    result = CliRunner().invoke(app, ["resume", run.id[-4:], "--detach"])
    assert result.stdout.strip() == run.id
    wait_for(run, "finished")


def test_the_settings_of_who_resumes_count_over_those_of_who_submitted(journal, monkeypatch):
    monkeypatch.setenv("TL_WEIGHTS_DIR", "/weights")
    monkeypatch.setenv("TL_DATA_DIR", "/gone")
    run = queue.submit(recipe(FOREVER))
    queue.stop(run)
    wait_for(run, "stopped")
    monkeypatch.delenv("TL_WEIGHTS_DIR")
    monkeypatch.setenv("TL_DATA_DIR", "/back")
    monkeypatch.setenv("TL_MEMORY_LIMIT", "7")
    environment = environment_of(queue.resume(run).folder)
    assert environment["TL_WEIGHTS_DIR"] == "/weights"
    assert environment["TL_DATA_DIR"] == "/back"
    assert environment["TL_MEMORY_LIMIT"] == "7"
    queue.stop(run)


def test_a_worker_that_failed_and_was_followed_at_once_is_no_failed_start(own_folders):
    run = write_run(state="failed")
    ended = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])
    ended.wait()
    with dispatcher.queue_lock():
        standing.write_status(run, state="queued", pid=ended.pid, held=True)
    moved = dispatcher._Dispatcher(("true",))
    moved._children.append(dispatcher._Child(run, ended, 0))
    moved.step()
    assert get_run(run.id).status.state == "queued"
    with dispatcher.queue_lock():
        standing.write_status(run, pid=None)
    moved._children.append(dispatcher._Child(run, ended, 0))
    moved.step()
    assert get_run(run.id).status.code == "no-worker"


def test_a_worker_that_native_code_aborted_for_want_of_memory_failed_for_it(own_folders):
    run = write_run(state="running")
    (run.folder / "log.txt").write_text("terminate called after throwing 'std::bad_alloc'\n")
    ended = subprocess.Popen([sys.executable, "-c", "import os; os.abort()"])
    ended.wait()
    moved = dispatcher._Dispatcher(("true",))
    moved._children.append(dispatcher._Child(run, ended, 0))
    moved.step()
    status = get_run(run.id).status
    assert (status.state, status.code) == ("failed", "out-of-memory")


@pytest.mark.parametrize(
    ("killed_before", "state", "code"),
    [(0, "failed", "out-of-memory"), (1, "interrupted", "interrupted")],
)
def test_a_worker_that_the_system_killed_for_want_of_memory_failed_for_it(
    own_folders, monkeypatch, killed_before, state, code
):
    run = write_run(state="running")
    ended = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    ended.wait()
    # What the system counts: nobody can have it kill a process for this alone.
    monkeypatch.setattr(dispatcher, "oom_kills", lambda: 1)
    moved = dispatcher._Dispatcher(("true",))
    moved._children.append(dispatcher._Child(run, ended, killed_before))
    moved.step()
    status = get_run(run.id).status
    assert (status.state, status.code) == (state, code)


def test_a_folder_that_cannot_be_written_to_keeps_no_other_run_waiting(own_folders):
    first = write_run("20261122-0741-mobilenet_v2-frozen-3f2a", state="queued", created=1.0)
    second = write_run("20261122-0742-mobilenet_v2-frozen-3f2b", state="queued", created=2.0)
    (first.folder / "log.txt").mkdir()
    moved = dispatcher._Dispatcher(("true",))
    moved.step()
    assert get_run(first.id).status.code == "permission"
    assert str(first.folder) in (get_run(first.id).status.message or "")
    moved.step()
    assert [child.run.id for child in moved._children] == [second.id]
    moved._children[0].process.wait()


def report(run: Run, first: int, last: int) -> Reporter:
    reporter = Reporter(run)
    reporter.expect({"features": 0.1, "head": 1.0}, {"head": 10})
    reporter.begin("features", 10, "images")
    time.sleep(0.02)
    reporter.begin("head", 100, "images")
    reporter.go_on((first - 1) * 10, first - 1)
    for epoch in range(first, last + 1):
        time.sleep(0.02)
        reporter.advance(epoch * 10, epoch=float(epoch), loss=1.0)
        reporter.epoch(epoch, loss=1.0)
    return reporter


def test_reports_go_on_without_a_gap_or_a_point_twice(own_folders):
    run = write_run(state="running")
    broken = report(run, 1, 5)
    # Later than its last epoch: what is lost by the break.
    time.sleep(0.3)
    broken.advance(55, epoch=5.5, loss=1.0)
    broken.note("The slow engine was taken.")
    broken.end("stopped", "Stopped.", None)
    with (run.folder / "metrics.jsonl").open("a") as lines:
        lines.write('{"kind": "step", "pha')
    before = get_run(run.id)
    assert 0.1 <= before.status.seconds["head"] < 0.3
    assert before.metrics()[-1].epoch == 5.5
    last = before.metrics()[-2]

    # The checkpoint is of the fourth epoch.
    resumed = report(before, 5, 6)
    lines = get_run(run.id).metrics()
    assert [line.epoch for line in lines if line.kind == "epoch"] == [1, 2, 3, 4, 5, 6]
    assert len((run.folder / "metrics.jsonl").read_text().splitlines()) == len(lines)
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    assert lines[-1].time < last.time + 0.3
    assert lines[-1].step == 6
    assert resumed.seconds["features"] >= 0.04
    assert resumed.seconds["head"] >= before.status.seconds["head"] + 0.04
    assert resumed.notes == ("The slow engine was taken.",)
    assert lines[-1].share >= before.status.share
    resumed.end("finished", None, None)


def test_training_that_begins_anew_counts_anew(own_folders):
    run = write_run(state="running")
    report(run, 1, 5).end("stopped", "Stopped.", None)
    with dispatcher.queue_lock():
        standing.write_status(run, seconds={"features": 1000.0, "head": 1000.0, "test": 1000.0})
    again = report(get_run(run.id), 1, 1)
    assert epochs(run) == [1]
    assert again.seconds["head"] < 500
    assert again.seconds["features"] > 1000
    assert "test" not in again.seconds
    again.end("stopped", "Stopped.", None)


def test_what_came_before_the_first_epoch_counts_and_leaves_no_point(own_folders):
    run = write_run(state="running")
    reporter = Reporter(run)
    reporter.expect({"head": 1.0}, {"head": 10})
    reporter.begin("head", 30, "images")
    time.sleep(0.1)
    reporter.advance(30)
    reporter.begin("head", 100, "images")
    reporter.go_on(0, 0)
    reporter.advance(10, epoch=1.0, loss=1.0)
    reporter.epoch(1, loss=1.0)
    assert reporter.seconds["head"] > 0.1
    assert {(line.epoch, line.step) for line in run.metrics()} == {(1, 1)}
    reporter.end("stopped", "Stopped.", None)


def test_a_run_that_ends_with_the_clock_set_back_took_no_negative_time(own_folders, monkeypatch):
    run = write_run(state="running", created=time.time() + 86_400)
    reporter = report(run, 1, 2)
    reporter.end("stopped", "Stopped.", None)
    shown = summary(get_run(run.id))
    assert shown["ended"] < shown["started"]
    assert all(seconds >= 0 for seconds in shown["seconds"].values())
    assert 0.05 < shown["seconds"]["total"] < 5
    assert "-" not in CliRunner().invoke(app, ["runs"]).stdout.split("demo data")[1].split()[2]


def test_a_run_that_holds_more_memory_than_allowed_ends_with_a_sentence(journal, monkeypatch):
    monkeypatch.setenv("TL_MEMORY_LIMIT", "0.3")
    run = wait_for(queue.submit(recipe(dataset="folder:hungry")), "failed", seconds=20)
    assert run.status.code == "memory-limit"
    assert "TL_MEMORY_LIMIT allows 0.3 GB" in (run.status.message or "")
    assert wait_for(queue.submit(recipe(1)), "finished").status.code is None


@pytest.mark.parametrize("value", ["none", "0", "-1"])
def test_a_limit_that_is_none_is_refused_where_the_run_is_asked_for(value, monkeypatch):
    monkeypatch.setenv("TL_MEMORY_LIMIT", value)
    with pytest.raises(TransferLabError, match="TL_MEMORY_LIMIT"):
        queue.submit(recipe())


def test_what_a_resumed_run_has_is_not_tidied_away_by_the_worker_before(own_folders, monkeypatch):
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: None)
    run = queue.submit(recipe())
    end = Reporter.end

    def end_and_be_resumed(reporter, *words):
        end(reporter, *words)
        queue.resume(get_run(run.id))
        (run.folder / ".writing-1234-status.json").touch()

    monkeypatch.setattr(Reporter, "end", end_and_be_resumed)

    def stopped(*_):
        raise Stopped

    assert worker.work_on(run.folder, stopped) == "stopped"
    assert get_run(run.id).status.state == "queued"
    assert (run.folder / ".reserve").exists()
    assert (run.folder / ".writing-1234-status.json").exists()
    assert not locks.is_held(locks.worker_lock(run.folder))


def test_a_worker_over_its_limit_ends_also_where_that_cannot_be_written(monkeypatch):
    class Full:
        def end(self, *_):
            raise OSError(errno.ENOSPC, "No space left on device")

    ended = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    with pytest.raises(OSError, match="No space"):
        worker._end_for_memory(Full(), 2, 1)
    assert ended == [1]


@pytest.fixture
def small_disk(own_folders: Path) -> Iterator[Path]:
    """Mount a file system of 1 MB as the artifacts folder."""
    own_folders.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(own_folders)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True)
        problem = mounted.stderr.strip() if mounted.returncode else ""
    except FileNotFoundError:
        problem = "there is no mount command"
    if problem and os.environ.get("TL_REQUIRE_MOUNT"):
        pytest.fail(f"TL_REQUIRE_MOUNT is set, but {problem}")
    if problem:
        pytest.skip(f"no file system can be mounted here: {problem}")
    yield own_folders
    deadline = time.monotonic() + 10
    while subprocess.run(["umount", str(own_folders)], capture_output=True).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def fill(folder: Path) -> Path:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"\0" * 4096)
    return filler


def test_a_full_disk_fails_the_run_with_a_sentence_and_with_room_it_goes_on(small_disk, journal):
    done = write_run()
    run = wait_for_epochs(wait_for(queue.submit(recipe(FOREVER)), "running"), 3)
    filler = fill(small_disk)
    failed = wait_for(run, "failed", seconds=10)
    assert failed.status.code == "disk"
    assert "disk is full" in (failed.status.message or "")
    assert get_run(done.id).problem is None
    assert 3 <= len(epochs(failed)) < FOREVER
    with pytest.raises(
        TransferLabError, match=r"Cannot store a run .* \(No space left on device\)"
    ):
        queue.submit(recipe())
    with pytest.raises(TransferLabError, match=r"No space left on device"):
        queue.resume(failed)
    assert get_run(run.id).status.state == "failed"
    filler.unlink()
    kept = len(epochs(failed))
    queue.resume(failed)
    wait_for_epochs(wait_for(run, "running"), kept + 2)
    queue.stop(run)
    assert epochs(wait_for(run, "stopped")) == list(range(1, len(epochs(run)) + 1))


def test_a_worker_killed_on_a_full_disk_is_seen_as_interrupted(small_disk, journal):
    run = wait_for(queue.submit(recipe(dataset="folder:deaf")), "running")
    filler = fill(small_disk)
    os.kill(run.status.pid or 0, signal.SIGKILL)
    assert wait_for(run, "interrupted", seconds=5)
    filler.unlink()


def test_on_a_read_only_disk_nothing_is_shown_as_running_that_is_not(small_disk, journal):
    run = wait_for(queue.submit(recipe(dataset="folder:deaf")), "running")
    for process in children():
        process.kill()
        process.wait()
    read_only = ["mount", "-o", "remount,ro", str(small_disk)]
    deadline = time.monotonic() + 10
    while subprocess.run(read_only, capture_output=True).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert get_run(run.id).status.state == "running"
    queue.refresh()
    assert get_run(run.id).status.state == "interrupted"
    for act in (queue.stop, queue.resume):
        with pytest.raises(TransferLabError):
            act(get_run(run.id))
    with pytest.raises(TransferLabError, match="Cannot write to"):
        queue.submit(recipe())
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    queue.refresh()
    assert get_run(run.id).status.state == "interrupted"


def test_a_lock_is_seen_where_nothing_can_be_written(own_folders, monkeypatch):
    run = write_run(state="running")
    held = locks.worker_lock(run.folder)
    assert locks.take(held)

    def read_only(lock: object) -> bool:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(locks, "take", read_only)
    assert locks.is_held(locks.worker_lock(run.folder))
    held.release()
    assert not locks.is_held(locks.worker_lock(run.folder))


def test_last_words_are_written_in_the_room_set_aside(tmp_path, monkeypatch):
    reserve.set_aside(tmp_path)
    written = []

    def full_until_given_back(path: Path, text: str) -> None:
        if (tmp_path / ".reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append((path, text))

    monkeypatch.setattr(reserve, "write_text", full_until_given_back)
    reserve.write_last(tmp_path / "status.json", "{}")
    assert written == [(tmp_path / "status.json", "{}")]

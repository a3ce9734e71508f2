"""The queue with real processes; only what a worker does between its reports is made up."""

import os
import signal
import subprocess
import sys
import time

import pytest
from fake_worker import children
from run_folders import write_run

from tl_core.errors import TransferLabError
from tl_core.runs import bin, dispatcher, queue
from tl_core.runs.documents import State
from tl_core.runs.environment import environment_of
from tl_core.runs.locks import is_held, queue_lock, worker_lock
from tl_core.runs.store import Run, get_run, list_runs
from tl_core.runs.worker import work_on
from tl_core.training.recipe import Recipe, make_recipe

FOREVER = 1000


def recipe(steps: int = 3, dataset: str = "demo") -> Recipe:
    return make_recipe(backbone="mobilenet_v2", dataset=dataset, epochs=steps)


def wait_for(run: Run, *states: State, seconds: float = 60) -> Run:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = get_run(run.id)
        if run.status.state in states:
            return run
        time.sleep(0.05)
    pytest.fail(f"{run.id} is {run.status.state}, not {' or '.join(states)}: {run.log()}")


def test_runs_are_taken_in_order_and_one_at_a_time(journal):
    runs = [queue.submit(recipe()) for _ in range(3)]
    for run in runs:
        assert wait_for(run, "finished").status.share == 1
    assert journal() == [[event, run.id] for run in runs for event in ("begin", "end")]


def test_several_workers_when_asked_for(journal, monkeypatch):
    monkeypatch.setenv("TL_WORKERS", "2")
    runs = [queue.submit(recipe(FOREVER)) for _ in range(3)]
    for run in runs[:2]:
        wait_for(run, "running")
    time.sleep(0.6)
    assert get_run(runs[2].id).status.state == "queued"
    for run in runs:
        queue.stop(run)


def test_the_dispatcher_leaves_when_nothing_is_left(journal):
    run = queue.submit(recipe(1))
    wait_for(run, "finished")
    deadline = time.monotonic() + 5
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
        queue._started[:] = [p for p in queue._started if p.poll() is None]
    assert children() == []
    wait_for(queue.submit(recipe(1)), "finished")


def test_a_second_dispatcher_leaves_at_once_and_takes_nothing(journal):
    run, waiting = queue.submit(recipe(FOREVER)), queue.submit(recipe())
    wait_for(run, "running")
    subprocess.run(queue._DISPATCHER, timeout=20, check=True)
    assert get_run(waiting.id).status.state == "queued"
    assert journal() == [["begin", run.id]]


def test_a_waiting_run_stops_at_once_and_is_never_taken(journal):
    first, second = queue.submit(recipe(FOREVER)), queue.submit(recipe())
    assert queue.stop(second).status.state == "stopped"
    wait_for(first, "running")
    queue.stop(first)
    wait_for(first, "stopped")
    time.sleep(0.6)
    assert [id_ for _, id_ in journal()] == [first.id]


def test_a_run_at_work_stops_and_keeps_what_it_has(journal):
    run = wait_for(queue.submit(recipe(FOREVER)), "running")
    while not run.metrics():
        time.sleep(0.05)
    asked = time.monotonic()
    assert queue.stop(run).status.state == "stopping"
    ended = wait_for(run, "stopped")
    assert time.monotonic() - asked < 2
    assert ended.metrics()
    assert 0 < ended.status.share < 1
    with pytest.raises(TransferLabError, match="is stopped; there is nothing to stop"):
        queue.stop(ended)


def test_a_run_that_does_not_listen_is_stopped_by_force_within_five_seconds(journal):
    run = wait_for(queue.submit(recipe(dataset="folder:deaf")), "running")
    asked = time.monotonic()
    queue.stop(run)
    wait_for(run, "stopped")
    assert time.monotonic() - asked < 5


def test_a_killed_run_is_interrupted_and_the_queue_moves_on(journal):
    killed, following = queue.submit(recipe(FOREVER)), queue.submit(recipe())
    pid = wait_for(killed, "running").status.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    interrupted = wait_for(killed, "interrupted", seconds=5)
    assert interrupted.status.code == "interrupted"
    assert interrupted.status.ended is not None
    wait_for(following, "finished")


def test_when_dispatcher_and_worker_are_killed_the_next_look_puts_things_right(journal):
    killed, following = queue.submit(recipe(FOREVER)), queue.submit(recipe())
    wait_for(killed, "running")
    for process in children():
        process.kill()
    deadline = time.monotonic() + 5
    while get_run(killed.id).status.state != "interrupted":
        assert time.monotonic() < deadline
        queue.refresh()
        time.sleep(0.1)
    # The dispatcher may have seen its worker die before it died itself, and a look may have come
    # before its death: whoever goes on looking has the queue moved.
    deadline = time.monotonic() + 30
    while get_run(following.id).status.state != "finished":
        assert time.monotonic() < deadline
        queue.refresh()
        time.sleep(0.1)


def test_a_worker_outlives_its_dispatcher_and_the_next_one_neither_repeats_nor_forgets_it(journal):
    going, following = queue.submit(recipe(80)), queue.submit(recipe())
    pid = wait_for(going, "running").status.pid
    for process in children():
        if process.pid != pid:
            process.kill()
    while get_run(following.id).status.state == "queued":
        queue.refresh()
        assert get_run(going.id).status.state in ("running", "finished")
        time.sleep(0.1)
    assert get_run(going.id).status.state == "finished"
    wait_for(following, "finished")
    assert journal() == [
        [event, run.id] for run in (going, following) for event in ("begin", "end")
    ]


def test_the_death_of_a_worker_is_seen_by_a_dispatcher_that_did_not_start_it(journal):
    run = wait_for(queue.submit(recipe(FOREVER)), "running")
    for process in children():
        if process.pid != run.status.pid:
            process.kill()
    time.sleep(0.2)
    queue.refresh()
    time.sleep(1.5)
    assert run.status.pid is not None
    os.kill(run.status.pid, signal.SIGKILL)
    wait_for(run, "interrupted", seconds=5)


@pytest.mark.parametrize("state", ["stopped", "finished", "failed", "running"])
def test_only_a_run_that_waits_is_worked_on(state):
    run = write_run(state=state)
    assert work_on(run.folder, lambda run, reporter: pytest.fail("it was worked on")) is None
    assert get_run(run.id).status.state == state


@pytest.mark.parametrize(
    ("dataset", "code", "sentence"),
    [
        ("folder:refused", "refused", "There is no such folder."),
        ("folder:large", "out-of-memory", "not enough memory"),
        ("folder:locked", "permission", "No permission to use /data/birds; change that"),
        ("folder:taken", "gone", "/data/birds/taken.png is gone; put it back and resume"),
        ("folder:homeless", "gone", "No usable temporary directory found; put it back"),
        ("folder:broken", "unexpected", "unexpected went wrong (ZeroDivisionError)"),
    ],
)
def test_a_failure_is_one_sentence_and_its_traceback_is_in_the_log(
    journal, dataset, code, sentence
):
    run = wait_for(queue.submit(recipe(dataset=dataset)), "failed")
    assert run.status.code == code
    assert sentence in (run.status.message or "")
    assert "secret" not in (run.status.message or "")


def test_a_worker_that_cannot_start_fails_its_run_with_its_words_in_the_log(
    journal, tmp_path, monkeypatch
):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no such module')")
    monkeypatch.setattr(queue, "_DISPATCHER", [*queue._DISPATCHER[:2], str(broken)])
    run = wait_for(queue.submit(recipe()), "failed")
    assert run.status.code == "no-worker"
    assert "no such module" in run.log()


def test_deleting(journal):
    first, second = queue.submit(recipe(FOREVER)), queue.submit(recipe())
    wait_for(first, "running")
    with pytest.raises(TransferLabError, match="is at work; stop it first"):
        bin.delete(first)
    bin.delete(second)
    assert [run.id for run in list_runs()] == [first.id]
    queue.stop(first)
    deadline = time.monotonic() + 10
    while True:
        try:
            bin.delete(first)
            break
        except TransferLabError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert list_runs() == []
    with pytest.raises(TransferLabError, match="somebody deleted it"):
        bin.delete(first)


def test_what_a_killed_process_left_half_stored_or_half_deleted_is_removed(journal, own_folders):
    for name in (".building-a", ".deleting-b"):
        (own_folders / "runs" / name).mkdir(parents=True)
        (own_folders / "runs" / name / "recipe.json").touch()
    (own_folders / "runs" / ".deleting-file").touch()
    wait_for(queue.submit(recipe(1)), "finished")
    left = [path.name for path in (own_folders / "runs").iterdir() if path.is_dir()]
    assert left == [list_runs()[0].id]


def test_what_cannot_be_removed_stops_no_run(journal, own_folders, monkeypatch):
    left = own_folders / "runs" / ".deleting-b"
    left.mkdir(parents=True)

    def refuses(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(queue, "remove", refuses)
    queue.sweep()
    assert left.is_dir()


def test_a_link_in_place_of_a_run_is_deleted_and_not_what_it_leads_to(own_folders, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (own_folders / "runs").mkdir(parents=True)
    (own_folders / "runs" / "link").symlink_to(elsewhere)
    bin.delete(get_run("link"))
    assert elsewhere.is_dir()
    assert list_runs() == []


def test_many_processes_submit_and_stop_at_once_and_nothing_is_lost_or_done_twice(
    journal, tmp_path
):
    script = tmp_path / "submitter.py"
    script.write_text(
        "import sys\n"
        "from tl_core.runs import queue\n"
        "from tl_core.training.recipe import make_recipe\n"
        "queue._DISPATCHER = sys.argv[1:]\n"
        "for n in range(2):\n"
        "    run = queue.submit(make_recipe(backbone='mobilenet_v2', dataset='demo', epochs=1))\n"
        "    if n == 1: queue.stop(run)\n"
    )
    command = [sys.executable, str(script), *queue._DISPATCHER]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    queue.refresh()
    runs = list_runs()
    assert len(runs) == 6
    states = [wait_for(run, "finished", "stopped").status.state for run in runs]
    finished = {run.id for run, state in zip(runs, states, strict=True) if state == "finished"}
    assert len(finished) >= 3
    begun = [id_ for event, id_ in journal() if event == "begin"]
    assert len(begun) == len(set(begun))
    assert finished <= set(begun)


def test_the_worker_gets_its_submitters_folders(journal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TL_DATA_DIR", "data")
    monkeypatch.setenv("TL_CACHE_LIMIT_GB", "3")
    run = queue.submit(recipe())
    monkeypatch.delenv("TL_DATA_DIR")
    monkeypatch.setenv("TL_WEIGHTS_DIR", "/elsewhere")
    environment = environment_of(run.folder)
    assert environment["TL_DATA_DIR"] == str(tmp_path / "data")
    assert "TL_WEIGHTS_DIR" not in environment
    assert environment["TL_CACHE_LIMIT_GB"] == "3"
    wait_for(run, "finished")


def test_a_folder_of_pictures_is_found_from_wherever_the_worker_works(
    journal, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert queue.submit(recipe(1, "folder:birds")).recipe.dataset == f"folder:{tmp_path}/birds"


def test_a_lock_tells_whether_its_process_lives(tmp_path, own_folders):
    folder = tmp_path / "run"
    folder.mkdir()
    code = (
        "import sys, time; from pathlib import Path; from tl_core.runs.locks import *\n"
        "lock = worker_lock(Path(sys.argv[1])); assert take(lock)\n"
        "print('taken', flush=True); time.sleep(60)"
    )
    with queue_lock():
        assert not is_held(worker_lock(folder))
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "taken\n"
        with queue_lock():
            assert is_held(worker_lock(folder))
        holder.kill()
    with queue_lock():
        assert not is_held(worker_lock(folder))


def test_looking_at_runs_in_a_folder_that_cannot_be_written_is_no_error(own_folders, monkeypatch):
    queue.refresh()
    assert not own_folders.exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    (own_folders / "runs").mkdir(parents=True)
    queue.refresh()
    assert not list((own_folders / "runs").iterdir())


def test_stop_grace_leaves_time_to_kill_within_five_seconds():
    assert dispatcher.STOP_GRACE + 2 * dispatcher._POLL < 5

"""The order of the queue, with real processes; only what a worker does is made up."""

import errno
import json
import time
from pathlib import Path

import pytest
from run_folders import write_run
from test_runs_queue import FOREVER, recipe, wait_for
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.errors import TransferLabError
from tl_core.runs import dispatcher, order, queue, reserve, standing
from tl_core.runs.locks import queue_lock, take, worker_lock
from tl_core.runs.store import get_run, waiting_runs
from tl_core.runs.worker import work_on


@pytest.fixture
def still(monkeypatch):
    """Let runs be asked for and nobody come to take them."""
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: None)
    monkeypatch.setattr(order, "ensure_dispatcher", lambda: None)


def names(runs):
    return [run.id for run in runs]


@pytest.mark.parametrize(
    ("which", "to", "expected"),
    [
        (2, "first", [2, 0, 1, 3]),
        (2, "up", [0, 2, 1, 3]),
        (1, "down", [0, 2, 1, 3]),
        (1, "last", [0, 2, 3, 1]),
        (0, "up", [0, 1, 2, 3]),
        (3, "down", [0, 1, 2, 3]),
    ],
)
def test_a_waiting_run_moves(still, which, to, expected):
    runs = [queue.submit(recipe()) for _ in range(4)]
    expected = [runs[number].id for number in expected]
    assert names(order.move(runs[which], to)) == expected
    assert names(waiting_runs()) == expected


def test_later_runs_wait_behind_the_others_even_if_the_clock_was_set_back(still, monkeypatch):
    first = queue.submit(recipe())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    second = queue.submit(recipe())
    assert second.status.created < first.status.created
    assert names(waiting_runs()) == [first.id, second.id]
    order.move(first, "last")
    third = queue.submit(recipe())
    assert names(waiting_runs()) == [second.id, first.id, third.id]


def test_runs_asked_for_before_places_existed_wait_in_the_order_of_their_times(still):
    for name, created in (("b", 2.0), ("a", 3.0), ("c", 1.0)):
        write_run(name, state="queued", created=created)
    assert names(waiting_runs()) == ["c", "b", "a"]


def test_what_is_moved_to_the_front_is_taken_next_and_what_is_held_is_passed_over(journal):
    going, second, third, fourth = (queue.submit(recipe(n)) for n in (FOREVER, 1, 1, 1))
    wait_for(going, "running")
    assert order.hold(second).status.held
    order.move(fourth, "first")
    queue.stop(going)
    wait_for(third, "finished")
    assert [id_ for event, id_ in journal() if event == "begin"] == [going.id, fourth.id, third.id]
    assert get_run(second.id).status.state == "queued"
    assert not order.release(second).status.held
    wait_for(second, "finished")


def test_a_held_run_alone_keeps_no_process_and_its_release_starts_one(journal, monkeypatch):
    started = []
    monkeypatch.setattr(order, "ensure_dispatcher", lambda: started.append("released"))
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: started.append("looked"))
    run = order.hold(write_run(state="queued"))
    queue.refresh()
    assert started == []
    # Returns, since there is nothing to do.
    dispatcher.dispatch(("false",))
    assert get_run(run.id).status.state == "queued"
    order.release(run)
    queue.refresh()
    assert started == ["released", "looked"]


def test_a_worker_on_its_way_leaves_a_run_that_was_held_meanwhile(still):
    run = order.hold(queue.submit(recipe()))
    assert work_on(run.folder, lambda *_: pytest.fail("it was worked on")) is None
    assert get_run(run.id).status.state == "queued"


def test_a_run_held_and_released_while_its_worker_was_on_its_way_is_not_failed(still):
    run = queue.submit(recipe())
    at_work = dispatcher._Dispatcher(("true",))
    at_work.step()
    at_work._children[0].process.wait()
    at_work._worker = ("sleep", "60")
    try:
        assert at_work.step()
        assert get_run(run.id).status.state == "queued"
        assert len(at_work._children) == 1
    finally:
        for child in at_work._children:
            child.process.kill()
            child.process.wait()


@pytest.mark.parametrize(
    ("state", "said"),
    [("running", "training"), ("stopped", "stopped"), ("finished", "finished")],
)
def test_only_what_waits_can_be_moved_or_held(state, said):
    run = write_run(state=state)
    for change in (order.hold, order.release, lambda run: order.move(run, "first")):
        with pytest.raises(TransferLabError, match=f"is {said}; only a run that waits"):
            change(run)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_cannot_be_stored_of_a_run_is_a_sentence(still, monkeypatch, state):
    other, run = write_run("other", state="queued"), write_run("run", state=state)
    lock = worker_lock(run.folder)
    assert state == "queued" or take(lock)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "status.json")

    # Root may write everywhere, so the system's refusal is made up.
    monkeypatch.setattr(reserve, "write_text", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    changes = [queue.stop]
    if state == "queued":
        changes += [order.hold, order.release, lambda run: order.move(run, "first")]
    for change in changes:
        with pytest.raises(TransferLabError, match=r"run cannot be changed \(Permission denied\)"):
            change(run)
    assert get_run("run").status.state == state
    assert get_run(other.id).waits
    lock.release()


def test_a_held_run_can_be_stopped_and_is_held_no_more(still):
    run = order.hold(queue.submit(recipe()))
    stopped = queue.stop(run)
    assert (stopped.status.state, stopped.status.held) == ("stopped", False)


def test_the_queue_from_the_shell(still):
    first, second = queue.submit(recipe()), queue.submit(recipe())
    write_run("at-work", state="running")

    def tl(*arguments):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert tl("move", second.id, "first").index(second.id) < tl("queue").index(first.id)
    tl("hold", first.id)
    listed = json.loads(tl("queue", "--json"))
    assert [(run["run"], run["status"], run["held"]) for run in listed] == [
        (second.id, "queued", False),
        (first.id, "queued", True),
    ]
    assert "waiting, held" in tl("runs")
    tl("release", first.id)
    assert "held" not in tl("queue")


def test_a_run_that_ended_after_it_was_read_is_not_taken_for_interrupted():
    read = write_run(state="running")
    assert read.status.state == "running"
    status = read.status.model_copy(update={"state": "finished"})
    (read.folder / "status.json").write_text(status.model_dump_json())
    with queue_lock():
        assert standing.bury(read)
    assert get_run(read.id).status.state == "finished"

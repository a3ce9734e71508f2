import json
import os
import time

import pytest
from run_folders import write_run

from tl_core.errors import Stopped
from tl_core.runs.reporter import Reporter
from tl_core.runs.store import get_run


@pytest.fixture
def run():
    return write_run("run", state="running")


def test_metrics_come_at_most_four_times_a_second_and_epochs_always(run):
    reporter = Reporter(run)
    reporter.expect({"head": 1.0}, {"head": 10})
    reporter.begin("head", 1000, "images")
    started = time.monotonic()
    done = 0
    while time.monotonic() - started < 1.1:
        done = min(done + 10, 1000)
        reporter.advance(done, epoch=done / 1000, loss=1.0, accuracy=0.5, images_per_second=99.0)
        time.sleep(0.005)
    for epoch in (1, 2, 3):
        reporter.epoch(epoch, loss=1.0, val_loss=2.0, val_accuracy=0.25, seconds=0.1)
    lines = run.metrics()
    steps = [line for line in lines if line.kind == "step"]
    assert 3 <= len(steps) <= 5
    assert steps[0].step == 1
    assert steps[0].images_per_second == 99
    assert [line.epoch for line in lines if line.kind == "epoch"] == [1, 2, 3]
    assert lines[-1].val_accuracy == 0.25
    assert [line.share for line in lines] == sorted(line.share for line in lines)
    reporter.end("finished", None, None)


def test_an_epoch_s_line_is_on_the_disk_before_its_checkpoint_can_be(run, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    reporter = Reporter(run)
    reporter.begin("head", 10, "images")
    synced.clear()
    reporter.epoch(1, loss=1.0)
    metrics = (run.folder / "metrics.jsonl").stat()
    assert [(one.st_ino, one.st_size) for one in synced] == [(metrics.st_ino, metrics.st_size)]
    reporter.end("finished", None, None)


def test_steps_count_on_through_head_and_fine_tuning(run):
    reporter = Reporter(run)
    reporter.expect({}, {"head": 10, "fine-tune": 5})
    reporter.begin("head", 100, "images")
    reporter.advance(100, epoch=1.0, loss=1.0)
    reporter.begin("features", 20, "images")
    reporter.advance(20)
    reporter.begin("fine-tune", 20, "images")
    reporter.advance(20, epoch=2.0, loss=1.0)
    reporter.epoch(2, loss=1.0)
    assert run.metrics()[-1].step == 14
    assert {line.phase for line in run.metrics()} == {"head", "fine-tune"}
    reporter.end("finished", None, None)


def test_the_status_tells_phase_progress_and_what_is_left(run):
    reporter = Reporter(run)
    reporter.expect({"features": 1.0, "head": 1.0}, {})
    reporter.begin("features", 200, "images")
    time.sleep(0.3)
    reporter.advance(100, images_per_second=1234.5)
    status = get_run("run").status
    assert status.state == "running"
    assert status.phase == "features"
    assert status.message == "Computing features: 100 of 200 images, 1,234 images a second"
    assert 0 < status.share < 0.5
    # Half of the features took 0.3 s and not 0.5: the head is now thought to take as much less.
    assert status.seconds_left == pytest.approx(0.3 + 0.6, abs=0.25)
    reporter.end("finished", None, None)
    assert get_run("run").status.share == 1


def test_a_stop_is_heard_by_every_call(run):
    reporter = Reporter(run)
    reporter.begin("head", 10, "images")
    (run.folder / "stop-requested").touch()
    for call in (
        lambda: reporter.begin("test", 1, "images"),
        lambda: reporter.advance(1),
        lambda: reporter.epoch(1),
        lambda: reporter.note("a"),
    ):
        with pytest.raises(Stopped):
            call()
    reporter.end("stopped", "Stopped.", None)
    status = get_run("run").status
    assert (status.state, status.phase, status.message) == ("stopped", "head", "Stopped.")
    assert status.ended is not None


def test_seconds_add_up_also_for_a_phase_taken_up_again(run):
    reporter = Reporter(run)
    time.sleep(0.05)
    started = time.monotonic()
    for phase, seconds in (("features", 0.1), ("head", 0.05), ("features", 0.1)):
        reporter.begin(phase, 1, "images")
        time.sleep(seconds)
    seconds = reporter.seconds
    assert list(seconds) == ["start", "features", "head"]
    assert seconds["features"] >= 0.2
    assert seconds["start"] >= 0.05
    assert seconds["features"] + seconds["head"] == pytest.approx(
        time.monotonic() - started, abs=0.05
    )
    reporter.end("finished", None, None)


def test_seconds_and_lines_go_on_where_the_clock_is_set_back(run, monkeypatch):
    reporter = Reporter(run)
    reporter.expect({"head": 0.2}, {"head": 1})
    reporter.begin("head", 2, "images")
    now = time.time()
    for epoch in (1, 2):
        monkeypatch.setattr(time, "time", lambda hours=epoch: now - 3600 * hours)
        time.sleep(0.1)
        reporter.advance(epoch, loss=1.0)
        reporter.epoch(epoch, loss=1.0)
    reporter.end("finished", None, None)
    assert 0.2 <= get_run(run.id).status.seconds["head"] < 10
    times = [line.time for line in run.metrics()]
    assert times == sorted(times)
    assert 0.2 <= times[-1] < 10
    assert all(0 <= (line.seconds_left or 0) < 10 for line in run.metrics())


def test_a_note_is_kept_once(run):
    reporter = Reporter(run)
    reporter.note("The slow engine was taken.")
    reporter.note("The slow engine was taken.")
    assert reporter.notes == ("The slow engine was taken.",)
    reporter.end("finished", None, None)


def test_a_figure_that_is_no_number_leaves_a_line_that_can_be_read(run):
    reporter = Reporter(run)
    reporter.begin("head", 10, "images")
    reporter.epoch(1, loss=float("nan"), val_loss=float("inf"))
    reporter.end("finished", None, None)
    text = (run.folder / "metrics.jsonl").read_text()
    assert "NaN" not in text
    assert json.loads(text)["kind"] == "epoch"
    assert run.metrics()[0].loss is None

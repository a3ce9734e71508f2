"""`tl train` following a run in another process."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from run_folders import write_run
from test_runs_queue import wait_for
from typer.testing import CliRunner

from tl_core.cli import follow
from tl_core.cli.commands import app
from tl_core.runs import queue, standing
from tl_core.runs.locks import queue_lock
from tl_core.runs.store import get_run, list_runs
from tl_core.training.recipe import make_recipe

# A shell that starts the tests in the background has them ignore Ctrl-C, and so their children.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tl_core.cli import main
from tl_core.runs import queue
count = int(sys.argv[1])
queue._DISPATCHER = sys.argv[2:2 + count]
sys.argv[1:2 + count] = []
main()
"""


def command(*arguments: str) -> list[str]:
    """Return `tl` in a process of its own whose queue has the made-up worker."""
    dispatcher = queue._DISPATCHER
    return [sys.executable, "-c", COMMAND, str(len(dispatcher)), *dispatcher, *arguments]


def test_train_shows_plain_lines_and_prints_one_object(journal):
    arguments = ["train", "mobilenet_v2", "--dataset", "demo", "--epochs", "100", "--json"]
    result = CliRunner().invoke(app, arguments)
    shown = json.loads(result.stdout)
    assert shown["run"] == list_runs()[0].id
    # The made-up worker leaves no results, and a run without them is not taken for finished.
    assert list_runs()[0].status.state == "finished"
    assert (result.exit_code, shown["status"]) == (1, "unreadable")
    assert "Training the head: " in result.stderr
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) < 10


@pytest.mark.parametrize("kind", ["refused", "broken"])
def test_a_failed_run_exits_with_1_and_says_why(journal, tmp_path, kind):
    for name in ("cat", "dog"):
        (tmp_path / kind / name).mkdir(parents=True)
        (tmp_path / kind / name / "a.png").touch()
    dataset = f"folder:{tmp_path / kind}"
    result = CliRunner().invoke(app, ["train", "mobilenet_v2", "--dataset", dataset, "--json"])
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["status"] == "failed"
    assert shown["message"]
    assert shown["test"] is None
    text = CliRunner().invoke(app, ["train", "mobilenet_v2", "--dataset", dataset])
    assert text.exit_code == 1
    assert shown["message"] in text.stdout
    assert "Traceback" not in text.output


def test_ctrl_c_stops_the_run_and_says_so(journal):
    arguments = ["train", "mobilenet_v2", "--dataset", "demo", "--epochs", "1000"]
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as tl:
        assert tl.stderr is not None
        while "Training the head" not in tl.stderr.readline():
            assert tl.poll() is None
        tl.send_signal(signal.SIGINT)
        assert tl.wait(10) == 130
        assert "Asked run" in tl.stderr.read()
    deadline = time.monotonic() + 6
    while list_runs()[0].status.state != "stopped":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_run_goes_on_when_the_command_is_killed(journal):
    arguments = ["train", "mobilenet_v2", "--dataset", "demo", "--epochs", "100"]
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as tl:
        assert tl.stderr is not None
        while "Training the head" not in tl.stderr.readline():
            assert tl.poll() is None
        tl.kill()
    deadline = time.monotonic() + 15
    while list_runs()[0].status.state != "finished":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("ending", [signal.SIGHUP, signal.SIGKILL])
def test_the_queue_goes_on_when_the_shell_and_all_it_started_are_gone(journal, ending):
    arguments = ["train", "mobilenet_v2", "--dataset", "demo", "--epochs", "100"]
    # A shell of its own session, whose end the system tells to its whole group.
    shell = subprocess.Popen(
        ["sh", "-c", '"$@" & wait', "sh", *command(*arguments, "--detach")],
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout is not None
    run = get_run(shell.stdout.readline().strip())
    # Before its dispatcher lives, asking for another run would start one from here.
    wait_for(run, "running")
    following = queue.submit(make_recipe(backbone="vgg16", dataset="demo", epochs=1))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(shell.pid, ending)
    shell.communicate(timeout=10)
    # Nobody looks after the queue meanwhile: it moves by itself.
    wait_for(following, "finished")
    assert {run.status.state for run in list_runs()} == {"finished"}


def test_who_follows_is_told_how_many_runs_come_before_in_the_queue_s_order(own_folders):
    for number, created in enumerate((3.0, 2.0, 1.0)):
        write_run(f"run-{number}", state="queued", created=created)
        run = get_run(f"run-{number}")
        with queue_lock():
            standing.write_status(run, place=number + 1, held=number == 0)
    write_run("at-work", state="running", created=9.0)
    said = [follow._sentence(get_run(f"run-{number}")) for number in range(3)]
    assert said == [
        "Held; `tl release` lets it go on",
        "Waiting for 1 other run",
        "Waiting for 2 other runs",
    ]


def test_a_terminal_gets_a_bar(journal):
    arguments = ["train", "mobilenet_v2", "--dataset", "demo", "--epochs", "50"]
    main, terminal = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        stderr=terminal,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    ) as tl:
        os.close(terminal)
        shown = b""
        while True:
            try:
                shown += os.read(main, 4096)
            except OSError:
                break
        tl.wait(10)
    os.close(main)
    assert "━" in shown.decode()
    assert re.search(r"\d+%", shown.decode())

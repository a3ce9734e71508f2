"""Wherever somebody looks first after a worker was killed: it is never shown as running."""

import json

import pytest
from app_pages import open_page, texts
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.runs.store import get_run

RUN = "20261122-0741-mobilenet_v2-frozen-3f2a"


def tl(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def live() -> str:
    return texts(open_page("1_Train", view="Live"))


LOOKS = {
    "tl runs": lambda: tl("runs"),
    "tl runs --json": lambda: json.loads(tl("runs", "--json"))[0]["status"],
    "tl show": lambda: tl("show", RUN),
    "tl show --json": lambda: json.loads(tl("show", RUN, "--json"))["status"],
    "tl queue": lambda: tl("queue") + get_run(RUN).status.state,
    "Home": lambda: f"{open_page().table[0].value} {get_run(RUN).status.state}",
    "Live": live,
    "Compare": lambda: texts(open_page("2_Compare")) + get_run(RUN).status.state,
    "Runs": lambda: str(open_page("4_Runs").dataframe[0].value["State"][0]),
}


@pytest.mark.parametrize("look", LOOKS)
def test_the_first_look_finds_a_killed_run_interrupted(look: str) -> None:
    # As its worker left it: nobody holds its lock, and no dispatcher has seen it end.
    run = write_run(RUN, state="running")
    said = LOOKS[look]()
    assert "interrupted" in said
    assert "running" not in said and "training" not in said
    assert get_run(run.id).status.state == "interrupted"

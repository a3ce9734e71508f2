import re
from collections.abc import Callable
from pathlib import Path

import pytest
from app_pages import ROOT, open_page, texts
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from pages.parts import latest
from tl_core.runs.recorded import record
from tl_core.runs.store import list_runs


def test_with_nothing_here_one_click_trains_on_the_demo(
    journal: Callable[[], list[list[str]]],
) -> None:
    home = open_page()
    assert "Put mobilenet_v2" in " ".join(str(m.proto.help) for m in home.markdown)
    home.button(key="try_demo").click().run()
    recipes = [run.recipe for run in list_runs()]
    assert {recipe.backbone for recipe in recipes} == {"mobilenet_v2", "vgg16"}
    assert {(recipe.dataset, recipe.weights) for recipe in recipes} == {("demo", "random")}


def test_latest_runs_say_what_came_of_them(own_folders: Path) -> None:
    write_run("20261122-0741-vgg16-frozen-aaaa", backbone="vgg16", dataset="cifar100")
    write_run("20261122-0742-mobilenet_v2-frozen-bbbb", created=1_700_000_100.0)
    write_run("20261122-0743-resnet50-frozen-cccc", state="failed", backbone="resnet50")
    (own_folders / "runs" / "foreign").mkdir()
    table = open_page().table[0].value
    said = {row["Run"]: row["Top-1"] for _, row in table.iterrows()}
    demo = next(name for name in said if "bbbb" in name)
    real = next(name for name in said if "aaaa" in name)
    assert "demo data" in demo
    assert "demo data" not in real
    assert "%" in said[real]
    assert "It went wrong." in next(said[name] for name in said if "cccc" in name)
    assert "recipe.json is missing" in said["foreign"]


def test_the_next_step_follows_what_is_there(own_folders: Path) -> None:
    assert "Try it on the demo data" in texts(open_page())
    write_run("a-demo-run-1111")
    assert "Train another network" in texts(open_page())
    write_run("a-demo-run-2222", created=1_700_000_100.0)
    assert "Compare what you have trained" in texts(open_page())


def test_runs_of_different_data_are_not_offered_to_be_compared(own_folders: Path) -> None:
    write_run("a-real-run-1111", dataset="cifar100")
    assert "Train another network" in texts(open_page())
    write_run("a-folder-run-2222", dataset="folder:/pets")
    assert "Train another network" in texts(open_page())
    write_run("a-folder-run-3333", dataset="folder:/pets")
    assert "Compare what you have trained" in texts(open_page())


def test_recorded_runs_are_shown_apart_from_those_made_here(own_folders: Path) -> None:
    record(write_run("20261122-0741-vgg16-frozen-aaaa", backbone="vgg16", dataset="cifar100"))
    write_run("20261122-0742-mobilenet_v2-frozen-bbbb", dataset="cifar100")
    home = open_page()
    here, elsewhere = (table.value["Run"].tolist() for table in home.table)
    assert [("aaaa" in run, run.count("recorded")) for run in elsewhere] == [(True, 1)]
    assert not any("recorded" in run for run in here)
    link = next(link for link in home.get("page_link") if link.proto.label == "Compare them")
    assert link.proto.query_string == "runs=recorded%2F20261122-0741-vgg16-frozen-aaaa"


def test_something_unexpected_becomes_a_sentence_and_a_log(
    own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run()

    def broken(_: object) -> str:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(latest, "_name", broken)
    home = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not home.exception
    assert "unexpected" in home.error[0].value
    assert "a secret" not in home.error[0].value
    code = re.search(r"under (\w{6});", home.error[0].value)[1]
    log = (own_folders / "logs" / "app.log").read_text()
    assert f"{code}: ZeroDivisionError" in log
    assert "Traceback" in log
    assert "a secret" in log

"""The page where stored runs are managed."""

import io
import zipfile
from pathlib import Path

import pytest
from app_pages import calm, open_page, seen, tables, texts
from run_folders import write_run
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from tl_core.cli.commands import app as cli
from tl_core.exchange.archive import export_run
from tl_core.runs import about, bin, order, queue
from tl_core.runs.recorded import record
from tl_core.runs.store import get_run, list_runs, waiting_runs

NAMES = ["<script>alert(1)</script>", "**x**", "$x$", ":red[x]", "![](http://x/y.png)"]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody come to take waiting runs."""
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: None)
    monkeypatch.setattr(order, "ensure_dispatcher", lambda: None)


def page(**query: str) -> AppTest:
    return open_page("4_Runs", **query)


def rows(app: AppTest) -> list[dict[str, object]]:
    return app.dataframe[0].value.to_dict("records")


def press(app: AppTest, key: str) -> AppTest:
    return calm(app.button(key=key).click().run())


def test_without_runs_the_page_says_what_to_do() -> None:
    assert "Nothing is stored yet" in texts(page())


def test_a_link_to_a_run_that_is_not_here_says_so_once() -> None:
    write_run("a-run-1111")
    app = page(run="a-run-9999")
    assert "names the run a-run-9999, which is not here" in seen(app.warning[0].value)
    assert not calm(app.run()).warning
    assert not press(page(run="a-run-1111"), "delete_a-run-1111").warning


def test_the_table_shows_every_run_and_why_one_cannot_be_read(own_folders: Path) -> None:
    about.tag(about.rename(write_run("a-run-1111"), "Best"), ["paper"])
    write_run("a-run-2222", state="failed", created=1_600_000_000.0)
    (own_folders / "runs" / "foreign").mkdir()
    record(write_run("a-run-3333", dataset="cifar100"))
    shown = {row["Run"]: row for row in rows(page())}
    best = shown["Best · 1111"]
    assert (best["State"], best["Network"], best["Tags"]) == ("finished", "MobileNetV2", ["paper"])
    assert best["Top-1 %"] == 100 * get_run("a-run-1111").figures.top1.value
    assert best["Minutes"] == pytest.approx(53 / 60)
    assert best["Id"] == "a-run-1111"
    assert shown["MobileNetV2 · Frozen backbone · 2222"]["Remark"] == "It went wrong."
    assert shown["foreign"]["State"] == "unreadable"
    assert "recipe.json is missing" in shown["foreign"]["Remark"]
    assert any("recorded" in name for name in shown)
    # What a run has no figure of is a dash, as on the command line.
    assert page().dataframe[0].proto.placeholder == "–"


def test_waiting_runs_change_places_and_are_held_released_and_stopped(still: None) -> None:
    first, second, third = (
        write_run(f"run-{n}", state="queued", created=float(n)).id for n in (1, 2, 3)
    )
    app = page()

    def shown() -> list[str]:
        return [run.id for run in waiting_runs()]

    app = press(app, f"first_{third}")
    assert shown() == [third, first, second]
    app = press(app, f"down_{third}")
    app = press(app, f"up_{second}")
    assert shown() == [first, second, third]
    app = press(app, f"last_{first}")
    assert shown() == [second, third, first]
    app = press(app, f"hold_{second}")
    assert get_run(second).status.held
    assert "held" in texts(app)
    app = press(app, f"release_{second}")
    assert not get_run(second).status.held
    app = press(app, f"stop_{third}")
    assert get_run(third).status.state == "stopped"
    assert f"stop_{third}" not in {button.key for button in app.button}


def test_a_chosen_run_shows_what_came_of_it() -> None:
    run = write_run("a-run-1111", recipe={"dropout": 0.25})
    outcome = run.outcome
    data = outcome.dataset.model_copy(update={"skipped": ("birds/3.png: it is cut off",)})
    changed = outcome.model_copy(update={"dataset": data, "notes": ("Something fell back.",)})
    (run.folder / "outcome.json").write_text(changed.model_dump_json())
    app = page(run=run.id)
    said = texts(app)
    assert f"Top-1 **{100 * run.figures.top1.value:.1f} %**" in said
    assert "Something fell back." in said
    assert "birds/3.png: it is cut off" in said
    (recipe,) = tables(app)
    assert {"Choice": "Dropout", "Value": "0.25"} in recipe
    told = CliRunner().invoke(cli, ["show", "1111"]).output
    assert "birds/3.png: it is cut off" in told
    written = write_run("a-run-2222", state="failed")
    assert "Top-1" not in texts(page(run=written.id))


def test_a_chosen_run_is_stopped_resumed_and_trained_again(still: None) -> None:
    run = write_run("run-1", state="queued")
    app = press(page(run=run.id), f"chosen_stop_{run.id}")
    assert get_run(run.id).status.state == "stopped"
    press(app, f"chosen_resume_{run.id}")
    assert get_run(run.id).waits
    old = write_run("old-1", created=1.0, recipe={"dropout": 0.25})
    app = page(run=old.id)
    app.number_input(key=f"seed_{old.id}").set_value(7).run()
    press(app, f"again_{old.id}")
    (new,) = [one for one in list_runs() if one.id not in (run.id, old.id)]
    assert (new.recipe.seed, new.recipe.dropout) == (7, 0.25)


def test_a_run_from_elsewhere_is_not_resumed_or_trained_again() -> None:
    run = write_run("foreign-1", state="stopped")
    (run.folder / "imported.json").write_text('{"at": 1, "by": "0.1"}')
    keys = {button.key for button in page(run=run.id).button}
    assert not keys & {f"chosen_resume_{run.id}", f"again_{run.id}"}


def test_a_run_taken_meanwhile_gives_a_sentence(still: None) -> None:
    run = write_run("run-1", state="queued")
    app = page()
    write = run.folder / "status.json"
    write.write_text(write.read_text().replace("queued", "stopped"))
    app.button(key="hold_run-1").click().run()
    assert "only a run that waits" in seen(app.error[0].value)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_a_tag_and_a_note_are_kept_and_shown_as_text(name: str) -> None:
    run = write_run("a-run-1111")
    app = page(run=run.id)
    app.text_input[0].set_value(name)
    app.multiselect[0].set_value([name])
    app.text_area[0].set_value(f"{name}\n{name}")
    app = calm(app.button[[b.label for b in app.button].index("Save")].click().run())
    said = get_run(run.id).about
    assert (said.name, said.tags, said.note) == (name, (name,), f"{name}\n{name}")
    assert rows(app)[0]["Run"] == f"{name} · 1111"
    for element in (*app.markdown, *app.caption):
        assert name not in element.value
        assert not element.allow_html
    assert name in texts(app)
    home = open_page()
    assert name in seen(str(home.table[0].value["Run"][0]))
    assert name not in str(home.table[0].value["Run"][0])


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_in_the_queue_the_bin_and_the_live_view(still: None, name: str) -> None:
    about.rename(write_run("a-run-1111", state="queued"), name)
    bin.delete(about.rename(write_run("a-run-2222"), f"{name} 2"))
    for app, names in (
        (page(), (f"{name} · 1111", f"{name} 2 · 2222")),
        (open_page("1_Train", view="Live"), (f"{name} · 1111",)),
    ):
        for element in (*app.markdown, *app.caption):
            assert name not in element.value
            assert not element.allow_html
        for shown in names:
            assert shown in texts(app)


def test_what_cannot_be_kept_is_refused_with_a_sentence() -> None:
    run = write_run("a-run-1111")
    app = page(run=run.id)
    app.text_input[0].set_value("a\u202eb")
    app.button[[b.label for b in app.button].index("Save")].click().run()
    assert "turn the direction of writing" in seen(app.error[0].value)
    assert get_run(run.id).about.name is None


def test_a_run_goes_to_the_bin_and_comes_back_and_the_bin_is_emptied() -> None:
    run = write_run("a-run-1111")
    app = press(page(run=run.id), f"delete_{run.id}")
    assert list_runs() == []
    [deleted] = bin.binned()
    app = press(app, f"restore_{deleted.run.folder.name}")
    assert [one.id for one in list_runs()] == [run.id]
    bin.delete(run)
    press(page(), "empty_bin")
    assert bin.binned() == []


def test_an_unreadable_run_says_why_and_can_be_deleted(own_folders: Path) -> None:
    (own_folders / "runs" / "foreign").mkdir(parents=True)
    app = page(run="foreign")
    assert "recipe.json is missing" in texts(app)
    press(app, "delete_foreign")
    assert list_runs() == []


def test_a_recorded_run_can_be_exported_and_trained_again_but_not_changed() -> None:
    run = record(write_run("a-run-1111", dataset="cifar100"))
    app = page(run=run.id)
    assert not [b for b in app.button if b.key and b.key.startswith(("delete_", "FormSubmitter"))]
    assert not app.text_input
    assert app.get("download_button")
    assert app.button(key=f"again_{run.id}")


def test_an_archive_is_taken_in_or_refused_with_a_sentence(tmp_path: Path) -> None:
    run = write_run("a-run-1111")
    export_run(run, tmp_path / "run.zip")
    bin.delete(run)
    app = page()
    app.file_uploader[0].upload("run.zip", (tmp_path / "run.zip").read_bytes()).run()
    app = press(app, "take_in")
    assert "is here" in seen(app.success[0].value)
    assert get_run(run.id).imported
    assert "imported" in str(rows(page())[0]["Run"])
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("../evil", "")
    app = page()
    app.file_uploader[0].upload("evil.zip", hostile.getvalue()).run()
    app.button(key="take_in").click().run()
    assert "'../evil'" in seen(app.error[0].value)

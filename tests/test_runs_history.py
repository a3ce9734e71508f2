"""What people call runs, and the bin."""

import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.errors import TransferLabError
from tl_core.files import write_text
from tl_core.runs import about, bin, measuring, queue
from tl_core.runs.cost import Measured
from tl_core.runs.documents import About, Outcome
from tl_core.runs.locks import take, worker_lock
from tl_core.runs.names import run_title
from tl_core.runs.store import Run, get_run, list_runs
from tl_core.runs.summary import summary
from tl_core.training.recipe import make_recipe

HOSTILE = ["<script>alert(1)</script>", "**x**", "$x$", ":red[x]", "[a](http://b)", "a\\b `c`"]


def tl(*arguments: str, fails: bool = False) -> str:
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code != 0) is fails, done.output
    return done.output if fails else done.stdout


def test_a_run_is_called_tagged_and_noted_and_forgets_it_again() -> None:
    run = write_run()
    assert run_title(run) == "MobileNetV2 · Frozen backbone · 3f2a"
    about.rename(run, "  Best so far ")
    about.tag(run, ["paper", "cat pictures"])
    about.tag(run, ["paper"], remove=["never there"])
    run = about.annotate(run, "one line\r\nand another\n")
    assert run.about == About(
        name="Best so far", tags=("paper", "cat pictures"), note="one line\nand another"
    )
    assert run_title(run) == "Best so far · 3f2a"
    told = summary(run)
    assert (told["name"], told["tags"]) == ("Best so far", ["paper", "cat pictures"])
    assert told["note"] == "one line\nand another"
    run = about.annotate(about.tag(about.rename(run, ""), remove=["paper", "cat pictures"]), "")
    assert run.about == About()
    assert run_title(run) == "MobileNetV2 · Frozen backbone · 3f2a"


@pytest.mark.parametrize("text", HOSTILE)
def test_names_tags_and_notes_come_back_as_they_were_given(text: str) -> None:
    run = about.annotate(about.tag(about.rename(write_run(), text), [text]), text)
    assert (run.about.name, run.about.tags, run.about.note) == (text, (text,), text)
    for said in (tl("runs"), tl("show", run.id)):
        assert text in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: about.rename(run, "x" * 61), "The name is longer than 60 characters"),
        (lambda run: about.rename(run, "a\nb"), "The name is not one line"),
        (lambda run: about.rename(run, "a\x1b[2Jb"), "characters that cannot be shown"),
        (lambda run: about.rename(run, "a\u202eb"), "turn the direction of writing"),
        (lambda run: about.tag(run, ["x" * 31]), "A tag is longer than 30 characters"),
        (lambda run: about.tag(run, [" "]), "A tag is empty"),
        (lambda run: about.tag(run, map(str, range(21))), "at most 20 tags"),
        (lambda run: about.annotate(run, "x" * 4001), "The note is longer than 4,000 characters"),
        (lambda run: about.annotate(run, "\x07"), "characters that cannot be shown"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_nothing_changes(change, words) -> None:
    run = about.rename(write_run(), "before")
    with pytest.raises(TransferLabError, match=words):
        change(run)
    assert get_run(run.id).about == About(name="before")


def test_a_damaged_description_makes_a_run_unreadable_and_leaves_the_others_alone() -> None:
    run = write_run()
    write_run("another")
    (run.folder / "about.json").write_text('{"version": 1, "name": "a\\u001b[2J"}')
    by_id = {one.id: one.problem for one in list_runs()}
    assert "about.json is damaged or foreign (name" in (by_id[run.id] or "")
    assert by_id["another"] is None


def test_a_deleted_run_comes_back_whole_with_its_name() -> None:
    run = about.rename(write_run(), "dear")
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    bin.delete(run)
    assert list_runs() == []
    assert [one.run.id for one in bin.binned()] == [run.id]
    assert bin.binned()[0].size == sum(map(len, before.values()))
    assert abs(bin.binned()[0].deleted - time.time()) < 60
    back = bin.restore("3f2a")
    assert {path.name: path.read_bytes() for path in back.folder.iterdir()} == before
    assert get_run(run.id).about.name == "dear"
    assert bin.binned() == []


def test_the_bin_holds_several_runs_of_one_id_and_gives_back_the_last() -> None:
    for seed in (1, 2):
        bin.delete(write_run("same", seed=seed))
    kept = write_run("same", seed=3)
    with pytest.raises(TransferLabError, match="There is a run same already"):
        bin.restore("same")
    bin.delete(kept)
    assert len(bin.binned()) == 3
    written = (bin.binned()[0].run.folder / "evaluation.json").read_bytes()
    assert (bin.restore("same").folder / "evaluation.json").read_bytes() == written
    with pytest.raises(TransferLabError, match="no run 'other' in the bin"):
        bin.restore("other")


@pytest.mark.parametrize(("state", "back"), [("queued", "stopped"), ("running", "interrupted")])
def test_what_waited_or_worked_comes_back_without_starting(state, back, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: started.append(1))
    bin.delete(write_run(state=state))
    queue.refresh()
    assert bin.restore("3f2a").status.state == back
    queue.refresh()
    assert started == []


def test_a_run_at_work_is_not_deleted() -> None:
    run = write_run(state="running")
    lock = worker_lock(run.folder)
    assert take(lock)
    with pytest.raises(TransferLabError, match="is at work; stop it first"):
        bin.delete(run)
    lock.release()
    assert get_run(run.id).id == run.id


def test_a_damaged_run_can_be_deleted_and_restored() -> None:
    run = write_run()
    (run.folder / "status.json").write_text("{")
    bin.delete(run)
    assert bin.restore(run.id).problem is not None


def test_emptying_the_bin_frees_it_and_touches_nothing_else(tmp_path: Path) -> None:
    kept, doomed = write_run("kept"), write_run("doomed")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = kept.folder.with_name("link")
    link.symlink_to(elsewhere)
    bin.delete(doomed)
    bin.delete(get_run("link"))
    size = sum(one.size for one in bin.binned())
    assert bin.empty() == size > 1000
    assert bin.binned() == []
    assert elsewhere.is_dir()
    assert kept.problem is None
    # Freed, and not only put out of sight.
    folders = [path.name for path in kept.folder.parent.iterdir() if path.is_dir()]
    assert sorted(folders) == [".bin", "kept"]


def test_timing_does_not_bring_a_deleted_run_back(monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run()
    run.model_path.touch()
    info = run.outcome.dataset
    here = {"machine": measuring.machine(), "versions": measuring.versions()}
    write_text(run.folder / "outcome.json", run.outcome.model_copy(update=here).model_dump_json())

    def deleted_meanwhile(run: Run, *_: object) -> Measured:
        bin.delete(run)
        return Measured(1.0, 1.0, 1.0, 1.0, 1.0, 1)

    monkeypatch.setattr(measuring, "open_data", lambda *_: None)
    monkeypatch.setattr(measuring, "dataset_info", lambda _: info)
    monkeypatch.setattr(measuring, "measure_model", deleted_meanwhile)
    with pytest.raises(TransferLabError, match="somebody deleted it"):
        measuring.measure_again(Run(run.id, run.folder))
    assert not run.folder.exists()


def test_the_bin_is_looked_at_while_another_process_empties_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bin.delete(write_run())
    real = Path.lstat

    def gone(path: Path) -> os.stat_result:
        if path.name == "predictions.npz":
            path.unlink()
        return real(path)

    monkeypatch.setattr(Path, "lstat", gone)
    (one,) = bin.binned()
    assert one.size > 0


def test_history_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    run, other = write_run(), write_run("another", created=1.0)
    assert "Best · 3f2a" in tl("rename", run.id, "Best")
    assert "paper" in tl("tag", run.id, "paper", "old")
    assert tl("tag", run.id, "old", "--remove").strip() == f"{run.id}: paper"
    tl("note", run.id, "kept for the paper")
    assert "kept for the paper" in tl("show", run.id)
    assert [one["run"] for one in json.loads(tl("runs", "--tag", "paper", "--json"))] == [run.id]
    assert "Best #paper" in tl("runs")
    assert "tl restore" in tl("delete", run.id)
    assert "In the bin: 1 of 0." in CliRunner().invoke(app, ["runs"]).output
    assert "Best #paper" in tl("bin")
    assert "in the bin" in tl("doctor")
    tl("restore", run.id)
    tl("delete", other.id)
    told = json.loads(tl("bin", "--json"))
    assert [one["run"] for one in told["runs"]] == ["another"]
    assert json.loads(tl("bin", "--empty", "--json")) == {"freed_bytes": told["bytes"]}
    assert tl("bin").strip() == "The bin is empty."
    monkeypatch.setattr(sys, "stdin", None)
    assert "no run 'another'" in tl("restore", "another", fails=True)


def test_a_list_reads_few_documents_and_builds_no_confusion_matrix(monkeypatch) -> None:
    """Time is measured by benchmarks/history.py; here, what the time goes into is counted."""
    template = write_run("template", classes=100, test=1000)
    texts = {path.name: path.read_bytes() for path in template.folder.glob("*.json")}
    for number in range(100):
        folder = template.folder.with_name(f"run-{number:03}")
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_bytes(text)
    opened: list[str] = []
    watching = [True]

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(arguments[0]).endswith(".json"):
            opened.append(Path(str(arguments[0])).name)

    sys.addaudithook(audit)
    try:
        for _ in range(2):
            rows = [summary(run) for run in list_runs()]
    finally:
        watching.clear()
    assert len(rows) == 101
    assert all(row["test"]["images"] == 1000 for row in rows)
    # Once each, although listed twice: documents are kept as long as their files are the same.
    expected = ("recipe.json", "status.json", "outcome.json", "evaluation.json")
    assert {name: opened.count(name) for name in set(opened)} == dict.fromkeys(expected, 101)
    assert Outcome.model_fields.keys() >= {"cost"}
    assert all("evaluation" not in vars(run) for run in list_runs())


def test_a_new_run_takes_no_name_that_a_run_has_or_had_before_the_bin(
    journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: None)
    # Its own draws alone: files that are being written draw names too.
    drawn = iter(["aaaa", "bbbb", "aaaa", "bbbb", "cccc"])
    monkeypatch.setattr(queue, "secrets", SimpleNamespace(token_hex=lambda _: next(drawn)))
    monkeypatch.setattr(queue.time, "strftime", lambda *_: "20261122-0741")
    recipe = make_recipe(backbone="vgg16", dataset="demo")
    first, second = queue.submit(recipe), queue.submit(recipe)
    bin.delete(first)
    third = queue.submit(recipe)
    assert [run.id[-4:] for run in (first, second, third)] == ["aaaa", "bbbb", "cccc"]
    bin.restore(first.id)
    assert {run.id for run in list_runs()} == {first.id, second.id, third.id}

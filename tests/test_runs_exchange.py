"""Runs as archives: what comes back is what was sent."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from run_archives import edited, left_here, parts_of, refused, written
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.compare.pictures import test_set
from tl_core.errors import TransferLabError
from tl_core.exchange import importing
from tl_core.exchange.archive import export_run
from tl_core.exchange.importing import import_run
from tl_core.runs import about, queue
from tl_core.runs.bin import delete
from tl_core.runs.locks import queue_lock
from tl_core.runs.names import run_title
from tl_core.runs.recorded import record
from tl_core.runs.store import get_run, list_runs
from tl_core.runs.summary import summary


def test_a_run_comes_back_as_it_was_sent_and_marked(tmp_path: Path) -> None:
    run = about.tag(about.rename(write_run(), "Best <b>"), ["paper"])
    (run.folder / "log.txt").write_text("said")
    (run.folder / "environment.json").write_text('{"TL_DATA_DIR": "/secret"}')
    (run.folder / ".worker.lock").touch()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    manifest = export_run(run, tmp_path / "run.zip")
    assert not any(b"/secret" in part for part in parts_of(tmp_path / "run.zip").values())
    assert manifest.files.keys() == before.keys() - {"environment.json", ".worker.lock"}
    assert {n: e.sha256 for n, e in manifest.files.items()} == {
        name: hashlib.sha256(before[name]).hexdigest() for name in manifest.files
    }
    told = summary(run)
    delete(run)
    back = import_run(tmp_path / "run.zip")
    assert back.imported
    assert "imported" in run_title(get_run(back.id))
    assert get_run(back.id).about == run.about
    again = summary(get_run(back.id))
    assert again == told | {"imported": True, "folder": again["folder"]}
    for name in ("recipe.json", "predictions.npz", "metrics.jsonl", "log.txt", "evaluation.json"):
        assert (back.folder / name).read_bytes() == before[name], name
    assert left_here() == sorted([".bin", run.id])
    with pytest.raises(TransferLabError, match="made elsewhere; record the runs made here"):
        record(get_run(back.id))


def test_what_a_run_says_of_its_validation_is_found_anew(sent: Path, tmp_path: Path) -> None:
    parts = parts_of(sent)
    told = json.loads(parts["outcome.json"])
    change = edited("outcome.json", lambda o: o.update(val_accuracy=1.0, val_loss=0.0))
    run = import_run(written(tmp_path / "better.zip", change(parts)))
    assert run.outcome.val_accuracy == told["val_accuracy"] < 1
    assert run.outcome.val_loss == told["val_loss"] > 0


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted"])
def test_a_run_without_results_can_travel_too(tmp_path: Path, state) -> None:
    run = write_run(state=state)
    export_run(run, tmp_path / "run.zip")
    delete(run)
    back = import_run(tmp_path / "run.zip")
    assert back.status.state == state
    # Its recipe may name a folder here, which its sender should not have read.
    with pytest.raises(TransferLabError, match="made elsewhere and is not gone on with"):
        queue.resume(back)


@pytest.mark.parametrize(("state", "said"), [("queued", "waiting"), ("running", "training")])
def test_a_run_that_has_not_ended_is_not_sent(tmp_path: Path, state, said) -> None:
    with pytest.raises(TransferLabError, match=f"is {said}; it can be exported when it has ended"):
        export_run(write_run(state=state), tmp_path / "run.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_an_open_file_will_do_and_a_run_of_the_same_id_is_not_replaced(sent: Path) -> None:
    run = import_run(io.BytesIO(sent.read_bytes()))
    refused(sent, f"There is a run {run.id} already; delete it first")
    assert get_run(run.id).problem is None


def test_runs_are_taken_in_one_at_a_time(
    sent: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_PATIENCE", 0.1)
    with (
        FileLock(own_folders / "runs" / ".imports.lock"),
        pytest.raises(TransferLabError, match="Another run is being taken in"),
    ):
        import_run(sent)
    assert import_run(sent).imported


def test_the_archive_is_opened_by_the_tools_of_others(tmp_path: Path) -> None:
    export_run(write_run(), tmp_path / "run.zip")
    shown = subprocess.run(
        [sys.executable, "-m", "zipfile", "-t", str(tmp_path / "run.zip")], capture_output=True
    )
    assert b"Done testing" in shown.stdout


def test_what_a_killed_import_left_is_swept_and_one_at_work_is_not(own_folders: Path) -> None:
    (own_folders / "runs").mkdir(parents=True)
    with importing._building() as folder:
        (own_folders / "runs" / ".importing-dead").mkdir()
        with queue_lock():
            queue.sweep()
        assert left_here() == [folder.name]
    assert left_here() == []
    assert list_runs() == []


def test_a_folder_of_pictures_named_by_a_foreign_run_is_not_opened(
    sent: Path, tmp_path: Path
) -> None:
    name = f"folder:{tmp_path}"
    parts = edited("recipe.json", lambda r: r.update(dataset=name))(parts_of(sent))
    parts = edited("outcome.json", lambda o: o["dataset"].update(name=name))(parts)
    run = import_run(written(tmp_path / "run.zip", parts))

    def opened(*_: object) -> None:
        pytest.fail("it was opened")

    with pytest.raises(TransferLabError, match="made elsewhere from a folder of pictures"):
        test_set(run, lambda: (), opened)


def test_export_and_import_from_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = write_run()
    run.model_path.write_bytes(b"a model")
    told = CliRunner().invoke(app, ["export", "3f2a", "--no-model"])
    assert told.exit_code == 0, told.output
    assert "model.keras" not in parts_of(tmp_path / f"{run.id}.zip")
    CliRunner().invoke(app, ["export", "3f2a", "-o", "whole.zip"])
    assert "model.keras" in parts_of(tmp_path / "whole.zip")
    delete(run)
    told = CliRunner().invoke(app, ["import", f"{run.id}.zip"])
    assert "marked as imported" in told.stdout
    assert "(imported)" in CliRunner().invoke(app, ["runs"]).stdout
    for words, file in (("cannot be read", "missing.zip"), ("already", f"{run.id}.zip")):
        failed = CliRunner().invoke(app, ["import", file])
        assert failed.exit_code == 1
        assert words in failed.output

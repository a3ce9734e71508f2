import time
from pathlib import Path

import numpy as np
import pytest
from run_folders import write_run

from tl_core.errors import TransferLabError
from tl_core.runs.store import get_run, list_runs


def test_there_are_no_runs_before_the_first(own_folders):
    assert list_runs() == []


def test_runs_come_newest_first_whatever_they_are_called(own_folders):
    for name, created in (("b", 2.0), ("a", 3.0), ("c", 1.0)):
        write_run(name, created=created, state="stopped")
    assert [run.id for run in list_runs()] == ["a", "b", "c"]


def test_a_finished_run_reads_as_it_was_written():
    written = write_run(classes=10, test=200)
    run = get_run(written.id)
    assert run.problem is None
    assert run.recipe.backbone == "mobilenet_v2"
    assert run.status.state == "finished"
    assert run.outcome is not None
    assert run.outcome.dataset.is_demo
    probabilities, labels = run.predictions()
    assert probabilities.shape == (200, 10)
    assert probabilities.dtype == np.float32
    assert run.evaluation is not None
    assert run.evaluation.top1.value == (probabilities.argmax(1) == labels).mean()
    assert [line.epoch for line in run.metrics()] == [1.0, 2.0]


def test_a_run_not_finished_has_no_results():
    run = write_run(state="queued")
    assert run.problem is None
    assert run.outcome is None
    assert run.evaluation is None
    assert run.metrics() == []
    assert run.log() == ""
    with pytest.raises(TransferLabError, match="has no predictions"):
        run.predictions()


def test_a_stop_that_was_asked_for_shows_at_once():
    run = write_run(state="running")
    (run.folder / "stop-requested").touch()
    assert get_run(run.id).status.state == "stopping"


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _truncated(name: str):
    return lambda folder: (folder / name).write_text((folder / name).read_text()[:40])


def _newer(folder: Path) -> None:
    path = folder / "status.json"
    path.write_text(path.read_text().replace('"version":1', '"version":7'))


def _unknown_backbone(folder: Path) -> None:
    path = folder / "recipe.json"
    path.write_text(path.read_text().replace("mobilenet_v2", "lenet"))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_emptied, "recipe.json is missing"),
        (_truncated("recipe.json"), "recipe.json is damaged or foreign"),
        (_truncated("status.json"), "status.json is damaged or foreign"),
        (_truncated("outcome.json"), "outcome.json is damaged or foreign"),
        (_truncated("evaluation.json"), "evaluation.json is damaged or foreign"),
        (lambda f: (f / "status.json").write_bytes(b"\xff\x00"), "status.json is damaged"),
        (lambda f: (f / "outcome.json").unlink(), "outcome.json is missing"),
        (_newer, "status.json has version 7"),
        (_unknown_backbone, "There is no backbone 'lenet'"),
    ],
)
def test_a_damaged_run_says_why_and_leaves_the_others_alone(harm, words):
    write_run("good", created=1.0)
    damaged = write_run("damaged", created=2.0)
    assert get_run("damaged").problem is None
    harm(damaged.folder)
    by_id = {run.id: run for run in list_runs()}
    assert words in (by_id["damaged"].problem or "")
    assert by_id["damaged"].outcome is None
    assert by_id["damaged"].evaluation is None
    assert by_id["good"].problem is None


def test_a_foreign_folder_comes_last_and_files_and_hidden_folders_do_not_count(own_folders):
    write_run("good")
    (own_folders / "runs" / "holiday pictures").mkdir()
    (own_folders / "runs" / ".building-x").mkdir()
    (own_folders / "runs" / "notes.txt").touch()
    assert [(run.id, run.problem is None) for run in list_runs()] == [
        ("good", True),
        ("holiday pictures", False),
    ]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"])
def test_damaged_predictions_are_an_error_that_says_so(content):
    run = write_run()
    (run.folder / "predictions.npz").write_bytes(content)
    with pytest.raises(TransferLabError, match=r"predictions.npz of run .* is damaged"):
        run.predictions()


def test_predictions_that_do_not_fit_each_other_are_refused():
    run = write_run()
    np.savez(
        run.folder / "predictions.npz", probabilities=np.ones((3, 2)), labels=np.zeros(4, np.int64)
    )
    with pytest.raises(TransferLabError, match=r"\(3, 2\).*\(4,\)"):
        run.predictions()
    with pytest.raises(TransferLabError, match="holds no 'validation_probabilities"):
        run.validation_predictions()


def test_predictions_never_unpickle(tmp_path):
    run = write_run()
    np.savez(
        run.folder / "predictions.npz",
        probabilities=np.array([{"an": "object"}], dtype=object),
        labels=np.zeros(1, np.int64),
    )
    with pytest.raises(TransferLabError, match="is damaged"):
        run.predictions()


def test_a_line_of_metrics_cut_short_is_passed_over():
    run = write_run()
    path = run.folder / "metrics.jsonl"
    first, second = path.read_text().splitlines()
    path.write_text(f"{first[:30]}\n{first}\n{second}\n{second[:50]}")
    assert [line.epoch for line in run.metrics()] == [1.0, 2.0]


def test_a_run_is_found_by_the_beginning_or_end_of_its_name():
    write_run("20261122-0741-vgg16-frozen-3f2a", state="stopped", backbone="vgg16")
    write_run("20261122-0742-mobilenet_v2-frozen-77aa", state="stopped")
    assert get_run("20261122-0741").id.endswith("3f2a")
    assert get_run("77aa").id.endswith("77aa")
    with pytest.raises(TransferLabError, match="means 2 runs"):
        get_run("2026")
    for name in ("nothing", "", "../runs/20261122-0741-vgg16-frozen-3f2a"):
        with pytest.raises(TransferLabError, match="There is no run"):
            get_run(name)


def test_a_thousand_runs_are_listed_in_under_half_a_second():
    template = write_run("template")
    texts = {
        name: (template.folder / name).read_bytes()
        for name in ("recipe.json", "status.json", "outcome.json", "evaluation.json")
    }
    for number in range(1000):
        folder = template.folder.with_name(f"run-{number:04}")
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_bytes(text)
    started = time.process_time()
    runs = list_runs()
    assert len(runs) == 1001
    assert time.process_time() - started < 0.5


def test_a_version_of_any_length_is_told_in_a_sentence():
    run = write_run()
    (run.folder / "status.json").write_text('{"version": "' + "a" * 10_000 + '"}')
    problem = get_run(run.id).problem
    assert "status.json has version 'aaa" in problem
    assert len(problem) < 200

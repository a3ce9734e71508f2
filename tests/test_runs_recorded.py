import json
from pathlib import Path

import numpy as np
import pytest
from run_folders import write_run

from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.evaluation.ranking import rank_of_label, top_answers
from tl_core.runs import bin, queue
from tl_core.runs.analysis import ANALYSIS, Analysis
from tl_core.runs.recorded import find_run, record, recorded_runs, rounded
from tl_core.runs.store import get_run, list_runs
from tl_core.wording import percent


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def test_rounding_changes_no_answer_in_the_top_five():
    rng = np.random.default_rng(0)
    # Nearly equal answers, certain ones, and exact ties: where float16 parts or joins them.
    for chances in (
        softmax(rng.normal(scale=1e-3, size=(300, 20))),
        softmax(rng.normal(scale=20, size=(300, 20))),
        np.repeat(softmax(rng.normal(size=(30, 4))), 5, axis=1) / 5,
    ):
        half = rounded(chances)
        assert half.dtype == np.float16
        assert np.array_equal(top_answers(half, 5), top_answers(chances, 5))
        assert np.abs(half - chances).max() < 1e-3
        labels = rng.integers(0, 20, len(chances))
        before, after = rank_of_label(chances, labels), rank_of_label(half, labels)
        assert np.array_equal(before == 0, after == 0)
        assert np.array_equal(before < 5, after < 5)


def test_unlikely_answers_are_rounded_further_and_stay_near():
    chances = softmax(np.random.default_rng(2).normal(scale=4, size=(500, 100)))
    half = rounded(chances).astype(np.float32)
    unlikely = (chances < 1 / 70) & (chances > 1e-4)
    best = np.zeros_like(unlikely)
    np.put_along_axis(best, top_answers(chances, 6), True, axis=1)
    rest = unlikely & ~best
    error = np.abs(half - chances)[rest] / chances[rest]
    assert 0.02 < error.max() < 0.035
    # All but those that would have come above the sixth.
    assert (half[rest].astype(np.float16).view(np.uint16) % 64 == 0).mean() > 0.98
    assert np.abs(half - chances)[~rest].max() < 1e-3
    labels = (chances.cumsum(1) > np.random.default_rng(3).random((500, 1))).argmax(1)
    names = tuple(map(str, range(100)))
    before, after = (evaluate(given, labels, names).loss for given in (chances, half))
    assert after == pytest.approx(before, abs=3e-3)


def test_plain_rounding_would_have_changed_answers():
    chances = softmax(np.random.default_rng(0).normal(scale=1e-3, size=(300, 20)))
    plain = top_answers(chances.astype(np.float16), 1)
    assert not np.array_equal(plain, top_answers(chances, 1))


@pytest.mark.parametrize("classes", [1, 2, 5, 6])
def test_rounding_few_classes(classes):
    chances = softmax(np.random.default_rng(1).normal(size=(50, classes)))
    assert np.array_equal(top_answers(rounded(chances), 5), top_answers(chances, 5))


def test_a_recorded_run_has_the_figures_of_the_original():
    run = write_run(classes=20, superclasses=4, skill=1.0)
    copy = record(run)
    assert [found.id for found in recorded_runs()] == [f"recorded/{run.id}"]
    assert copy == recorded_runs()[0]
    assert copy.recorded
    assert copy.recipe == run.recipe
    assert copy.evaluation == run.evaluation
    assert copy.outcome == run.outcome
    assert copy.status.ended == run.status.ended
    assert copy.problem is None
    probabilities, labels = copy.predictions()
    again = evaluate(probabilities, labels, run.outcome.dataset.class_names)
    assert (again.top1, again.top5) == (run.evaluation.top1, run.evaluation.top5)
    assert again.confusion == run.evaluation.confusion
    assert np.load(copy.folder / "predictions.npz")["probabilities"].dtype == np.float16
    stored = Analysis.model_validate_json((copy.folder / ANALYSIS).read_bytes())
    assert stored.believable.temperature is not None


def test_only_what_others_may_read_is_copied(own_folders):
    run = write_run()
    (run.folder / "model.keras").write_bytes(b"large")
    (run.folder / "log.txt").write_text(f"read {own_folders}/data")
    (run.folder / "environment.json").write_text(json.dumps({"TL_DATA_DIR": str(own_folders)}))
    outcome = run.outcome.model_copy(update={"notes": (f"Nothing lies at {own_folders}/weights.",)})
    (run.folder / "outcome.json").write_text(outcome.model_dump_json())
    with (run.folder / "metrics.jsonl").open("a") as lines:
        lines.write('{"kind": "step", "phase": "head", "time": 9, "step": 9}\n')
    folder = record(get_run(run.id)).folder
    assert sorted(path.name for path in folder.iterdir()) == [
        *("analysis.json", "evaluation.json", "metrics.jsonl", "outcome.json"),
        *("predictions.npz", "recipe.json", "status.json"),
    ]
    text = "".join(path.read_text() for path in folder.iterdir() if path.suffix != ".npz")
    assert str(own_folders) not in text
    assert "Nothing lies at …/weights." in text
    assert '"step",' not in text
    assert not list(folder.parent.glob(".*"))


def test_a_recorded_run_is_no_run_made_here(own_folders):
    run = write_run()
    copy = record(run)
    assert [found.id for found in list_runs()] == [run.id]
    assert find_run(run.id) == run
    assert find_run(f"recorded/{run.id}") == copy
    bin.delete(run)
    assert list_runs() == []
    assert find_run(run.id) == copy
    assert find_run(run.id[-4:]) == copy
    with pytest.raises(TransferLabError, match="no run"):
        get_run(run.id)


def test_a_recorded_run_is_never_stopped_or_deleted():
    copy = record(write_run())
    for change in (queue.stop, bin.delete):
        with pytest.raises(TransferLabError, match="recorded"):
            change(copy)
    assert recorded_runs() == [copy]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ({"state": "failed"}, "it is failed"),
        ({"dataset": "folder:/home/me/birds"}, "others do not have"),
    ],
)
def test_what_others_could_not_make_use_of_is_refused(written, why):
    with pytest.raises(TransferLabError, match=why):
        record(write_run(**written))
    assert recorded_runs() == []


def test_a_run_is_recorded_once(monkeypatch):
    run = write_run()
    record(run)
    with pytest.raises(TransferLabError, match="there already"):
        record(run)
    assert len(recorded_runs()) == 1


def test_a_copy_that_fails_leaves_nothing(own_folders):
    run = write_run()
    (run.folder / "predictions.npz").write_bytes(b"damaged")
    with pytest.raises(TransferLabError, match="damaged"):
        record(run)
    assert recorded_runs() == []
    assert list((own_folders / "recorded").iterdir()) == []


def test_recorded_runs_are_found_wherever_runs_made_here_lie(own_folders, tmp_path, monkeypatch):
    run = write_run()
    monkeypatch.setenv("TL_RECORDED_DIR", str(tmp_path / "shipped"))
    copy = record(run)
    assert copy.folder.parent == tmp_path / "shipped"
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(tmp_path / "elsewhere"))
    assert list_runs() == []
    assert recorded_runs() == [copy]


def test_recorded_runs_come_with_the_checkout(monkeypatch):
    monkeypatch.delenv("TL_RECORDED_DIR")
    shipped = {run.recipe.backbone: run for run in recorded_runs()}
    assert {"mobilenet_v2", "vgg16"} <= set(shipped)
    assert all(run.evaluation and run.recorded for run in shipped.values())


def test_recorded_runs_are_those_behind_the_published_figures(monkeypatch):
    monkeypatch.delenv("TL_RECORDED_DIR")
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for run in recorded_runs():
        top1 = run.evaluation.top1
        told = f"**{percent(top1.value)}** ({percent(top1.low)[:-2]}–{percent(top1.high)[:-2]})"
        minutes = sum(run.outcome.cost.seconds.values()) / 60
        rows = [line for line in readme.splitlines() if told in line]
        assert any(f"| {minutes:.1f} min |" in line for line in rows), (run.id, told, minutes)

"""The study of labels that is kept with a run, from the command to the page and the report."""

import pytest
from app_pages import calm, charts, open_page, texts
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.compare import compare
from tl_core.data import open_dataset
from tl_core.errors import TransferLabError
from tl_core.evaluation.document import LabelPoint
from tl_core.report import report
from tl_core.runs import bin
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.labels import LABELS, LabelStudy, keep_study, stored_study
from tl_core.runs.recorded import record
from tl_core.runs.store import get_run
from tl_core.training import label_study

STUDY = LabelStudy(
    test_images=200,
    points=(
        LabelPoint(per_class=1, accuracies=(0.1, 0.2)),
        LabelPoint(per_class=10, accuracies=(0.5, 0.7)),
    ),
)
FIGURE = "Accuracy of each studied run with ever more labelled images of each class"


def test_without_a_study_the_page_says_how_to_make_one():
    run = write_run()
    page = calm(open_page("2_Compare", tab="Curves"))
    assert f"tl labels {run.id}" in texts(page)
    assert FIGURE not in [sent["alt"] for sent in charts(page)]
    assert compare([run]).runs[0].labels is None


def test_a_kept_study_is_on_the_page_in_the_document_and_in_the_report():
    run = write_run()
    assert FIGURE not in report(compare([run]), [run])
    page = calm(open_page("2_Compare", tab="Curves"))
    keep_study(run, STUDY)
    page = calm(page.run())
    (drawn,) = [sent for sent in charts(page) if sent["alt"] == FIGURE]
    assert drawn["light"]["data"][0]["y"] == pytest.approx([15, 60])
    found = compare([run])
    assert found.runs[0].labels == STUDY
    assert FIGURE in report(found, [run])


def test_a_damaged_study_counts_as_none():
    run = write_run()
    for text in ('{"version": 1', '{"version": 1, "test_images": 5, "points": []}'):
        (run.folder / LABELS).write_text(text)
        assert stored_study(run) is None


def test_a_recorded_run_takes_its_study_along():
    run = write_run()
    keep_study(run, STUDY)
    assert stored_study(record(run)) == STUDY


def _made_of(run, data):
    outcome = run.outcome.model_copy(update={"dataset": dataset_info(data)})
    (run.folder / "outcome.json").write_text(outcome.model_dump_json())


def test_the_study_of_a_run_as_it_is_is_kept_with_it(monkeypatch):
    points = (STUDY.points[0], STUDY.points[1])
    monkeypatch.setattr(label_study, "label_study", lambda *_, **__: points)
    monkeypatch.setattr("tl_core.cli.labels.start_tensorflow", lambda: None)
    run = write_run()
    _made_of(run, open_dataset("demo"))
    for target, kept in (
        (("vgg16", "--dataset", "demo"), None),
        ((run.id, "--weights", "random"), None),
        ((run.id,), STUDY.model_copy(update={"test_images": len(open_dataset("demo").test)})),
    ):
        done = CliRunner().invoke(app, ["labels", *target])
        assert done.exit_code == 0, done.output
        assert stored_study(get_run(run.id)) == kept


@pytest.mark.parametrize(
    ("state", "words"), [("finished", "has other images here now"), ("failed", "is failed, so")]
)
def test_a_study_of_other_data_or_of_no_results_is_not_kept(state, words, monkeypatch):
    monkeypatch.setattr(label_study, "label_study", lambda *_, **__: STUDY.points)
    monkeypatch.setattr("tl_core.cli.labels.start_tensorflow", lambda: None)
    run = write_run(state=state)
    done = CliRunner().invoke(app, ["labels", run.id])
    assert done.exit_code == 0, done.output
    assert words in " ".join(done.stderr.split())
    assert stored_study(get_run(run.id)) is None


def test_a_study_does_not_bring_a_deleted_run_back():
    run = write_run()
    bin.delete(run)
    with pytest.raises(TransferLabError, match="was deleted meanwhile"):
        keep_study(run, STUDY)
    assert not run.folder.exists()

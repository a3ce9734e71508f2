import json
import os

import numpy as np
import pytest
from run_folders import write_run

from tl_core.errors import TransferLabError
from tl_core.evaluation.calibration import calibration, fit_temperature, with_temperature
from tl_core.evaluation.coverage import coverage_curve
from tl_core.runs import analysis as module
from tl_core.runs.analysis import ANALYSIS, analysis, temperature
from tl_core.runs.bin import delete
from tl_core.runs.store import Run


@pytest.fixture(autouse=True)
def forgetful():
    """Nothing that an earlier test made is remembered."""
    module._made.cache_clear()


@pytest.fixture
def made(monkeypatch):
    """The names of the runs analysed so far."""
    names = []
    real = module._analyse

    def count(run, answers):
        names.append(run.id)
        return real(run, answers)

    monkeypatch.setattr(module, "_analyse", count)
    return names


def test_it_is_what_evaluation_says_of_the_stored_answers():
    run = write_run(test=60)
    found = analysis(run)
    probabilities, labels = run.predictions()
    temperature = fit_temperature(*run.validation_predictions())
    assert found.believable.before == calibration(probabilities, labels)
    assert found.believable.temperature == temperature
    assert found.believable.after == calibration(
        with_temperature(probabilities, temperature), labels
    )
    assert found.coverage == coverage_curve(probabilities, labels)
    assert [(point.epoch, point.seconds) for point in found.curve] == [(1, 1), (2, 2)]
    assert [point.val_loss for point in found.curve] == [2.5, 1.25]


def test_it_is_made_once_and_stored_with_the_run(made):
    run = write_run()
    first = analysis(run)
    module._made.cache_clear()
    assert analysis(Run(run.id, run.folder)) == first
    assert made == [run.id]
    assert json.loads((run.folder / ANALYSIS).read_text())["version"] == 3


@pytest.mark.parametrize("content", ['{"version": 2}', '{"version": 4}', "{", ""])
def test_another_version_or_a_damaged_file_is_made_again(content, made):
    run = write_run()
    (run.folder / ANALYSIS).write_text(content)
    found = analysis(run)
    assert made == [run.id]
    assert type(found).model_validate_json((run.folder / ANALYSIS).read_bytes()) == found


def test_in_a_folder_that_cannot_be_written_it_is_made_once_a_process(made, monkeypatch):
    def refuse(path, text, **_):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(module, "write_text", refuse)
    run = write_run()
    assert analysis(run) == analysis(Run(run.id, run.folder))
    assert made == [run.id]
    assert not (run.folder / ANALYSIS).exists()


def test_a_recorded_run_is_left_as_it_is():
    run = write_run()
    analysis(Run("recorded/it", run.folder, recorded=True))
    assert not (run.folder / ANALYSIS).exists()


def test_a_run_deleted_meanwhile_stays_deleted(monkeypatch):
    run = write_run()
    real = module._analyse

    def deleted_meanwhile(run, answers):
        made = real(run, answers)
        delete(run)
        return made

    monkeypatch.setattr(module, "_analyse", deleted_meanwhile)
    assert analysis(run).curve
    assert not run.folder.exists()


@pytest.mark.parametrize("stored", [True, False])
def test_new_answers_are_not_taken_for_the_old(stored, monkeypatch):
    run = write_run(test=40)
    first = analysis(run)
    if not stored:
        (run.folder / ANALYSIS).unlink()
    with np.load(run.folder / "predictions.npz") as answers:
        arrays = dict(answers)
    np.savez(run.folder / "predictions.npz", **(arrays | {"labels": (arrays["labels"] + 1) % 10}))
    assert analysis(run).believable.before != first.believable.before


def test_without_answers_to_the_validation_set_there_is_no_temperature():
    run = write_run()
    probabilities, labels = run.predictions()
    np.savez(run.folder / "predictions.npz", probabilities=probabilities, labels=labels)
    assert analysis(run).believable.temperature is None
    empty = {"validation_probabilities": probabilities[:0], "validation_labels": labels[:0]}
    np.savez(run.folder / "predictions.npz", probabilities=probabilities, labels=labels, **empty)
    assert analysis(run).believable.after is None


def test_where_no_temperature_can_be_found_answers_stay_as_they_are():
    run = write_run()
    assert temperature(run) == analysis(run).believable.temperature is not None
    assert temperature(write_run("failed", state="failed")) is None


def test_a_run_without_answers_says_so():
    with pytest.raises(TransferLabError, match=r"no predictions\.npz"):
        analysis(write_run(state="failed"))

import time

from app_pages import open_page, texts
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.app import app
from tl_core.runs.chance import no_better_than_guessing


def test_answers_at_chance_are_called_a_guess_wherever_the_result_is_shown() -> None:
    run = write_run(skill=0.0, test=2000, created=time.time() - 100)
    said = no_better_than_guessing(run)
    assert said is not None
    assert said.startswith("No better than guessing one of the 10 classes. Random weights")
    assert said in texts(open_page("1_Train", view="Live"))
    assert said in texts(open_page("4_Runs", run=run.id))
    shown = CliRunner().invoke(app, ["show", run.id]).output
    assert said in " ".join(shown.split())


def test_better_answers_and_runs_without_any_are_not() -> None:
    assert no_better_than_guessing(write_run("run-a", skill=2.0)) is None
    assert no_better_than_guessing(write_run("run-b", state="stopped")) is None


def test_few_test_images_cannot_tell_a_skill_from_a_guess() -> None:
    assert no_better_than_guessing(write_run(skill=0.3, test=12)) is not None

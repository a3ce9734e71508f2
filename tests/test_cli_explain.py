"""`tl explain`: one picture for each model, and a class by its name."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.cli.explain import _file_name
from tl_core.cli.quiet import quiet_start
from tl_core.runs import queue
from tl_core.runs.pipeline import train_and_test
from tl_core.runs.store import list_runs
from tl_core.runs.worker import work_on
from tl_core.training.recipe import make_recipe


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> str:
    """Train a tiny run in this process, without the queue's own."""
    monkeypatch.setattr(queue, "ensure_dispatcher", lambda: None)
    tiny = {"dataset": "demo", "limit": 200, "weights": "random", "input_size": 32, "epochs": 1}
    run = queue.submit(make_recipe(backbone="mobilenet_v2", batch_size=32, **tiny))
    assert work_on(run.folder, train_and_test) == "finished"
    return run.id


def test_each_picture_is_drawn_and_a_class_goes_by_its_name(finished: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    pictures = [str(tmp_path / "noise.png"), str(tmp_path / "broken.png")]
    output = tmp_path / "drawn"
    names = list_runs()[0].outcome.dataset.class_names
    arguments = ["explain", *pictures, "--run", finished, "--output", str(output), "--json"]
    done = CliRunner().invoke(app, [*arguments, "--class", names[3]])
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert list(found["unreadable"]) == [str(tmp_path / "broken.png")]
    (drawn,) = found["explanations"]
    assert drawn["class"] == names[3]
    assert 0 <= drawn["probability"] <= 1
    with Image.open(drawn["file"]) as picture:
        assert picture.size == (384, 384)


@pytest.mark.parametrize("name", ["x/../../../pwned", "C:\\x", "\u732b" * 200, "a" * 300, ".."])
def test_a_class_of_any_name_stays_in_the_folder(name: str, tmp_path: Path) -> None:
    file = tmp_path / _file_name("photo " * 100, write_run(), name)
    file.touch()
    assert file.parent == tmp_path
    assert [found.name for found in tmp_path.glob("*.png")] == [file.name]


def test_what_native_libraries_say_is_shown_only_when_the_work_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet_start():
        os.write(2, b"greetings\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(RuntimeError), quiet_start():
        os.write(2, b"the reason\n")
        raise RuntimeError
    assert capfd.readouterr().err == "the reason\n"

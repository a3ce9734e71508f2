"""Whole runs of the demo data with a real network: what a person gets after one command."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.data import open_dataset
from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.evaluation.calibration import with_temperature
from tl_core.runs import measuring, queue
from tl_core.runs.analysis import temperature
from tl_core.runs.memory import memory
from tl_core.runs.queue import stop
from tl_core.runs.store import Run, get_run
from tl_core.training.arithmetic import ONEDNN
from tl_core.training.recipe import make_recipe

SMALL = (
    *("--dataset", "demo", "--weights", "random", "--limit", "1000"),
    *("--input-size", "32", "--epochs", "2"),
)


def tl(artifacts: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `tl` in a process of its own, as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "tl_core", *arguments],
        env=os.environ | {"TL_ARTIFACTS_DIR": str(artifacts)},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return the artifacts of one run, and what its command printed."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    return artifacts, tl(artifacts, "train", "mobilenet_v2", *SMALL, "--json")


@pytest.fixture
def run(trained, monkeypatch) -> Run:
    artifacts, ended = trained
    assert ended.returncode == 0, ended.stdout + ended.stderr
    monkeypatch.setenv("TL_ARTIFACTS_DIR", str(artifacts))
    return get_run(json.loads(ended.stdout)["run"])


def test_one_object_with_the_figures_is_printed(run, trained):
    printed = json.loads(trained[1].stdout)
    assert printed["status"] == "finished"
    assert printed["demo"] is True
    assert list(printed["seconds"]) == [
        *("start", "data", "features", "head", "test", "save", "total")
    ]
    assert all(seconds > 0 for seconds in printed["seconds"].values())
    assert list(printed["estimated_seconds"]) == list(printed["seconds"])
    assert printed["estimated_seconds"] == run.outcome.estimated_seconds | {
        "total": sum(run.outcome.estimated_seconds.values())
    }
    probabilities, labels = run.predictions()
    assert printed["test"]["top1"] == (probabilities.argmax(1) == labels).mean()
    assert printed["test"]["images"] == len(labels)
    assert "Traceback" not in trained[1].stderr


def test_an_answer_s_cost_can_be_measured_again_and_nothing_else_changes(run):
    path = run.folder / "outcome.json"
    before = json.loads(path.read_text())
    cost = dict(before["cost"])
    slow = before | {"cost": before["cost"] | {"ms_per_image": 1e6, "images_per_second": 1e-6}}
    path.write_text(json.dumps(slow))
    said = CliRunner().invoke(app, ["measure", run.id])
    assert said.exit_code == 0, said.output
    after = json.loads(path.read_text())
    assert 0 < after["cost"]["ms_per_image"] < 1e5
    assert after["cost"]["images_per_second"] > 1e-3
    assert f"{after['cost']['ms_per_image']:.1f} ms an image" in said.output
    for document in (before, after):
        for name in (
            "ms_per_image",
            "ms_per_image_p95",
            "images_per_second",
            "images_per_second_p5",
        ):
            document["cost"].pop(name)
    assert after == before
    other = slow | {"versions": slow["versions"] | {"keras": "0"}}
    path.write_text(json.dumps(other))
    assert CliRunner().invoke(app, ["measure", run.id]).exit_code != 0
    path.write_text(json.dumps(before | {"cost": cost}))


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, str]]:
    """Return the environments of the processes that are asked to measure."""
    environments: list[dict[str, str]] = []
    start = subprocess.run

    def listened(command, **options):
        environments.append(options["env"])
        return start(command, **options)

    monkeypatch.setattr(measuring.subprocess, "run", listened)
    return environments


def test_an_answer_s_cost_is_measured_apart_without_the_training_s_kernels(run, asked, monkeypatch):
    monkeypatch.setenv(ONEDNN, "not for answers")
    found = measuring.measure_apart(run)
    assert [ONEDNN in environment for environment in asked] == [False]
    assert found.model_bytes == run.model_path.stat().st_size
    assert found.agreement == run.outcome.saved_model_agreement
    assert 0 < found.ms_per_image <= found.ms_per_image_p95


def test_the_process_that_measures_gets_what_the_run_leaves_of_the_limit(run, asked, monkeypatch):
    monkeypatch.setenv("TL_MEMORY_LIMIT", str((memory() + 3e8) / 1e9))
    with pytest.raises(TransferLabError, match=r"leaves \(0\.[23] of .* resume it"):
        measuring.measure_apart(run)
    assert [0.2 < float(environment["TL_MEMORY_LIMIT"]) < 0.31 for environment in asked] == [True]


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGABRT])
def test_a_process_that_measures_and_is_killed_is_said_to_want_memory(run, monkeypatch, ended_by):
    def killed(command, **_):
        return subprocess.CompletedProcess(command, -ended_by, "")

    monkeypatch.setattr(measuring.subprocess, "run", killed)
    with pytest.raises(MemoryError):
        measuring.measure_apart(run)


def test_the_folder_holds_every_document_and_they_agree(run):
    assert run.problem is None
    assert run.outcome is not None
    assert run.evaluation is not None
    data = open_dataset("demo")
    probabilities, labels = run.predictions()
    assert probabilities.shape == (len(data.test), len(data.class_names))
    assert (labels == data.labels[data.test]).all()
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-3)
    again = evaluate(
        probabilities, labels, data.class_names, data.coarse_of_class, data.coarse_names
    )
    assert again == run.evaluation
    chances, truth = run.validation_predictions()
    assert (chances.argmax(1) == truth).mean() == pytest.approx(run.outcome.val_accuracy)
    assert len(truth) == run.outcome.dataset.validation
    cost = run.outcome.cost
    assert cost.model_bytes == run.model_path.stat().st_size
    assert 0 < cost.ms_per_image <= cost.ms_per_image_p95
    assert cost.parameters > 2_000_000
    assert cost.trained_parameters < cost.parameters
    assert 300e6 < cost.peak_memory_bytes < 10e9


def test_the_curve_has_both_epochs_and_grows(run):
    lines = run.metrics()
    assert [line.epoch for line in lines if line.kind == "epoch"] == [1, 2]
    assert all(line.val_accuracy is not None for line in lines if line.kind == "epoch")
    assert {line.phase for line in lines} == {"head"}
    assert [line.step for line in lines] == sorted(line.step for line in lines)


def test_the_saved_model_answers_as_the_run_did_and_needs_only_keras(run):
    import keras

    with zipfile.ZipFile(run.model_path) as archive:
        config = archive.read("config.json").decode()
    assert "tl_core" not in config
    assert "Lambda" not in config
    model = keras.saving.load_model(run.model_path, compile=False, safe_mode=True)
    data = open_dataset("demo")
    chosen = np.arange(0, len(data.test), 10)
    answers = model.predict_on_batch(data.images.read(data.test[chosen]))
    recorded = run.predictions()[0][chosen]
    agreement = (answers.argmax(1) == recorded.argmax(1)).mean()
    assert agreement > 0.95
    assert run.outcome is not None
    assert run.outcome.saved_model_agreement > 0.95
    assert np.abs(answers - recorded).mean() < 0.01


def test_the_model_is_asked_about_pictures_from_the_command_line(run, tmp_path):
    data = open_dataset("demo")
    picture = data.images.read(data.test[:1])[0]
    Image.fromarray(picture).save(tmp_path / "picture.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    result = CliRunner().invoke(app, ["predict", str(tmp_path), "--top", "3", "--json"])
    assert result.exit_code == 1, result.output
    answered = json.loads(result.stdout)
    assert list(answered["unreadable"]) == [str(tmp_path / "broken.jpg")]
    [answer] = answered["answers"]
    assert answer["run"] == run.id
    best = np.argsort(-run.predictions()[0][0])[0]
    assert len(answer["top"]) == 3
    assert answer["top"][0]["class"] == data.class_names[best]
    assert answer["calibrated"]
    scaled = with_temperature(run.predictions()[0][:1], temperature(run))
    assert answer["confidence"] == pytest.approx(scaled.max(), abs=0.02)
    table = CliRunner().invoke(app, ["predict", str(tmp_path / "picture.png"), "--run", run.id])
    assert table.exit_code == 0
    assert data.class_names[best] in table.stdout
    assert "demo data" in table.stderr


def test_the_same_seed_gives_the_same_figures_and_finds_its_features_again(run, trained):
    again = tl(trained[0], "train", "mobilenet_v2", *SMALL, "--json")
    assert again.returncode == 0, again.stderr
    second = get_run(json.loads(again.stdout)["run"])
    assert second.outcome is not None
    assert second.outcome.cached_features
    assert run.outcome is not None
    assert not run.outcome.cached_features
    assert np.array_equal(second.predictions()[0], run.predictions()[0])
    assert second.outcome.dataset.test_fingerprint == run.outcome.dataset.test_fingerprint


def test_the_features_are_in_the_cache_until_it_is_cleared(run):
    def kept() -> list[dict]:
        return json.loads(CliRunner().invoke(app, ["cache", "--json"]).stdout)["entries"]

    assert {entry["document"]["backbone"] for entry in kept()} == {"mobilenet_v2"}
    assert all(entry["complete"] and not entry["in_use"] for entry in kept())
    assert "mobilenet_v2" in CliRunner().invoke(app, ["cache"]).stdout
    size = sum(entry["bytes"] for entry in kept())
    cleared = CliRunner().invoke(app, ["cache", "clear", "--json"])
    assert json.loads(cleared.stdout) == {"freed_bytes": size, "left": 0}
    assert kept() == []


def test_a_real_run_stops_within_five_seconds_wherever_it_is(tmp_path, own_folders):
    detached = tl(own_folders, "train", "mobilenet_v2", *SMALL, "--epochs", "1000", "--detach")
    run = get_run(detached.stdout.strip())
    deadline = time.monotonic() + 60
    while get_run(run.id).status.state != "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asked = time.monotonic()
    assert stop(run).status.state == "stopping"
    while get_run(run.id).status.state != "stopped":
        assert time.monotonic() - asked < 5
        time.sleep(0.05)


def test_data_that_is_gone_fails_the_run_with_a_sentence(own_folders):
    gone = make_recipe(backbone="vgg16", dataset=f"folder:{own_folders}/gone")
    run = queue.submit(gone)
    deadline = time.monotonic() + 60
    while get_run(run.id).active:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    failed = get_run(run.id)
    assert failed.status.state == "failed"
    assert "gone is not a folder" in failed.status.message
    assert "Traceback" not in failed.status.message
    assert "Traceback" in failed.log()

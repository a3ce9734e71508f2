"""What other tools read of a run, read back with those tools themselves."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_folders import write_run
from typer.testing import CliRunner

from tl_core.cli.commands import app
from tl_core.errors import TransferLabError
from tl_core.exchange.mlflow import log_run
from tl_core.exchange.tensorboard import write_events
from tl_core.runs import about
from tl_core.runs.documents import MetricsLine
from tl_core.runs.store import METRICS, Run, get_run


@pytest.fixture
def run() -> Run:
    made = write_run("20261122-0741-mobilenet_v2-frozen-3f2a", recipe={"dropout": 0.25})
    about.tag(about.rename(made, "Best <b>"), ["paper"])
    return about.annotate(made, "**kept**\nfor the paper")


def test_tensorboard_reads_what_the_run_reported(run: Run, tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    folder = write_events(run, tmp_path / "logs")
    assert folder == tmp_path / "logs" / run.id

    def read(part: str):
        events = event_accumulator.EventAccumulator(str(folder / part))
        return events.Reload()

    train, validation, test = map(read, ("train", "validation", "test"))
    lines = [line for line in run.metrics() if line.kind == "epoch"]
    assert len(lines) == 2
    for events, tag, field in (
        (train, "epoch_loss", "loss"),
        (train, "epoch_accuracy", "accuracy"),
        (validation, "epoch_loss", "val_loss"),
        (validation, "epoch_accuracy", "val_accuracy"),
    ):
        got = events.Scalars(tag)
        assert [point.step for point in got] == [1, 2]
        assert [point.value for point in got] == pytest.approx(
            [getattr(line, field) for line in lines]
        )
        assert [point.wall_time for point in got] == pytest.approx(
            [run.status.started + line.time for line in lines]
        )
    [top1] = test.Scalars("test_top1")
    assert top1.value == pytest.approx(run.figures.top1.value)
    assert (top1.step, top1.wall_time) == (2, run.status.ended)
    recipe = test.Tensors("recipe")[0].tensor_proto.string_val[0].decode()
    assert '    "dropout": 0.25' in recipe or '     "dropout": 0.25' in recipe
    note = test.Tensors("note")[0].tensor_proto.string_val[0].decode()
    assert note == "    **kept**\n    for the paper"
    with pytest.raises(TransferLabError, match=r"cannot be written .*choose another folder"):
        write_events(run, tmp_path / "logs")


def test_a_run_that_has_not_begun_has_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(TransferLabError, match="has not begun"):
        write_events(write_run(state="queued"), tmp_path)
    with pytest.raises(TransferLabError, match="is waiting; log it when it has ended"):
        log_run(get_run("3f2a"), f"file:{tmp_path}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real MLflow server with a database."""
    pytest.importorskip("flask", reason="needs the extra `dev`")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", address.split(":")[1]]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'runs.db'}"]
    command += ["--artifacts-destination", str(folder / "files")]
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=folder, start_new_session=True
        )
    try:
        until = time.monotonic() + 120
        while not _answers(f"http://{address}/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield f"http://{address}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file:{tmp_path / 'mlruns'}"


@pytest.fixture(params=["folder", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    """Where MLflow keeps runs."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def client(uri: str, monkeypatch: pytest.MonkeyPatch):
    """What MLflow itself reads there."""
    mlflow = pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
    # What logs must set this itself; undone, as it lasts for the process.
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    yield LateClient(mlflow, uri)
    os.environ.pop("MLFLOW_ALLOW_FILE_STORE", None)


class LateClient:
    """A client that is made when it is first asked: no store is there before."""

    def __init__(self, mlflow: Any, uri: str) -> None:
        self._mlflow, self._uri = mlflow, uri

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mlflow.MlflowClient(self._uri), name)


def test_mlflow_gives_back_what_was_logged(client, uri: str, run: Run) -> None:
    run.model_path.write_bytes(b"a model")
    logged = log_run(run, uri, artifacts=True)
    there = client.get_run(logged)
    assert there.info.run_name == "Best <b>"
    assert there.info.status == "FINISHED"
    assert (there.info.start_time, there.info.end_time) == (
        int(1000 * run.status.started),
        int(1000 * run.status.ended),
    )
    recipe = run.recipe.model_dump(mode="json")
    assert there.data.params == {name: str(value) for name, value in recipe.items()}
    assert there.data.params["dropout"] == "0.25"
    assert there.data.metrics["test_top1"] == run.figures.top1.value
    assert there.data.metrics["test_macro_f1"] == run.figures.macro_f1
    assert there.data.metrics["best_val_accuracy"] == run.outcome.val_accuracy
    lines = [line for line in run.metrics() if line.kind == "epoch"]
    history = client.get_metric_history(logged, "val_loss")
    assert [(point.step, point.value) for point in history] == [
        (round(line.epoch), line.val_loss) for line in lines
    ]
    assert [point.timestamp for point in history] == [
        int(1000 * (run.status.started + line.time)) for line in lines
    ]
    tags = there.data.tags
    assert (tags["transfer_lab.run"], tags["tag.1"]) == (run.id, "paper")
    assert tags["mlflow.note.content"] == "**kept**\nfor the paper"
    assert {file.path for file in client.list_artifacts(logged)} == {
        *("recipe.json", "metrics.jsonl", "outcome.json", "evaluation.json", "model.keras"),
    }
    with pytest.raises(TransferLabError, match=f"is logged there already, as {logged}"):
        log_run(run, uri)


def test_a_long_run_is_logged_whole(client, uri: str) -> None:
    # A server takes 1,000 metrics at a time.
    run = write_run("20261122-0741-mobilenet_v2-frozen-3f2d")
    path = run.folder / METRICS
    line = MetricsLine.model_validate_json(path.read_text().splitlines()[-1])
    epochs = range(3, 403)
    more = [line.model_copy(update={"epoch": float(n), "time": float(n)}) for n in epochs]
    with path.open("a") as lines:
        lines.writelines(one.model_dump_json(exclude_none=True) + "\n" for one in more)
    logged = log_run(get_run("3f2d"), uri)
    for name in ("loss", "val_accuracy"):
        steps = [point.step for point in client.get_metric_history(logged, name)]
        assert steps == [1, 2, *epochs]


@pytest.mark.parametrize(
    ("state", "ends", "letter"), [("stopped", "KILLED", "b"), ("failed", "FAILED", "c")]
)
def test_mlflow_hears_how_a_run_ended(client, uri: str, state, ends, letter) -> None:
    # Each has an id of its own, since the server keeps what other tests logged.
    run = write_run(f"20261122-0741-mobilenet_v2-frozen-3f2{letter}", state=state)
    logged = log_run(run, uri)
    assert client.get_run(logged).info.status == ends
    assert client.list_artifacts(logged) == []


def test_an_mlflow_that_cannot_be_reached_is_one_sentence(run: Run, monkeypatch) -> None:
    pytest.importorskip("mlflow", reason="needs the extra `mlflow`")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TransferLabError, match=r"MLflow at http://127.0.0.1:9 did not take") as why:
        log_run(run, "http://127.0.0.1:9")
    assert "\n" not in str(why.value)


def test_from_the_shell(client, uri: str, run: Run, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["mlflow", "3f2a", "--to", uri, "--experiment", "mine"])
    assert told.exit_code == 0, told.output
    assert client.get_experiment_by_name("mine") is not None
    told = CliRunner().invoke(app, ["tensorboard", "3f2a", "--to", str(tmp_path / "logs")])
    assert told.exit_code == 0, told.output
    assert list((tmp_path / "logs" / run.id / "train").glob("events.out.tfevents.*"))

"""Stored runs in MLflow: a server, or a folder of files."""

import os
from typing import Any

from tl_core.errors import TransferLabError
from tl_core.runs.store import EVALUATION, METRICS, MODEL, OUTCOME, RECIPE, Run
from tl_core.runs.summary import minutes

EXPERIMENT = "transfer-lab"

_RUN = "transfer_lab.run"
_EPOCH = ("loss", "accuracy", "top5", "val_loss", "val_accuracy", "val_top5", "learning_rate")
_DOCUMENTS = (RECIPE, METRICS, OUTCOME, EVALUATION)


def log_run(run: Run, uri: str, *, experiment: str = EXPERIMENT, artifacts: bool = False) -> str:
    """Log `run` to the MLflow tracking server or folder at `uri` and return the id it has there.

    The recipe becomes parameters, each finished epoch metrics at its step and time, the figures of
    the test set `test_top1` and the like, and tags, name and note tags. With `artifacts` the
    documents and the model go along.

    Raises:
        TransferLabError: MLflow is not installed or cannot be reached, the run is unreadable or
            has not ended, or it is logged there already.
    """
    if run.problem is not None:
        raise TransferLabError(f"Run {run.id} cannot be read: {run.problem}")
    if run.active or run.status.ended is None:
        raise TransferLabError(f"Run {run.id} is {run.status.said}; log it when it has ended.")
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise TransferLabError(
            "MLflow is not installed; install it with `pip install 'transfer-lab[mlflow]'`."
        ) from error
    if "://" not in uri or uri.startswith("file:"):
        # Else MLflow refuses a folder, to say that a database would serve its newest features.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    try:
        return _log(MlflowClient(uri), run, experiment, artifacts)
    except (MlflowException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise TransferLabError(f"MLflow at {uri} did not take run {run.id}: {first}") from error


def _log(client: Any, run: Run, experiment: str, artifacts: bool) -> str:
    from mlflow.entities import Metric, Param, RunTag

    found = client.get_experiment_by_name(experiment)
    place = found.experiment_id if found else client.create_experiment(experiment)
    there = client.search_runs([place], f"tags.`{_RUN}` = '{run.id}'", max_results=1)
    if there:
        raise TransferLabError(f"Run {run.id} is logged there already, as {there[0].info.run_id}.")
    status = run.status
    began = status.started or status.created
    ended = status.ended or began
    name = run.about.name or run.id
    made = client.create_run(place, start_time=int(1000 * began), run_name=name).info.run_id
    metrics = [
        Metric(field, value, int(1000 * (began + line.time)), round(line.epoch))
        for line in run.metrics()
        if line.kind == "epoch" and line.epoch is not None
        for field in _EPOCH
        if (value := getattr(line, field)) is not None
    ]
    metrics += [Metric(name, value, int(1000 * ended), 0) for name, value in _final(run).items()]
    params = [Param(key, str(value)) for key, value in run.recipe.model_dump(mode="json").items()]
    tags = {_RUN: run.id, "transfer_lab.state": status.state, "mlflow.note.content": run.about.note}
    tags |= {f"tag.{number}": tag for number, tag in enumerate(run.about.tags, start=1)}
    client.log_batch(made, metrics, params, [RunTag(k, v) for k, v in tags.items() if v])
    if artifacts:
        for file in (*_DOCUMENTS, MODEL):
            if (run.folder / file).is_file():
                client.log_artifact(made, str(run.folder / file))
    ends = {"finished": "FINISHED", "stopped": "KILLED"}
    client.set_terminated(made, ends.get(status.state, "FAILED"), int(1000 * ended))
    return str(made)


def _final(run: Run) -> dict[str, float]:
    figures, outcome = run.figures, run.outcome
    if figures is None or outcome is None:
        return {}
    return {
        "test_top1": figures.top1.value,
        "test_top1_low": figures.top1.low,
        "test_top1_high": figures.top1.high,
        "test_top5": figures.top5.value,
        "test_loss": figures.loss,
        "test_macro_f1": figures.macro_f1,
        "best_val_accuracy": outcome.val_accuracy,
        "minutes": minutes(run) or 0.0,
        "ms_per_image": outcome.cost.ms_per_image,
        "model_bytes": float(outcome.cost.model_bytes),
    }

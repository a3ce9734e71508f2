"""Stored runs as TensorBoard's event files, named as Keras' own callback names them."""

import re
from pathlib import Path
from typing import Any

from tl_core.errors import TransferLabError
from tl_core.runs.store import Run

# Of each finished epoch: the field of a metrics line, and its tag by the folder it goes to.
_TAGS = {
    "train": {
        "loss": "epoch_loss",
        "accuracy": "epoch_accuracy",
        "top5": "epoch_top5",
        "learning_rate": "epoch_learning_rate",
    },
    "validation": {
        "val_loss": "epoch_loss",
        "val_accuracy": "epoch_accuracy",
        "val_top5": "epoch_top5",
    },
}


def write_events(run: Run, folder: Path) -> Path:
    """Write `run` to a new folder of its own in `folder` and return it, for `tensorboard --logdir`.

    `train` and `validation` in it hold the means of each finished epoch at the time it ended,
    `test` the figures of the test set and the recipe as text. Accuracies are in 0..1.

    Raises:
        TransferLabError: the run is unreadable or has not begun, or the folder cannot be written
            or holds the run already.
    """
    if run.problem is not None:
        raise TransferLabError(f"Run {run.id} cannot be read: {run.problem}")
    began = run.status.started
    if began is None:
        raise TransferLabError(f"Run {run.id} has not begun, so there is nothing to write.")
    target = folder / re.sub("[^A-Za-z0-9._-]", "-", run.id)
    try:
        target.mkdir(parents=True)
        epochs = [line for line in run.metrics() if line.kind == "epoch" and line.epoch is not None]
        for name, tags in _TAGS.items():
            _write(
                target / name,
                [
                    (began + line.time, round(line.epoch or 0), tag, value)
                    for line in epochs
                    for field, tag in tags.items()
                    if (value := getattr(line, field)) is not None
                ],
            )
        ended = run.status.ended or began
        figures = run.figures
        tested = {"top1": figures.top1.value, "top5": figures.top5.value} if figures else {}
        last = round(epochs[-1].epoch or 0) if epochs else 0
        _write(
            target / "test",
            [(ended, last, f"test_{name}", value) for name, value in tested.items()],
            {"recipe": run.recipe.model_dump_json(indent=1), "note": run.about.note},
        )
    except OSError as error:
        raise TransferLabError(
            f"{target} cannot be written ({error.strerror}); choose another folder."
        ) from error
    return target


def _write(
    folder: Path, scalars: list[tuple[float, int, str, float]], texts: dict[str, str] | None = None
) -> None:
    """Write an event file: each scalar with its Unix time, step and tag."""
    import tensorflow as tf

    v1 = tf.compat.v1
    # The events are made here: the writer of TensorFlow 2 knows no other time than now.
    with tf.Graph().as_default():
        writer = v1.summary.FileWriter(str(folder))
    for moment, step, tag, value in scalars:
        summary = v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=value)])
        writer.add_event(v1.Event(wall_time=moment, step=step, summary=summary))
    for name, text in (texts or {}).items():
        if text:
            writer.add_event(v1.Event(summary=_text(v1, tf, name, text)))
    writer.close()


def _text(v1: Any, tf: Any, name: str, text: str) -> Any:
    plugin = v1.SummaryMetadata.PluginData(plugin_name="text")
    # An indented block is the only Markdown that shows text as it stands.
    shown = "\n".join(f"    {line}" for line in text.splitlines())
    value = v1.Summary.Value(
        tag=name,
        tensor=tf.make_tensor_proto([shown]),
        metadata=v1.SummaryMetadata(plugin_data=plugin),
    )
    return v1.Summary(value=[value])

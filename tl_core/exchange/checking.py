"""Whether the documents and arrays of a run from elsewhere are what a run of Transfer Lab holds."""

import math
import unicodedata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from tl_core.errors import TransferLabError
from tl_core.evaluation import evaluate
from tl_core.files import write_text
from tl_core.runs.documents import Outcome
from tl_core.runs.store import EVALUATION, OUTCOME, PREDICTIONS, Run
from tl_core.zips import open_zip

_MOST_ARRAYS = 8
# In double precision, which figures are computed in, a quarter of a gigabyte.
_MOST_NUMBERS = 32_000_000


def check_run(run: Run) -> None:
    """Look through a run folder that somebody else filled, and find its figures anew.

    Raises:
        TransferLabError: a document cannot be read or holds text that cannot be shown, the run has
            not ended, or its arrays are not those of its data set or contradict its figures.
    """
    if run.problem is not None:
        raise TransferLabError(f"The run cannot be read: {run.problem}")
    if run.active:
        raise TransferLabError(f"The run says that it is {run.status.said}; it has not ended.")
    outcome, evaluation = run.outcome, run.evaluation
    for document in (run.recipe, run.status, outcome, evaluation, *run.metrics()):
        if document is not None:
            _check_text(document.model_dump())
    if outcome is None or evaluation is None:
        return
    data = outcome.dataset
    classes = len(data.class_names)
    _check_arrays(
        run.folder / PREDICTIONS,
        {
            "probabilities": (data.test, classes),
            "labels": (data.test,),
            "validation_probabilities": (data.validation, classes),
            "validation_labels": (data.validation,),
        },
    )
    _check_names(data.class_names)
    coarse = data.coarse_of_class
    found = evaluate(*run.predictions(), data.class_names, coarse, data.coarse_names)
    if (found.top1, found.top5, found.confusion) != (
        evaluation.top1,
        evaluation.top5,
        evaluation.confusion,
    ):
        raise TransferLabError("The run's figures are not those of its answers.")
    write_text(run.folder / EVALUATION, found.model_dump_json())
    write_text(run.folder / OUTCOME, _validated(run, outcome).model_dump_json(indent=1))


def _validated(run: Run, outcome: Outcome) -> Outcome:
    """Return `outcome` with what its validation answers say, which no test figure gives away."""
    probabilities, labels = run.validation_predictions()
    if not len(labels):
        return outcome
    found = evaluate(probabilities, labels, outcome.dataset.class_names)
    return outcome.model_copy(update={"val_accuracy": found.top1.value, "val_loss": found.loss})


def _check_names(classes: tuple[str, ...]) -> None:
    """Refuse classes that no folder of pictures can be named after: some become file names."""
    for name in classes:
        if name.startswith(".") or not name.isprintable() or set(name) & set("/\\"):
            raise TransferLabError(f"A class cannot be called {name[:60]!r}.")


def _check_text(value: Any) -> None:
    """Refuse what steers a terminal; a page shows any other text as it stands."""
    if isinstance(value, str):
        if any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in value):
            raise TransferLabError("A document of the run holds characters that cannot be shown.")
    elif isinstance(value, dict):
        for name, inside in value.items():
            _check_text(name)
            _check_text(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            _check_text(inside)


def _check_arrays(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse arrays of other names, shapes or kinds before any of them is made room for."""
    try:
        with path.open("rb") as file, open_zip(file, _MOST_ARRAYS) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if names != shapes.keys():
                raise TransferLabError(f"{PREDICTIONS} holds other arrays than a run's.")
            numbers = 0
            for name, expected in shapes.items():
                with archive.open(f"{name}.npy") as entry:
                    shape, dtype = _header(entry)
                kinds = "iu" if name.endswith("labels") else "f"
                if shape != expected or dtype.kind not in kinds or dtype.itemsize > 8:
                    raise TransferLabError(
                        f"{PREDICTIONS} holds {name} of shape {shape} and type {dtype.str!r}; "
                        f"expected {expected} numbers of at most 8 bytes."
                    )
                numbers += math.prod(shape)
            if numbers > _MOST_NUMBERS:
                raise TransferLabError(
                    f"It would hold {numbers:,} numbers; at most {_MOST_NUMBERS:,} may be."
                )
    except TransferLabError as error:
        raise TransferLabError(f"{PREDICTIONS} cannot be used. {error}") from error
    except (OSError, ValueError, KeyError, EOFError, RuntimeError) as error:
        raise TransferLabError(f"{PREDICTIONS} is damaged ({type(error).__name__}).") from error


def _header(entry: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    file: BinaryIO = entry
    # Only the first format: the header of others may be gigabytes, which numpy reads whole.
    readers = {(1, 0): npy.read_array_header_1_0}
    shape, _, dtype = readers[npy.read_magic(file)](file)
    return shape, dtype

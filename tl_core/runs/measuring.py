"""What a run's answers cost, on some of its test images: when it ends, and again when asked.

`python -m tl_core.runs.measuring RUN_FOLDER` prints it as one JSON object.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tl_core.data import Dataset
from tl_core.errors import TransferLabError
from tl_core.files import write_text
from tl_core.progress import Progress
from tl_core.runs.cost import Measured, measure
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.locks import queue_lock
from tl_core.runs.machine import machine, versions
from tl_core.runs.memory import bounded, memory
from tl_core.runs.standing import again, changing
from tl_core.runs.store import OUTCOME, Run
from tl_core.settings import settings
from tl_core.training.arithmetic import ONEDNN
from tl_core.training.data import open_data

_IMAGES = 256

# How the process that times says that it would have held more memory than it may, and the bytes
# it is told when nothing is left: a limit of none would be refused.
_TOO_MUCH, _LEAST_LEFT = 75, 1_000_000


def measure_model(run: Run, dataset: Dataset, probabilities: NDArray[np.float32]) -> Measured:
    """Time the saved model of `run` on up to 256 test images spread over the test set.

    `probabilities` (N×classes) are the run's own for the whole test set.
    """
    count = len(dataset.test)
    chosen = np.unique(np.linspace(0, count - 1, _IMAGES).astype(np.int64))
    pictures = dataset.images.read(dataset.test[chosen])
    return measure(run.model_path, pictures, probabilities[chosen])


def measure_apart(run: Run) -> Measured:
    """Time the saved model of `run` in a process of its own, as every other run's is timed.

    This process trains with other kernels than answers are given with. What it holds itself of
    `TL_MEMORY_LIMIT` the other may not have.

    Raises:
        TransferLabError: the other process needed more memory than that.
        MemoryError: the system ended it, which it does for want of memory.
    """
    environment = {name: value for name, value in os.environ.items() if name != ONEDNN}
    limit = settings().memory_bytes
    if limit is not None:
        left = max(limit - memory(), _LEAST_LEFT)
        environment["TL_MEMORY_LIMIT"] = str(left / 1e9)
    command = [sys.executable, "-m", "tl_core.runs.measuring", str(run.folder)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if limit is not None and done.returncode == _TOO_MUCH:
        raise TransferLabError(
            f"Timing the answers took more memory than TL_MEMORY_LIMIT leaves ({left / 1e9:.1f} "
            f"of {limit / 1e9:g} GB); raise the limit and resume it."
        )
    if done.returncode in (-signal.SIGKILL, -signal.SIGABRT):
        raise MemoryError
    done.check_returncode()
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def measure_again(run: Run) -> Measured:
    """Time the model of a finished run anew and keep the times with the run.

    A run that ended while others kept the processor busy says too much of what an answer costs.

    Raises:
        TransferLabError: the run is not finished, has no model here, comes from elsewhere, or was
            made on another machine or tested on other images than are here now, or was deleted
            or cannot be written meanwhile.
    """
    outcome = run.outcome
    if outcome is None or not run.model_path.exists() or run.imported:
        raise TransferLabError(
            f"Run {run.id} is not a finished run of this machine with its model; choose one."
        )
    if (outcome.machine, outcome.versions) != (machine(), versions()):
        raise TransferLabError(
            f"Run {run.id} was made on another machine or with other versions, and says so beside "
            "its times; train it again to have times of this one."
        )
    dataset = open_data(run.recipe, Progress())
    if dataset_info(dataset).test_fingerprint != outcome.dataset.test_fingerprint:
        raise TransferLabError(
            f"Run {run.id} was tested on other images than {outcome.dataset.title} has here now."
        )
    found = measure_model(run, dataset, run.predictions()[0])
    cost = outcome.cost.model_copy(
        update={
            "images_per_second": found.images_per_second,
            "images_per_second_p5": found.images_per_second_p5,
            "ms_per_image": found.ms_per_image,
            "ms_per_image_p95": found.ms_per_image_p95,
        }
    )
    changed = outcome.model_copy(update={"cost": cost})
    # Timing takes half a minute, long enough for somebody to delete the run.
    with queue_lock(), changing(run):
        again(run)
        write_text(run.folder / OUTCOME, changed.model_dump_json(indent=1), parents=False)
    return found


def _main(folder: Path) -> None:
    run = Run(folder.name, folder)
    with bounded(settings().memory_bytes, lambda used, limit: os._exit(_TOO_MUCH)):
        dataset = open_data(run.recipe, Progress())
        print(json.dumps(asdict(measure_model(run, dataset, run.predictions()[0]))))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))

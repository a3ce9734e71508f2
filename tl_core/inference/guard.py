"""The process that opens one model from elsewhere: `python -m tl_core.inference.guard FILE`.

It limits its own memory, processor time and files before it looks at the model, and answers
requests from its standard input until that ends. `guarded.py` is the other end.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tl_core.errors import TransferLabError

MOST_MEMORY = 4 << 30
SECONDS_TO_OPEN = 120
SECONDS_TO_ANSWER = 30


def main(path: str) -> int:
    """Open the model at `path` and answer until standard input ends; return the exit status."""
    # Native libraries write to descriptor 1 as they like: answers go where they cannot.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_self()
    try:
        _more_time(SECONDS_TO_OPEN)
        model = _open(Path(path))
        _say(answers, {"input": model.input_shape, "classes": model.classes})
        _serve(model, sys.stdin.buffer, answers)
    except TransferLabError as error:
        _say(answers, {"error": str(error)})
        return 1
    except MemoryError:
        return 1
    return 0


def _limit_self() -> None:
    import resource

    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # Else Python looks for a folder to write in by writing, and TensorFlow is not imported.
    tempfile.tempdir = os.devnull


def _more_time(seconds: int) -> None:
    """Let the kernel end this process after `seconds` more of processor time."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def _open(path: Path) -> Any:
    from tl_core.inference.saved import SavedModel

    return SavedModel(path)


def _serve(model: Any, requests: BinaryIO, answers: BinaryIO) -> None:
    explainer = None
    shape = tuple(model.input_shape)
    size = int(np.prod(shape))
    while line := requests.readline():
        _more_time(SECONDS_TO_ANSWER)
        request = json.loads(line)
        picture = np.frombuffer(requests.read(size), np.uint8).reshape(shape)
        if request["explain"] is None:
            numbers = model(picture[None])
        else:
            from tl_core.inference.explain import Explainer

            explainer = explainer or Explainer(model)
            numbers = explainer(picture, request["explain"])
        _say(answers, {})
        answers.write(np.ascontiguousarray(numbers, np.float32).tobytes())
        answers.flush()


def _say(answers: BinaryIO, words: dict[str, Any]) -> None:
    answers.write(json.dumps(words).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

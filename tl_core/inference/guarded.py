"""A model from elsewhere, opened in a process of its own with little memory and time."""

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError

# Stands beside a model that was not trained on this machine.
IMPORTED = "imported.json"

_OPENING, _ANSWERING = 300.0, 60.0
_MOST_WORDS = 4096
# Nothing secret of this process' environment is the model's business.
_PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
_OWN = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "MALLOC_ARENA_MAX": "2"}


def is_from_elsewhere(model_path: Path) -> bool:
    """Return whether the model at `model_path` came to this machine with an imported run."""
    return (model_path.parent / IMPORTED).exists()


class GuardedModel:
    """A model that another process has open; answers as `SavedModel` does, one picture at a time.

    The process is started anew where it has ended, and ends with this object.
    """

    def __init__(self, path: Path) -> None:
        """Open the file in Keras' safe mode and a limited process.

        Raises:
            TransferLabError: the file is missing, is not a model of Transfer Lab, or needs more
                memory or time than the process has.
        """
        self._path = path
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        with self._lock:
            told = self._start()
        self.input_shape: tuple[int, int, int] = tuple(told["input"])
        self.classes: int = told["classes"]

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities N×classes for uint8 pictures N×H×W×3.

        Raises:
            TransferLabError: the pictures have another size than the model takes, or its process
                ended.
        """
        rows = [self._ask(picture, None).reshape(-1) for picture in pictures]
        return np.stack(rows) if rows else np.empty((0, self.classes), np.float32)

    def explain(self, picture: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """Return how much each place of `picture` speaks for class `target`, as `Explainer` does.

        Raises:
            TransferLabError: as when it is called; or there is no such class.
        """
        if not 0 <= target < self.classes:
            raise TransferLabError(
                f"There is no class number {target}; the model knows {self.classes} classes."
            )
        return self._ask(picture, target).reshape(self.input_shape[:2])

    def _ask(self, picture: NDArray[np.uint8], target: int | None) -> NDArray[np.float32]:
        if picture.shape != self.input_shape:
            raise TransferLabError(f"The picture is {picture.shape}, not {self.input_shape}.")
        count = self.classes if target is None else self.input_shape[0] * self.input_shape[1]
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._process is not None
            assert self._process.stdin is not None
            with self._within(_ANSWERING):
                self._process.stdin.write(json.dumps({"explain": target}).encode() + b"\n")
                self._process.stdin.write(np.ascontiguousarray(picture, np.uint8).tobytes())
                self._process.stdin.flush()
                self._hear()
                return np.frombuffer(self._read(4 * count), np.float32)

    def _start(self) -> dict[str, Any]:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tl_core.inference.guard", str(self._path)],
            env=environment | _OWN,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        weakref.finalize(self, _end, self._process)
        with self._within(_OPENING):
            return self._hear()

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Kill the process if the block takes longer; whatever ends it becomes one sentence."""
        assert self._process is not None
        watch = threading.Timer(seconds, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield
        except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
            _end(self._process)
            raise TransferLabError(
                f"{self._path.name} of {self._path.parent.name} comes from elsewhere and took more "
                "memory or time than such a model is given, or broke off; it is not used."
            ) from error
        except TransferLabError:
            _end(self._process)
            raise
        finally:
            watch.cancel()

    def _hear(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline(_MOST_WORDS)
        if not line:
            raise EOFError
        words = json.loads(line)
        if "error" in words:
            raise TransferLabError(str(words["error"]))
        return dict(words)

    def _read(self, count: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        found = self._process.stdout.read(count)
        if len(found) < count:
            raise EOFError
        return found


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            # What is left unsent goes nowhere.
            with suppress(OSError):
                stream.close()

"""What runs a frozen network over batches of pictures: Keras, or OpenVINO."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tl_core.features.network import Built

if TYPE_CHECKING:
    import openvino

Array = NDArray[np.float32]

# Writes batch number i (batch×size×size×3, preprocessed) into the array.
Prepare = Callable[[int, Array], None]

# The outputs of each batch; closing it waits for what is still being computed.
Batches = Generator[tuple[Array, ...], None, None]

KERAS_BATCH = 32
GPU_BATCH = 256
OPENVINO_BATCH = 16


@dataclass(frozen=True)
class Plan:
    """Which engine computes in which arithmetic."""

    engine: Literal["keras", "openvino"]
    precision: Literal["float32", "bfloat16", "int8"]

    def __str__(self) -> str:
        return f"{ {'keras': 'Keras', 'openvino': 'OpenVINO'}[self.engine] } in {self.precision}"


SAFE = Plan("keras", "float32")
INT8 = Plan("openvino", "int8")


class Engine(Protocol):
    """A compiled network that takes batches of one size, `parallel` of them at a time."""

    batch: int
    parallel: int

    def run(self, batches: int, prepare: Prepare) -> Batches:
        """Yield the outputs of each batch, in order; they are valid until the next is taken.

        The next batches are prepared and computed meanwhile.
        """
        ...


class KerasEngine:
    """A Keras model, compiled once for one batch size."""

    def __init__(self, built: Built) -> None:
        import tensorflow as tf

        self.batch = GPU_BATCH if tf.config.list_physical_devices("GPU") else KERAS_BATCH
        self.parallel = 1
        self._shape = (self.batch, *built.model.input_shape[1:])
        self._call = tf.function(
            lambda pictures: built.model(pictures, training=False),
            input_signature=[tf.TensorSpec((None, *self._shape[1:]), tf.float32)],
        )

    def __call__(self, pictures: Array) -> tuple[Array, ...]:
        """Return the outputs for any number of preprocessed pictures."""
        return tuple(np.asarray(output) for output in _listed(self._call(pictures)))

    def run(self, batches: int, prepare: Prepare) -> Batches:
        """Yield the outputs of each batch while the next is prepared in a thread."""

        def prepared(number: int) -> Array:
            # TensorFlow may read the array after the call, so that it cannot be used again.
            pictures = np.empty(self._shape, np.float32)
            prepare(number, pictures)
            return pictures

        with ThreadPoolExecutor(1) as ahead:
            following = [ahead.submit(prepared, 0)] if batches else []
            for number in range(batches):
                pictures = following.pop().result()
                if number + 1 < batches:
                    following.append(ahead.submit(prepared, number + 1))
                yield self(pictures)


class OpenVinoEngine:
    """An OpenVINO model on the processor, several batches in flight.

    A model to be run in `int8` has been quantised before.
    """

    def __init__(self, model: openvino.Model, precision: str) -> None:
        hints = {
            # What is left unquantised between the integer layers is computed in bfloat16.
            "INFERENCE_PRECISION_HINT": "f32" if precision == "float32" else "bf16",
            "PERFORMANCE_HINT": "THROUGHPUT",
        }
        compiled = _openvino().Core().compile_model(model, "CPU", hints)
        self.batch = OPENVINO_BATCH
        self.parallel = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        # Twice as many requests as run at a time: one is prepared while another computes.
        self._requests = [compiled.create_infer_request() for _ in range(2 * self.parallel)]
        self._outputs = len(compiled.outputs)

    def run(self, batches: int, prepare: Prepare) -> Batches:
        """Yield the outputs of each batch while others are prepared and computed."""
        requests = self._requests
        try:
            for number in range(batches + len(requests)):
                request = requests[number % len(requests)]
                if number >= len(requests):
                    request.wait()
                    if number - len(requests) < batches:
                        yield tuple(request.get_output_tensor(i).data for i in range(self._outputs))
                if number < batches:
                    prepare(number, request.get_input_tensor().data)
                    request.start_async()
        finally:
            for request in requests:
                request.wait()


def to_openvino(built: Built) -> openvino.Model:
    """Return the Keras model as an OpenVINO model of one batch size.

    The graph is frozen into one file first, which OpenVINO reads several times faster than a
    Keras model or its SavedModel.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    shape = (OPENVINO_BATCH, *built.model.input_shape[1:])
    traced = tf.function(lambda pictures: built.model(pictures, training=False))
    frozen = convert_variables_to_constants_v2(
        traced.get_concrete_function(tf.TensorSpec(shape, tf.float32, name="pictures"))
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frozen.pb"
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
        return _openvino().Core().read_model(path)


def _openvino() -> Any:
    """Import OpenVINO without the module by which it reports its use to a server.

    It does so at its import already, from forked processes that can hang at exit.
    """
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))
    import openvino

    return openvino


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

"""A network in 8-bit integers, its ranges taken from real pictures."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from tl_core.features.engines import OPENVINO_BATCH, Array

if TYPE_CHECKING:
    import openvino

# Eight batches: enough for ranges, and half a minute's work for VGG16 on two busy cores.
CALIBRATION_PICTURES = 128


def quantised(model: openvino.Model, pictures: Array) -> openvino.Model:
    """Return the OpenVINO model with weights and activations in 8-bit integers.

    `pictures` are preprocessed, N×size×size×3, N a multiple of the engine's batch. Post-training
    quantisation as in Nagel et al., A White Paper on Neural Network Quantization,
    arXiv:2106.08295, by NNCF: ranges from the pictures, biases corrected on them.
    """
    # It reports its use to a server, as OpenVINO does.
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))
    # It writes its progress to the terminal, where our own output belongs.
    with contextlib.redirect_stdout(io.StringIO()):
        import nncf

        nncf.set_log_level(logging.ERROR)
        batches = [
            pictures[start : start + OPENVINO_BATCH]
            for start in range(0, len(pictures), OPENVINO_BATCH)
        ]
        return nncf.quantize(
            model,
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(batches),
        )

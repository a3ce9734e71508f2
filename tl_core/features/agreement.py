"""Whether an engine gives the features that Keras gives in float32."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.features.engines import Array, Engine, Plan
from tl_core.features.network import Network

REQUIRED = {"float32": 0.9999, "bfloat16": 0.99, "int8": 0.99}


def layers(outputs: Sequence[NDArray[np.generic]], widths: Sequence[int]) -> list[Array]:
    """Return the outputs one kept layer at a time, each N×values, joined layers taken apart."""
    found = [np.asarray(o, np.float32).reshape(len(o), -1) for o in outputs]
    if not widths:
        return found
    return found[:-1] + np.split(found[-1], np.cumsum(widths)[:-1].tolist(), axis=1)


def similarity(ours: Array, reference: Array) -> float:
    """Return 2⟨a,b⟩/(⟨a,a⟩+⟨b,b⟩): the cosine of the two, less where they differ in length.

    Taken over all pictures at once, so that one wrong picture in sixteen, a wrong order and a
    wrong scale all show, while rounding, which bfloat16 does on single values, does not. The mean
    is left in: with random weights pictures differ less than bfloat16 rounds.
    """
    a, b = ours.astype(np.float64), reference.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return -1.0
    scale = float((a * a).sum() + (b * b).sum())
    return 1.0 if scale == 0 else 2 * float((a * b).sum()) / scale


def disagreement(
    engine: Engine,
    plan: Plan,
    network: Network,
    widths: Sequence[int],
    pictures: Array,
    reference: Sequence[Array],
) -> str | None:
    """Run the engine on preprocessed pictures and say how it differs from Keras, if too much.

    `reference` holds what Keras gives in float32. The pictures are repeated to fill a batch, so
    that every place in it is looked at.
    """
    places = np.arange(engine.batch) % len(pictures)

    def prepare(_: int, out: Array) -> None:
        out[:] = pictures[places]

    ours = [np.array(output) for batch in engine.run(1, prepare) for output in batch]
    expected = [output[places] for output in reference]
    if [o.shape for o in ours] != [e.shape for e in expected]:
        return f"{plan} gave features of another shape than Keras in float32."
    found = [
        similarity(a, b)
        for a, b in zip(layers(ours, widths), layers(expected, widths), strict=True)
    ]
    worst = min(found)
    if worst >= REQUIRED[plan.precision]:
        return None
    return (
        f"{plan} did not give the features of {network.row.title} that Keras gives in float32 "
        f"(similarity {worst:.4f}, at least {REQUIRED[plan.precision]} expected), so it was not "
        f"used."
    )

"""From a network to the engine that computes it: the fastest that gives the right features."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tl_core import processor
from tl_core.features import memory
from tl_core.features.agreement import disagreement, layers
from tl_core.features.engines import (
    INT8,
    SAFE,
    Array,
    Engine,
    KerasEngine,
    OpenVinoEngine,
    Plan,
    to_openvino,
)
from tl_core.features.network import Built, Network, build
from tl_core.features.quantise import quantised
from tl_core.features.shards import Kind, needs_float32

if TYPE_CHECKING:
    import openvino

EngineChoice = Literal["auto", "keras", "openvino"]
PrecisionChoice = Literal["auto", "float32", "bfloat16", "int8"]

# Gives preprocessed pictures N×size×size×3 for the ranges of an integer network.
Calibration = Callable[[], Array]

# What rounds has to be worth it.
_WORTH = {"float32": 1.0, "bfloat16": 1.05, "int8": 1.25}
# Quantising takes half a minute, which an integer network has to win back first.
_SECONDS_FOR_INT8 = 90.0
_TIMING_SECONDS = 0.3


@dataclass(frozen=True)
class Compiled:
    """An engine that was compared with Keras, and what its outputs are.

    `shapes` are those of one picture's outputs, `widths` the channels of each joined layer in
    the last of them, `dtype` what can hold the values on disk, `wrong` what was tried in vain.
    """

    engine: Engine
    plan: Plan
    shapes: tuple[tuple[int, ...], ...]
    widths: tuple[int, ...]
    dtype: Kind
    wrong: tuple[str, ...]


def candidates(engine: EngineChoice, precision: PrecisionChoice) -> list[Plan]:
    """Return the plans that the choices allow, the most promising first.

    On a processor, Keras is tried beside OpenVINO in float32 only: in bfloat16 it needs a second
    network, and was never more than a tenth faster than OpenVINO. Integers are OpenVINO's alone.
    Where bfloat16 is computed in float32 it gains nothing, and is left out unless it is named.
    """
    if precision == "int8":
        return [INT8]
    engines: tuple[Literal["openvino", "keras"], ...] = ("openvino", "keras")
    if engine != "auto":
        engines = (engine,)
    precisions: tuple[Literal["bfloat16", "float32"], ...] = ("bfloat16", "float32")
    if precision != "auto":
        precisions = (precision,)
    elif not processor.multiplies_bfloat16():
        precisions = ("float32",)
    plans = [Plan(e, p) for e in engines for p in precisions]
    slow = Plan("keras", "bfloat16")
    if engine == "auto" and not processor.has_gpu():
        return [plan for plan in plans if plan != slow]
    return plans


def known_plan(
    network: Network, engine: EngineChoice, precision: PrecisionChoice, images: int
) -> Plan | None:
    """Return the plan for so many images, if there is one choice or this machine remembers it."""
    plans = candidates(engine, precision)
    if len(plans) == 1 and not _may_be_int8(engine, precision):
        return plans[0]
    paces = {
        plan: pace
        for plan, pace in memory.recall_paces(network, engine, precision).items()
        if memory.recall_wrong(network, plan) is None
    }
    if not paces:
        return None
    if INT8 not in paces and _try_int8(network, engine, precision, paces, images):
        return None
    return _fastest(paces, images)


def compile_network(
    network: Network,
    pictures: Array,
    engine: EngineChoice,
    precision: PrecisionChoice,
    *,
    images: int,
    calibration: Calibration,
) -> Compiled:
    """Return the engine for these choices, after comparing it with Keras in float32.

    Args:
        network: What to compute.
        pictures: A few real ones, preprocessed, N×size×size×3; they are what is compared.
        engine: What runs it; `auto` times the engines once and remembers how fast they are.
        precision: Its arithmetic; `auto` likewise.
        images: How many will be computed in all: what takes long to make ready pays for many.
        calibration: Gives the pictures that an integer network takes its ranges from.
    """
    bench = _Bench(network, pictures, calibration)
    known = known_plan(network, engine, precision, images)
    if known is not None:
        found = bench.compile(known)
        return bench.compiled(known, found) if found else bench.compiled(SAFE, bench.keras)
    best: dict[Plan, Engine] = {}
    paces: dict[Plan, memory.Pace] = {}

    def consider(plan: Plan) -> None:
        started = time.perf_counter()
        found = bench.compile(plan)
        setup = time.perf_counter() - started if plan == INT8 else 0.0
        if found:
            paces[plan] = memory.Pace(round(_rate(found, pictures), 1), round(setup, 1))
            # Each holds the weights in its own way, and quantising takes memory beside them all.
            if _fastest(paces, images) == plan:
                best.clear()
                best[plan] = found

    for plan in candidates(engine, precision):
        consider(plan)
    if not paces:
        return bench.compiled(SAFE, bench.keras)
    if _try_int8(network, engine, precision, paces, images):
        consider(INT8)
    memory.remember_paces(network, engine, precision, paces)
    ((plan, fastest),) = best.items()
    return bench.compiled(plan, fastest)


def _fastest(paces: Mapping[Plan, memory.Pace], images: int) -> Plan:
    return min(paces, key=lambda plan: paces[plan].seconds(images) * _WORTH[plan.precision])


def _may_be_int8(engine: EngineChoice, precision: PrecisionChoice) -> bool:
    return engine in ("auto", "openvino") and precision == "auto"


def _try_int8(
    network: Network,
    engine: EngineChoice,
    precision: PrecisionChoice,
    paces: Mapping[Plan, memory.Pace],
    images: int,
) -> bool:
    """Whether an integer network, not among the plans measured, should be made and timed."""
    return (
        _may_be_int8(engine, precision)
        and min(pace.seconds(images) for pace in paces.values()) > _SECONDS_FOR_INT8
        and memory.recall_wrong(network, INT8) is None
    )


class _Bench:
    """One network in Keras' float32, by which every other engine is judged."""

    def __init__(self, network: Network, pictures: Array, calibration: Calibration) -> None:
        self.network = network
        self.calibration = calibration
        self.pictures = pictures
        self.built: Built = build(network)
        self.keras = KerasEngine(self.built)
        self.reference = self.keras(pictures)
        self.openvino: openvino.Model | None = None
        self.wrong: list[str] = []

    def compile(self, plan: Plan) -> Engine | None:
        """Return the plan's engine, or None where it gives other features than Keras."""
        if plan == SAFE:
            return self.keras
        reason = memory.recall_wrong(self.network, plan)
        if reason is None:
            try:
                engine = self._engine(plan)
            except (ImportError, RuntimeError) as error:
                reason = f"{plan} could not be used: {str(error).strip().splitlines()[0]}"
            else:
                reason = disagreement(
                    engine,
                    plan,
                    self.network,
                    self.built.widths,
                    self.pictures,
                    self.reference,
                )
                if reason is None:
                    return engine
            memory.remember_wrong(self.network, plan, reason)
        self.wrong.append(reason)
        return None

    def compiled(self, plan: Plan, engine: Engine) -> Compiled:
        wide = needs_float32(layers(self.reference, self.built.widths))
        return Compiled(
            engine=engine,
            plan=plan,
            shapes=tuple(output.shape[1:] for output in self.reference),
            widths=self.built.widths,
            dtype="float32" if wide else "float16",
            wrong=tuple(self.wrong),
        )

    def _engine(self, plan: Plan) -> Engine:
        if plan.engine == "keras":
            return KerasEngine(build(self.network, "mixed_bfloat16"))
        if self.openvino is None:
            self.openvino = to_openvino(self.built)
        model = self.openvino
        if plan == INT8:
            model = quantised(model, self.calibration())
        return OpenVinoEngine(model, plan.precision)


def _rate(engine: Engine, pictures: Array) -> float:
    """Return images/s, from a short run over `pictures` again and again."""
    places = np.arange(engine.batch) % len(pictures)

    def prepare(_: int, out: Array) -> None:
        np.take(pictures, places, axis=0, out=out)

    def batches(number: int) -> int:
        return sum(1 for _ in engine.run(number, prepare))

    # The first batch of a size pays for what the engine sets up then.
    batches(engine.parallel)
    count = 0
    started = time.perf_counter()
    while (seconds := time.perf_counter() - started) < _TIMING_SECONDS or count == 0:
        count += batches(2 * engine.parallel)
    return count * engine.batch / seconds

"""From a network to the engine that computes it: the fastest that gives the right features."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tl_core.features import memory
from tl_core.features.agreement import disagreement, layers
from tl_core.features.engines import (
    SAFE,
    Array,
    Engine,
    KerasEngine,
    OpenVinoEngine,
    Plan,
    to_openvino,
)
from tl_core.features.network import Built, Network, build
from tl_core.features.shards import Kind, needs_float32

EngineChoice = Literal["auto", "keras", "openvino"]
PrecisionChoice = Literal["auto", "float32", "bfloat16"]

# bfloat16 rounds, so it has to be worth it.
_BFLOAT16_GAIN = 1.05
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
    network, and was never more than a tenth faster than OpenVINO.
    """
    engines: tuple[Literal["openvino", "keras"], ...] = ("openvino", "keras")
    if engine != "auto":
        engines = (engine,)
    precisions: tuple[Literal["bfloat16", "float32"], ...] = ("bfloat16", "float32")
    if precision != "auto":
        precisions = (precision,)
    plans = [Plan(e, p) for e in engines for p in precisions]
    slow = Plan("keras", "bfloat16")
    if engine == "auto" and not memory.has_gpu():
        return [plan for plan in plans if plan != slow]
    return plans


def known_plan(network: Network, engine: EngineChoice, precision: PrecisionChoice) -> Plan | None:
    """Return the plan for these choices if there is only one, or this machine remembers it."""
    plans = candidates(engine, precision)
    return plans[0] if len(plans) == 1 else memory.recall_fastest(network, engine, precision)


def compile_network(
    network: Network, pictures: Array, engine: EngineChoice, precision: PrecisionChoice
) -> Compiled:
    """Return the engine for these choices, after comparing it with Keras in float32.

    Args:
        network: What to compute.
        pictures: A few real ones, preprocessed, N×size×size×3; they are what is compared.
        engine: What runs it; `auto` times the engines once and remembers the fastest.
        precision: Its arithmetic; `auto` likewise.
    """
    bench = _Bench(network, pictures)
    known = known_plan(network, engine, precision)
    if known is not None:
        found = bench.compile(known)
        return bench.compiled(known, found) if found else bench.compiled(SAFE, bench.keras)
    compiled = {
        plan: found for plan in candidates(engine, precision) if (found := bench.compile(plan))
    }
    rates = {plan: _rate(found, pictures) for plan, found in compiled.items()}
    if not rates:
        return bench.compiled(SAFE, bench.keras)
    fastest = max(
        rates, key=lambda p: rates[p] / (_BFLOAT16_GAIN if p.precision == "bfloat16" else 1)
    )
    memory.remember_fastest(network, engine, precision, fastest, rates)
    return bench.compiled(fastest, compiled[fastest])


class _Bench:
    """One network in Keras' float32, by which every other engine is judged."""

    def __init__(self, network: Network, pictures: Array) -> None:
        self.network = network
        self.pictures = pictures
        self.built: Built = build(network)
        self.keras = KerasEngine(self.built)
        self.reference = self.keras(pictures)
        self.openvino: object | None = None
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
        return OpenVinoEngine(self.openvino, plan.precision)


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
